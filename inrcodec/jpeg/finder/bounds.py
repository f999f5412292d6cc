"""What pixels leave to one of Y, Cb, Cr, the other two being known: the least and the most value of
those that JFIF's conversion makes the pixel of, cut to 0 .. 255 as it may be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...history.chroma_search import RGB
from ..pixels import JFIF

ENDLESS = 1 << 40


class Bounds(NamedTuple):
    """uint8 arrays of one shape; 0 and 255 stand for none, as samples are cut to them."""

    least: np.ndarray
    most: np.ndarray

    def outside(self, samples: np.ndarray) -> np.ndarray:
        """Where samples are outside: bool."""
        return (samples < self.least) | (samples > self.most)


def luma_bounds(rgb: RGB, cb: np.ndarray, cr: np.ndarray) -> Bounds:
    """Of Y. Where nothing fits, both are what comes nearest."""
    lumas = JFIF.lumas(rgb, cb, cr)
    least, most = (np.clip(end, 0, 255).astype(np.uint8) for end in lumas)
    lost = lumas.least > lumas.most
    if lost.any():
        nearest = JFIF.choose_luma(tuple(c[lost] for c in rgb), cb[lost], cr[lost])
        least[lost] = most[lost] = nearest
    return Bounds(least, most)


def chroma_bounds(rgb: RGB, samples: tuple[np.ndarray, ...], component: int) -> Bounds:
    """Of Cb (component 1) or Cr (2), given samples Y, Cb, Cr, uint8. Where nothing fits, both are
    what the component becomes when all three go to where the pixel allows them."""
    blue = component == 1
    value, green = rgb[2 if blue else 0], rgb[1]
    luma = samples[0].astype(np.int64) * JFIF.divisor
    rises = JFIF.b_cb if blue else JFIF.r_cr
    least, most = _between(rises, value, luma)
    # what makes green falls with both: turned, it rises
    falls = -(JFIF.g_cb if blue else JFIF.g_cr)
    other = JFIF.g_cr[samples[2]] if blue else JFIF.g_cb[samples[1]]
    lower = green.astype(np.int64) * JFIF.divisor - luma - other
    upper = np.where(green == 255, ENDLESS, lower + JFIF.divisor - 1)
    lower = np.where(green == 0, -ENDLESS, lower)
    least = np.maximum(least, np.searchsorted(falls, -upper))
    most = np.minimum(most, np.searchsorted(falls, -lower, side="right") - 1)
    lost = least > most
    if lost.any():
        pixels = np.stack([c[lost] for c in rgb])
        moved = allowed(pixels, np.stack([s[lost] for s in samples]))[component]
        least[lost] = most[lost] = np.clip(np.rint(moved), 0, 255)
    return Bounds(least.astype(np.uint8), most.astype(np.uint8))


def told_chroma(value: np.ndarray, luma: np.ndarray, component: int) -> Bounds:
    """Of Cb (component 1) or Cr (2), what B or R, its value, and Y leave to it; none where the
    least is above the most."""
    rises = JFIF.b_cb if component == 1 else JFIF.r_cr
    least, most = _between(rises, value, luma.astype(np.int64) * JFIF.divisor)
    return Bounds(np.clip(least, 0, 255).astype(np.uint8), np.clip(most, 0, 255).astype(np.uint8))


def _between(table: np.ndarray, value: np.ndarray, luma: np.ndarray) -> list[np.ndarray]:
    """The first and the last place of a rising table with which luma makes a value."""
    wanted = value.astype(np.int64) * JFIF.divisor - luma
    lower = np.where(value == 0, -ENDLESS, wanted)
    upper = np.where(value == 255, ENDLESS, wanted + JFIF.divisor - 1)
    return [np.searchsorted(table, lower), np.searchsorted(table, upper, side="right") - 1]


def allowed(rgb: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Samples Y, Cb, Cr, (3, ...), moved to where they lead to R, G, B, (3, ...), of which those
    that are 0 or 255 are only bounds: float32."""
    slopes, offsets = (part.astype(np.float32) for part in JFIF.slopes)
    offsets = (offsets - np.float32(0.5)).reshape(3, *[1] * (rgb.ndim - 1))
    colours = np.tensordot(slopes, samples.astype(np.float32), 1) + offsets
    cut = np.where(rgb == 0, np.minimum(colours, 0), rgb)
    cut = np.where(rgb == 255, np.maximum(colours, 255), cut)
    back = np.linalg.inv(slopes).astype(np.float32)
    return np.tensordot(back, (cut - offsets).astype(np.float32), 1)
