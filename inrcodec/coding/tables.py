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
LOGISTIC_BITS = 19  # F = 1 is 2^19
LOGISTIC_RANGE = 16  # octaves either side of the middle
LOGISTIC_STEPS = 64  # entries per octave
CELL_BITS = 10  # between two entries
TURN = 1 << 16  # entries of sin_table, and its one
NORMAL_BITS, NORMAL_RANGE, NORMAL_STEPS = 20, 8, 64  # of normal_table: F = 1 is 2^20
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
def power_table() -> np.ndarray:
    """int64 (1024,): 2^(23 - j / 1024) rounded down."""
    return np.array([v >> 41 for v in _power_of_two_fractions(10, 64)], dtype=np.int64)


@cache
def log2_table() -> np.ndarray:
    """int64 (1024,): 1024 log2(1 + m / 1024) rounded down, by squaring 31-bit fractions."""
    x = (np.arange(UNIT, dtype=np.uint64) + np.uint64(UNIT)) << np.uint64(21)
    log = np.zeros(UNIT, dtype=np.uint64)
    for _ in range(10):
        x = (x * x) >> np.uint64(31)
        carry = x >> np.uint64(32)
        x >>= carry
        log = log * np.uint64(2) + carry
    return log.astype(np.int64)


@cache
def logistic_table() -> np.ndarray:
    """int64 (2049,): floor(2^19 / (1 + 2^-z)) at z = (i - 1024) / 64 octaves."""
    half = LOGISTIC_RANGE * LOGISTIC_STEPS
    fractions = _power_of_two_fractions(6, 64)
    table = []
    for i in range(-half, half + 1):
        # 2^-|z| in 64-bit precision
        power = fractions[abs(i) % LOGISTIC_STEPS] >> (abs(i) // LOGISTIC_STEPS)
        numerator = (1 << 64) if i >= 0 else power
        table.append((numerator << LOGISTIC_BITS) // ((1 << 64) + power))
    return np.array(table, dtype=np.int64)


@cache
def sin_table() -> np.ndarray:
    """float64 (65536,): 2^16 sin(2 pi j / 65536) to the nearest integer."""
    one = 1 << 96
    # (cos, sin) of a quarter turn, and of each half of the angle before
    c, s = 0, one
    halves = []
    for _ in range(14):
        c, s = isqrt((one + c) * one // 2), isqrt((one - c) * one // 2)
        halves.append((c, s))
    quarter = [(one, 0)]
    for c, s in reversed(halves):  # the lowest bit of j stands for the smallest angle
        quarter += [((a * c - b * s) >> 96, (a * s + b * c) >> 96) for a, b in quarter]
    up = [(b + (1 << 79)) >> 80 for _, b in quarter]
    half = [*up, TURN, *up[:0:-1]]
    return np.array([*half, *(-v for v in half)], dtype=np.float64)


@cache
def normal_table() -> np.ndarray:
    """float64 (1025,): F(x) = floor(2^20 P(X < x)) for a standard normal X, x = (i - 512) / 64."""
    one, n = 1 << 160, NORMAL_RANGE * NORMAL_STEPS

    def arctan(inverse: int) -> int:
        total, power, k = 0, one // inverse, 1
        while power:
            total += power // k if k % 4 == 1 else -(power // k)
            power, k = power // inverse**2, k + 2
        return total

    pi = 4 * (4 * arctan(5) - arctan(239))  # Machin 1706
    root = isqrt(2 * pi * one)
    upper = []
    for i in range(n + 1):
        # the sum over k of (-1)^k x^(2k+1) / (2^k k! (2k+1)), to 160 bits
        power, total, k = one * i // NORMAL_STEPS, 0, 0
        while power:
            total += power // (2 * k + 1) if k % 2 == 0 else -(power // (2 * k + 1))
            k += 1
            power = power * i * i // (2 * k * NORMAL_STEPS**2)
        upper.append((one // 2 + total * one // root) >> (160 - NORMAL_BITS))
    lower = [(1 << NORMAL_BITS) - 1 - v for v in upper[:0:-1]]
    return np.array([*lower, *upper], dtype=np.float64)


@cache
def squash_table() -> np.ndarray:
    """uint16 (8192,): 2^16 / (1 + 2^-z), rounded down, at z = (i - 4096) / 256 octaves; 1 to
    65535."""
    fractions = _power_of_two_fractions(8, 64)
    table = []
    for i in range(-4096, 4096):
        power = fractions[abs(i) % 256] >> (abs(i) // 256)
        numerator = (1 << 64) if i >= 0 else power
        table.append(min(max((numerator << 16) // ((1 << 64) + power), 1), 65535))
    return np.array(table, dtype=np.uint16)


@cache
def stretch_table() -> np.ndarray:
    """int16 (4096,): of each P * 4096 the first z of squash_table, in 1/256 octave, that reaches
    the middle of what it stands for; -4095 at least."""
    middles = np.arange(4096) * 16 + 8
    return (np.searchsorted(squash_table()[1:], middles) - 4095).astype(np.int16)


ALL = (
    exp_table,
    power_table,
    log2_table,
    logistic_table,
    sin_table,
    normal_table,
    squash_table,
    stretch_table,
)
