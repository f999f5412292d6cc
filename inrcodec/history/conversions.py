"""The integer conversions of Y, Cb, Cr to R, G, B that decoders of pictures and video use.

All have one form: with a table of integers for each of luma, r_cr, b_cb, g_cb and g_cr,

    R = (luma[Y] + r_cr[Cr]) / divisor    B = (luma[Y] + b_cb[Cb]) / divisor
    G = (luma[Y] + g_cb[Cb] + g_cr[Cr]) / divisor

rounded down and cut to 0 .. 255. Tables of luma do not fall.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

VALUES = np.arange(256, dtype=np.int64)
NONE = 1 << 10  # an end of an interval that is empty
LUMA_REACH = 12  # from an estimate


@dataclass(frozen=True, eq=False, repr=False)
class Conversion:
    """name: for people and in names of tests; tables: int64 (256,)."""

    name: str
    divisor: int
    luma: np.ndarray
    r_cr: np.ndarray
    b_cb: np.ndarray
    g_cb: np.ndarray
    g_cr: np.ndarray

    def rgb(self, y: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> tuple[np.ndarray, ...]:
        """R, G, B, uint8, of Y, Cb, Cr, uint8 of one shape."""
        red, blue, luma, g_cb, g_cr = self._small
        green = luma[y]
        green += g_cb[cb]
        green += g_cr[cr]
        if self.divisor > 1:
            green //= self.divisor
        np.clip(green, 0, 255, out=green)
        return red[y, cr], green.astype(np.uint8), blue[y, cb]

    @cached_property
    def _small(self) -> tuple[np.ndarray, ...]:
        """R by Y and Cr, B by Y and Cb, uint8 (256, 256), and the tables of G, int32."""
        red, blue = (
            _cut((self.luma[:, None] + chroma) // self.divisor).astype(np.uint8)
            for chroma in (self.r_cr, self.b_cb)
        )
        return red, blue, *(t.astype(np.int32) for t in (self.luma, self.g_cb, self.g_cr))

    def lumas(self, rgb: tuple[np.ndarray, ...], cb: np.ndarray, cr: np.ndarray) -> Lumas:
        """What Y leads from a chroma to R, G, B; arrays of one shape."""
        r, g, b = rgb
        red, blue = self.intervals
        chroma = self.g_cb[cb] + self.g_cr[cr]
        green = g.astype(np.int64) * self.divisor - chroma
        above = np.where(g == 0, -(1 << 40), green)
        below = np.where(g == 255, 1 << 40, green + self.divisor)
        least = np.searchsorted(self.luma, above.reshape(-1)).reshape(g.shape)
        most = np.searchsorted(self.luma, below.reshape(-1)).reshape(g.shape) - 1
        for (low, high), value, other in ((red, r, cr), (blue, b, cb)):
            least = np.maximum(least, low[value, other])
            most = np.minimum(most, high[value, other])
        return Lumas(least, most)

    def choose_luma(
        self, rgb: tuple[np.ndarray, ...], cb: np.ndarray, cr: np.ndarray
    ) -> np.ndarray:
        """Y, uint8, that leads to R, G, B: of several, where all were clipped, the one next to
        those of pixels that were not; where none does, one that leads to about R, G, B."""
        lumas = self.lumas(rgb, cb, cr)
        y = np.where(lumas.most < 255, lumas.most, lumas.least)
        lost = lumas.least > lumas.most
        if lost.any():
            some = tuple(c[lost] for c in rgb)
            y[lost] = self._nearest_luma(some, cb[lost], cr[lost])
        return _cut(y).astype(np.uint8)

    def _nearest_luma(
        self, rgb: tuple[np.ndarray, ...], cb: np.ndarray, cr: np.ndarray
    ) -> np.ndarray:
        """Of arrays (n,) the Y next to the estimate that leads to the most of R, G, B, and then to
        the nearest."""
        around = self.estimate(rgb)[0] + np.arange(-LUMA_REACH, LUMA_REACH + 1)[:, None]
        around = _cut(around).astype(np.uint8)
        cost = np.zeros(around.shape)
        for made, wanted in zip(self.rgb(around, cb[None], cr[None]), rgb, strict=True):
            far = np.abs(made.astype(np.int16) - wanted)
            cost += np.log2(1 + far) + 2 * (far > 0)
        return np.take_along_axis(around, cost.argmin(axis=0)[None], axis=0)[0]

    @cached_property
    def intervals(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """Of R by Cr and B by Cb the least and the most Y, int16 (256, 256) by value and chroma."""
        found = []
        for converted in self._small[:2]:
            chroma = np.broadcast_to(VALUES, converted.shape)
            least = np.full(converted.shape, NONE, dtype=np.int16)
            most = np.full(converted.shape, -1, dtype=np.int16)
            for y in reversed(range(256)):
                least[converted[y], chroma[y]] = y
            for y in range(256):
                most[converted[y], chroma[y]] = y
            found.append((least, most))
        return tuple(found)

    @cached_property
    def slopes(self) -> tuple[np.ndarray, np.ndarray]:
        """R, G, B = slopes (Y, Cb, Cr) + offsets before they are rounded down, about: (3, 3) and
        (3,), float64."""
        lines = {}
        for name in ("luma", "r_cr", "b_cb", "g_cb", "g_cr"):
            table = getattr(self, name) / self.divisor
            slope = (table[208] - table[48]) / 160
            lines[name] = slope, table[128] - 128 * slope
        (y, zero), r_cr, b_cb, g_cb, g_cr = lines.values()
        slopes = np.array([[y, 0, r_cr[0]], [y, g_cb[0], g_cr[0]], [y, b_cb[0], 0]])
        return slopes, np.array([r_cr[1], g_cb[1] + g_cr[1], b_cb[1]]) + zero

    @cached_property
    def _inverse(self) -> tuple[np.ndarray, np.ndarray]:
        """Y, Cb, Cr = matrix (R, G, B) + offset, about."""
        slopes, offsets = self.slopes
        matrix = np.linalg.inv(slopes)
        return matrix, matrix @ (0.5 - offsets)  # what was rounded down is half a step above

    def estimate(self, rgb: tuple[np.ndarray, ...]) -> np.ndarray:
        """About what Y, Cb, Cr lead to R, G, B: int64 (3, ...), 0 .. 255."""
        matrix, offset = self._inverse
        flat = np.stack([c.reshape(-1) for c in rgb]).astype(np.float64)
        found = np.rint(matrix @ flat + offset[:, None]).astype(np.int64)
        return _cut(found).reshape(3, *rgb[0].shape)

    def preimages(self, rgb: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Y, Cb, Cr, uint8 (3, n), next to the estimate, that lead to R, G, B, uint8 (n,) each, and
        where they do; the estimate elsewhere."""
        start = self.estimate(rgb)
        found, exact = start.copy(), np.zeros(rgb[0].shape, dtype=bool)
        left = np.arange(exact.size)
        for offset in _NEAR:
            tried = _cut(start[:, left] + offset[:, None])
            made = self.rgb(*tried.astype(np.uint8))
            right = np.ones(left.size, dtype=bool)
            for one, other in zip(made, rgb, strict=True):
                right &= one == other[left]
            found[:, left[right]], exact[left[right]] = tried[:, right], True
            left = left[~right]
            if not left.size:
                break
        return found.astype(np.uint8), exact


