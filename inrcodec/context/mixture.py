"""The threshold view of the bit planes: P(bit) from a mixture of logistics, in integers.

A trunk INR gives each sub-pixel a mixture of 3 logistics (Salimans et al., PixelCNN++, 2017,
section 2.1), here to the base 2: F(t) = sum_i e_i / (1 + 2^-((t - m_i) / s_i)). With the bits above
plane k known, the value lies in [lo, lo + 2^(k+1)), and the plane's bit is 1 with probability
(F(hi) - F(mid)) / (F(hi) - F(lo)), F taken half a sample below each bound.
"""

from __future__ import annotations

from typing import Any

from ..coding.backend import Backend
from ..coding.tables import CDF_BITS, CDF_RANGE, CDF_STEPS, EXP_TOP, PROBABILITY_ONE, UNIT

COMPONENTS = 3
OUTPUTS = 3 * COMPONENTS  # means, log2 scales, log2 weights
MIN_LOG_SCALE, MAX_LOG_SCALE = -6, 10
MAX_MEAN = 1 << 26
WEIGHT_BITS = 14
FLOOR_BITS = 14  # the uniform floor has 2^-14 of the probability
# (t - m) / s has this many fractional bits: UNIT's 10 and 16 of the reciprocal scale
_FRACTION = 26


def logistic(backend: Backend, z: Any, fraction: int = _FRACTION) -> Any:
    """floor-interpolated 2^20 / (1 + 2^-z); z is integers with `fraction` fractional bits."""
    xp = backend.xp
    step = (1 << fraction) // CDF_STEPS
    limit = CDF_RANGE << fraction
    z = xp.clip(z, -limit, limit - 1)
    cell = xp.floor(z * (1 / step))
    rest = z - cell * step
    cell = xp.astype(cell + CDF_RANGE * CDF_STEPS, xp.int64)
    flat = xp.reshape(cell, (-1,))
    low = xp.reshape(xp.take(backend.cdf, flat, axis=0), z.shape)
    slope = xp.reshape(xp.take(backend.cdf_slope, flat, axis=0), z.shape)
    return low + xp.floor(slope * rest * (1 / step))


class Mixture:
    """The mixtures of n sub-pixels, and what is known of their values so far.

    outputs: (9, n) of the trunk INR; base: (n,) in quarter samples; bits: planes per sample;
    exponent: the unit is 2^exponent samples.
    """

    def __init__(self, backend: Backend, outputs: Any, base: Any, bits: int, exponent: int) -> None:
        xp = backend.xp
        self._backend = backend
        self._scale = UNIT / (1 << exponent)
        self._mean = xp.clip(outputs[:3, :], -MAX_MEAN, MAX_MEAN) + base * (self._scale / 4)
        log_scale = xp.clip(outputs[3:6, :], MIN_LOG_SCALE * UNIT, MAX_LOG_SCALE * UNIT)
        self._reciprocal = backend.look_up(backend.exp, log_scale - MIN_LOG_SCALE * UNIT)
        log_weight = xp.clip(outputs[6:, :], -16 * UNIT, 16 * UNIT)
        below = xp.max(log_weight, axis=0) - log_weight
        below = xp.clip(below, 0, WEIGHT_BITS * UNIT)
        self._weight = backend.look_up(backend.exp, below + (EXP_TOP - WEIGHT_BITS) * UNIT)
        total = xp.sum(self._weight, axis=0)
        self._floor = xp.floor(total * 2.0 ** (CDF_BITS - FLOOR_BITS - bits))
        self.low = xp.zeros_like(base)
        self._below_low = xp.zeros_like(base)
        self._below_high = total * (1 << CDF_BITS) + self._floor * (1 << bits)
        self._below_middle = self._below_low

    def split(self, plane: int) -> Any:
        """P(bit = 1) * 65536 of the plane's bits, 1 .. 65535, float64 integers (n,)."""
        xp = self._backend.xp
        middle = self.low + (1 << plane)
        t = (middle - 0.5) * self._scale
        z = (t - self._mean) * self._reciprocal
        below = xp.sum(logistic(self._backend, z) * self._weight, axis=0) + self._floor * middle
        above = self._below_high - below
        p = xp.floor(above * PROBABILITY_ONE / (self._below_high - self._below_low))
        self._below_middle = below
        return xp.clip(p, 1, PROBABILITY_ONE - 1)

    def learn(self, plane: int, bit: Any) -> None:
        """Takes the bits (n,) of the plane that was split last as known."""
        xp = self._backend.xp
        self.low = self.low + bit * (1 << plane)
        self._below_low = xp.where(bit > 0, self._below_middle, self._below_low)
        self._below_high = xp.where(bit > 0, self._below_high, self._below_middle)
