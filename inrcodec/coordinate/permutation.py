"""A permutation of all pixels, the same on every machine.

Published as random pixel permutation, a transform that takes from a network all that is smooth
(Zhang et al., "Enhancing Implicit Neural Representations via Symmetric Power Transformation",
AAAI 2025). Its keys are SplitMix64's (Steele, Lea & Flood, "Fast Splittable Pseudorandom Number
Generators", 2014).
"""

from __future__ import annotations

import numpy as np

SEED_BITS = 32

_GAMMA, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def pixel_order(seed: int, count: int) -> np.ndarray:
    """int64 (count,): at j the pixel, in row-major order, that takes the place of pixel j.

    seed: 0 .. 2^32 - 1. Pixels p are in the order of their keys, the smallest first; no two are
    alike. All is modulo 2^64, and "/" rounded down: let z = (seed * 2^32 + p + 1) *
    0x9E3779B97F4A7C15, z = (z ^ (z / 2^30)) * 0xBF58476D1CE4E5B9,
    z = (z ^ (z / 2^27)) * 0x94D049BB133111EB. The key is z ^ (z / 2^31).
    """
    z = np.arange(1, count + 1, dtype=np.uint64)
    z += np.uint64(seed << SEED_BITS)
    z *= np.uint64(_GAMMA)
    z ^= z >> np.uint64(30)
    z *= np.uint64(_FIRST)
    z ^= z >> np.uint64(27)
    z *= np.uint64(_SECOND)
    z ^= z >> np.uint64(31)
    return np.argsort(z)