class Lumas(NamedTuple):
    """The least and the most Y, int64; none where least > most."""

    least: np.ndarray
    most: np.ndarray


def _offsets() -> np.ndarray:
    """Those of a cube of 3, the nearest first: (27, 3)."""
    cube = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return cube[np.argsort((cube**2).sum(axis=1), kind="stable")]


_NEAR = _offsets()


def _cut(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255)


def _jfif() -> Conversion:
    """JFIF 1.02 in the 16-bit fixed point of libjpeg."""
    chroma, half = VALUES - 128, 1 << 15
    return Conversion(
        "jfif", 1 << 16, VALUES << 16,
        91881 * chroma + half, 116130 * chroma + half, -22554 * chroma, -46802 * chroma + half,
    )  # fmt: skip


def _photo_cd() -> Conversion:
    """Photo CD's YCC, 8 bits, as Kodak's pictures were converted."""
    cb, cr = 22179 * (VALUES - 156), 18215 * (VALUES - 137)
    unit = 10_000
    return Conversion(
        "photo cd", unit, 13584 * VALUES, cr, cb, -1940 * (cb // unit), -5090 * (cr // unit)
    )


def _swscale(name: str, black: int, luma: int, factors: tuple[int, int, int, int]) -> Conversion:
    """FFmpeg's swscale on x86 without accurate_rnd: factors in 1/8192 of Cr in R, of Cb and of Cr
    in G and of Cb in B."""

    def times(values: np.ndarray, factor: int) -> np.ndarray:
        return (8 * values * factor) >> 16

    r_cr, g_cb, g_cr, b_cb = (times(VALUES - 128, factor) for factor in factors)
    return Conversion(name, 1, times(VALUES - black, luma), r_cr, b_cb, g_cb, g_cr)


# Numbers in files are places in this list, from 1 on.
CONVERSIONS = (
    _jfif(),
    _photo_cd(),
    _swscale("bt.601", 16, 9539, (13075, -3209, -6660, 16525)),
    _swscale("bt.601 full", 0, 8192, (11485, -2819, -5850, 14516)),
    _swscale("bt.709", 16, 9539, (14686, -1747, -4366, 17305)),
    _swscale("bt.709 full", 0, 8192, (12901, -1534, -3835, 15201)),
)
