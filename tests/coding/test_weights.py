"""The stored forms of weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec.coding.weights import (
    BIAS_SHIFT,
    FORMS,
    HALF_SHIFT,
    bias_of_half,
    is_bias,
    is_ternary,
    pack_weights,
    unpack_weights,
)
from inrcodec.context.networks import TENSORS, Shape, Tensor
from inrcodec.errors import CorruptError, TruncatedError

SHAPES = [Shape(5, 3, 9, 3, 12), Shape(4, 2, 1, 1, 14)]
SIZES = [shape.tensors() for shape in SHAPES]


def halves(rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    return (rng.normal(0, 1, size).astype(np.float16).astype(np.float64) * 2**24).astype(np.int64)


def random_networks(form: str, shapes: list[Shape], seed: int = 0) -> list[dict[str, Tensor]]:
    """Networks whose tensors the form can hold."""
    rng = np.random.default_rng(seed)
    networks = []
    for shape in shapes:
        tensors = {}
        for name, size in shape.tensors().items():
            if form == "int":
                values = np.rint(rng.laplace(0, 10, size)).astype(np.int64)
                tensors[name] = Tensor(values, int(rng.integers(0, 11)))
            elif form == "ternary" and is_ternary(name):
                trits = rng.integers(-1, 2, size)
                tensors[name] = Tensor(trits * np.abs(halves(rng, (size[0], 1))), HALF_SHIFT)
            elif is_bias(name):
                # multiples of 1/1024 below 2 are exact in half precision
                tensors[name] = Tensor(rng.integers(-2048, 2049, size), BIAS_SHIFT)
            else:
                tensors[name] = Tensor(halves(rng, size), HALF_SHIFT)
        networks.append(tensors)
    return networks


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(FORMS), st.integers(0, 1000))
def test_round_trip(form: str, seed: int) -> None:
    networks = random_networks(form, SHAPES, seed)
    read = unpack_weights(form, SIZES, pack_weights(form, networks))
    for before, after in zip(networks, read, strict=True):
        for name in TENSORS:
            assert before[name].shift == after[name].shift
            assert np.array_equal(before[name].values, after[name].values), name


def test_ternary_takes_at_most_1_6_bits_a_weight() -> None:
    shape = Shape(40, 60, 9, 3, 12)
    trits = sum(int(np.prod(s)) for n, s in shape.tensors().items() if is_ternary(n))
    others = shape.weights() - trits
    scales = 2 * shape.width + shape.outputs
    size = len(pack_weights("ternary", random_networks("ternary", [shape])))
    assert size - 2 * (others + scales) <= trits * 1.6 / 8 + 3


@pytest.mark.parametrize("form", ["fp16", "ternary"])
def test_length_is_exact(form: str) -> None:
    data = pack_weights(form, random_networks(form, SHAPES))
    with pytest.raises(TruncatedError):
        unpack_weights(form, SIZES, data[:-1])
    with pytest.raises(CorruptError):
        unpack_weights(form, SIZES, data + b"\0")


def test_numbers_that_are_none() -> None:
    shape = Shape(5, 3, 9, 3, 12)
    infinite = np.full(shape.weights(), np.inf, dtype="<f2").tobytes()
    with pytest.raises(CorruptError, match="finite"):
        unpack_weights("fp16", [shape.tensors()], infinite)
    data = pack_weights("ternary", random_networks("ternary", [shape]))
    at = 2 * shape.width  # behind w1's scales
    with pytest.raises(CorruptError, match="242"):
        unpack_weights("ternary", [shape.tensors()], data[:at] + b"\xf3" + data[at + 1 :])


def test_halves_round_up() -> None:
    one = 1 << (HALF_SHIFT - BIAS_SHIFT)
    assert bias_of_half(np.array([0, one // 2, one, -one // 2, -one])).tolist() == [0, 1, 1, 0, -1]
