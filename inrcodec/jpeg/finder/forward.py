"""The forward DCT, in floating point: what encoders look at, decoders never."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..idct import ZIGZAG

CENTRE = 128  # that samples are taken less before it


@cache
def basis() -> np.ndarray:
    """The orthonormal DCT of 8 x 8 samples: float32 (64, 64), row k the basis of the coefficient at
    place k of the zigzag order, its columns samples in row-major order (T.81, A.3.3)."""
    n = np.arange(8)
    rows = np.cos((2 * n + 1) * n[:, None] * np.pi / 16) / 2
    rows[0] /= np.sqrt(2)
    both = np.einsum("vy,ux->vuyx", rows, rows).reshape(64, 64)
    found = both[ZIGZAG].astype(np.float32)
    found.setflags(write=False)
    return found


def blocks_of(samples: np.ndarray) -> np.ndarray:
    """The blocks of samples (8 rows, 8 cols): (rows, cols, 64), float32, less CENTRE."""
    rows, cols = samples.shape[0] // 8, samples.shape[1] // 8
    parts = samples.reshape(rows, 8, cols, 8).swapaxes(1, 2).reshape(rows, cols, 64)
    return parts.astype(np.float32) - CENTRE


def samples_of(blocks: np.ndarray) -> np.ndarray:
    """Undoes blocks_of: float32 (8 rows, 8 cols)."""
    rows, cols, _ = blocks.shape
    parts = blocks.reshape(rows, cols, 8, 8).swapaxes(1, 2)
    return parts.reshape(8 * rows, 8 * cols) + CENTRE


def forward(blocks: np.ndarray) -> np.ndarray:
    """Coefficients (..., 64) of samples (..., 64) less CENTRE, both float32."""
    return blocks @ basis().T
