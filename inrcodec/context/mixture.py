"""The threshold view of the bit planes: log-odds of a bit from a mixture of logistics, in integers.

A trunk INR gives each sub-pixel a mixture of 3 logistics (Salimans et al., PixelCNN++, 2017,
section 2.1), here to the base 2: F(t) = sum_i w_i / (1 + 2^-((t - m_i) / s_i)). With the bits above
plane k known, the value lies in [lo, lo + 2^(k+1)), and the odds of a 1 in that plane are
F(hi) - F(mid) to F(mid) - F(lo), F taken half a sample below each bound. F is below 2^31.
"""

from __future__ import annotations

from typing import Any

from ..coding.backend import Backend
from ..coding.tables import CELL_BITS, LOGISTIC_BITS, LOGISTIC_RANGE, LOGISTIC_STEPS, UNIT

COMPONENTS = 3
OUTPUTS = 3 * COMPONENTS  # means, log2 scales, log2 weights
MIN_LOG_SCALE, MAX_LOG_SCALE = -6, 10
MAX_MEAN = 1 << 26
WEIGHT_BITS = 10  # the largest component's weight is 2^10
FLOOR_BITS = 14  # the uniform floor has 2^-14 of the probability


class Mixture:
    """The mixtures of n sub-pixels, and what is known of their values so far.

    outputs: int64 (9, n) of the trunk INR; base: int64 (n,) in quarter samples; bits: planes per
    sample; exponent: the unit is 2^exponent samples. low: int64 (n,), the least possible values.
    """

    def __init__(self, backend: Backend, outputs: Any, base: Any, bits: int, exponent: int) -> None:
        xp = backend.xp
        self._backend, self._exponent = backend, exponent
        self._mean = xp.clip(outputs[:3, :], -MAX_MEAN, MAX_MEAN) + (base << 8 - exponent)
        log_scale = xp.clip(outputs[3:6, :], MIN_LOG_SCALE * UNIT, MAX_LOG_SCALE * UNIT)
        self._rate = backend.rate(log_scale - MIN_LOG_SCALE * UNIT)
        log_weight = xp.clip(outputs[6:, :], -MAX_MEAN, MAX_MEAN)
        below = xp.clip(xp.max(log_weight, axis=0) - log_weight, 0, WEIGHT_BITS * UNIT)
        self._weight = backend.power(below) >> (23 - WEIGHT_BITS)
        total = xp.sum(self._weight, axis=0)
        self._floor = xp.clip(total << (LOGISTIC_BITS - FLOOR_BITS) >> bits, 1, None)
        self.low = xp.zeros_like(base)
        self._below_low = xp.zeros_like(base)
        self._below_high = (total << LOGISTIC_BITS) + (self._floor << bits)
        self._below_middle = self._below_low

    def split(self, plane: int) -> Any:
        """The log-odds of a 1 in the plane, int64 (n,) in units of 1/1024."""
        backend, xp = self._backend, self._backend.xp
        middle = self.low + (1 << plane)
        distance = (2 * middle - 1 << 9 - self._exponent) - self._mean
        z = xp.astype(distance, xp.float32) * self._rate
        limit = LOGISTIC_RANGE * LOGISTIC_STEPS << CELL_BITS
        z = xp.astype(xp.clip(z, -limit, limit - 1), xp.int64)
        below = xp.sum(backend.logistic(z) * self._weight, axis=0) + self._floor * middle
        self._below_middle = below
        ones, zeros = self._below_high - below, below - self._below_low
        return backend.log2(ones) - backend.log2(zeros)

    def learn(self, plane: int, bit: Any) -> None:
        """Takes the bits int64 (n,) of the plane that was split last as known."""
        xp = self._backend.xp
        self.low = self.low + (bit << plane)
        self._below_low = xp.where(bit > 0, self._below_middle, self._below_low)
        self._below_high = xp.where(bit > 0, self._below_high, self._below_middle)
