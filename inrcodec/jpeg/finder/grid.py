"""Whether a picture was a JPEG once, and where its blocks begin.

In the blocks of a JPEG most of the coefficients of higher frequencies are zero, and zero they are
still, but for the rounding of the samples (standard deviation 0.29), after decoding: blocks that
begin elsewhere have far fewer small ones. (Fan & de Queiroz, "Identification of bitmap compression
history", IEEE Trans. Image Process. 12(2), 2003, look for the same grid in the samples.)
"""

from __future__ import annotations

import numpy as np

from .forward import CENTRE, basis

WINDOW = 15  # samples a side, which hold a block at each of 64 offsets
WINDOWS, LOOKED_AT = 96, 600  # the most varied, least clipped of those looked at
BUSY = 8.0  # mean difference of neighbours, above which windows are alike
ZERO = 0.8  # a coefficient below is taken as zero
FIRST = 6  # coefficient, in zigzag order, that counts
LEAST_MORE = 0.06  # of the coefficients that are zero, above the median of all offsets
STANDS_OUT = 3.5  # times the spread of the other offsets
ALONE = 1.1  # times what the next offset stands out


def find_grid(picture: np.ndarray) -> tuple[int, int] | None:
    """The row and the column, 0 .. 7, at which the first whole block begins of a picture, uint8
    (H, W) or (H, W, 3), that was a JPEG; None if it seems to have been none."""
    height, width = picture.shape[:2]
    if min(height, width) < WINDOW:
        return None
    zeros = np.zeros((8, 8))
    blocks = np.lib.stride_tricks.sliding_window_view(_windows(picture), (8, 8), axis=(1, 2))
    coefficients = np.ascontiguousarray(blocks).reshape(-1, 64) @ basis()[FIRST:].T
    small = np.abs(coefficients) < ZERO
    zeros = small.reshape(-1, 64, 64 - FIRST).mean(axis=(0, 2))
    above = zeros - np.median(zeros)
    best = int(above.argmax())
    others = np.delete(above, best)
    # a few beside the best are raised with it
    spread = float(np.sqrt(np.mean(np.sort(np.abs(others))[:60] ** 2)))
    if above[best] < max(LEAST_MORE, STANDS_OUT * spread, ALONE * float(others.max())):
        return None
    return best // 8, best % 8


def _windows(picture: np.ndarray) -> np.ndarray:
    """Luma, less CENTRE, of some windows that begin at rows and columns 8 k: float32 (n, WINDOW,
    WINDOW)."""
    rng = np.random.default_rng(0)
    across = np.arange(WINDOW)
    tops, lefts = (8 * rng.integers(0, (n - WINDOW) // 8 + 1, LOOKED_AT) for n in picture.shape[:2])
    rows, cols = tops[:, None, None] + across[:, None], lefts[:, None, None] + across
    one = picture if picture.ndim == 2 else picture[..., 1]
    looked_at = one[rows, cols]
    busy = np.abs(np.diff(looked_at.astype(np.int16), axis=2)).mean(axis=(1, 2))
    clipped = ((looked_at == 0) | (looked_at == 255)).mean(axis=(1, 2))
    score = np.where(clipped > 0.02, -clipped, np.minimum(busy, BUSY))
    chosen = np.argsort(-score, kind="stable")[:WINDOWS]
    windows = picture[rows[chosen], cols[chosen]].astype(np.float32)
    if windows.ndim == 4:
        windows = np.rint(windows @ np.array([0.299, 0.587, 0.114], np.float32))
    return windows - CENTRE
