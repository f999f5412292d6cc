"""The integer networks: format_spec.md's words in plain integers; no sum leaves 32 bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec.coding.backend import Backend, torch_backend
from inrcodec.context.file import Models, network_shapes
from inrcodec.context.layout import choose_layout
from inrcodec.context.networks import (
    BYPASS_BITS,
    HIDDEN_BITS,
    HIDDEN_CLIP,
    INPUT_CLIP,
    OUTPUT_LIMIT,
    SUM_LIMIT,
    TENSORS,
    UNIT_BITS,
    Network,
    Shape,
    Tensor,
    row_integers,
)
from inrcodec.context.step import plane_shape, trunk_shape
from inrcodec.errors import CorruptError
from tests.context.forms import array_backend, build, hold_together, random_tensors, whole_planes


def rounded_row(
    row: list[int], shift: int, bias: int, bias_shift: int, fraction: int, unit: int, limit: int
) -> tuple[list[int], int, int] | None:
    """Weights, bias and shift of a row in exact arithmetic; None where there are none."""
    for t in range(max(0, min(shift, 14) + fraction), -1, -1):
        # halves up: floor(2 v + 1 over 2)
        up, down = (max(0, s) for s in (t - fraction - shift, shift + fraction - t))
        weights = [((v << up + 1) + (1 << down)) >> down + 1 for v in row]
        power = unit - bias_shift + t
        offset = bias << power if power >= 0 else bias // (1 << -power)
        if max(map(abs, weights)) <= 32767 and (
            32767 * sum(map(abs, weights)) + abs(offset) < limit
        ):
            return weights, offset, t
    return None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(-(2**21), 2**21), min_size=1, max_size=12),
    st.integers(0, 24),
    st.integers(0, 31),
    st.integers(-(2**21), 2**21),
    st.integers(0, 10),
    st.sampled_from([(4, 8), (6, 8), (0, 8), (-2, 10), (0, 10)]),
    st.sampled_from([SUM_LIMIT, OUTPUT_LIMIT]),
)
def test_rows_are_rounded_to_16_bits(
    row: list[int],
    smaller: int,
    shift: int,
    bias: int,
    bias_shift: int,
    units: tuple[int, int],
    limit: int,
) -> None:
    row = [v >> smaller for v in row]
    fraction, unit = units
    w, b = Tensor(np.array([row, row[::-1]]), shift), Tensor(np.array([bias, 0]), bias_shift)
    want = [
        rounded_row(*each, bias_shift, fraction, unit, limit)
        for each in ((row, shift, bias), (row[::-1], shift, 0))
    ]
    if None in want:
        with pytest.raises(CorruptError, match="16 bits"):
            row_integers(w, b, fraction, unit_bits=unit, limit=limit)
        return
    layer = row_integers(w, b, fraction, unit_bits=unit, limit=limit)
    for n, expected in enumerate(want):
        got = layer.weights[n].tolist(), int(layer.biases[n]), int(layer.shifts[n])
        assert got == expected
    sums = np.abs(layer.weights).sum(axis=1) * INPUT_CLIP + np.abs(layer.biases)
    assert sums.max() < limit
    assert np.abs(layer.weights).max() <= 32767


def test_rows_whose_rounding_is_finest_lose_nothing() -> None:
    layer = row_integers(
        Tensor(np.array([[3, -4, 5]]), 7), Tensor(np.array([-9]), 10), 4, unit_bits=8
    )
    assert layer.weights.tolist() == [[3, -4, 5]]
    assert (layer.shifts[0], layer.biases[0]) == (11, -9 << 9)


def test_sums_beyond_32_bits_and_biases_that_are_too_fine_are_refused() -> None:
    shape = trunk_shape(0, 5)
    tensors = random_tensors(shape, np.random.default_rng(0), 0.5)
    Network(shape, tensors, array_backend())
    for name in TENSORS:
        for value in (1 << 52, -(1 << 52), 1 << 40):
            large = np.full_like(tensors[name].values, value)
            with pytest.raises(CorruptError, match="16 bits"):
                Network(shape, {**tensors, name: Tensor(large, 9)}, array_backend())
    for name in ("b1", "b2", "b3"):
        for shift in (11, 31):
            fine = Tensor(tensors[name].values, shift)
            with pytest.raises(CorruptError, match=f"bias shift {shift}"):
                Network(shape, {**tensors, name: fine}, array_backend())


@pytest.mark.parametrize("backend", [array_backend(), torch_backend("cpu")], ids=["numpy", "torch"])
@pytest.mark.parametrize("shape", [trunk_shape(0, 1), trunk_shape(2, 9), plane_shape(1, 16)])
@pytest.mark.parametrize("size", [0.1, 1.0, 1e6])
def test_what_a_network_gives_is_what_it_stands_for(
    backend: Backend, shape: Shape, size: float
) -> None:
    rng = np.random.default_rng(0)
    tensors = random_tensors(shape, rng, size)
    network = Network(shape, tensors, backend)
    x = rng.integers(-INPUT_CLIP, INPUT_CLIP + 1, (shape.inputs, 60))
    x[:, :30] >>= 7
    got = backend.get(network.run(backend.whole(x)))
    # in integers without a limit
    first, second, last, bypass = (
        [layer.weights.astype(object), layer.biases.astype(object)[:, None], layer.shifts[:, None]]
        for layer in network.layers
    )
    h = x.astype(object)
    for weights, biases, shifts in (first, second):
        sums = weights @ h + biases
        assert np.abs(sums).max() < SUM_LIMIT
        h = np.clip(sums // 2 ** shifts.astype(object), 0, HIDDEN_CLIP)
    outputs = (last[0] @ h + last[1]) // 2 ** last[2].astype(object)
    outputs[: shape.bypassed] += (bypass[0] @ x.astype(object)) // 2 ** bypass[2].astype(object)
    assert np.array_equal(got, outputs)
    # in real numbers
    real = {n: t.values / 2.0**t.shift for n, t in tensors.items()}
    r = x / 2.0**shape.input_bits
    for w, b in (("w1", "b1"), ("w2", "b2")):
        r = np.clip(real[w] @ r + real[b][:, None], 0, HIDDEN_CLIP / 2.0**HIDDEN_BITS)
    want = real["w3"] @ r + real["b3"][:, None]
    want[: shape.bypassed] += (real["bypass"] @ x) / 2.0 ** (shape.input_bits - BYPASS_BITS)
    if size < 1:
        assert np.abs(got / 2.0**UNIT_BITS - want).max() < 0.1


@pytest.mark.parametrize("sign", [1, -1])
def test_sums_at_the_very_limit(sign: int) -> None:
    """All activations are at their most, and sums as far from 0 as the rule allows."""
    rng = np.random.default_rng(0)
    planes = whole_planes(rng.integers(0, 65536, (9, 11, 3)), 16)
    layout = choose_layout(planes)
    models, tensors = Models("int", 8, 8), []
    for shape in network_shapes(layout, models):
        t = {n: Tensor(np.zeros(s, np.int64), 0) for n, s in shape.tensors().items()}
        t["b1"] = Tensor(np.full(8, (1 << 31) - 1 >> 8), 0)
        t["w2"] = Tensor(np.full((8, 8), sign * 8191), 0)
        room = (1 << 31) - 1 - 8 * 8191 * 32767
        t["b2"] = Tensor(np.full(8, sign * (room >> 8)), 0)
        # shift 0 of a sum is shift 2 of a weight
        t["w3"] = Tensor(sign * np.full(t["w3"].values.shape, 4095), 2)
        t["b3"] = Tensor(np.full(shape.outputs, sign * ((1 << 30) - 1 - 8 * 4095 * 32767)), 10)
        up = max(0, UNIT_BITS + BYPASS_BITS - shape.input_bits)
        t["bypass"] = Tensor(np.full((1, shape.inputs), sign * (32767 // shape.inputs)), up)
        tensors.append(t)
    networks = build(layout, models, tensors)
    for channel in networks:
        assert channel is not None
        for network in (*channel.trunks, channel.plane):
            first, second, last, bypass = network.layers
            assert max(map(int, (first.shifts[0], second.shifts[0], last.shifts[0]))) == 0
            sums = np.abs(second.weights).sum(axis=1) * INPUT_CLIP + np.abs(second.biases)
            assert sums.min() >= SUM_LIMIT - 256
            sums = np.abs(last.weights).sum(axis=1) * INPUT_CLIP + np.abs(last.biases)
            assert sums.min() == OUTPUT_LIMIT - 1
            assert int(np.abs(bypass.weights).sum()) * INPUT_CLIP > 0.98 * OUTPUT_LIMIT
    hold_together(layout, networks, planes)
