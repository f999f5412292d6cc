"""The search of search.py for a component with fewer samples than pixels: the bounds are of its
upsampled samples, one for each pixel, and a block reaches pixels that its neighbours reach too.

Blocks are searched one after the other, each beside what its neighbours are by then.
"""

from __future__ import annotations

import ctypes

import numpy as np

from ... import kernels
from ...history.upsampling import TRIANGLE
from ...kernels.jpeg_chroma import JpegChromaStruct
from ..idct import component_samples, plain_samples
from ..pixels import Frame, upsample_chroma
from .bounds import Bounds
from .forward import basis
from .search import FAR, FINE, TENURE, UNIT

MOST = 1023  # that a pixel is taken to be outside, in units
NEARLY = 8 * UNIT * UNIT  # square units outside in all, so that decoding is tried
_POINTERS = (
    "least", "most", "samples", "coefficients", "table", "moves", "reach", "wanted", "left",
)  # fmt: skip
NONE = 30000  # a bound that is none, in units


def search_chroma(
    frame: Frame,
    coefficients: np.ndarray,
    table: np.ndarray,
    bounds: Bounds,
    wanted: np.ndarray,
    reach: np.ndarray,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Better coefficients of Cb or Cr, int16 (rows, cols, 64) in zigzag order, than those to begin
    with, and how many pixels about each block are outside their bounds: int32 (rows, cols).

    bounds: of the upsampled samples, (frame.height, frame.width) each, where 0 and 255 stand for
    none; wanted: bool (rows, cols), the blocks to search, the others stay and have 0 pixels;
    table: uint16 (64,); reach: uint8 (64,), how far each coefficient may move; steps: moves of a
    block at most.
    """
    found = np.ascontiguousarray(coefficients).copy()
    left = np.zeros(found.shape[:2], dtype=np.int32)
    library = kernels.library()
    if library is None:
        _Plain(frame, found, table, bounds, reach, steps).search(wanted, left)
        return found, left
    rows, cols, _ = found.shape
    samples = np.ascontiguousarray(component_samples(found, table))
    fine = np.ascontiguousarray(_moves(frame, table))
    mask = np.ascontiguousarray(wanted, dtype=np.uint8)
    least, most = (np.ascontiguousarray(b, dtype=np.uint8) for b in bounds)
    c = JpegChromaStruct()
    c.height, c.width, (c.rows, c.cols) = frame.height, frame.width, frame.size(1)
    c.stride, c.blocks, c.across = 8 * cols, rows * cols, cols
    c.row_step, c.col_step, c.triangle = frame.row_step, frame.col_step, frame.rule == TRIANGLE
    c.steps, c.tenure, c.nearly = steps, TENURE, NEARLY
    arrays: list[np.ndarray] = [least, most, samples, found, table, fine, reach, mask, left]
    for name, array in zip(_POINTERS, arrays, strict=True):
        setattr(c, name, array.ctypes.data)
    library.search_chroma(ctypes.addressof(c))
    return found, left


def _margins(frame: Frame) -> tuple[int, int]:
    """The rows and columns of pixels beyond its own that a block reaches on each side."""
    triangle = frame.rule == TRIANGLE
    return int(triangle and frame.row_step == 2), int(triangle and frame.col_step == 2)


def _moves(frame: Frame, table: np.ndarray) -> np.ndarray:
    """What a step of each coefficient does to the pixels about a block: int32 (64, places), in
    1 / (UNIT FINE)."""
    down, across = (
        _spread(step, bool(margin))
        for step, margin in zip((frame.row_step, frame.col_step), _margins(frame), strict=True)
    )
    own = basis().reshape(64, 8, 8).astype(np.float64) * table[:, None, None]
    return np.rint(down @ own @ across.T * (UNIT * FINE)).astype(np.int32).reshape(64, -1)


def _spread(step: int, triangle: bool) -> np.ndarray:
    """The parts (places, 8) that places have of the samples of a block."""
    if not triangle:
        return np.repeat(np.eye(8), step, axis=0)
    parts = np.zeros((18, 8))
    for n in range(8):
        parts[2 * n : 2 * n + 4, n] = 0.25, 0.75, 0.75, 0.25
    return parts


class _Plain:
    """What search_chroma does, in NumPy: its definition."""

    def __init__(
        self,
        frame: Frame,
        found: np.ndarray,
        table: np.ndarray,
        bounds: Bounds,
        reach: np.ndarray,
        steps: int,
    ) -> None:
        self._frame, self._found, self._table, self._bounds = frame, found, table, bounds
        self._reach, self._steps = reach, steps
        self._fine = _moves(frame, table).astype(np.int64)
        self._moves = (self._fine + FINE // 2) // FINE
        self._samples = component_samples(found, table)

    def search(self, wanted: np.ndarray, left: np.ndarray) -> None:
        """All wanted blocks."""
        for row, col in np.argwhere(wanted):
            left[row, col] = self._search(int(row), int(col))

    def _search(self, row: int, col: int) -> int:
        frame, (down, across) = self._frame, _margins(self._frame)
        top, left = 8 * row * frame.row_step - down, 8 * col * frame.col_step - across
        y = top + np.arange(8 * frame.row_step + 2 * down)
        x = left + np.arange(8 * frame.col_step + 2 * across)
        inside = ((y >= 0) & (y < frame.height))[:, None] & ((x >= 0) & (x < frame.width))
        place = np.ix_(np.clip(y, 0, frame.height - 1), np.clip(x, 0, frame.width - 1))
        least = np.where(inside, self._bounds.least[place], 0).reshape(-1)
        most = np.where(inside, self._bounds.most[place], 255).reshape(-1)
        low = np.where(least > 0, (least.astype(np.int64) - 128) * UNIT - UNIT // 2, -NONE)
        up = np.where(most < 255, (most.astype(np.int64) - 128) * UNIT + UNIT // 2, NONE)
        block = slice(8 * row, 8 * row + 8), slice(8 * col, 8 * col + 8)

        def wrong() -> int:
            self._samples[block] = plain_samples(own[None, None], self._table)
            rows, cols = frame.size(1)
            made = upsample_chroma(frame, self._samples[:rows, :cols])[place].reshape(-1)
            below, above = made < least, made > most
            low[below] += 1
            up[above] -= 1
            return int((below | above).sum())

        own = self._found[row, col].copy()
        best, start, few = own.copy(), own.copy(), wrong()
        if few:
            self._samples[block] = 128
            sums = np.where(inside, self._unrounded(place), 0).reshape(-1)
            sums += own.astype(np.int64) @ self._fine
        until = np.zeros(64, dtype=np.int64)
        for step in range(1, self._steps + 1):
            if not few:
                break
            pixels = np.clip((sums + FINE // 2) // FINE, -FAR, FAR)
            costs = np.full((64, 2), np.iinfo(np.int64).max)
            for way, sign in enumerate((-1, 1)):
                moved = pixels + sign * self._moves
                outside = np.minimum(np.maximum(moved, low) - np.minimum(moved, up), MOST)
                free = (np.abs(own + sign - start) <= self._reach) & (until <= step)
                costs[free, way] = (outside[free] ** 2).sum(axis=1)
            chosen, way = divmod(int(costs.argmin()), 2)
            if costs[chosen, way] == np.iinfo(np.int64).max:
                break
            own[chosen] += 2 * way - 1
            until[chosen] = step + TENURE
            sums += (2 * way - 1) * self._fine[chosen]
            if costs[chosen, way] > NEARLY:
                continue
            now = wrong()
            if now < few:
                few, best = now, own.copy()
        self._found[row, col] = best
        self._samples[block] = plain_samples(best[None, None], self._table)
        return few

    def _unrounded(self, place: tuple[np.ndarray, ...]) -> np.ndarray:
        """Pixels before they are rounded, in 1 / (UNIT FINE) from the middle."""
        frame = self._frame
        values, parts = self._samples.astype(np.int64), 1
        for axis, (step, size) in enumerate(
            zip((frame.row_step, frame.col_step), frame.size(1), strict=True)
        ):
            at = place[axis].reshape(-1)
            own = np.minimum(at // step, size - 1)
            weighed = values.take(own, axis)
            if step == 2 and frame.rule == TRIANGLE:
                other = np.clip(np.where(at % 2 == 1, at // 2 + 1, at // 2 - 1), 0, size - 1)
                weighed, parts = 3 * weighed + values.take(other, axis), 4 * parts
            values = weighed
        return (values - 128 * parts) * (UNIT // parts * FINE)
