"""Target transforms: float and integer references, round trips, and files that lie."""

from __future__ import annotations

import hashlib
from math import isqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec.coordinate.permutation import pixel_order
from inrcodec.coordinate.transforms import (
    OUTPUT_LIMIT,
    TRANSFORMS,
    Transform,
    check_transform,
    fit_transform,
    forward,
    inverse_table,
)
from inrcodec.errors import CorruptError, UnsupportedVersionError

FULL = 1 << 16  # an output of 1
LINEAR = ("none", "0-1", "scale", "inverse", "rpp")


@st.composite
def any_transform(draw: st.DrawFn) -> Transform:
    """Whatever check_transform lets through."""
    kind = draw(st.integers(0, len(TRANSFORMS) - 1))
    least = draw(st.integers(0, 65535))
    greatest = draw(st.integers(least, 65535))
    exponent = st.integers(13107, 327680)
    room = st.integers(0, (greatest - least) << 8)
    mean, deviation = st.integers(0, 65535 << 16), st.integers(1, 65535 << 16)
    factor, seed = st.integers(1 << 12, 1 << 20), st.integers(0, 2**32 - 1)
    more = (
        (), (mean, deviation), (exponent,), (st.integers(0, 256),), (exponent, room, room),
        (), (factor,), (), (seed,),
    )  # fmt: skip
    return check_transform(kind, [least, greatest, *(draw(scalar) for scalar in more[kind])])


