"""What a component's coefficients see of the components before it: coefficients of blocks at the
same place, in quarters of its own steps."""

from __future__ import annotations

import numpy as np

from ..zigzag import ZIGZAG

LIMIT = 60_000
MOST_REAL = 1 << 15  # of a coefficient times its step
# The DCT of eight means of two samples each, of the DCT of the first eight of these, in 1/4096; of
# that of the other eight the columns have the sign of (-1)^(row + column).
HALF = np.array(
    [
        [2048, 0, 0, 0, 0, 0, 0, 0],
        [1856, 835, -141, 39, 0, -26, 59, -166],
        [0, 2009, 0, 0, 0, 0, 0, -400],
        [-652, 1589, 971, -166, 0, 111, -402, -316],
        [0, 0, 1892, 0, 0, 0, -784, 0],
        [435, -708, 1453, 835, 0, -558, -602, 141],
        [0, 0, 0, 1703, 0, -1138, 0, 0],
        [-369, 558, -710, 1474, 0, -985, 294, -111],
    ],
    dtype=np.float64,
)
_SIGNS = 1 - 2 * (np.add.outer(np.arange(8), np.arange(8)) % 2)
_ROWS, _COLUMNS = [v for _, v in ZIGZAG], [u for u, _ in ZIGZAG]


def reference(
    coefficients: np.ndarray, steps: np.ndarray, shape: tuple[int, int], own_steps: np.ndarray
) -> np.ndarray:
    """int32 (64, rows, cols) of a component of so many blocks and its steps, of another's
    coefficients (rows or 2 rows, cols or 2 cols, 64) and steps, all in zigzag order."""
    real = coefficients.astype(np.int64) * steps.astype(np.int64)
    real = np.clip(real, -MOST_REAL, MOST_REAL)
    blocks = np.zeros((*real.shape[:2], 8, 8))  # of whole numbers below 2^48: exact
    blocks[:, :, _ROWS, _COLUMNS] = real
    bits = 0
    if blocks.shape[0] == 2 * shape[0]:
        blocks = HALF @ blocks[0::2] + (HALF * _SIGNS) @ blocks[1::2]
        bits += 12
    if blocks.shape[1] == 2 * shape[1]:
        blocks = blocks[:, 0::2] @ HALF.T + blocks[:, 1::2] @ (HALF * _SIGNS).T
        bits += 12
    blocks = blocks.astype(np.int64)
    # of magnitudes up to 2^41: so far that the product with a factor stays below 2^63
    blocks >>= max(0, bits - 6)
    bits = min(bits, 6)
    factors = (4 << 22) // np.maximum(own_steps.astype(np.int64), 1)
    found = blocks[:, :, _ROWS, _COLUMNS] * factors >> (22 + bits)
    return np.ascontiguousarray(np.moveaxis(np.clip(found, -LIMIT, LIMIT), 2, 0)).astype(np.int32)
