"""The conversions of FFmpeg's swscale with accurate_rnd and full_chroma_int, whose chroma is finer
than samples: upsampled by the bicubic rule, in 1/512, and not rounded (measured).

    R = (512 (Y - black) luma + 2^21 + Cr r_cr) >> 22, and so on, in 32 bits that wrap around,

and cut to 0 .. 255.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .upsampling import FINE

BITS, HALF = 22, 1 << 21
LUMA_REACH = 2  # from an estimate


@dataclass(frozen=True)
class FineConversion:
    """black: the Y of black; factors in 1/8192: of Y - black, of Cr in R, of Cb and of Cr in G, of
    Cb in B."""

    black: int
    luma: int
    factors: tuple[int, int, int, int]

    def rgb(self, y: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> tuple[np.ndarray, ...]:
        """R, G, B, uint8, of Y, uint8, and fine Cb and Cr, int32, of one shape."""
        r_cr, g_cb, g_cr, b_cb = self.factors
        base = FINE * self.luma * (y.astype(np.int64) - self.black) + HALF
        u, v = cb.astype(np.int64), cr.astype(np.int64)
        sums = base + r_cr * v, base + g_cb * u + g_cr * v, base + b_cb * u
        wrapped = ((each + (1 << 31)) % (1 << 32) - (1 << 31) for each in sums)
        return tuple(np.clip(each >> BITS, 0, 255).astype(np.uint8) for each in wrapped)

    @cached_property
    def _inverse(self) -> np.ndarray:
        r_cr, g_cb, g_cr, b_cb = self.factors
        y = self.luma
        return np.linalg.inv(np.array([[y, 0, r_cr], [y, g_cb, g_cr], [y, b_cb, 0]]) / 8192)

    def estimate(self, rgb: tuple[np.ndarray, ...]) -> np.ndarray:
        """About what Y, Cb, Cr lead to R, G, B (n,): float64 (3, n), in samples."""
        found = self._inverse @ np.stack(rgb).astype(np.float64)
        return np.asarray(found + np.array([[self.black], [128], [128]]))

    def choose_luma(
        self, rgb: tuple[np.ndarray, ...], cb: np.ndarray, cr: np.ndarray
    ) -> np.ndarray:
        """Y, uint8, that leads to the most of R, G, B, and then to the nearest."""
        flat = tuple(c.reshape(-1) for c in rgb)
        start = np.rint(self.estimate(flat)[0]).astype(np.int64)
        best, least = np.zeros(start.shape, dtype=np.uint8), np.full(start.shape, np.inf)
        for offset in sorted(range(-LUMA_REACH, LUMA_REACH + 1), key=abs):
            y = np.clip(start + offset, 0, 255).astype(np.uint8)
            cost = np.zeros(start.shape)
            for made, wanted in zip(self.rgb(y, cb.reshape(-1), cr.reshape(-1)), flat, strict=True):
                far = np.abs(made.astype(np.int16) - wanted)
                cost += np.log2(1 + far) + 2 * (far > 0)
            better = cost < least
            best[better], least[better] = y[better], cost[better]
        return best.reshape(rgb[0].shape)


# By the names of conversions.CONVERSIONS.
FINE_CONVERSIONS = {
    "bt.601": FineConversion(16, 9539, (13075, -3209, -6660, 16525)),
    "bt.601 full": FineConversion(0, 8192, (11485, -2819, -5850, 14516)),
    "bt.709": FineConversion(16, 9539, (14686, -1747, -4366, 17305)),
    "bt.709 full": FineConversion(0, 8192, (12901, -1534, -3835, 15201)),
}
