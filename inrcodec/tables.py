"""Integer tables in place of exp, log and the logistic function.

Every entry is the result of Python integer arithmetic, so the tables are the same on every
machine (format_spec.md gives them in the same terms). Logarithms are to the base 2 and
in units of 1/1024: UNIT below.
"""

from __future__ import annotations

from functools import cache
from math import isqrt

import numpy as np

UNIT = 1024  # fixed-point one of activations, logits and logarithms
PROBABILITY_BITS = 16
PROBABILITY_ONE = 1 << PROBABILITY_BITS
CDF_BITS = 20  # F = 1 is 2^20
CDF_RANGE = 16  # octaves either side of the middle
CDF_STEPS = 64  # entries per octave
EXP_TOP = 22  # exp_table()[0] = 2^22


def _power_of_two_fractions(count_bits: int, precision: int) -> list[int]:
    """2^(precision - j / 2^count_bits), rounded down in steps, for j = 0 .. 2^count_bits - 1."""
    # 2^(-1/2), 2^(-1/4), ...: each the square root of the one before, from 1/2 on
    roots, root = [], 1 << (precision - 1)
    for _ in range(count_bits):
        root = isqrt(root << precision)
        roots.append(root)
    values = [1 << precision]
    for root in reversed(roots):  # the lowest bit of j stands for the finest root
        values += [(v * root) >> precision for v in values]
    return values


@cache
def exp_table() -> np.ndarray:
    """float64 (22 * 1024 + 1,): 2^(22 - j / 1024) rounded down, fractions in 64-bit precision."""
    fractions = _power_of_two_fractions(10, 64)
    top = 64 - EXP_TOP
    table = [fractions[j % UNIT] >> (top + j // UNIT) for j in range(EXP_TOP * UNIT + 1)]
    return np.array(table, dtype=np.float64)


@cache
def log_table() -> np.ndarray:
    """float64 (65537,): 1024 * log2(n) rounded down, by squaring 31-bit fractions; [0] is 0."""
    n = np.arange(1, PROBABILITY_ONE + 1, dtype=np.uint64)
    whole = np.zeros(n.shape, dtype=np.uint64)
    for b in range(1, PROBABILITY_BITS + 1):
        whole += n >= (1 << b)
    x = n << (np.uint64(31) - whole)  # 1 <= x / 2^31 < 2
    log = whole
    for _ in range(10):
        x = (x * x) >> np.uint64(31)
        carry = x >> np.uint64(32)
        x >>= carry
        log = log * np.uint64(2) + carry
    return np.concatenate([np.zeros(1), log.astype(np.float64)])


@cache
def cdf_table() -> np.ndarray:
    """float64 (2049,): F(z) = floor(2^20 / (1 + 2^-z)) at z = (i - 1024) / 64 octaves."""
    half = CDF_RANGE * CDF_STEPS
    fractions = _power_of_two_fractions(6, 64)
    table = []
    for i in range(-half, half + 1):
        # 2^-|z| in 64-bit precision
        power = fractions[abs(i) % CDF_STEPS] >> (abs(i) // CDF_STEPS)
        numerator = (1 << 64) if i >= 0 else power
        table.append((numerator << CDF_BITS) // ((1 << 64) + power))
    return np.array(table, dtype=np.float64)


@cache
def logit_table() -> np.ndarray:
    """float64 (65536,): log_table[p] - log_table[65536 - p] for p = 1 .. 65535; [0] is [1]."""
    log = log_table()
    p = np.arange(PROBABILITY_ONE)
    p[0] = 1
    return log[p] - log[PROBABILITY_ONE - p]
