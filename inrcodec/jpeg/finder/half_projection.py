"""Alternating projections for a picture with clipped pixels and upsampled chroma: onto what the
pixels allow, and onto multiples of the steps of the tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...history.chroma_samples import Doubling
from ...history.chroma_search import RGB
from ...history.upsampling import taps
from ..pixels import Frame
from .bounds import allowed
from .forward import basis, blocks_of, forward, samples_of

ROUNDS = 8


class Upsampling:
    """Of a frame's chroma, before it is rounded."""

    def __init__(self, frame: Frame) -> None:
        rows, cols = frame.size(1)
        rule = frame.rule
        self._down = Doubling(taps(rule, frame.row_step, 0, frame.height, rows), rows)
        self._across = Doubling(taps(rule, frame.col_step, 0, frame.width, cols), cols)

    def there(self, samples: np.ndarray) -> np.ndarray:
        """From samples to pixels."""
        return self._across.there(self._down.there(samples, 0), 1)

    def back(self, pixels: np.ndarray) -> np.ndarray:
        """The transposed: from pixels to samples."""
        return self._across.back(self._down.back(pixels, 0), 1)


def project(
    frame: Frame,
    pixels: RGB,
    known: np.ndarray,
    told: np.ndarray,
    made: np.ndarray,
    start: Sequence[np.ndarray],
    tables: Sequence[np.ndarray],
    fixed: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """Coefficients of Y, Cb, Cr, int16 (rows, cols, 64) each, that lead near the pixels.

    told: bool (height, width), pixels that tell Y, Cb, Cr: made, (3, height, width); start:
    coefficients of Y, Cb, Cr; fixed: bool (rows, cols) each, blocks that stay.
    """
    upsampling = Upsampling(frame)
    free = np.nonzero(known & ~told)
    colours = np.stack([c[free] for c in pixels])
    weight = np.maximum(upsampling.back(known.astype(np.float32)), 1e-3)
    found = [own.copy() for own in start]
    steps = [table.astype(np.float32) for table in tables]
    planes = [samples_of((own * step) @ basis()) for own, step in zip(found, steps, strict=True)]
    height, width = frame.height, frame.width
    rows, cols = frame.size(1)
    for _ in range(ROUNDS):
        luma = planes[0][:height, :width]
        up = [upsampling.there(plane[:rows, :cols]).astype(np.float32) for plane in planes[1:]]
        samples = np.stack([luma, *up])
        off = np.where(told, made - samples, 0)
        here = np.stack([own[free] for own in samples])
        for move, there in zip(off, allowed(colours, here) - here, strict=True):
            move[free] = there
        planes[0][:height, :width] += off[0]
        for plane, move in zip(planes[1:], off[1:], strict=True):
            plane[:rows, :cols] += upsampling.back(move) / weight
        for n, (plane, step) in enumerate(zip(planes, steps, strict=True)):
            moved = ~fixed[n]
            new = np.rint(forward(blocks_of(plane)[moved]) / step)
            found[n][moved] = np.clip(new, -32767, 32767)
            blocks = blocks_of(plane)
            blocks[moved] = (found[n][moved] * step) @ basis()
            planes[n] = samples_of(blocks)
    return found
