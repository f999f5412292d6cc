"""Tables, pyramid, range coder and mixture against their definitions."""

from __future__ import annotations

from decimal import Decimal, getcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec.coding import tables
from inrcodec.coding.backend import numpy_backend
from inrcodec.coding.rangecoder import Decoder, Encoder, integer_model
from inrcodec.context import evidence
from inrcodec.context.mixture import Mixture, logistic
from inrcodec.context.pyramid import SEGMENT_PIXELS, Segment, segments


def test_tables_are_what_they_stand_for() -> None:
    getcontext().prec = 40
    ln2 = Decimal(2).ln()
    exp, log = tables.exp_table(), tables.log_table()
    for j in (0, 1, 511, 1024, 1025, 7777, 22527, 22528):
        assert exp[j] == int((ln2 * (22 - Decimal(j) / 1024)).exp() + Decimal("1e-9"))
    for n in (1, 2, 3, 5, 1000, 1024, 40000, 65535, 65536):
        assert log[n] == int(Decimal(n).ln() / ln2 * 1024 + Decimal("1e-9"))
    cdf = tables.cdf_table()
    for i in (-1024, -1000, -65, -1, 0, 1, 63, 64, 777, 1024):
        z = (-ln2 * Decimal(i) / 64).exp()
        assert cdf[i + 1024] == int((1 << 20) / (1 + z) + Decimal("1e-9"))
    assert np.all(np.diff(cdf) >= 0)
    assert tables.logit_table()[32768] == 0


@settings(deadline=None)
@given(st.integers(1, 70), st.integers(1, 70))
def test_the_pyramid_visits_each_pixel_once(height: int, width: int) -> None:
    seen = np.zeros((height, width), dtype=int)
    seen[0, 0] = 1
    for segment in segments(height, width):
        part = seen[segment.image_index()]
        assert part.shape == (segment.rows, segment.cols)
        seen[segment.image_index()] += 1
        pieces = segment.pieces(50)
        assert sum(p.pixels for p in pieces) == segment.pixels
    assert np.all(seen == 1)


def test_segments_bound_memory() -> None:
    found = list(segments(2000, 3000))
    assert max(s.pixels for s in found) <= SEGMENT_PIXELS
    assert Segment(0, 0, 1, 1, 1, SEGMENT_PIXELS + 1).pieces(SEGMENT_PIXELS)[0].rows == 1


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
    """What decode.MAX_BITS_PER_BYTE relies on, in the case that shrinks most: zeros all the way."""
    from inrcodec.decode import MAX_BITS_PER_BYTE, SLACK_BYTES

    for bit, p in ((1, 65535), (0, 1)):
        encoder, count = Encoder(), 20_000_000
        encoder.code(np.full(count, p, np.uint16), np.full(count, bit, np.uint8))
        assert (len(encoder.finish()) + SLACK_BYTES) * MAX_BITS_PER_BYTE >= count


def test_the_logistic_is_one() -> None:
    z = np.floor(np.linspace(-18, 18, 4001) * 1024) / 1024
    got = logistic(numpy_backend(), z * 1024, 10) / 2**20
    assert np.abs(got - 1 / (1 + 2.0**-z)).max() < 3e-5


@pytest.mark.parametrize("bits", [1, 8, 16])
def test_mixture_planes_multiply_to_a_distribution(bits: int) -> None:
    """P over the planes' bits is the mixture's probability of the value, for every value."""
    backend = numpy_backend()
    values = np.unique(np.linspace(0, 2**bits - 1, 300).astype(int))
    outputs = np.array([-20, 3, 40, 0, 2.5, 5, 0, -1, 0.5])[:, None] * 1024
    outputs = np.floor(np.repeat(outputs, values.size, axis=1))
    base = np.full(values.size, float(2 ** (bits + 1)))  # the middle, in quarters
    exponent = max(0, bits - 8)
    mixture = Mixture(backend, outputs, base, bits, exponent)
    product = np.ones(values.size)
    for plane in reversed(range(bits)):
        p = mixture.split(plane)
        assert p.min() >= 1
        assert p.max() <= 65535
        bit = (values >> plane) & 1
        product *= np.where(bit, p, 65536 - p) / 65536
        mixture.learn(plane, bit.astype(float))
    assert np.array_equal(mixture.low, values)
    mean = (2 ** (bits - 1)) + np.array([-20, 3, 40])[:, None] * 2.0**exponent
    scale = 2.0 ** (np.array([0, 2.5, 5])[:, None] + exponent)
    weight = 2.0 ** np.array([0, -1, 0.5])[:, None]

    def cdf(t: np.ndarray) -> np.ndarray:
        f = (weight / (1 + 2.0 ** -((t - mean) / scale))).sum(axis=0) / weight.sum()
        return np.where(t < 0, 0, np.where(t > 2**bits - 1, 1, f))

    want = (cdf(values + 0.5) - cdf(values - 0.5)) * (1 - 2.0**-14) + 2.0 ** -(14 + bits)
    bits_off = np.abs(np.log2(product / want))
    assert bits_off.max() < 0.6  # far out in the tails, where 2^-20 of F is little
    assert (want * bits_off).sum() / want.sum() < 0.002
    if bits == 8:
        assert np.isclose(want.sum(), 1)


@pytest.mark.parametrize("many", [evidence.MANY_KEYS, 500])
def test_evidence_counts_colours(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MANY_KEYS", many)
    monkeypatch.setattr(evidence, "STRIP", 64)
    rng = np.random.default_rng(0)
    own, near, far = (rng.integers(0, 16, 500) for _ in range(3))
    known = [[v[:200].reshape(20, 10) for v in (own, near, far)]]
    known.append([v[200:].reshape(2, 150) for v in (own, near, far)])
    for bits in ([4, 4, 4], [4, 14, 5], [14, 14, 14]):  # by table, either and by search
        told = evidence.Evidence(numpy_backend(), known, bits)
        here = [np.array([3, 5]), np.array([7, 5])]
        low, plane = np.array([8, 0]), 2
        features = told.inputs(here, low, plane)
        for pixel in range(2):
            match = np.ones(500, dtype=bool)
            for source in range(3):
                if source:
                    match &= (near, far)[source - 1] == here[source - 1][pixel]
                value = own[match]
                zeros = np.sum((value >= low[pixel]) & (value < low[pixel] + 4))
                ones = np.sum((value >= low[pixel] + 4) & (value < low[pixel] + 8))
                p = (8 * ones + 1) * 65536 // (8 * (ones + zeros) + 2)
                assert features[2 * source][pixel] == tables.logit_table()[p]
                assert features[2 * source + 1][pixel] == tables.log_table()[ones + zeros + 1]
