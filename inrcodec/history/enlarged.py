"""Enlarged pictures: pixel art and scaled screens, coded at their own size.

Where rows and columns are repeated, each a whole number of times, a sample of each is coded. The
grid may begin anywhere, as pictures are cropped; what is drawn over it is exceptions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..container.fields import Fields
from ..container.linr import Section, Sections
from ..errors import CorruptError
from .colour_table import joined
from .exceptions import Exceptions, exceptions_facts, pack_section, unpack_section
from .planes import Geometry, Planes

MAX_FACTOR = 64
MAX_EXCEPTIONS = 1 / 16  # of the pixels: a cursor or a caption takes less
MAX_EDGES = 1 / 8  # and of those that differ from the one before where that is repeated
SAMPLES = 32, 256  # lines across rows that tell whether a search is worth it, and that decide
SHARE, OFF = 8, 1 / 4  # how much more often rows differ at the grid; of all, elsewhere at most
MIN_BITS = 8, 16  # of evidence beyond what a search finds by chance: a direction's, both's
CLEAR, ALIKE = 1 / 16, 2  # differences off the grid, of all; how many times as many as the fewest
TRIES = 3  # pairs of factors
AT_ONCE = 1 << 20  # pixels of cells


class Grid(NamedTuple):
    """One direction of an enlargement: place i of the picture is place (i + phase) // factor."""

    factor: int
    phase: int

    def size(self, places: int) -> int:
        """How many places become so many."""
        return -(-(places + self.phase) // self.factor)

    def cells(self, places: int) -> np.ndarray:
        """Where each of so many comes from."""
        return (np.arange(places) + self.phase) // self.factor

    def first(self, places: int) -> np.ndarray:
        """The first of so many that comes from each."""
        return np.maximum(np.arange(self.size(places)) * self.factor - self.phase, 0)


class Found(NamedTuple):
    """A grid that may be one, and how much speaks for it: log2 of how unlikely it is by chance."""

    grid: Grid
    bits: float


AS_IT_IS = Found(Grid(1, 0), 0)


@dataclass(frozen=True, eq=False)
class Enlarged:
    """Each sample stands for rows.factor x cols.factor of the planes before.

    exceptions: pixels that are others; found: the small planes of those that it was found for.
    """

    before: Geometry
    rows: Grid
    cols: Grid
    exceptions: Exceptions | None = None
    found: Planes | None = field(default=None, repr=False)

    number: ClassVar[int] = 5
    tag: ClassVar[bytes] = b"E"
    name: ClassVar[str] = "enlarged"
    all_data: ClassVar[bool] = True

    @classmethod
    def find(cls, planes: Planes) -> Enlarged | None:
        """The step if whole channels repeat rows or columns, all but a few pixels."""
        if not planes.geometry.whole:
            return None
        rows = _grids(planes.channels)
        cols = _grids([plane.T for plane in planes.channels])
        for grids in islice(_pairs(rows, cols), TRIES):
            found = cls(planes.geometry, *grids)._fitted(planes)
            if found is not None:
                return found
        return None

    def _fitted(self, planes: Planes) -> Enlarged | None:
        """The step with the small planes of these, where that leaves few exceptions."""
        height, width = planes.channels[0].shape
        first = np.ix_(self.rows.first(height), self.cols.first(width))
        small = [plane[first] for plane in planes.channels]
        others = self._others(planes.channels, small)
        if others.any():
            for rows, cols in self._cells(others):
                common = _most_common(planes.channels, rows, cols)
                where = self.rows.cells(height)[rows[:, 0]], self.cols.cells(width)[cols[:, 0]]
                for plane, values in zip(small, common, strict=True):
                    plane[where] = values
            others = self._others(planes.channels, small)
        count = np.count_nonzero(others)
        if count > MAX_EXCEPTIONS * others.size or count > MAX_EDGES * self._edges(planes):
            return None
        found = replace(planes, geometry=self.geometry(planes.geometry), channels=tuple(small))
        exceptions = None
        if count:
            exceptions = Exceptions.between(planes.channels, self._enlarged(small))
            if not exceptions.readable(others.size):
                return None
        return replace(self, exceptions=exceptions, found=found)

    def _others(self, channels: Sequence[np.ndarray], small: Sequence[np.ndarray]) -> np.ndarray:
        """Which pixels are not those of small planes: bool (H, W)."""
        others = np.zeros(channels[0].shape, dtype=bool)
        for plane, made in zip(channels, self._enlarged(small), strict=True):
            others |= plane != made
        return others

    def _edges(self, planes: Planes) -> int:
        """How many pixels differ from the one before in a direction in which these are repeated."""
        edges = np.zeros(planes.channels[0].shape, dtype=bool)
        for plane in planes.channels:
            if self.rows.factor > 1:
                edges[1:] |= plane[1:] != plane[:-1]
            if self.cols.factor > 1:
                edges[:, 1:] |= plane[:, 1:] != plane[:, :-1]
        return int(np.count_nonzero(edges))

    def _cells(self, others: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The rows and the columns (n, pixels) of the cells in which there are others, some cells
        at a time; of cells that are cut off some pixels more than once."""
        rows, cols = np.nonzero(others)
        height, width = others.shape
        across = self.cols.size(width)
        at = np.unique(self.rows.cells(height)[rows] * across + self.cols.cells(width)[cols])
        inner = np.indices((self.rows.factor, self.cols.factor)).reshape(2, -1)
        step = max(1, AT_ONCE // inner.shape[1])
        for some in (at[first : first + step] for first in range(0, at.size, step)):
            found = []
            for grid, n, cell, offset in (
                (self.rows, height, some // across, inner[0]),
                (self.cols, width, some % across, inner[1]),
            ):
                start = cell[:, None] * grid.factor - grid.phase
                low, high = np.maximum(start, 0), np.minimum(start + grid.factor, n) - 1
                found.append(np.clip(start + offset, low, high))
            yield found[0], found[1]

    def _enlarged(self, small: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Small planes at the size before."""
        rows, cols = self.rows.cells(self.before.height), self.cols.cells(self.before.width)
        return [plane[:, cols][rows] for plane in small]

    def spread(self, costs: np.ndarray) -> np.ndarray:
        """What pixels of the small planes cost, over those that they stand for."""
        rows, cols = self.rows.cells(self.before.height), self.cols.cells(self.before.width)
        return (costs / np.outer(np.bincount(rows), np.bincount(cols)))[:, cols][rows]

    def geometry(self, before: Geometry) -> Geometry:
        """The same, of fewer rows and columns."""
        height, width = self.rows.size(before.height), self.cols.size(before.width)
        return replace(before, height=height, width=width)

    def forward(self, planes: Planes) -> Planes:
        """The small planes."""
        assert self.found is not None, "a step that was read only undoes"
        return self.found

    def undo(self, planes: Planes) -> Planes:
        """Each sample as often as it stands there, with the exceptions."""
        channels = self._enlarged(planes.channels)
        if self.exceptions is not None:
            self.exceptions.apply(channels, self.before.width, 1, self.before.bits)
        return replace(planes, geometry=self.before, channels=tuple(channels))

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """Factors and phases; a section if there are exceptions."""
        pair = self.rows, self.cols
        fields = {"f": [grid.factor for grid in pair], "p": [grid.phase for grid in pair]}
        return fields, pack_section(self.exceptions, self.tag)

    @classmethod
    def unpack(cls, fields: Fields, sections: Sections, before: Geometry) -> Enlarged:
        """Undoes pack."""
        if not before.whole:
            raise CorruptError("an enlargement of channels of different sizes")
        factors = fields.integers("f", 2, 1, MAX_FACTOR)
        phases = fields.integers("p", 2, 0, MAX_FACTOR - 1)
        if factors == [1, 1]:
            raise CorruptError("an enlargement by 1")
        rows, cols = (Grid(*pair) for pair in zip(factors, phases, strict=True))
        if rows.phase >= rows.factor or cols.phase >= cols.factor:
            raise CorruptError(f"an enlargement by {factors} with phases {phases}")
        exceptions = unpack_section(sections, cls.tag, before, before.channels)
        return cls(before, rows, cols, exceptions)

    def facts(self) -> dict[str, Any]:
        """How large each pixel is, and what is not."""
        return {
            "factor": [self.rows.factor, self.cols.factor],
            "phase": [self.rows.phase, self.cols.phase],
            **exceptions_facts(self.exceptions),
        }

    def past(self) -> str:
        """A picture of its own size."""
        return f"enlarged {self.rows.factor} x {self.cols.factor}"


def _pairs(rows: list[Found], cols: list[Found]) -> Iterator[tuple[Grid, Grid]]:
    """Grids of both directions to try, the largest factors first; none without evidence."""
    rows, cols = rows or [AS_IT_IS], cols or [AS_IT_IS]
    for number in range(max(len(rows), len(cols))):
        pair = [found[min(number, len(found) - 1)] for found in (rows, cols)]
        if sum(found.bits for found in pair) >= MIN_BITS[1]:
            yield pair[0].grid, pair[1].grid


def _grids(channels: Sequence[np.ndarray]) -> list[Found]:
    """The grids that rows may have been repeated on, the largest factor first.

    Most images are ruled out by a few columns: of an enlarged one half of the rows at least are
    like those before, all but exceptions.
    """
    height = channels[0].shape[0]
    changes = np.zeros(0)
    for columns in SAMPLES:
        changes = _changes(channels, columns)
        fewest = np.sort(changes)[: changes.size // 2].sum()
        if height < 4 or SHARE * fewest > changes.sum():
            return []
    total, index = changes.sum(), np.arange(1, height)
    if not total:
        return []
    counting = total**2 / (changes**2).sum()  # rows that differ, as if by the same number each
    held = []
    for factor in range(2, min(MAX_FACTOR, height - 1) + 1):
        sums = np.bincount(index % factor, weights=changes, minlength=factor)
        place = int(sums.argmax())
        on, off = sums[place], total - sums[place]
        there = len(range(place or factor, height, factor))
        elsewhere = off / (height - 1 - there)
        if elsewhere * SHARE > on / there or off > OFF * total:
            continue
        chance = np.array([1 / factor, 1 - 1 / factor])
        shares = np.array([on, off]) / total
        each = (shares * np.log2(np.maximum(shares, 1e-9) / chance)).sum()
        bits = (counting - 1) * each - np.log2(MAX_FACTOR)
        if bits >= MIN_BITS[0]:
            held.append((Found(Grid(factor, -place % factor), bits), off, elsewhere))
    fewest = min((elsewhere for _, _, elsewhere in held), default=0)
    return [
        found
        for found, off, elsewhere in reversed(held)
        if off <= CLEAR * total or elsewhere <= ALIKE * fewest
    ]


def _changes(channels: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """In how many of so many columns each row differs from the one before: float64 (H - 1,)."""
    height, width = channels[0].shape
    places = np.unique(np.linspace(0, width - 1, min(columns, width)).astype(np.int64))
    changed = np.zeros((height - 1, places.size), dtype=bool)
    for plane in channels:
        some = plane[:, places]
        changed |= some[1:] != some[:-1]
    return changed.sum(axis=1, dtype=np.float64)


def _most_common(
    channels: Sequence[np.ndarray], rows: np.ndarray, cols: np.ndarray
) -> list[np.ndarray]:
    """Of each channel the samples (n,) of the colour that most of these pixels (n, m) have."""
    colours = np.sort(joined([plane[rows, cols] for plane in channels]), axis=1)
    index = np.arange(colours.shape[1])
    begins = np.zeros(colours.shape, dtype=np.int64)
    begins[:, 1:] = np.where(colours[:, 1:] != colours[:, :-1], index[1:], 0)
    longest = (index - np.maximum.accumulate(begins, axis=1)).argmax(axis=1)
    found = colours[np.arange(len(colours)), longest]
    size = 8 * channels[0].itemsize
    return [
        (found >> np.uint64(size * channel)).astype(plane.dtype)
        for channel, plane in enumerate(channels)
    ]
