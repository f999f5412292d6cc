"""The lattices of a pyramid's levels, padded, and their neighbours at an offset."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..coding.backend import Backend
from .pyramid import Segment

PAD = 9  # as far as a neighbour or a window reaches
# Offsets of the four nearest known samples of a sub-pixel, in step A and in step B.
NEAR = (((-1, -1), (-1, 1), (1, -1), (1, 1)), ((-1, 0), (0, -1), (0, 1), (1, 0)))


def _reflected(length: int) -> np.ndarray:
    """Indices that pad an axis by PAD on both sides by reflection, which keeps their parity."""
    period = 2 * (length - 1)
    if period == 0:
        return np.zeros(1 + 2 * PAD, dtype=np.int64)
    folded = np.arange(-PAD, length + PAD) % period
    return np.minimum(folded, period - folded)


def padded_lattice(backend: Backend, canvas: Any, level: int) -> Any:
    """The (h + 2 PAD, w + 2 PAD) lattice of a level, reflected at the borders, of an (H, W)
    canvas."""
    xp, device = backend.xp, backend.device
    lattice = canvas[:: 1 << level, :: 1 << level]
    rows = xp.asarray(_reflected(lattice.shape[0]), dtype=xp.int64, device=device)
    cols = xp.asarray(_reflected(lattice.shape[1]), dtype=xp.int64, device=device)
    return xp.take(xp.take(lattice, rows, axis=0), cols, axis=1)


def tap(lattice: Any, segment: Segment, offset: tuple[int, int]) -> Any:
    """The neighbours at one offset of all pixels of a segment, flat, from a padded lattice."""
    y, x = segment.row + offset[0] + PAD, segment.col + offset[1] + PAD
    rows = slice(y, y + 2 * segment.rows - 1, 2)
    return lattice[rows, x : x + 2 * segment.cols - 1 : 2].reshape(-1)
