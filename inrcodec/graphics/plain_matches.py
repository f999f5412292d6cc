"""Places where the picture was like this before, which are followed as long as they are right."""

from __future__ import annotations

from .plain_around import Pixel
from .plain_mixing import hashed

BLOCK = 32  # pixels of a flat area that are coded at once
LONGEST = 255  # of a match, in pixels
COMPARED = 31  # pixels to the west of a place that is found


def match_keys(p: Pixel) -> tuple[int, int]:
    """Hashes of the small surroundings, 9 pixels, and of the large ones, 24."""
    h = hashed(1, p.w, p.ww, p.n, p.nw, p.ne)
    small = hashed(h, p.nn, p.www, p.nee, p.nww)
    h = hashed(small, p.nnn, p.nne, p.nnw, p.neee)
    return small, hashed(h, p.nwww, p.nnee, p.nnww, *p.far)


class Match:
    """Of surroundings of one size, the place that is followed. place: 0 where none is, as at the
    start of each row; length: so many pixels before it were right.

    Other places come from the row above, whose distance is kept by column, or else from where such
    surroundings were last: places, by their hash.
    """

    def __init__(self, pixels: list[int], width: int, entries: int) -> None:
        self._pixels, self._mask = pixels, entries - 1
        self._places: dict[int, int] = {}
        self._distances = [0] * width  # 0: none
        self._key: int | None = None
        self.place = self.length = 0

    def look(self, p: Pixel, key: int | None) -> None:
        """Finds a place if there is none; key: the hash of the surroundings, None for none."""
        self._key = None if key is None else key & self._mask
        if not self.place and self._distances[p.x]:
            self.place, self.length = p.at - self._distances[p.x], 1
        if not self.place and self._key is not None and self._key in self._places:
            place, length = self._places[self._key], 0
            while (
                length < COMPARED
                and self._pixels[place - 1 - length] == self._pixels[p.at - 1 - length]
            ):
                length += 1
            self.place, self.length = place if length else 0, length

    def follow(self, p: Pixel, colour: int) -> None:
        """Goes on to the next pixel, if the place was right about this one."""
        if self.place and self._pixels[self.place] == colour:
            self._distances[p.x] = p.at - self.place
            self.place, self.length = self.place + 1, min(self.length + 1, LONGEST)
        else:
            self._distances[p.x] = self.place = self.length = 0
        if self._key is not None:
            self._places[self._key] = p.at

    def end(self, p: Pixel) -> None:
        """Follows none behind a pixel that was known."""
        self._distances[p.x] = self.place = self.length = 0

    def leap(self, p: Pixel) -> None:
        """Goes on over a block of which it was right."""
        distance = p.at - self.place if self.place else 0
        self._distances[p.x : p.x + BLOCK] = [distance] * BLOCK
        if self.place:
            self.place, self.length = self.place + BLOCK, min(self.length + BLOCK, LONGEST)

    def restart(self) -> None:
        """Follows none, at the end of a row."""
        self.place = self.length = 0
