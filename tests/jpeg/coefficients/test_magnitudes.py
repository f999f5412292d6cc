"""The decisions that make up a coefficient: any value comes back under any mixture."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inrcodec.coding.plain_rangecoder import PlainDecoder, PlainEncoder
from inrcodec.context.mixture import COMPONENTS, OUTPUTS
from inrcodec.jpeg.coefficients.compiled import DECISIONS
from inrcodec.jpeg.coefficients.frequencies import MAX_EXPONENT
from inrcodec.jpeg.coefficients.layout import Component
from inrcodec.jpeg.coefficients.magnitudes import MOST, Magnitudes
from tests.context.forms import array_backend
from tests.jpeg.coefficients.twins import Parts, hold_together, of_mixture

VALUES = sorted(
    {0, MOST, -MOST, 7, 8, 9, -7, -8, -9}
    | {s * (m + d) for s in (1, -1) for m in (1 << n for n in range(1, 14)) for d in (-1, 0, 1)}
    | {s * m for s in (1, -1) for m in (10, 14, 14335, 14336, 14337, 12287, 10240)}
)
OUTPUT = st.one_of(
    st.integers(-20_000, 20_000),
    st.integers(-(1 << 29), 1 << 29),
    st.sampled_from([0, 1, -1, -6144, -6145, 10240, 10241, 1 << 26, -(1 << 26), (1 << 26) + 1]),
)
MIXTURE = st.lists(OUTPUT, min_size=OUTPUTS, max_size=OUTPUTS)


class Told(PlainEncoder):
    """Notes what it codes."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: list[tuple[int, int]] = []

    def bit(self, p: int, bit: int) -> int:
        assert type(p) is int
        assert 1 <= p <= 65535
        self.codes.append((p, int(bit)))
        return super().bit(p, bit)


def coded(mixture: list[int], exponent: int, values: list[int]) -> Told:
    """Values under one mixture, which come back."""
    outputs = np.repeat(np.array(mixture, np.int64)[:, None], len(values), axis=1)
    magnitudes = Magnitudes(array_backend(), outputs, exponent)
    told, every = Told(), slice(0, len(values))
    given = magnitudes.code(told, every, np.array(values, np.int64))
    assert given.tolist() == values
    found = magnitudes.code(PlainDecoder(told.finish()), every, None)
    assert found.tolist() == values
    return told


@settings(max_examples=12, deadline=None)
@given(
    MIXTURE,
    st.integers(0, MAX_EXPONENT),
    st.lists(st.one_of(st.sampled_from(VALUES), st.integers(-MOST, MOST)), min_size=1, max_size=12),
)
@example([0] * 9, 0, VALUES)
@example([1 << 26] * 9, 0, VALUES)
@example([-(1 << 26)] * 9, 8, VALUES)
@example([-(1 << 26), 0, 1 << 26, *[-6144] * 3, 0, 0, 0], 4, VALUES)
@example([0, 0, 0, *[10240] * 3, 1 << 26, 0, -(1 << 26)], 8, VALUES)
def test_values_come_back(mixture: list[int], exponent: int, values: list[int]) -> None:
    coded(mixture, exponent, values)


@settings(max_examples=8, deadline=None)
@given(MIXTURE, st.integers(0, 12), st.integers(0, 1 << 32))
@example([1 << 29] * 9, 0, 0)
@example([-(1 << 29)] * 9, 12, 0)
def test_the_compiled_form_codes_the_same(mixture: list[int], magnitude: int, seed: int) -> None:
    """With units of all sizes, which follow from the magnitudes of all."""
    rng = np.random.default_rng(seed)
    own = np.zeros((3, 5, 64), np.int16)
    own[:, :, 1] = rng.choice(VALUES, (3, 5))
    own[:, :, 2] = rng.integers(-(1 << magnitude), 1 << magnitude, (3, 5), endpoint=True)
    own[0, 0, 2] = 1
    parts = Parts.of([own], [np.full(64, 3, np.uint16)])
    hold_together(parts, of_mixture(parts.components, mixture), 2)


def test_a_level_may_be_any() -> None:
    """A file can state another than the encoder's: units are then of another size."""
    own = np.zeros((2, 3, 64), np.int16)
    own[:, :, 5] = [[1, -MOST, 0], [MOST, 3, -200]]
    for level in (1, 41, 49, 97):
        levels = np.zeros(64, np.int64)
        levels[5] = level
        parts = Parts([Component(2, 3, np.ones(64, np.uint16), levels, ())], [own])
        hold_together(parts, of_mixture(parts.components, [0] * 9))


def test_no_coefficient_takes_more_decisions_than_there_is_room_for() -> None:
    most = max(len(coded([0] * 9, 0, [value]).codes) for value in VALUES)
    assert most < DECISIONS
    assert len(coded([0] * 9, 0, [0]).codes) == 1
    assert len(coded([0] * 9, 0, [1]).codes) == 3


def test_probabilities_are_those_of_the_mixture() -> None:
    """The decisions of a value multiply to what the logistics give it, with a uniform floor."""
    mean, scale, weight = np.array([[-20, 0, 9], [-0.5, 1, 3], [0, 1, 0.5]])
    for exponent in (0, 3):
        one = Magnitudes(array_backend(), np.zeros((9, 1), np.int64), exponent)
        unit = 512 / one._scale
        mixture = [round(1024 * v) for v in (*mean, *scale, *weight)]
        values = [*range(-60, 61), -300, -150, 150, 300]
        bits = []
        for value in values:
            codes = coded(mixture, exponent, [value]).codes
            bits.append(-sum(np.log2((p if bit else 65536 - p) / 65536) for p, bit in codes))

        def cdf(value: int, unit: float = unit) -> float:
            # outputs are in 1/1024 of a unit
            z = ((value - 0.5) / unit - mean) / 2.0**scale
            parts = 2.0 ** (weight - np.logaddexp2(0, -z))
            return float(parts.sum() / (2.0**weight).sum())

        want = np.array([cdf(v + 1) - cdf(v) for v in values])
        want = want * (1 - 2.0**-14) + 2.0**-29
        found = 2.0 ** -np.array(bits)
        off = np.abs(np.log2(found / want))
        assert (want * off).sum() < 0.02, exponent
    assert COMPONENTS == 3
