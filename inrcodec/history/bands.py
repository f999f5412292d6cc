"""Large pictures with subsampled chroma in bands of rows, so that what is computed of one takes
little memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .planes import Lattice
from .upsampling import BICUBIC, bicubic, upsample

PIXELS = 1 << 20  # of a band, about
MARGIN = 8  # rows about it, even, as upsampling and free samples depend on those next to them


@dataclass(frozen=True)
class Band:
    """rows: of the picture; seen: with the margin; samples: of chroma that the rows seen have, own:
    those that begin in the rows. All are ranges as slices."""

    rows: slice
    seen: slice
    samples: slice
    own: slice

    @property
    def inner(self) -> slice:
        """The rows among those seen."""
        return slice(self.rows.start - self.seen.start, self.rows.stop - self.seen.start)

    @property
    def kept(self) -> slice:
        """The own samples among those that the rows seen have."""
        return slice(self.own.start - self.samples.start, self.own.stop - self.samples.start)

    def upsampled(self, chroma: np.ndarray, lattice: Lattice, rule: str, width: int) -> np.ndarray:
        """All of a picture's samples of a channel at the rows."""
        if rule == BICUBIC:
            return bicubic(chroma, self.rows)
        height = self.seen.stop - self.seen.start
        return upsample(chroma[self.samples], lattice, rule, height, width)[self.inner]


def bands(height: int, width: int, lattice: Lattice) -> list[Band]:
    """Those of a picture."""
    at_once = max(MARGIN, PIXELS // width // 2 * 2)
    step, phase = lattice.row_step, lattice.row_phase
    count, _ = lattice.size(height, width)
    found = []
    for first in range(0, height, at_once):
        last = min(first + at_once, height)
        top, bottom = max(0, first - MARGIN), min(height, last + MARGIN)
        samples = slice((top + phase) // step, -(-(bottom + phase) // step))
        # before the first place of a lattice with a phase there is nothing to begin in
        begin = 0 if first == 0 else -(-(first + phase) // step)
        end = count if last == height else -(-(last + phase) // step)
        found.append(Band(slice(first, last), slice(top, bottom), samples, slice(begin, end)))
    return found
