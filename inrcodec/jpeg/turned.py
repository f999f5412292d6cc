"""A picture turned back to how a JPEG's decoder may have made it, in whole blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

BATCH = 1 << 12  # blocks at a time


class Orientation(NamedTuple):
    """What a decoded JPEG went through: transposed first, then mirrored."""

    transposed: bool = False
    rows_mirrored: bool = False
    cols_mirrored: bool = False

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """A view of what a picture (H, W) or (H, W, 3) becomes."""
        return self._mirrored(picture.swapaxes(0, 1) if self.transposed else picture)

    def undo(self, picture: np.ndarray) -> np.ndarray:
        """A view of what became a picture."""
        picture = self._mirrored(picture)
        return picture.swapaxes(0, 1) if self.transposed else picture

    def _mirrored(self, picture: np.ndarray) -> np.ndarray:
        picture = picture[::-1] if self.rows_mirrored else picture
        return picture[:, ::-1] if self.cols_mirrored else picture


@dataclass(frozen=True, eq=False)
class Turned:
    """A picture, turned back, within whole MCUs.

    colour: one of pixels.COLOURS; mcu: rows and columns of pixels of an MCU; top, left: the row and
    the column of `samples` where the picture begins; samples: uint8 (components, rows, cols), the
    picture's ends repeated; known: bool (rows, cols), the pixels that are the picture's.
    """

    orientation: Orientation
    colour: str
    mcu: tuple[int, int]
    top: int
    left: int
    samples: np.ndarray
    known: np.ndarray

    @classmethod
    def of(
        cls,
        picture: np.ndarray,
        orientation: Orientation,
        colour: str,
        begin: tuple[int, int],
        mcu: tuple[int, int] = (8, 8),
    ) -> Turned:
        """begin: the row and the column, in the picture turned back, at which a whole MCU begins;
        they may be any of those."""
        own = orientation.undo(picture)
        ends = [
            (before := -first % step, -(size + before) % step)
            for first, step, size in zip(begin, mcu, own.shape[:2], strict=True)
        ]
        parts = np.moveaxis(np.atleast_3d(own), 2, 0)
        samples = np.pad(parts, [(0, 0), *ends], mode="edge")
        known = np.pad(np.ones(own.shape[:2], dtype=bool), ends)
        return cls(orientation, colour, mcu, ends[0][0], ends[1][0], samples, known)

    @property
    def size(self) -> tuple[int, int]:
        """The rows and columns to the end of the picture."""
        rows, cols = (np.flatnonzero(self.known.any(axis=axis))[-1] + 1 for axis in (1, 0))
        return int(rows), int(cols)

    @property
    def shape(self) -> tuple[int, int]:
        """The rows and columns of blocks."""
        return self.known.shape[0] // 8, self.known.shape[1] // 8

    def batches(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Rows of blocks, and of each its samples (components, n, 64) and which are known."""
        rows, cols = self.shape
        step = max(1, BATCH // cols)
        for first in range(0, rows, step):
            here = slice(first, min(rows, first + step))
            pixels = slice(8 * here.start, 8 * here.stop)
            parts = np.stack([in_blocks(s[pixels]) for s in self.samples])
            yield here, parts, in_blocks(self.known[pixels])


def in_blocks(plane: np.ndarray) -> np.ndarray:
    """The blocks (n, 64) of a plane (8 rows, 8 cols)."""
    rows, cols = plane.shape
    return plane.reshape(rows // 8, 8, cols // 8, 8).swapaxes(1, 2).reshape(-1, 64)


def in_plane(blocks: np.ndarray, cols: int) -> np.ndarray:
    """Undoes in_blocks, of blocks (n, 64) of which there are so many in a row."""
    return blocks.reshape(-1, cols, 8, 8).swapaxes(1, 2).reshape(-1, 8 * cols)
