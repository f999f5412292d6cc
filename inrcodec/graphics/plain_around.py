"""What is known of a pixel before it is coded: the colours around it, by their numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

PAD = 8  # columns beside each row, and MARGIN rows above
MARGIN = 3


class Colours:
    """Colours by their numbers, in the order they are first coded; number 0 is all zeros,
    which is what lies above the picture. values: their samples."""

    def __init__(self, channels: int) -> None:
        self.values: list[tuple[int, ...]] = []
        self._numbers: dict[tuple[int, ...], int] = {}
        self.number((0,) * channels)

    def number(self, samples: tuple[int, ...]) -> int:
        """The number of a colour, a new one if it is new."""
        found = self._numbers.setdefault(samples, len(self.values))
        if found == len(self.values):
            self.values.append(samples)
        return found


@dataclass(slots=True)
class Pixel:
    """at: where in the padded picture; x: its column.

    w, ww, nw, ...: colours so many pixels to the west and north, or east: nne is two rows above, a
    column to the right. far: those four to seven columns away, in its row and the one above.
    matched: what the places that are followed have, None where there is none; lengths: of how many
    pixels that was right. run, rise: so many pixels to the west, and to the north, were as the one
    before them. missed: how the pixels around were coded. refused: colours it is known not to have,
    two at most; votes: likely colours that were not asked for, and how likely, 0 to 15. above: of
    so many pixels, from that to the north on to the east, the colour is the same. flat_before:
    the colour of the flat area before the last.
    """

    x: int = 0
    at: int = 0
    w: int = 0
    ww: int = 0
    www: int = 0
    n: int = 0
    nn: int = 0
    nnn: int = 0
    nw: int = 0
    ne: int = 0
    nww: int = 0
    nee: int = 0
    nwww: int = 0
    neee: int = 0
    nnw: int = 0
    nne: int = 0
    nnww: int = 0
    nnee: int = 0
    nnnw: int = 0
    nnne: int = 0
    far: list[int] = field(default_factory=list)
    matched: list[int | None] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    run: int = 0
    rise: int = 0
    missed: int = 0
    refused: list[int] = field(default_factory=list)
    votes: list[tuple[int, int]] = field(default_factory=list)
    above: int = 0
    flat_before: int = 0

    def look_around(self, pixels: list[int], stride: int) -> None:
        """Fills in the colours around, out of the padded picture."""
        here, above, second, third = (self.at - rows * stride for rows in range(4))
        self.www, self.ww, self.w = pixels[here - 3 : here]
        self.nwww, self.nww, self.nw, self.n, self.ne, self.nee, self.neee = pixels[
            above - 3 : above + 4
        ]
        self.nnww, self.nnw, self.nn, self.nne, self.nnee = pixels[second - 2 : second + 3]
        self.nnnw, self.nnn, self.nnne = pixels[third - 1 : third + 2]
        self.far = [pixels[v] for i in range(4, 8) for v in (here - i, above + i)]

    def is_even(self) -> bool:
        """Whether ten pixels around have one colour."""
        near = (self.n, self.nw, self.ne, self.ww, self.nn, self.nee, self.nww, self.nnw, self.nne)
        return all(colour == self.w for colour in near)

    def counted_matches(self) -> int:
        """How many places are followed."""
        return sum(colour is not None for colour in self.matched)
