"""Tables, integer functions and the range coder against their definitions."""

from __future__ import annotations

from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec.coding import tables
from inrcodec.coding.backend import Backend, numpy_backend, torch_backend
from inrcodec.coding.rangecoder import Decoder, Encoder, integer_model
from inrcodec.errors import CorruptError
from inrcodec.limits import MAX_BITS_PER_BYTE, SLACK_BYTES

BACKENDS = [numpy_backend(), torch_backend("cpu")]
both = pytest.mark.parametrize("backend", BACKENDS, ids=["numpy", "torch"])


def test_tables_are_what_they_stand_for() -> None:
    getcontext().prec = 40
    ln2, least = Decimal(2).ln(), Decimal("1e-9")

    def power(z: Decimal) -> Decimal:
        return (ln2 * z).exp()

    exp, fractions = tables.exp_table(), tables.power_table()
    for j in (0, 1, 511, 1024, 1025, 7777, 22527, 22528):
        assert exp[j] == int(power(22 - Decimal(j) / 1024) + least)
    for j in range(1024):
        assert fractions[j] == int(power(23 - Decimal(j) / 1024) + least)
        assert tables.log2_table()[j] == int((1 + Decimal(j) / 1024).ln() / ln2 * 1024 + least)
    logistic = tables.logistic_table()
    assert logistic.shape == (2049,)
    for i in range(-1024, 1025):
        assert logistic[i + 1024] == int((1 << 19) / (1 + power(-Decimal(i) / 64)) + least)


def values(backend: Backend, function: str, arguments: np.ndarray) -> np.ndarray:
    """A function of a backend."""
    return backend.get(getattr(backend, function)(backend.whole(arguments)))


@both
def test_log2_is_of_the_eleven_highest_bits(backend: Backend) -> None:
    edges = [(1 << k) + d for k in range(31) for d in (-1, 0, 1) if (1 << k) + d > 0]
    cut = [(1 << k) - (1 << max(0, k - 11)) - d for k in range(1, 32) for d in (0, 1)]
    some = np.random.default_rng(0).integers(1, 1 << 31, 2000) >> np.arange(2000) % 31
    n = np.array([*edges, *(c for c in cut if c > 0), *some[some > 0], (1 << 31) - 1])
    got = values(backend, "log2", n)
    for one, found in zip(n.tolist(), got.tolist(), strict=True):
        e = one.bit_length() - 1
        assert found == 1024 * e + tables.log2_table()[(one << 10 >> e) - 1024]
    assert np.abs(1024 * np.log2(n.astype(np.float64)) - got - 1.25).max() <= 1.25


@both
def test_powers_are_of_two(backend: Backend) -> None:
    j = np.arange(0, 31 * 1024, 7)
    exact = np.floor(np.exp2(23 - j / 1024))
    assert np.abs(values(backend, "power", j) - exact).max() <= 1
    assert (
        values(backend, "power", np.arange(0, 24 * 1024, 1024)) == 1 << np.arange(24)[::-1]
    ).all()
    j = np.arange(16385)
    rates = values(backend, "rate", j)
    assert rates.dtype == np.float32
    for one, rate in zip(j.tolist(), rates.tolist(), strict=True):
        power = Fraction(int(tables.power_table()[one & 1023]), 1 << 23)
        assert Fraction(rate) == power * Fraction(1 << 12, 1 << (one >> 10))


@both
def test_the_logistic_is_one(backend: Backend) -> None:
    z = np.unique(np.append(np.linspace(-(1 << 20), (1 << 20) - 1, 20_001).astype(int), [-1, 0, 1]))
    got = values(backend, "logistic", z)
    assert np.abs(got - 2.0**19 / (1 + np.exp2(-z / 65536.0))).max() < 9
    assert np.diff(got).min() >= 0
    for one, found in zip(z[::50].tolist(), got[::50].tolist(), strict=True):
        low, high = tables.logistic_table()[(one >> 10) + 1024 :][:2].tolist()
        assert found == low + ((high - low) * (one & 1023) >> 10)


@both
def test_probabilities_are_never_0_or_1(backend: Backend) -> None:
    logits = np.arange(-20 * 1024, 20 * 1024)
    p = values(backend, "probability", logits)
    assert (p.min(), p.max()) == (1, 65534)
    assert np.diff(p).min() >= 0
    assert p[20 * 1024] == 32768
    inside = np.abs(logits) < 16 * 1024
    assert np.abs(p - 65536 / (1 + np.exp2(-logits / 1024.0)))[inside].max() < 2.2
    assert values(backend, "probability", np.array([-(1 << 31), 1 << 31])).tolist() == [1, 65534]


PROBABILITIES = st.one_of(st.integers(1, 65535), st.sampled_from([1, 2, 32768, 65534, 65535]))


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 1), PROBABILITIES), max_size=300),
    st.lists(st.integers(-(2**21) + 1, 2**21 - 1), max_size=20),
)
def test_the_range_coder_returns_what_went_in(
    pairs: list[tuple[int, int]], integers: list[int]
) -> None:
    bits = np.array([b for b, _ in pairs], dtype=np.uint8)
    p = np.array([q for _, q in pairs], dtype=np.uint16)
    values = np.array(integers, dtype=np.int64)
    encoder, model = Encoder(), integer_model()
    encoder.code(p, bits)
    encoder.encode_integers(values, model)
    encoder.code(p, bits)
    data = encoder.finish()
    decoder = Decoder(data)
    assert np.array_equal(decoder.code(p), bits)
    assert np.array_equal(decoder.decode_integers(values.size, integer_model()), values)
    assert np.array_equal(decoder.code(p), bits)
    cost = -np.log2(np.where(bits, p, 65536 - p.astype(int)) / 65536).sum() * 2 / 8
    assert len(data) <= cost + 6 * len(integers) + 8


def test_the_range_coder_is_within_a_thousandth_of_the_entropy() -> None:
    rng = np.random.default_rng(0)
    p = rng.integers(1, 65536, 200_000).astype(np.uint16)
    bits = (rng.random(p.size) * 65536 < p).astype(np.uint8)
    encoder = Encoder()
    encoder.code(p, bits)
    entropy = -np.log2(np.where(bits, p, 65536 - p.astype(int)) / 65536).sum() / 8
    assert entropy - 1 < len(encoder.finish()) < 1.001 * entropy


def test_the_cheapest_bits_still_cost_bytes() -> None:
    """What limits.MAX_BITS_PER_BYTE relies on, in the case that shrinks most: zeros all the way."""
    for bit, p in ((1, 65535), (0, 1)):
        encoder, count = Encoder(), 20_000_000
        encoder.code(np.full(count, p, np.uint16), np.full(count, bit, np.uint8))
        assert (len(encoder.finish()) + SLACK_BYTES) * MAX_BITS_PER_BYTE >= count


def test_a_code_beyond_the_range_is_refused() -> None:
    """No encoder writes one, and what it decodes to would depend on the width of integers."""
    for stream in (b"\xff" * 7, b"\xff" * 40):
        with pytest.raises(CorruptError, match="no encoder"):
            Decoder(stream)
    Decoder(b"\xff" * 6 + b"\xfe" + b"\xff" * 40).code(np.full(100, 65535, np.uint16))
