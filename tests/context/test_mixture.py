"""The mixture's bits: format_spec.md's words in plain integers, and what they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from inrcodec.coding.backend import Backend, torch_backend
from inrcodec.coding.tables import log2_table, logistic_table, power_table
from inrcodec.context.mixture import Mixture
from tests.context.forms import array_backend


def log2(n: int) -> int:
    e = n.bit_length() - 1
    return 1024 * e + int(log2_table()[(n << 10 >> e) - 1024])


def by_the_spec(y: list[int], base: int, value: int, planes: int, e: int) -> list[int]:
    """The log-odds of each plane of a value, the highest first."""
    power, logistic = power_table().tolist(), logistic_table().tolist()

    def clip(v: int, low: int, high: int) -> int:
        return max(low, min(high, v))

    means = [clip(v, -(1 << 26), 1 << 26) + base * 2 ** (8 - e) for v in y[:3]]
    rates = []
    for v in y[3:6]:
        j = clip(v, -6144, 10240) + 6144
        rates.append(np.float32(power[j % 1024]) * np.float32(2.0 ** (-11 - j // 1024)))
    logs = [clip(v, -(1 << 26), 1 << 26) for v in y[6:]]
    weights = []
    for v in logs:
        below = min(max(logs) - v, 10240)
        weights.append(power[below % 1024] >> (13 + below // 1024))
    total = sum(weights)
    floor = max(1, 32 * total >> planes)

    def cdf(m: int) -> int:
        if m == 0:
            return 0
        if m == 1 << planes:
            return (total << 19) + (floor << planes)
        found = floor * m
        for mean, rate, weight in zip(means, rates, weights, strict=True):
            distance = (2 * m - 1) * 2 ** (9 - e) - mean
            assert abs(distance) < 1 << 30
            z = int(min(max(np.float32(distance) * rate, np.float32(-(1 << 20))), 1048575))
            at = (z >> 10) + 1024
            slope = logistic[min(at + 1, 2048)] - logistic[at]
            found += weight * (logistic[at] + (slope * (z & 1023) >> 10))
        assert found < 1 << 31
        return found

    odds, low = [], 0
    for plane in reversed(range(planes)):
        middle, high = low + (1 << plane), low + (2 << plane)
        odds.append(log2(cdf(high) - cdf(middle)) - log2(cdf(middle) - cdf(low)))
        low += value & 1 << plane
    return odds


@pytest.mark.parametrize("backend", [array_backend(), torch_backend("cpu")], ids=["numpy", "torch"])
@pytest.mark.parametrize(
    ("planes", "e"), [(1, 0), (3, 8), (8, 0), (8, 3), (12, 5), (16, 0), (16, 8)]
)
@pytest.mark.parametrize("size", [3_000, 40_000, 1 << 30])
def test_planes_are_split_as_the_spec_says(
    backend: Backend, planes: int, e: int, size: int
) -> None:
    rng = np.random.default_rng(planes)
    n = 40
    outputs = rng.integers(-size, size, (9, n))
    base = rng.integers(-(1 << planes + 2), 1 << planes + 3, n)
    values = rng.integers(0, 1 << planes, n)
    values[:2] = 0, (1 << planes) - 1
    mixture = Mixture(backend, backend.whole(outputs), backend.whole(base), planes, e)
    found = []
    for plane in reversed(range(planes)):
        found.append(backend.get(mixture.split(plane)))
        mixture.learn(plane, backend.whole(values >> plane & 1))
    assert np.array_equal(backend.get(mixture.low), values)
    for k in range(n):
        want = by_the_spec(outputs[:, k].tolist(), int(base[k]), int(values[k]), planes, e)
        assert [int(logit[k]) for logit in found] == want


@pytest.mark.parametrize("bits", [1, 8, 16])
def test_mixture_planes_multiply_to_a_distribution(bits: int) -> None:
    """P over the planes' bits is the mixture's probability of the value, for every value."""
    backend = array_backend()
    values = np.unique(np.linspace(0, 2**bits - 1, 300).astype(int))
    outputs = np.array([-20, 3, 40, 0, 2.5, 5, 0, -1, 0.5])[:, None] * 1024
    outputs = np.repeat(outputs, values.size, axis=1).astype(np.int64)
    base = np.full(values.size, 2 ** (bits + 1))  # the middle, in quarters
    exponent = max(0, bits - 8)
    mixture = Mixture(backend, outputs, base, bits, exponent)
    product = np.ones(values.size)
    for plane in reversed(range(bits)):
        p = backend.probability(mixture.split(plane))
        bit = (values >> plane) & 1
        product *= np.where(bit, p, 65536 - p) / 65536
        mixture.learn(plane, bit)
    assert np.array_equal(mixture.low, values)
    mean = (2 ** (bits - 1)) + np.array([-20, 3, 40])[:, None] * 2.0**exponent
    scale = 2.0 ** (np.array([0, 2.5, 5])[:, None] + exponent)
    weight = 2.0 ** np.array([0, -1, 0.5])[:, None]

    def cdf(t: np.ndarray) -> np.ndarray:
        f = (weight / (1 + 2.0 ** -((t - mean) / scale))).sum(axis=0) / weight.sum()
        return np.where(t < 0, 0, np.where(t > 2**bits - 1, 1, f))

    want = (cdf(values + 0.5) - cdf(values - 0.5)) * (1 - 2.0**-14) + 2.0 ** -(14 + bits)
    bits_off = np.abs(np.log2(product / want))
    assert (want * bits_off).sum() / want.sum() < 0.01
    assert bits_off.max() < 1.2  # far out in the tails, where 2^-19 of F is little
    if bits == 8:
        assert np.isclose(want.sum(), 1)
