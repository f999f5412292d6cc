"""The visiting order: a coarse-to-fine pyramid of quincunx steps (design: JPEG-like interlacing,
"quincunx" sampling as in Cohen & Daubechies 1993 and the interpolative coders after it).

Sample (0, 0) comes first, by itself. Level L then works on the lattice of samples whose row and
column are multiples of 2^L, coarse to fine. Rows and columns of a lattice are even or odd, which
divides it into four phases; the even-even one is the lattice of the level above, and

  step A codes the odd-odd phase, whose points see their 4 diagonal neighbours;
  step B codes the two phases of odd row + column, whose points see their 4 direct neighbours.

All points of a step depend on earlier steps only. A phase's rows are cut into as many bands as
there are streams, so that each stream is coded by a thread of its own, and a band into units:
within a unit the bit planes follow each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

UNIT_SAMPLES = 1024


@dataclass(frozen=True)
class Grid:
    """The points of one phase of a level's lattice: (2 i + row, 2 j + col), in lattice units."""

    level: int
    row: int  # 0 or 1
    col: int
    rows: int
    cols: int

    @property
    def step(self) -> int:
        """0 is A, 1 is B."""
        return 1 - (self.row & self.col)

    @property
    def phase(self) -> int:
        """0 even-even, 1 even-odd, 2 odd-even, 3 odd-odd."""
        return 2 * self.row + self.col

    def points(self, lattice: np.ndarray) -> np.ndarray:
        """The view (rows, cols) of the grid's points in an array of the level's lattice."""
        return lattice[self.row :: 2, self.col :: 2]

    def band(self, number: int, bands: int) -> range:
        """The rows of one of so many bands."""
        return range(number * self.rows // bands, (number + 1) * self.rows // bands)

    def units(self, rows: range) -> Iterator[Unit]:
        """The units of a band: whole rows of about UNIT_SAMPLES, or pieces of a longer row."""
        if self.cols <= UNIT_SAMPLES:
            at_once = UNIT_SAMPLES // self.cols
            for first in range(rows.start, rows.stop, at_once):
                yield Unit(self, first, 0, min(at_once, rows.stop - first), self.cols)
        else:
            for row in rows:
                for first in range(0, self.cols, UNIT_SAMPLES):
                    yield Unit(self, row, first, 1, min(UNIT_SAMPLES, self.cols - first))


@dataclass(frozen=True)
class Unit:
    """A rectangle of a grid's points; row, col, rows and cols count in the grid."""

    grid: Grid
    row: int
    col: int
    rows: int
    cols: int

    @property
    def samples(self) -> int:
        return self.rows * self.cols


def top_level(height: int, width: int) -> int:
    """The number of levels: the least L with 2^L >= max(height, width)."""
    return (max(height, width) - 1).bit_length()


def lattice_size(height: int, width: int, level: int) -> tuple[int, int]:
    """Rows and columns of the lattice of a level."""
    return -(-height // (1 << level)), -(-width // (1 << level))


def grids(height: int, width: int, level: int) -> list[list[Grid]]:
    """The grids of steps A and B of a level, for an array of height x width; none is empty."""
    h, w = lattice_size(height, width, level)
    found: list[list[Grid]] = [[], []]
    for step, row, col in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
        rows, cols = (h - row + 1) // 2, (w - col + 1) // 2
        if rows and cols:
            found[step].append(Grid(level, row, col, rows, cols))
    return found
