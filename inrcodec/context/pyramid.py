"""The visiting order: a coarse-to-fine pyramid of quincunx steps (design: JPEG-like interlacing,
"quincunx" sampling as in Cohen & Daubechies 1993 and the interpolative coders after it).

Pixel (0, 0) comes first, by itself. Level L then works on the lattice of pixels whose row and
column are multiples of 2^L, coarse to fine:

  step A: lattice points (odd, odd), which see their 4 diagonal neighbours;
  step B: lattice points with row + column odd, which see their 4 direct neighbours.

All pixels of a step depend on earlier steps only, so a step is a handful of array operations.
A step is handed out in segments of whole lattice rows, which bounds the memory of what follows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

SEGMENT_PIXELS = 1 << 18


@dataclass(frozen=True)
class Segment:
    """Some rows of one step: every other lattice point of every other lattice row."""

    level: int
    step: int  # 0 is A, 1 is B
    row: int  # first row, in lattice units
    col: int  # first column, in lattice units
    rows: int  # how many rows, two lattice units apart
    cols: int  # how many columns, two lattice units apart

    @property
    def pixels(self) -> int:
        return self.rows * self.cols

    def image_index(self) -> tuple[slice, slice]:
        """The slices that pick the segment's pixels out of a full-size (H, W) array."""
        s = 1 << self.level
        return (
            slice(self.row * s, (self.row + 2 * self.rows - 1) * s, 2 * s),
            slice(self.col * s, (self.col + 2 * self.cols - 1) * s, 2 * s),
        )

    def pieces(self, pixels: int) -> list[Segment]:
        """The segment cut into segments of about that many pixels, whole rows each."""
        at_once = max(1, pixels // self.cols)
        return [
            replace(self, row=self.row + 2 * first, rows=min(at_once, self.rows - first))
            for first in range(0, self.rows, at_once)
        ]


def top_level(height: int, width: int) -> int:
    """The number of levels: the least L with 2^L >= max(height, width)."""
    return (max(height, width) - 1).bit_length()


def lattice_size(height: int, width: int, level: int) -> tuple[int, int]:
    """Rows and columns of the lattice of a level."""
    return -(-height // (1 << level)), -(-width // (1 << level))


def segments(height: int, width: int) -> Iterator[Segment]:
    """Every segment of an image, in coding order; with (0, 0) they visit each pixel once."""
    for level in reversed(range(top_level(height, width))):
        h, w = lattice_size(height, width, level)
        for step, row, col in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
            rows, cols = (h - row + 1) // 2, (w - col + 1) // 2
            if rows and cols:
                yield from Segment(level, step, row, col, rows, cols).pieces(SEGMENT_PIXELS)
