"""The lattice of a level as its four phases, padded, and its samples at an offset from a unit's."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..coding.backend import Backend
from .pyramid import Unit

PAD = 5  # of a phase on each side: as far as a neighbour or a window reaches
OVERRUN = 64  # samples more behind the last phase that compiled loops may read
# Offsets of the four nearest known samples of a point, in step A and in step B.
NEAR = (((-1, -1), (-1, 1), (1, -1), (1, 1)), ((-1, 0), (0, -1), (0, 1), (1, 0)))


class Phases:
    """The lattice (h, w) of a level: planes uint16 (4, ceil(h / 2) + 2 PAD, ceil(w / 2) + 2 PAD),
    in each one phase from (PAD, PAD) on, all zeros at first."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        shape = 4, (height + 1) // 2 + 2 * PAD, (width + 1) // 2 + 2 * PAD
        size = shape[0] * shape[1] * shape[2]
        self.planes = np.zeros(size + OVERRUN, dtype=np.uint16)[:size].reshape(shape)

    def phase(self, number: int) -> np.ndarray:
        """A view (rows, cols) of a phase without its padding."""
        rows = (self.height - (number >> 1) + 1) // 2
        cols = (self.width - (number & 1) + 1) // 2
        return self.planes[number, PAD : PAD + rows, PAD : PAD + cols]

    def put(self, lattice: np.ndarray) -> None:
        """Takes all samples from an array (h, w)."""
        for number in range(4):
            self.phase(number)[:] = lattice[number >> 1 :: 2, number & 1 :: 2]

    def whole(self) -> np.ndarray:
        """The samples as an array uint16 (h, w)."""
        lattice = np.empty((self.height, self.width), dtype=np.uint16)
        for number in range(4):
            lattice[number >> 1 :: 2, number & 1 :: 2] = self.phase(number)
        return lattice

    def pad(self) -> None:
        """Fills the padding by reflection, which keeps the parity of rows and columns; of a
        lattice one row or column wide that one stands for all."""
        for number in range(4):
            row, col = number >> 1, number & 1
            plane = self.planes[number]
            rows, cols = self.phase(number).shape
            if self.height == 1 and row:
                plane[:] = self.planes[number - 2, PAD]
            else:
                outside, inside = _mirrored(len(plane), rows, row, self.height)
                plane[outside] = plane[inside]
            if self.width == 1 and col:
                plane[:] = self.planes[number - 1, :, PAD, None]
            else:
                outside, inside = _mirrored(plane.shape[1], cols, col, self.width)
                plane[:, outside] = plane[:, inside]


@lru_cache(256)
def _mirrored(padded: int, count: int, parity: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Of a phase with so many points in a padded axis: where the padding is, and what it is a
    mirror image of; the axis of the lattice has a length."""
    outside = np.concatenate([np.arange(PAD), np.arange(PAD + count, padded)])
    if length == 1:
        return outside, np.full_like(outside, PAD)
    folded = (2 * (outside - PAD) + parity) % (2 * (length - 1))
    return outside, PAD + np.minimum(folded, 2 * (length - 1) - folded) // 2


def place(unit: Unit, offset: tuple[int, int]) -> tuple[int, int, int]:
    """Phase, row and column in Phases.planes of the sample at an offset, in lattice units, from a
    unit's first point."""
    row, col = unit.grid.row + offset[0], unit.grid.col + offset[1]
    phase = 2 * (row & 1) + (col & 1)
    return phase, unit.row + (row >> 1) + PAD, unit.col + (col >> 1) + PAD


def tap(planes: Any, unit: Unit, offset: tuple[int, int]) -> Any:
    """The samples at one offset from all points of a unit, flat; planes: of Phases.planes."""
    phase, row, col = place(unit, offset)
    return planes[phase, row : row + unit.rows, col : col + unit.cols].reshape(-1)


def on_device(backend: Backend, phases: Phases) -> Any:
    """The planes int64 on a backend's device."""
    return backend.whole(phases.planes)
