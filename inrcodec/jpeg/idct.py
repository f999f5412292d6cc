"""The inverse DCT of JPEG decoders, in exact integers.

It is libjpeg's accurate one (jidctint.c, "islow"; Loeffler, Ligtenberg & Moschytz, "Practical fast
1-D DCT algorithms with 11 multiplications", ICASSP 1989): constants of 13 bits, two bits kept
between the columns, which come first, and the rows. libjpeg 6b to 9f, libjpeg-turbo, mozjpeg and
OpenCV have it as their default and agree on every sample, as long as coefficients lead to samples
in -384 .. 639 before they are cut to 0 .. 255.

Beyond that, which no picture leads to, decoders differ: of what comes out only 10 bits are looked
at here, as in jidctint.c; vector code of libjpeg-turbo saturates at 16 bits in between instead.
Nothing overflows here whatever the coefficients, as all is in 64 bits.
"""

from __future__ import annotations

import numpy as np

from .. import kernels
from .zigzag import ZIGZAG as FREQUENCIES

BITS, EXTRA_BITS = 13, 2
# The natural place, 8 v + u, of each place of the zigzag order.
ZIGZAG = np.array([8 * v + u for u, v in FREQUENCIES])
ZIGZAG.setflags(write=False)


def component_samples(coefficients: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The samples of a component, uint8 (8 rows, 8 cols), of its quantised coefficients, int16
    (rows, cols, 64), and its quantisation table, uint16 (64,), both in zigzag order."""
    rows, cols, _ = coefficients.shape
    library = kernels.library()
    if library is None:
        return plain_samples(coefficients, table)
    samples = np.empty((8 * rows, 8 * cols), dtype=np.uint8)
    coefficients = np.ascontiguousarray(coefficients)
    library.jpeg_samples(coefficients, np.ascontiguousarray(table), rows, cols, samples)
    return samples


def plain_samples(coefficients: np.ndarray, table: np.ndarray) -> np.ndarray:
    """What component_samples computes, in NumPy: its definition."""
    rows, cols, _ = coefficients.shape
    blocks = np.empty((rows, cols, 64), dtype=np.int64)
    blocks[..., ZIGZAG] = coefficients.astype(np.int64) * table.astype(np.int64)
    halfway = _inverse(np.moveaxis(blocks.reshape(rows, cols, 8, 8), 2, 0), BITS - EXTRA_BITS)
    values = _inverse(np.moveaxis(halfway, 3, 0), BITS + EXTRA_BITS + 3)
    # x, y, rows, cols; 10 bits of each, of which the middle ones are in range
    samples = np.clip(((values + 512) & 1023) - 384, 0, 255).astype(np.uint8)
    return samples.transpose(2, 1, 3, 0).reshape(8 * rows, 8 * cols)


def _inverse(values: np.ndarray, shift: int) -> np.ndarray:
    """The inverse DCT along the first axis, scaled by sqrt(8) 2^13, less `shift` bits, rounded."""
    v0, v1, v2, v3, v4, v5, v6, v7 = values
    z1 = (v2 + v6) * 4433
    t2, t3 = z1 - v6 * 15137, z1 + v2 * 6270
    t0, t1 = (v0 + v4) << BITS, (v0 - v4) << BITS
    even = (t0 + t3, t1 + t2, t1 - t2, t0 - t3)
    z5 = (v7 + v3 + v5 + v1) * 9633
    z1, z2 = (v7 + v1) * -7373, (v5 + v3) * -20995
    z3, z4 = (v7 + v3) * -16069 + z5, (v5 + v1) * -3196 + z5
    odd = (
        v1 * 12299 + z1 + z4,
        v3 * 25172 + z2 + z3,
        v5 * 16819 + z2 + z4,
        v7 * 2446 + z1 + z3,
    )
    ahead = [e + o for e, o in zip(even, odd, strict=True)]
    behind = [e - o for e, o in zip(even, odd, strict=True)]
    return (np.stack(ahead + behind[::-1]) + (1 << shift >> 1)) >> shift
