"""How much the model looks at: levels, and what it believes before it has seen anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from .weights import EXPECTED_WEIGHTS, PIXEL_WEIGHTS, SAMPLE_WEIGHTS

ONE = (1 << 22) - 1  # a probability of 1, in adaptive ones
# Weights without a prior, in 1/65536, in the order of Level.weights: 0.22, 0.06 and 0.3.
SAME = (14418, 3932, 19661)


@dataclass(frozen=True)
class Level:
    """contexts: of a pixel's colour; hashed: of the bits of its samples; predicted: predictions of
    these; votes: likely colours that speak for their bits; sure: of so many pixels a match is asked
    for alone, above 255 never; blocks: whether flat areas are coded in blocks; prior: of the
    weights that training/graphics.py made, None for SAME."""

    contexts: int
    hashed: int
    predicted: int
    votes: int
    sure: int
    blocks: bool
    prior: tuple[tuple[int, ...], ...] | None = None

    @property
    def inputs(self) -> tuple[int, int, int]:
        """How many are mixed: for a pixel's colour, for the bits of its samples, and for whether it
        is what is expected."""
        return self.contexts + 12, 2 * self.hashed + self.predicted + self.votes + 1, 6

    def weights(self) -> list[np.ndarray]:
        """Of these what each set of weights has at first, int32 (inputs,), in 1/65536."""
        if self.prior is not None:
            return [np.array(weights, np.int32) for weights in self.prior]
        same = zip(self.inputs, SAME, strict=True)
        return [np.full(count, weight, np.int32) for count, weight in same]

    def work(self, channels: int, bits: int) -> int:
        """Multiply-adds of a pixel that is one of no likely colour, of which three were asked."""
        pixel, sample, _ = self.inputs
        return 4 * (3 * pixel + channels * bits * sample)


LEVELS = {
    1: Level(6, 8, 11, 0, 24, True),
    2: Level(20, 18, 22, 3, 100, True),
    3: Level(20, 26, 32, 3, 256, False),
}
# The same with weights that start from a prior.
LEVELS |= {
    number: replace(
        LEVELS[number - 3],
        prior=(PIXEL_WEIGHTS[number], SAMPLE_WEIGHTS[number], EXPECTED_WEIGHTS[number]),
    )
    for number in (4, 5, 6)
}

# What a step of counts stands for, doubled: of a colour, and of all others.
_OWN = (0, 2, 4, 6, 8, 11, 16, 24, 40, 60)
_OTHERS = (0, 2, 4, 6, 9, 14, 24, 44, 80)


@cache
def fresh_states() -> np.ndarray:
    """uint32 (90,): of a colour that was counted so often in a context, others so often."""
    found = []
    for own in _OWN:
        for others in _OTHERS:
            of, all_ = (100 * own + 4, 100 * (own + others) + 70) if own else (2, 100)
            found.append((ONE * of // all_) << 10 | 4)
    return np.array(found, dtype=np.uint32)


@cache
def fresh_histories() -> np.ndarray:
    """uint32 (256,): of a 1 behind 16 times so many zeros, and so many ones."""
    found = []
    for history in range(256):
        zeros, ones = history >> 4, history & 15
        found.append((ONE * (10 * ones + 3) // (10 * (zeros + ones) + 6)) << 10 | 6)
    return np.array(found, dtype=np.uint32)
