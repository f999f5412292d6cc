"""The coefficients of Cb or Cr with fewer samples than pixels, of what pixels tell of them."""

from __future__ import annotations

import numpy as np

from ..idct import component_samples
from ..pixels import Frame
from ..turned import in_blocks
from .bounds import Bounds
from .forward import CENTRE, basis, blocks_of, forward
from .half_projection import Upsampling
from .half_search import search_chroma
from .partial import LIST, complete, groups, variances
from .whole import FREE_REACH

STEPS = 40  # of a search
SEARCHES = 2
ESTIMATED = 0.5  # standard deviation of an estimated sample
TRIED = 12  # ways to complete a block of which a part is shown
MASKS = 1000  # ways in which blocks are shown in part
ENOUGH = 0.6  # of what a sample is part of, told, tells the sample
ROUNDS = 16  # of conjugate gradients


def within(made: np.ndarray, told: np.ndarray) -> Bounds:
    """Bounds of upsampled samples, made where they are told, bool, and open elsewhere."""
    return Bounds(np.where(told, made, 0), np.where(told, made, 255))


def shown_samples(frame: Frame, told: np.ndarray) -> np.ndarray:
    """The samples of Cb and Cr, bool (rows, cols, 64), that told pixels tell."""
    upsampling = Upsampling(frame)
    part, whole = (upsampling.back(p.astype(np.float64)) for p in (told, np.ones(told.shape)))
    rows, cols = frame.blocks(1)
    ends = (0, 8 * rows - part.shape[0]), (0, 8 * cols - part.shape[1])
    return in_blocks(np.pad(part >= ENOUGH * whole, ends)).reshape(rows, cols, 64)


def rounded(estimate: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Coefficients, int16, next to estimates of them times their steps."""
    return np.clip(np.rint(estimate / table.astype(np.float32)), -32767, 32767).astype(np.int16)


def searched_chroma(
    frame: Frame, begun: np.ndarray, table: np.ndarray, bounds: Bounds, times: int = SEARCHES
) -> np.ndarray:
    """Better coefficients, int16 (rows, cols, 64); several times, as the blocks beside may have
    been wrong."""
    reach = np.full(64, FREE_REACH, dtype=np.uint8)
    wanted = np.ones(begun.shape[:2], dtype=bool)
    for _ in range(times):
        begun, left = search_chroma(frame, begun, table, bounds, wanted, reach, STEPS)
        wanted = left > 0
        if not wanted.any():
            break
    return begun


def pixels_left(
    frame: Frame,
    coefficients: np.ndarray,
    table: np.ndarray,
    bounds: Bounds,
    wanted: np.ndarray | None = None,
) -> np.ndarray:
    """How many pixels about each block are outside bounds: int32 (rows, cols)."""
    wanted = np.ones(coefficients.shape[:2], dtype=bool) if wanted is None else wanted
    reach = np.zeros(64, dtype=np.uint8)
    return search_chroma(frame, coefficients, table, bounds, wanted, reach, 0)[1]


def completed(
    frame: Frame,
    begun: np.ndarray,
    estimate: np.ndarray,
    shown: np.ndarray,
    table: np.ndarray,
    bounds: Bounds,
) -> np.ndarray:
    """Coefficients, with better ones of blocks of which a part is shown; estimate: float32 (rows,
    cols, 64), about what coefficients are, times their steps; shown: of shown_samples()."""
    fewest = pixels_left(frame, begun, table, bounds)
    whole, none = shown.all(axis=2), ~shown.any(axis=2)
    part = ~whole & ~none & (fewest > 0)
    best = begun.copy()
    if not part.any():
        return best
    samples = estimate[part] @ basis() + CENTRE
    spread = variances(begun[whole], table)
    ways = np.zeros((len(samples), LIST, 64), dtype=np.int16)
    for blocks, mask in groups(shown[part], MASKS):
        ways[blocks] = complete(samples[blocks], mask, table, spread, ESTIMATED)
    for way in ways.swapaxes(0, 1)[:TRIED]:
        tried = begun.copy()
        tried[part] = way
        left = pixels_left(frame, tried, table, bounds, part)
        better = part & (left < fewest)
        best[better], fewest[better] = tried[better], left[better]
    return searched_chroma(frame, best, table, bounds)


def told_better(
    frame: Frame, begun: np.ndarray, table: np.ndarray, made: np.ndarray, told: np.ndarray
) -> np.ndarray:
    """Coefficients, with better ones of blocks with pixels to which they do not lead: told, bool
    (height, width), of which made tells the upsampled samples."""
    bounds = within(made, told)
    before = pixels_left(frame, begun, table, bounds)
    bad = before > 0
    if not bad.any():
        return begun
    samples = component_samples(begun, table).astype(np.float64)
    rows, cols = frame.size(1)
    samples[:rows, :cols] = _nearest(frame, samples[:rows, :cols], made, told)
    estimate = forward(blocks_of(samples))
    tried = np.where(bad[..., None], rounded(estimate, table), begun)
    tried = searched_chroma(frame, tried, table, bounds)
    tried = completed(frame, tried, estimate, shown_samples(frame, told), table, bounds)
    worse = pixels_left(frame, tried, table, bounds) >= before
    return np.where(worse[..., None], begun, tried)


def _nearest(frame: Frame, samples: np.ndarray, made: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Samples whose upsampling is nearest to what is told: conjugate gradients (Hestenes & Stiefel
    1952) from samples to begin with, float64 (rows, cols)."""
    upsampling = Upsampling(frame)
    residual = upsampling.back(np.where(told, made - upsampling.there(samples), 0))
    direction, size = residual, float((residual**2).sum())
    for _ in range(ROUNDS):
        if size < 1e-6 * samples.size:
            break
        moved = upsampling.back(np.where(told, upsampling.there(direction), 0))
        step = size / max(float((direction * moved).sum()), 1e-12)
        samples = samples + step * direction
        residual = residual - step * moved
        before, size = size, float((residual**2).sum())
        direction = residual + size / before * direction
    return np.clip(samples, 0, 255)
