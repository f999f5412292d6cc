"""What some blocks of a picture, in a grid that was found, tell: its colour, how it was turned, and
its quantisation tables."""

from __future__ import annotations

import numpy as np

from ...history.chroma_search import LEAST_PIXELS, few_unclipped
from ..pixels import GREY, JFIF, RGB, YCC
from ..tables import CHROMA, LUMA, likely_table, quality_of
from .forward import CENTRE, forward
from .whole import samples_of, solve_planes

SAMPLE = 4096  # blocks, of which some are clipped
TRIED = 150  # blocks that tell an orientation
CONVERTED = 0.85  # of the pixels that are not clipped, so that they are of Y, Cb, Cr


def colour_of(picture: np.ndarray) -> str:
    """One of pixels.COLOURS, for a picture (H, W) or (H, W, 3)."""
    if picture.ndim == 2:
        return GREY
    some = few_unclipped((picture[..., 0], picture[..., 1], picture[..., 2]))
    few = some[0].size < LEAST_PIXELS
    return YCC if few or JFIF.preimages(some)[1].mean() >= CONVERTED else RGB


def told_blocks(picture: np.ndarray, grid: tuple[int, int], colour: str) -> np.ndarray:
    """The components' samples, uint8 (components, n, 64), of some blocks whose pixels tell them
    all; grid: where the first whole block begins."""
    rows, cols = ((size - first) // 8 for size, first in zip(picture.shape, grid, strict=False))
    chosen = np.random.default_rng(0).permutation(rows * cols)[:SAMPLE]
    y, x = np.divmod(chosen, cols)
    across = np.arange(8)
    down = (grid[0] + 8 * y)[:, None, None] + across[:, None]
    parts = picture[down, (grid[1] + 8 * x)[:, None, None] + across]
    parts = np.moveaxis(parts.reshape(len(chosen), 64, -1), 2, 0)
    parts = parts[:, ~((parts == 0) | (parts == 255)).any(axis=(0, 2))]
    if colour != YCC:
        return parts
    r, g, b = (c.reshape(-1) for c in parts)
    made, exact = JFIF.preimages((r, g, b))
    return made.reshape(parts.shape)[:, exact.reshape(parts.shape[1:]).all(axis=1)]


def transposed(blocks: np.ndarray) -> np.ndarray:
    """Blocks (..., 64), rows for columns."""
    return blocks.reshape(*blocks.shape[:-1], 8, 8).swapaxes(-1, -2).reshape(blocks.shape)


def tables_of(told: np.ndarray, colour: str) -> list[np.ndarray]:
    """A table for each component of told blocks, the same for Cb and Cr, and for R, G, B."""
    coefficients = [forward(own.astype(np.float32) - CENTRE) for own in told]
    if colour == RGB:
        return [likely_table(np.concatenate(coefficients), LUMA)] * 3
    tables = [likely_table(coefficients[0], LUMA)]
    if colour == YCC:
        quality = quality_of(tables[0], LUMA)
        chroma = np.concatenate(coefficients[1:])
        tables += [likely_table(chroma, CHROMA, quality=quality)] * 2
    return tables


def exact_share(told: np.ndarray) -> float:
    """The share of some blocks whose first component its likely table explains."""
    if not told.size:
        return 0.0
    (table,) = tables_of(told[:1], GREY)
    some = told[:1, :TRIED]
    found = solve_planes(some, np.ones(some.shape[1:], dtype=bool), [table])
    return float((samples_of(found[0], table) == some[0]).all(axis=1).mean())