@st.composite
def any_samples(draw: st.DrawFn) -> np.ndarray:
    """Samples of 8 or 16 bits, crowded at either end or in the middle, over a part of the range."""
    bits = draw(st.sampled_from([8, 16]))
    low, high = sorted(draw(st.lists(st.floats(0, 1), min_size=2, max_size=2)))
    shape = draw(st.sampled_from([(0.3, 4), (2, 5), (5, 2), (4, 0.3), (1, 1)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    drawn = low + (high - low) * rng.beta(*shape, (31, 29))
    return np.rint(drawn * (2**bits - 1)).astype(f"uint{bits}")


def outputs(targets: np.ndarray) -> np.ndarray:
    """Targets as a perfect network puts them out."""
    y = np.rint(targets.astype(np.float64) * FULL).astype(np.int64)
    return np.clip(y, -OUTPUT_LIMIT, OUTPUT_LIMIT - 1)


def target_range(transform: Transform) -> tuple[float, float]:
    """Of a linear transform: the targets of the least and of the greatest sample."""
    if transform.kind == "scale":
        factor = transform.scalars[2] / FULL
        return -factor / 2, factor / 2
    return {"0-1": (0.0, 1.0), "inverse": (1.0, -1.0)}.get(transform.kind, (-1.0, 1.0))


def float_target(transform: Transform, values: np.ndarray, bits: int) -> np.ndarray:
    """forward in float64, for values between samples too; written another way."""
    least, greatest, *scalars = transform.scalars
    if transform.kind == "zscore":
        return (values - scalars[0] / FULL) / (scalars[1] / FULL)
    if transform.kind in LINEAR:
        low, high = target_range(transform)
        return low + (high - low) * (values - least) / (greatest - least)
    if transform.kind == "box-cox":
        power, lift = scalars[0] / 64 - 2, round((1 << bits) / 10)
        ends = np.array([least + lift, greatest + lift])
        low, high = np.log(ends) if power == 0 else ends**power
        raised = np.log(values + lift) if power == 0 else (values + lift) ** power
        return 2 * (raised - low) / (high - low) - 1
    exponent, left, right = (*scalars, *(FULL, 0, 0)[len(scalars) :])
    unit = (values - least + left / 256) / (greatest - least + (left + right) / 256)
    return 2 * unit ** (FULL / exponent) - 1


def float_value(transform: Transform, t: np.ndarray, bits: int) -> np.ndarray:
    """The inverse in float64, neither rounded nor clamped to the range in use."""
    least, greatest, *scalars = transform.scalars
    if transform.kind == "zscore":
        return t * (scalars[1] / FULL) + scalars[0] / FULL
    if transform.kind in LINEAR:
        low, high = target_range(transform)
        return least + np.clip((t - low) / (high - low), 0, 1) * (greatest - least)
    w = np.clip((t + 1) / 2, 0, 1)
    if transform.kind == "box-cox":
        power, lift = scalars[0] / 64 - 2, round((1 << bits) / 10)
        ends = np.array([least + lift, greatest + lift])
        low, high = np.log(ends) if power == 0 else ends**power
        raised = low + w * (high - low)
        return (np.exp(raised) if power == 0 else raised ** (1 / power)) - lift
    exponent, left, right = (*scalars, *(FULL, 0, 0)[len(scalars) :])
    span = greatest - least + (left + right) / 256
    return least - left / 256 + span * w ** (exponent / FULL)


def defined_sample(transform: Transform, y: int, bits: int) -> int:
    """The sample for one output in the words of inverse_table, but for "the output before"."""

    def log(p: int) -> int:
        bit = p.bit_length() - 1
        x, l2 = p << (31 - bit), bit
        for _ in range(32):
            x = x * x // 2**31
            c = x // 2**32
            x, l2 = x // 2**c, 2 * l2 + c
        return l2

    def exp(e: int) -> int:
        v, r = 2**32, 2**63
        for k in range(31, -1, -1):
            r = isqrt(r * 2**64)
            if e // 2**k % 2:
                v = (v * ((r + 2**31) // 2**32) + 2**31) // 2**32
        return v // 2 ** (e // 2**32)

    least, greatest, *scalars = transform.scalars
    w = min(max(y + 2**16, 0), 2**17)
    if transform.kind == "zscore":
        x = (scalars[0] * 2**16 + scalars[1] * y) * 2**8
    elif transform.kind in ("0-1", "scale", "inverse"):
        u = {
            "0-1": 2**16 * y,
            "scale": 2**31 + 2**32 * y // (scalars or [1])[0],
            "inverse": 2**31 - 2**15 * y,
        }[transform.kind]
        x = 2**40 * least + 2**8 * (greatest - least) * min(max(u, 0), 2**32)
    elif transform.kind == "box-cox":
        z, s = scalars[0] - 128, (2**bits + 5) // 10
        d = log(greatest + s) - log(least + s)
        if z == 0:
            e = (2**17 - w) * d // 2**17
        else:
            m = 2**17 - w if z > 0 else w
            end = exp(d * abs(z) // 64)
            f = (31 * 2**32 - log((2**49 - m * (2**32 - end)) // 2**18)) * 64 // abs(z)
            e = f if z > 0 else max(d - f, 0)
        x = ((greatest + s) * exp(e) - s * 2**32) * 2**8
    else:
        if transform.kind == "rpp":
            scalars = []
        exponent, left, right = scalars + [2**16, 0, 0][len(scalars) :]
        u = exp((31 * 2**32 - log(2**14 * w)) * exponent // 2**16) if w else 0
        x = (2**8 * least - left) * 2**32 + (2**8 * (greatest - least) + left + right) * u
    return min(max((x + 2**39) // 2**40, least), greatest, 2**bits - 1)


@settings(deadline=None, max_examples=40)
@given(any_transform(), st.sampled_from([8, 16]), st.integers(0, 2**32 - 1))
def test_tables_are_as_defined(transform: Transform, bits: int, seed: int) -> None:
    table = inverse_table(transform, bits)
    assert table.dtype == np.int64
    assert table.shape == (2 * OUTPUT_LIMIT,)
    rising = table[::-1] if transform.kind == "inverse" else table
    assert np.all(np.diff(rising) >= 0)
    least, greatest = transform.scalars[:2]
    assert rising[0] >= min(least, 2**bits - 1)
    assert rising[-1] <= min(greatest, 2**bits - 1)
    if transform.kind not in ("zscore", "scale"):
        assert np.all(table[: OUTPUT_LIMIT - FULL] == table[0])
        assert np.all(table[OUTPUT_LIMIT + FULL :] == table[-1])
    drawn = np.random.default_rng(seed).integers(-FULL - 9, FULL + 9, 40)
    for y in [-OUTPUT_LIMIT, -FULL, -FULL + 1, 0, FULL - 1, FULL, OUTPUT_LIMIT - 1, *drawn]:
        assert table[y + OUTPUT_LIMIT] == defined_sample(transform, int(y), bits)


@settings(deadline=None, max_examples=40)
@given(any_transform())
def test_tables_match_floats(transform: Transform) -> None:
    """The nearest sample, unless two are as near to within 2^-12; for "box-cox" 2^-7."""
    least, greatest = transform.scalars[:2]
    y = np.arange(-OUTPUT_LIMIT, OUTPUT_LIMIT)
    value = np.clip(float_value(transform, y / FULL, 16), least, greatest)
    error = np.abs(inverse_table(transform, 16) - value).max()
    assert error <= 0.5 + (2**-7 if transform.kind == "box-cox" else 2**-12)


@settings(deadline=None, max_examples=80)
@given(
    any_samples(),
    st.sampled_from(TRANSFORMS),
    st.sampled_from([1 / 16, 1.0, 1.7, 2.0, 4.0, 16.0]),
    st.sampled_from([None, 0.2, 0.5, 2.0, 5.0]),
    st.sampled_from([0, 1, 2**40 + 5]),
)
def test_round_trip(
    samples: np.ndarray, kind: str, factor: float, power: float | None, seed: int
) -> None:
    """A sample comes back if half a sample up or down moves its target by half a unit or more.

    That is: all within the outputs' range, for "zscore" and linear ones of a range well above 1.
    """
    bits = 8 * samples.dtype.itemsize
    transform = fit_transform(kind, samples, bits, factor=factor, power=power, seed=seed)
    assert check_transform(TRANSFORMS.index(kind), list(transform.scalars)) == transform
    least, greatest = transform.scalars[:2]
    assert (least, greatest) == (samples.min(), samples.max())
    targets = forward(transform, samples, bits)
    assert targets.dtype == np.float32
    assert targets.shape == samples.shape
    assert kind in ("zscore", "scale") or np.abs(targets).max() <= 1
    values = np.arange(least, greatest + 1).astype(samples.dtype)
    targets = forward(transform, values, bits)
    back = inverse_table(transform, bits)[outputs(targets) + OUTPUT_LIMIT]
    if least == greatest:
        assert np.array_equal(back, values)
        return
    assert np.abs(targets - float_target(transform, values.astype(float), bits)).max() < 2**-18
    halves = np.arange(2 * least, 2 * greatest + 1) / 2
    steps = np.abs(np.diff(float_target(transform, halves, bits)))
    steps = np.pad(steps, 1, constant_values=1)  # clamped
    sure = np.minimum(steps[::2], steps[1::2]) > 1.05 * 2**-17  # half a unit, and float32's errors
    wide = kind in ("none", "zscore", "inverse", "rpp") or (kind == "scale" and factor > 1)
    assert np.all(sure) or not wide
    sure &= np.abs(targets) < OUTPUT_LIMIT / FULL
    assert np.array_equal(back[sure], values[sure])


@pytest.mark.parametrize("kind", TRANSFORMS)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_constant_images(kind: str, bits: int, share: float) -> None:
    samples = np.full((5, 4, 3), round(share * (2**bits - 1)), dtype=f"uint{bits}")
    transform = fit_transform(kind, samples, bits)
    assert check_transform(TRANSFORMS.index(kind), list(transform.scalars)) == transform
    assert not forward(transform, samples, bits).any()
    assert np.all(inverse_table(transform, bits) == samples[0, 0, 0])


def test_published_settings() -> None:
    """All of a range of samples to the published targets, a third of it say, and back."""
    values = np.arange(30, 91).astype(np.uint8)
    for kind, how, want in (
        ("0-1", {}, 1 / 3),
        ("none", {}, -1 / 3),
        ("inverse", {}, 1 / 3),
        ("rpp", {"seed": 3}, -1 / 3),
        ("scale", {"factor": 1.0}, -1 / 6),
        ("scale", {"factor": 2.0}, -1 / 3),
        ("scale", {"factor": 4.0}, -2 / 3),
        ("gamma", {"power": 0.5}, 2 / 3**0.5 - 1),
        ("gamma", {"power": 2.0}, 2 / 9 - 1),
    ):
        transform = fit_transform(kind, values, 8, **how)
        targets = forward(transform, values, 8)
        assert targets[20] == pytest.approx(want, abs=2e-5), (kind, how)
        table = inverse_table(transform, 8)
        assert np.array_equal(table[outputs(targets) + OUTPUT_LIMIT], values)


def test_a_permutation_is_as_defined() -> None:
    """SplitMix64 of seed and pixel, sorted; the first output of SplitMix64 from 0 is well known."""

    def key(seed: int, pixel: int) -> int:
        z = (seed * 2**32 + pixel + 1) * 0x9E3779B97F4A7C15 % 2**64
        z = (z ^ (z // 2**30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z // 2**27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z // 2**31)

    assert key(0, 0) == 0xE220A8397B1DCDAF
    for seed in (0, 1, 2**32 - 1):
        for count in (1, 2, 999):
            order = pixel_order(seed, count)
            assert order.tolist() == sorted(range(count), key=lambda p: key(seed, p))
    assert pixel_order(0, 99).tolist() != pixel_order(1, 99).tolist()


@pytest.mark.parametrize("kind", TRANSFORMS)
@pytest.mark.parametrize("share", [5, 49, 51, 95])
def test_two_values(kind: str, share: int) -> None:
    """Most of the mass in the first or the last bin, which no power takes to the middle."""
    samples = np.array([3] * share + [200] * (100 - share), dtype=np.uint8)
    transform = fit_transform(kind, samples, 8)
    back = inverse_table(transform, 8)[outputs(forward(transform, samples, 8)) + OUTPUT_LIMIT]
    assert np.array_equal(back, samples)


def test_outliers_beyond_the_outputs() -> None:
    """A sample at 10 deviations, where outputs end at 8: the value there."""
    samples = np.array([100] * 99 + [200], dtype=np.uint8)
    transform = fit_transform("zscore", samples, 8)
    targets = forward(transform, samples, 8)
    assert targets.max() == pytest.approx(99 / 99**0.5, rel=1e-5)
    back = inverse_table(transform, 8)[outputs(targets) + OUTPUT_LIMIT]
    assert back.tolist() == [100] * 99 + [round(101 + 8 * 99**0.5)]


def test_what_comes_back_through_a_power() -> None:
    """Shares of all values: outputs of 2^-16 are too coarse where a power is flat."""
    shares = {}
    for bits in (8, 16):
        values = np.arange(1 << bits).astype(np.uint16)
        for inverse_power in (0.2, 0.5, 1, 2, 5):
            stored = round(inverse_power * FULL)
            transform = Transform("gamma", (0, (1 << bits) - 1, stored))
            y = outputs(forward(transform, values, bits))
            back = inverse_table(transform, bits)[y + OUTPUT_LIMIT]
            shares[bits, inverse_power] = round(float(np.mean(back == values)), 3)
    assert [shares[8, p] for p in (0.2, 0.5, 1, 2, 5)] == [0.887, 1, 1, 1, 1]
    assert [shares[16, p] for p in (0.2, 0.5, 1, 2, 5)] == [0.55, 0.875, 1, 1, 0.728]


@pytest.mark.parametrize(
    ("kind", "scalars"),
    [
        (0, []),
        (0, [3]),
        (0, [4, 3]),
        (0, [0, 65536]),
        (0, [-1, 5]),
        (0, [0, 5, 65536]),
        (0, [0, 5.0]),
        (0, [0, None]),
        (1, [0, 5, 0, 0]),
        (1, [0, 5, -1, 1]),
        (1, [0, 5, 1 << 40, 1]),
        (1, [0, 5, 0, 1 << 4000]),
        (2, [0, 5]),
        (2, [0, 5, 0]),
        (2, [0, 5, 13106]),
        (2, [0, 5, 327681]),
        (3, [0, 5, -1]),
        (3, [0, 5, 257]),
        (4, [0, 5, 65536, 0]),
        (4, [0, 5, 65536, 0, 1281]),
        (4, [0, 5, 65536, -1, 0]),
        (4, [5, 5, 65536, 1, 0]),
        (4, [0, 5, 65536, 0, 0, 0]),
        (5, [0, 5, 0]),
        (5, [6, 5]),
        (6, [0, 5]),
        (6, [0, 5, 4095]),
        (6, [0, 5, (1 << 20) + 1]),
        (6, [0, 5, 65536, 0]),
        (7, [0, 5, 0]),
        (7, [0, 65536]),
        (8, [0, 5]),
        (8, [0, 5, -1]),
        (8, [0, 5, 1 << 32]),
        (8, [0, 5, 1.0]),
        (8, [0, 5, 1, 1]),
    ],
)
def test_hostile_scalars_are_refused(kind: int, scalars: list[int]) -> None:
    with pytest.raises(CorruptError):
        check_transform(kind, scalars)


@pytest.mark.parametrize("kind", [-1, 9, 255, 1 << 70])
def test_unknown_kinds_are_refused(kind: int) -> None:
    with pytest.raises(UnsupportedVersionError):
        check_transform(kind, [0, 5])


@pytest.mark.parametrize(
    ("transform", "bits", "digest"),
    [
        (
            Transform("sym-power", (14, 62543, 121377, 14472, 61)),
            16,
            "e5905ec8f759014f4809f99e0f45b35c",
        ),
        (Transform("box-cox", (0, 240, 147)), 8, "4584a448f9372ad74b3d0057044614c9"),
    ],
)
def test_golden_tables(transform: Transform, bits: int, digest: str) -> None:
    data = inverse_table(transform, bits).astype("<i8").tobytes()
    assert hashlib.blake2b(data, digest_size=16).hexdigest() == digest
