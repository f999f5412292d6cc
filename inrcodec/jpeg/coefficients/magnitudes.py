"""The threshold view of a coefficient: log-odds of its decisions from a mixture of logistics.

The mixture is context/mixture.py's, over values from -2^14 + 1 to 2^14 - 1: F(t) is half a step
below t. A coefficient is 0 or not; else it has a sign, and its magnitude is above ever larger
intervals, until one that is halved holds it.
"""

from __future__ import annotations

import numpy as np

from ...coding.backend import Backend
from ...coding.plain_rangecoder import PlainDecoder, PlainEncoder
from ...coding.tables import CELL_BITS, LOGISTIC_BITS, LOGISTIC_RANGE, LOGISTIC_STEPS, UNIT
from ...context.mixture import (
    COMPONENTS,
    FLOOR_BITS,
    MAX_LOG_SCALE,
    MAX_MEAN,
    MIN_LOG_SCALE,
    WEIGHT_BITS,
)

FINER = 4  # bits of mixtures' units below those of inputs, as areas without detail have fine scales
VALUE_BITS = 15  # of values that the uniform floor is spread over
MOST = (1 << VALUE_BITS - 1) - 1


class Magnitudes:
    """The mixtures of n coefficients; outputs: int64 (9, n) of their network; exponent: the unit is
    2^(exponent - FINER) steps."""

    def __init__(self, backend: Backend, outputs: np.ndarray, exponent: int) -> None:
        self._backend, self._scale = backend, 512 << FINER >> exponent
        self._mean = np.clip(outputs[:COMPONENTS], -MAX_MEAN, MAX_MEAN)
        scale = outputs[COMPONENTS : 2 * COMPONENTS]
        scale = np.clip(scale, MIN_LOG_SCALE * UNIT, MAX_LOG_SCALE * UNIT)
        self._rate = backend.rate(scale - MIN_LOG_SCALE * UNIT)
        weight = np.clip(outputs[2 * COMPONENTS :], -MAX_MEAN, MAX_MEAN)
        below = np.clip(weight.max(axis=0) - weight, 0, WEIGHT_BITS * UNIT)
        self._weight = backend.power(below) >> (23 - WEIGHT_BITS)
        total = self._weight.sum(axis=0)
        self._floor = np.maximum(total << (LOGISTIC_BITS - FLOOR_BITS) >> VALUE_BITS, 1)
        self._all = (total << LOGISTIC_BITS) + (self._floor << VALUE_BITS)
        every = slice(None)
        self._below = self._mass(every, np.zeros_like(total))
        self._above = self._mass(every, np.ones_like(total))

    def _mass(self, points: slice, value: np.ndarray) -> np.ndarray:
        """F of values int64 (n,) of some points."""
        distance = (2 * value - 1) * self._scale - self._mean[:, points]
        z = distance.astype(np.float32) * self._rate[:, points]
        limit = LOGISTIC_RANGE * LOGISTIC_STEPS << CELL_BITS
        z = np.clip(z, -limit, limit - 1).astype(np.int64)
        parts = self._backend.logistic(z) * self._weight[:, points]
        return parts.sum(axis=0) + self._floor[points] * (value + (1 << VALUE_BITS - 1))

    def _probability(self, ones: np.ndarray, zeros: np.ndarray) -> np.ndarray:
        """P(1) * 65536 of masses of a 1 and a 0."""
        log2 = self._backend.log2
        ones, zeros = np.maximum(ones, 1), np.maximum(zeros, 1)
        return self._backend.probability(log2(ones) - log2(zeros))

    def code(
        self, coder: PlainEncoder | PlainDecoder, points: slice, truth: np.ndarray | None
    ) -> np.ndarray:
        """Codes some of the n coefficients, which a decoder is not given, and returns them,
        int64."""
        zeros = self._above[points] - self._below[points]
        odds = self._probability(self._all[points] - zeros, zeros).tolist()
        given = [0] * len(odds) if truth is None else truth.tolist()
        values = np.zeros(len(odds), np.int64)
        for n, (p, value) in enumerate(zip(odds, given, strict=True)):
            if coder.bit(p, value != 0):
                values[n] = self._code_size(coder, points.start + n, value)
        return values

    def _code_size(self, coder: PlainEncoder | PlainDecoder, point: int, value: int) -> int:
        """Codes a coefficient that is not 0."""
        at, size = slice(point, point + 1), abs(value)
        total, below, above = (int(a[point]) for a in (self._all, self._below, self._above))

        def code(ones: int, zeros: int, bit: bool) -> int:
            p = self._probability(np.array([ones]), np.array([zeros]))
            return coder.bit(int(p[0]), bit)

        sign = -1 if code(below, total - above, value < 0) else 1
        # of magnitudes low .. high - 1 the mass is between F at both ends, or all there is
        low, high, bounded = 1, MOST + 1, False
        near, far = (below, 0) if sign < 0 else (above, total)
        while low < high - 1:
            width = 1 if low < 8 else 1 << low.bit_length() - 3
            if bounded or low + width >= high:
                width = high - low >> 1
            middle = low + width
            edge = np.array([1 - middle if sign < 0 else middle])
            mass = int(self._mass(at, edge)[0])
            if code(sign * (far - mass), sign * (mass - near), size >= middle):
                low, near = middle, mass
            else:
                high, far, bounded = middle, mass, True
        return sign * low
