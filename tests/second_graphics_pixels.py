"""What is known of a pixel of a graphics image before it is decoded, sections 13.3 and 13.4 of
format_spec.md, for the second decoder: from the page alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from second_graphics_mixing import hashed, size

Colour = tuple[int, ...]  # its samples


SPEC = Path(__file__).resolve().parents[1] / "format_spec.md"
SAME = {"13.5": 19661, "13.6": 14418, "13.7": 3932}


class Level(NamedTuple):  # 13.1
    number: int
    contexts: int
    hashes: int
    predictions: int
    votes: int
    sure: int  # the least length
    blocks: bool


LEVELS = {
    1: Level(1, 6, 8, 11, 0, 24, True),
    2: Level(2, 20, 18, 22, 3, 100, True),
    3: Level(3, 20, 26, 32, 3, 256, False),  # no match is as long
}
LEVELS |= {n + 3: level._replace(number=n + 3) for n, level in LEVELS.items()}


@cache
def first_weights(of: str, level: Level) -> list[int]:
    """Those of 13.9, which are looked up in the specification, of the inputs of a section."""
    n_h, n_p, n_v = level.hashes, level.predictions, level.votes
    count = {"13.5": 6, "13.6": level.contexts + 12, "13.7": 2 * n_h + n_p + n_v + 1}[of]
    if level.number <= 3:
        return [SAME[of]] * count
    (row,) = re.findall(rf"^\| {of} \| {level.number} \| (.*) \|$", SPEC.read_text(), re.MULTILINE)
    weights = [int(number) for number in row.split(",")]
    assert len(weights) == count, "weights"
    return weights


class Near(NamedTuple):
    """The neighbours' colours, or their samples of a channel."""

    w: int
    ww: int
    www: int
    n: int
    nw: int
    ne: int
    nww: int
    nee: int
    nwww: int
    neee: int
    nn: int
    nnw: int
    nne: int
    nnww: int
    nnee: int
    nnn: int


NEAR = [
    (0, -1), (0, -2), (0, -3),
    (-1, 0), (-1, -1), (-1, 1), (-1, -2), (-1, 2), (-1, -3), (-1, 3),
    (-2, 0), (-2, -1), (-2, 1), (-2, -2), (-2, 2),
    (-3, 0),
]  # fmt: skip


@dataclass
class Places:
    """The array A, row by row, with what is around the picture."""

    height: int
    width: int

    def __post_init__(self) -> None:
        self.stride = self.width + 16
        self.a = [0] * (self.height + 3) * self.stride
        self.near = [dy * self.stride + dx for dy, dx in NEAR]

    def start(self, row: int) -> int:
        """Of column 0 of a row."""
        return (row + 3) * self.stride + 8

    def start_row(self, row: int) -> None:
        start = self.start(row)
        self.a[start - 8 : start] = [self.a[start - self.stride]] * 8

    def end_row(self, row: int) -> None:
        start, end = self.start(row), self.start(row) + self.width
        self.a[start - 8 : start] = [self.a[start]] * 8
        self.a[end : end + 8] = [self.a[end - 1]] * 8

    def ahead(self, row: int) -> list[int]:
        """How many pixels have the colour that there is in each column, from there on."""
        start, counts = self.start(row), [1] * self.width
        for j in range(self.width - 2, -1, -1):
            if self.a[start + j] == self.a[start + j + 1]:
                counts[j] += counts[j + 1]
        return counts


@dataclass
class Pixel:
    """matched: colours, or None; refused: colours that it is known not to have."""

    places: Places
    place: int
    column: int
    run: int
    rise: int
    missed: int
    ahead: int  # ahead_1 of the column
    matched: tuple[int | None, ...] = ()
    lengths: tuple[int, ...] = ()
    refused: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        x = self.near = Near(*(self.places.a[self.place + at] for at in self.places.near))
        even = {x.w, x.n, x.nw, x.ne, x.ww, x.nn, x.nee, x.nww, x.nnw, x.nne}
        self.even = len(even) == 1

    def at(self, dy: int, dx: int) -> int:
        return self.places.a[self.place + dy * self.places.stride + dx]

    @property
    def matches(self) -> int:
        return sum(colour is not None for colour in self.matched)


class Match:  # 13.4
    def __init__(self, width: int) -> None:
        self.place = self.length = 0
        self.table: dict[int, int] = {}
        self.distances = [0] * width

    def look(self, pixel: Pixel, key: int) -> None:
        a, place = pixel.places.a, pixel.place
        if not self.place and self.distances[pixel.column]:
            self.place, self.length = place - self.distances[pixel.column], 1
        if not self.place and not pixel.even and key in self.table:
            q, length = self.table[key], 0
            while length < 31 and a[q - 1 - length] == a[place - 1 - length]:
                length += 1
            self.place, self.length = q if length else 0, length

    def learn(self, pixel: Pixel, key: int, colour: int) -> None:
        if self.place and pixel.places.a[self.place] == colour:
            self.distances[pixel.column] = pixel.place - self.place
            self.place, self.length = self.place + 1, min(self.length + 1, 255)
        else:
            self.stop(pixel.column)
        if not pixel.even:
            self.table[key] = pixel.place

    def stop(self, column: int) -> None:
        """Behind a pixel of a box (13.8)."""
        self.distances[column] = self.place = self.length = 0

    def skip(self, pixel: Pixel, count: int) -> None:
        """Behind a block of so many pixels."""
        distance = pixel.place - self.place if self.place else 0
        self.distances[pixel.column : pixel.column + count] = [distance] * count
        if self.place:
            self.place, self.length = self.place + count, min(self.length + count, 255)


class Matches:
    """Both of them."""

    def __init__(self, width: int, count: int) -> None:
        self.both = [Match(width) for _ in range(2)]
        self.size = size(count, 10, 20)  # of each table

    def start_row(self) -> None:
        for match in self.both:
            match.place = match.length = 0

    def look(self, pixel: Pixel) -> None:
        """Puts matched and lengths into the pixel."""
        x = pixel.near
        h = hashed(1, x.w, x.ww, x.n, x.nw, x.ne, x.nn, x.www, x.nee, x.nww)
        far = [pixel.at(dy, dx) for n in (4, 5, 6, 7) for dy, dx in ((0, -n), (-1, n))]
        longer = hashed(h, x.nnn, x.nne, x.nnw, x.neee, x.nwww, x.nnee, x.nnww, *far)
        self.keys = h % self.size, longer % self.size
        for match, key in zip(self.both, self.keys, strict=True):
            match.look(pixel, key)
        a = pixel.places.a
        pixel.matched = tuple(a[match.place] if match.place else None for match in self.both)
        pixel.lengths = tuple(match.length for match in self.both)

    def learn(self, pixel: Pixel, colour: int) -> None:
        for match, key in zip(self.both, self.keys, strict=True):
            match.learn(pixel, key, colour)

    def stop(self, column: int) -> None:
        for match in self.both:
            match.stop(column)

    def agree(self, pixel: Pixel, count: int) -> bool:
        """Whether all that there are go on with the colour w for so many pixels."""
        a, w = pixel.places.a, pixel.near.w
        starts = [match.place for match in self.both if match.place]
        ends = [min(start + count, pixel.place) for start in starts]
        return all(a[s:e] == [w] * (e - s) for s, e in zip(starts, ends, strict=True))

    def skip(self, pixel: Pixel, count: int) -> None:
        for match in self.both:
            match.skip(pixel, count)
