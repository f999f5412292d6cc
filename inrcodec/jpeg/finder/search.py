"""Coefficients of single blocks that decode to samples between bounds: a tabu search (Glover,
"Tabu search, part I", ORSA J. Comput. 1, 1989).

A block begins with coefficients that are nearly right. Of all coefficients that may move, by one
up or down, that one moves which leaves the samples, in real numbers, nearest to their bounds; then
it stays for some steps. Bounds are half a sample wide on both sides, as samples were rounded.
Whenever little is missing the integers decide.
"""

from __future__ import annotations

import numpy as np

from ... import kernels
from ..idct import plain_samples
from .forward import basis

UNIT = 32  # of a sample in one
MOST = 2047  # that a sample is taken to be outside, in units
FINE = 1 << 15  # of a unit in one
FAR = 20000  # that samples lie from the middle, in units
TENURE = 3  # steps: longer ones find less (measured)
NEARLY = UNIT * UNIT  # square units outside in all, so that decoding is tried


def search_blocks(
    coefficients: np.ndarray,
    least: np.ndarray,
    most: np.ndarray,
    table: np.ndarray,
    reach: np.ndarray,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Better coefficients, int16 (n, 64), than those to begin with, and how many samples of each
    block they leave outside its bounds: uint8 (n,).

    least, most: uint8 (n, 64), bounds of the samples in row-major order, where 0 and 255 stand for
    none; table: uint16 (64,) in zigzag order; reach: uint8 (64,), how far each coefficient may
    move; steps: moves of a block at most.
    """
    found = np.ascontiguousarray(coefficients, dtype=np.int16).copy()
    left = np.zeros(len(found), dtype=np.uint8)
    fine = np.rint(basis().astype(np.float64) * table[:, None] * (UNIT * FINE)).astype(np.int32)
    bounds = [np.ascontiguousarray(b, dtype=np.uint8) for b in (least, most)]
    library = kernels.library()
    if library is None:
        for n in range(len(found)):
            own = found[n], bounds[0][n], bounds[1][n]
            found[n], left[n] = _plain(*own, table, fine, reach, steps)
    else:
        library.search_blocks(
            found, *bounds, table, fine, reach, len(found), steps, TENURE, NEARLY, left
        )
    return found, left


def _plain(
    start: np.ndarray,
    least: np.ndarray,
    most: np.ndarray,
    table: np.ndarray,
    fine: np.ndarray,
    reach: np.ndarray,
    steps: int,
) -> tuple[np.ndarray, int]:
    """What search_blocks does to one block: its definition."""
    centred = [(b.astype(np.int16) - 128) * UNIT for b in (least, most)]
    low = np.where(least > 0, centred[0] - UNIT // 2, -30000)
    high = np.where(most < 255, centred[1] + UNIT // 2, 30000)

    def wrong() -> int:
        made = plain_samples(own[None, None], table).reshape(64)
        below, above = made < least, made > most
        low[below] += 1  # as the decoder rounds on its way
        high[above] -= 1
        return int((below | above).sum())

    own, best = start.copy(), start.copy()
    moves = (fine + FINE // 2) // FINE
    until = np.zeros(64, dtype=np.int64)
    few = wrong()
    for step in range(1, steps + 1):
        if not few:
            break
        samples = (own.astype(np.int64) @ fine + FINE // 2) // FINE
        samples = np.clip(samples, -FAR, FAR)
        costs = np.full((64, 2), np.iinfo(np.int32).max)
        for way, sign in enumerate((-1, 1)):
            y = samples + sign * moves
            outside = np.minimum(np.maximum(y, low) - np.minimum(y, high), MOST)
            free = (np.abs(own + sign - start) <= reach) & (until <= step)
            costs[free, way] = (outside[free] ** 2).sum(axis=1)
        chosen, way = divmod(int(costs.argmin()), 2)
        if costs[chosen, way] == np.iinfo(np.int32).max:
            break
        own[chosen] += 2 * way - 1
        until[chosen] = step + TENURE
        if costs[chosen, way] > NEARLY:
            continue
        now = wrong()
        if now < few:
            few, best = now, own.copy()
    return best, few
