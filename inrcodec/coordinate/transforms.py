"""Target transforms: sample values as the targets of a coordinate network, and back in integers.

A power that spreads the samples evenly around the middle of [-1, 1] makes a network's fit faster
(Zhang et al., "Enhancing Implicit Neural Representations via Symmetric Power Transformation",
AAAI 2025; Box & Cox, "An Analysis of Transformations", 1964). All those that the former compare are
here. The encoder fits and applies a transform in floats; the inverse is integer arithmetic on
stored integers, the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt, log, log2

import numpy as np

from ..errors import CorruptError, UnsupportedVersionError
from .permutation import SEED_BITS

# The stored number is the index
TRANSFORMS = (
    "none", "zscore", "gamma", "box-cox", "sym-power", "0-1", "scale", "inverse", "rpp",
)  # fmt: skip
TRANSFORMS_OF_2_3 = frozenset(TRANSFORMS[5:])
OUTPUT_BITS = 16
OUTPUT_LIMIT = 8 << OUTPUT_BITS  # outputs are -OUTPUT_LIMIT .. OUTPUT_LIMIT - 1

ONE = 1 << 16  # of mean, deviation and exponent
BOUNDARY_ONE = 1 << 8  # of the soft boundary
LAMBDA_ONE = 64  # the inverse divides by lambda: finer steps would cost it precision
LAMBDA_LIMIT = 2 * LAMBDA_ONE
MAX_POWER = 5  # powers are 1/5 .. 5
EXPONENT_RANGE = (ONE // MAX_POWER, ONE * MAX_POWER)
MAX_FACTOR = 16  # factors are 1/16 .. 16: of more, outputs end before targets
FACTOR_RANGE = (ONE // MAX_FACTOR, ONE * MAX_FACTOR)

# Published constants, in units of the range in use, where they are bins of 256
BIN = 1 / 256
CALIBRATION_EDGE, CALIBRATION_SHARE = 12 * BIN, 0.05
BOUNDARY_EDGE = 2 * BIN

STRIP = 1 << 20  # samples at a time


@dataclass(frozen=True)
class Transform:
    """A kind of TRANSFORMS and its scalars, non-negative integers below 2^32.

    The first two are the least and the greatest sample in use; results are clamped to them. Then:

    - "none", "0-1", "inverse": no more.
    - "zscore": mean and standard deviation, in units of 2^-16 of a sample value.
    - "gamma": the exponent of the inverse, 1 / beta, in units of 2^-16.
    - "box-cox": 128 + 64 * lambda.
    - "sym-power": 1 / beta as for "gamma"; then L and R, in units of 2^-8 of a sample value.
    - "scale": the factor, in units of 2^-16.
    - "rpp": the seed of the permutation.
    """

    kind: str
    scalars: tuple[int, ...]

    @property
    def settings(self) -> dict[str, float]:
        """What the kind leaves open, as the encoder's options have it, to four digits: the factor,
        the power or the seed; of "zscore" and the ends of the range nothing."""
        if self.kind in ("gamma", "sym-power"):
            return {"power": float(f"{ONE / self.scalars[2]:.4g}")}
        if self.kind == "box-cox":
            return {"lambda": self.scalars[2] / LAMBDA_ONE - 2}
        if self.kind == "scale":
            return {"factor": float(f"{self.scalars[2] / ONE:.4g}")}
        return {} if self.seed is None else {"seed": self.seed}

    @property
    def seed(self) -> int | None:
        """Of the permutation of the pixels that a network sees, if it sees one."""
        return self.scalars[2] if self.kind == "rpp" else None


def fit_transform(
    kind: str,
    samples: np.ndarray,
    bits: int,
    *,
    factor: float = 1.0,
    power: float | None = None,
    seed: int = 0,
) -> Transform:
    """The transform of a kind that suits samples: uint8 or uint16, any shape, not empty.

    bits: of a sample, 8 or 16; factor: of "scale", 1/16 .. 16; power: of "gamma", 1/5 .. 5, None
    for that which suits the samples; seed: of "rpp", of which the lowest 32 bits count. Raises
    ValueError for a kind that is not one of TRANSFORMS.

    - "none": the range in use to [-1, 1].
    - "0-1": the range in use to [0, 1].
    - "scale": the range in use to [-factor / 2, factor / 2]; that of factor 2 is as "none".
    - "inverse": as "none", of full scale minus the samples: the negative of it.
    - "rpp": as "none", and the network sees the pixels in the order of permutation.pixel_order.
    - "zscore": to mean 0 and deviation 1.
    - "gamma": as "none", but for a power beta, which brings the median as near to 0 as 1/5 .. 5 can
      if none is given.
    - "box-cox": lambda of greatest likelihood, for samples raised by a tenth of full scale, as
      published for comparison with "sym-power"; then to [-1, 1].
    - "sym-power": as "gamma", with the published calibration of beta and soft boundary. L and R
      are 256 bins times a share of the mass; the published bin is one sample value of 8 bits, ours
      a 256th of the range in use, so that 16 bits and narrow ranges are treated alike.
    """
    if kind not in TRANSFORMS:
        raise ValueError(f"no transform is called {kind!r}")
    flat = samples.reshape(-1)
    counts = np.zeros(1 << bits, dtype=np.int64)
    for first in range(0, flat.size, STRIP):
        counts += np.bincount(flat[first : first + STRIP], minlength=1 << bits)
    values = np.flatnonzero(counts)
    counts = counts[values]
    least, greatest = int(values[0]), int(values[-1])
    if kind in ("none", "0-1", "inverse"):
        return Transform(kind, (least, greatest))
    if kind == "scale":
        return Transform(kind, (least, greatest, round(factor * ONE)))
    if kind == "rpp":
        return Transform(kind, (least, greatest, seed & ((1 << SEED_BITS) - 1)))
    if kind == "zscore":
        mean = float(np.average(values, weights=counts))
        deviation = float(np.average((values - mean) ** 2, weights=counts)) ** 0.5
        return Transform(kind, (least, greatest, round(mean * ONE), max(1, round(deviation * ONE))))
    if kind == "box-cox":
        logs = np.log(values + _lift(bits)) - np.log(greatest + _lift(bits))

        def likelihood(stored: int) -> float:
            power = stored / LAMBDA_ONE - 2
            raised = np.expm1(power * logs) / power if power else logs
            spread = (raised - np.average(raised, weights=counts)) ** 2
            variance = max(1e-30, float(np.average(spread, weights=counts)))  # of constants 0
            return (power - 1) * float(np.average(logs, weights=counts)) - log(variance) / 2

        coarse = max(range(0, 2 * LAMBDA_LIMIT + 1, 16), key=likelihood)
        near = range(max(0, coarse - 15), min(2 * LAMBDA_LIMIT, coarse + 15) + 1)
        return Transform(kind, (least, greatest, max(near, key=likelihood)))

    unit = (values - least) / max(1, greatest - least)
    median = unit[np.searchsorted(2 * np.cumsum(counts), flat.size)]
    # No power moves 0 or 1: the median of a constant image, or of one that is mostly background
    exponent = -log2(np.clip(median, BIN, 1 - BIN)) if power is None else 1 / power
    boundary = []
    if kind == "sym-power":

        def mass(of: np.ndarray, edge: float, low: bool) -> float:
            return float(counts[of < edge if low else of >= 1 - edge].sum()) / flat.size

        crowded = exponent < 1  # the low edge, else the high one
        before = mass(unit, CALIBRATION_EDGE, crowded)
        gain = mass(unit ** (1 / exponent), CALIBRATION_EDGE, crowded) - before
        kept = 1 - min(1.0, gain / CALIBRATION_SHARE)
        exponent = 1 / (1 + (1 / exponent - 1) * kept) if crowded else 1 + (exponent - 1) * kept
        room = (greatest - least) * BOUNDARY_ONE
        boundary = [round(room * mass(unit, BOUNDARY_EDGE, low)) for low in (True, False)]
    # The limits come last, as in the authors' code
    stored = int(np.clip(round(exponent * ONE), *EXPONENT_RANGE))
    return Transform(kind, (least, greatest, stored, *boundary))


def forward(transform: Transform, samples: np.ndarray, bits: int) -> np.ndarray:
    """float32 targets in the shape of samples, which are those of fit_transform.

    Targets are where fit_transform says; those of "zscore" have no bound. In a constant image they
    are 0. Samples stay where they are, those of "rpp" too.
    In float arithmetic, from the stored scalars: for encoders only.
    """
    least, greatest, *scalars = transform.scalars
    values = np.clip(np.arange(1 << bits, dtype=np.int64), least, greatest)
    if least == greatest:
        targets: np.ndarray = np.zeros(values.shape)
    elif transform.kind == "zscore":
        mean, deviation = scalars
        targets = (values * ONE - mean) / deviation
    elif transform.kind == "box-cox":
        power = scalars[0] / LAMBDA_ONE - 2
        logs = np.log(values + _lift(bits)) - np.log(least + _lift(bits))
        raised = np.expm1(power * logs) if power else logs
        targets = 2 * raised / raised[-1] - 1
    else:
        exponent, left, right = _power_scalars(transform)
        span = (greatest - least) * BOUNDARY_ONE + left + right
        unit = (((values - least) * BOUNDARY_ONE + left) / span) ** (ONE / exponent)
        if transform.kind == "0-1":
            targets = unit
        elif transform.kind == "scale":
            targets = scalars[0] / ONE * (unit - 0.5)
        else:
            targets = 1 - 2 * unit if transform.kind == "inverse" else 2 * unit - 1
    return targets.astype(np.float32)[samples]


def inverse_table(transform: Transform, bits: int) -> np.ndarray:
    """int64 (2 * OUTPUT_LIMIT,): at y + OUTPUT_LIMIT the sample for output y. It never falls, that
    of "inverse" never rises.

    transform: of fit_transform or check_transform; bits: of a sample. Integers only: "/" is
    division rounded towards minus infinity. A and B are the first two scalars.

    - log(p), 1 <= p <= 2^31, is log2(p) in units of 2^-32: let n be the number of bits of p less
      one, x = p * 2^(31 - n), l = n; 32 times let x = x * x / 2^31, c = x / 2^32, x = x / 2^c,
      l = 2 * l + c. The result is l.
    - exp(e), e >= 0, is 2^(-e / 2^32) in units of 2^-32: let v = 2^32, r = 2^63; for k = 31, 30,
      .. 0 let r = isqrt(r * 2^64), the root rounded down, and if bit k of e (2^k) is set,
      v = (v * ((r + 2^31) / 2^32) + 2^31) / 2^32. The result is v / 2^(e / 2^32).
    - X, in units of 2^-40 of a sample value, is for "zscore" with scalars A, B, M, D:
      X = (M * 2^16 + D * y) * 2^8. For "0-1", "scale" with scalars A, B, F, and "inverse"
      X = 2^40 * A + 2^8 * (B - A) * u, u clamped to 0 .. 2^32: 2^16 * y, 2^31 + 2^32 * y / F, or
      2^31 - 2^15 * y. For the others it depends on w, y + 2^16 clamped to 0 .. 2^17:
      - "none", "rpp", "gamma" with scalars A, B, E, "sym-power" with scalars A, B, E, L, R; where
        there is no E it is 2^16, where there are no L and R they are 0. If w = 0, u = 0; otherwise
        u = exp((31 * 2^32 - log(2^14 * w)) * E / 2^16).
        X = (2^8 * A - L) * 2^32 + (2^8 * (B - A) + L + R) * u.
      - "box-cox" with scalars A, B, Z: let z = Z - 128, s = (2^bits + 5) / 10,
        d = log(B + s) - log(A + s). If z = 0, e = (2^17 - w) * d / 2^17. Otherwise let
        m = 2^17 - w if z > 0, m = w if z < 0, C = exp(d * |z| / 64), and
        f = (31 * 2^32 - log((2^49 - m * (2^32 - C)) / 2^18)) * 64 / |z|;
        e = f if z > 0, e = d - f or 0, whichever is greater, if z < 0.
        X = ((B + s) * exp(e) - s * 2^32) * 2^8.
    - The sample is (X + 2^39) / 2^40, clamped to A .. B, then to 0 .. 2^bits - 1, but at least
      the sample of the output before; of "inverse" it is what it is.
    """
    least, greatest, *scalars = transform.scalars
    y = np.arange(-OUTPUT_LIMIT, OUTPUT_LIMIT, dtype=np.int64)
    full = 2 << OUTPUT_BITS
    w = np.arange(full + 1, dtype=np.int64)  # few, beside the outputs
    if transform.kind == "zscore":
        mean, deviation = scalars
        fixed = ((mean << OUTPUT_BITS) + deviation * y) << 8
    elif transform.kind in ("0-1", "scale", "inverse"):
        if transform.kind == "0-1":
            unit = y << 16
        elif transform.kind == "scale":
            unit = (1 << 31) + (y << 32) // scalars[0]
        else:
            unit = (1 << 31) - (y << 15)
        fixed = (least << 40) + ((greatest - least) << 8) * np.clip(unit, 0, 1 << 32)
    elif transform.kind == "box-cox":
        power, lift = scalars[0] - LAMBDA_LIMIT, _lift(bits)
        low, high = _log(np.array([least + lift, greatest + lift]))
        if power:
            at_end = _exp(np.array((high - low) * abs(power) // LAMBDA_ONE))
            down = full - w if power > 0 else w
            raised = ((1 << 49) - down * ((1 << 32) - at_end)) >> 18
            fall = ((31 << 32) - _log(raised)) * LAMBDA_ONE // abs(power)
            fall = fall if power > 0 else np.maximum(high - low - fall, 0)
        else:
            fall = ((full - w) * (high - low)) >> 17
        fixed = ((greatest + lift) * _exp(fall) - (lift << 32)) << 8
    else:
        exponent, left, right = _power_scalars(transform)
        unit = _exp((((31 << 32) - _log(np.maximum(w, 1) << 14)) * exponent) >> 16)
        unit[0] = 0
        lowest = least * BOUNDARY_ONE - left
        fixed = (lowest << 32) + ((greatest - least) * BOUNDARY_ONE + left + right) * unit
    if len(fixed) != len(y):  # of each w
        fixed = fixed[np.clip(y + full // 2, 0, full)]
    samples = np.clip((fixed + (1 << 39)) >> 40, least, greatest).clip(0, (1 << bits) - 1)
    return samples if transform.kind == "inverse" else np.maximum.accumulate(samples)


def check_transform(kind_number: int, scalars: list[int]) -> Transform:
    """The transform with a stored number and scalars, if inverse_table can take them.

    Raises UnsupportedVersionError for an unknown number, and CorruptError for scalars that are too
    many, too few, no integers or out of their ranges.
    """
    if not 0 <= kind_number < len(TRANSFORMS):
        raise UnsupportedVersionError(f"the file needs target transform {kind_number}")
    kind, top = TRANSFORMS[kind_number], (1 << 16) - 1
    if len(scalars) < 2 or any(type(scalar) is not int for scalar in scalars):
        raise CorruptError("the target transform's scalars are not integers or too few")
    least, greatest = scalars[:2]
    room = (0, (greatest - least) * BOUNDARY_ONE)
    ranges = [(0, top), (least, top)] + {
        "none": [],
        "0-1": [],
        "scale": [FACTOR_RANGE],
        "inverse": [],
        "rpp": [(0, (1 << SEED_BITS) - 1)],
        "zscore": [(0, top * ONE), (1, top * ONE)],
        "gamma": [EXPONENT_RANGE],
        "box-cox": [(0, 2 * LAMBDA_LIMIT)],
        "sym-power": [EXPONENT_RANGE, room, room],
    }[kind]
    if len(scalars) != len(ranges) or any(
        not low <= scalar <= high for scalar, (low, high) in zip(scalars, ranges, strict=True)
    ):
        raise CorruptError(f"the scalars of target transform {kind} are out of range")
    return Transform(kind, tuple(scalars))


def _lift(bits: int) -> int:
    """What Box-Cox adds to samples: a tenth of full scale, so that none is near 0."""
    return ((1 << bits) + 5) // 10


def _power_scalars(transform: Transform) -> list[int]:
    """Exponent, L and R, of those that have none too."""
    scalars = list(transform.scalars[2:]) if transform.kind in ("gamma", "sym-power") else []
    return scalars + [ONE, 0, 0][len(scalars) :]


def _log(p: np.ndarray) -> np.ndarray:
    """log of inverse_table's definition, element by element; int64."""
    whole = np.zeros(p.shape, dtype=np.uint64)
    for bit in range(1, 32):
        whole += p >= 1 << bit
    x = p.astype(np.uint64) << (np.uint64(31) - whole)  # so that x * x fits
    result = whole
    for _ in range(32):
        x = (x * x) >> np.uint64(31)
        carry = x >> np.uint64(32)
        x >>= carry
        result = (result << np.uint64(1)) + carry
    return result.astype(np.int64)


def _exp(e: np.ndarray) -> np.ndarray:
    """exp of inverse_table's definition, element by element; int64."""
    v = np.full(e.shape, 1 << 32, dtype=np.uint64)
    root = 1 << 63
    for bit in range(31, -1, -1):
        root = isqrt(root << 64)
        times = (v * np.uint64((root + (1 << 31)) >> 32) + np.uint64(1 << 31)) >> np.uint64(32)
        v = np.where(e >> bit & 1, times, v)
    return v.astype(np.int64) >> np.minimum(e >> 32, 63)
