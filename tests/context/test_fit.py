"""The float side: gradients, quantisers, and that the integers do what was fitted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inrcodec import kernels
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.weights import FORMS, pack_weights, unpack_weights
from inrcodec.context import fit
from inrcodec.context.float_networks import LN2, FloatNetwork, MixtureLoss
from inrcodec.context.layout import choose_layout
from inrcodec.context.neighbours import input_count
from inrcodec.context.networks import TENSORS, Network, Shape
from inrcodec.context.prior import THOROUGH, prior_networks
from inrcodec.context.samples import plane_samples, trunk_samples
from inrcodec.context.step import plane_shape, trunk_shape
from tests.context.forms import prior_of, whole_planes
from tests.pictures import scene


def test_the_written_out_gradient_is_autograds() -> None:
    rng = torch.Generator().manual_seed(0)
    outputs = torch.randn(64, 9, generator=rng, dtype=torch.float64) * 2
    value = torch.randn(64, 1, generator=rng, dtype=torch.float64) * 3
    low, high = value - 0.5, value + 0.5
    low[0], high[1] = -1e9, 1e9

    def plain(out: torch.Tensor) -> torch.Tensor:
        mean, log_scale, log_weight = out.split(3, 1)
        weight = torch.softmax(log_weight * LN2, 1)
        rate = torch.exp2(-log_scale) * LN2
        part = torch.sigmoid((high - mean) * rate) - torch.sigmoid((low - mean) * rate)
        return -torch.log2((weight * part).sum(1) + 2.0**-22).mean()

    a = outputs.clone().requires_grad_()
    b = outputs.clone().requires_grad_()
    loss_a = MixtureLoss.apply(a, low, high, 2.0**-22)
    loss_b = plain(b)
    loss_a.backward()
    loss_b.backward()
    assert torch.allclose(loss_a, loss_b)
    assert a.grad is not None
    assert torch.allclose(a.grad, b.grad, atol=1e-10)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [trunk_shape(0, 8), plane_shape(1, 7)])
def test_the_integer_twin_does_what_the_float_one_does(form: str, shape: Shape) -> None:
    rng = torch.Generator().manual_seed(1)
    x = torch.randint(-(1 << 13), 1 << 13, (200, shape.inputs), generator=rng)
    scaled = x / (1 << shape.input_bits)
    twin = FloatNetwork(shape, form, scaled, rng)
    with torch.no_grad():
        twin.parameters["bypass"].normal_(std=0.2, generator=rng)
        twin.parameters["b1"].normal_(generator=rng)
    twin.quantise(dict.fromkeys(TENSORS, 12.0 * 4**8))  # steps of 2^-8
    (tensors,) = unpack_weights(form, [shape.tensors()], pack_weights(form, [twin.tensors()]))
    want = twin(twin.weights(), scaled).detach().numpy()
    got = Network(shape, tensors, numpy_backend()).run(x.numpy().T) / 1024
    assert np.abs(want).max() > 1
    assert np.abs(got.T - want).max() < 0.05


@pytest.mark.parametrize("learning_rate", [1e-2, 1e2])
def test_a_fit_that_runs_away_changes_nothing(learning_rate: float) -> None:
    planes = whole_planes(scene(64, 64, 1, np.uint8), 8)
    layout = choose_layout(planes)
    prior = prior_networks(layout, THOROUGH)[0]
    inputs, low, high = map(
        torch.from_numpy, trunk_samples(layout, planes, np.random.default_rng(0))[0, 0]
    )
    rng = torch.Generator().manual_seed(0)
    network = FloatNetwork(trunk_shape(0, 64), "int", inputs, rng, prior, 2)
    loss, options = fit.trunk_loss(fit.uniform_floor(8)), {"learning_rate": learning_rate}
    args = (network, inputs, (low, high), loss, 60, 512, rng, lambda _, bits: None)
    tensors = fit.train(*args, **options)
    assert any(t.values.any() for t in tensors.values()) == (learning_rate < 1)


def test_a_network_starts_where_it_is_told() -> None:
    x = torch.randn(500, 4) @ torch.randn(4, 4) + 3
    twin = FloatNetwork(Shape(4, 8, 9, 3, 12), "int", x, torch.Generator().manual_seed(1))
    b3, bypass = [float(i) for i in range(9)], [1.0, -2.0, 0.5, 0.0]
    twin.start(b3, bypass)
    weights = twin.weights()
    assert torch.allclose(weights["b3"], torch.tensor(b3), atol=1e-3)
    assert torch.allclose(weights["bypass"], torch.tensor([bypass]), atol=1e-4)


@pytest.mark.parametrize("inputs", [torch.ones(5, 4), torch.randn(1, 4), torch.zeros(2, 4)])
def test_inputs_without_variance_whiten_to_something(inputs: torch.Tensor) -> None:
    twin = FloatNetwork(Shape(4, 8, 9, 3, 12), "int", inputs, torch.Generator().manual_seed(1))
    assert all(bool(torch.isfinite(w).all()) for w in twin.weights().values())


@pytest.mark.parametrize("form", FORMS)
def test_training_shrinks_the_image(form: str) -> None:
    planes = whole_planes(scene(64, 64, 3, np.uint8), 8)
    layout = choose_layout(planes)
    sizes: list[float] = []
    plan = fit.Plan(2, 8, 8, 30, form, 0)
    with Workers(numpy_backend(), 1) as workers:
        trunks = fit.fit_trunks(
            numpy_backend(), workers, layout, planes, plan, lambda _, bits: sizes.append(bits)
        )
    assert len(trunks) == 3
    assert all(np.any(t["w3"].values) for pair in trunks for t in pair)
    assert sizes[-1] < 6  # bits per sample, where raw has 8 and nothing fitted about 7


def test_samples_without_a_library_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """What networks learn from, made by arrays and by compiled loops."""
    planes = whole_planes(scene(30, 44, 3, np.uint8), 8)
    layout = choose_layout(planes)

    def samples() -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        with Workers(numpy_backend(), 1) as workers:
            trunks = trunk_samples(layout, planes, rng, most=1000)
            asked = plane_samples(workers, layout, planes, prior_of(layout), rng, most=10_000)
        found = [array for key in sorted(trunks) for array in trunks[key]]
        # in which order the samples of a plane come is not defined
        return found + [np.sort(array, axis=None) for key in asked for array in asked[key]]

    compiled = samples()
    monkeypatch.setattr(kernels, "library", lambda: None)
    for one, other in zip(compiled, samples(), strict=True):
        assert one.dtype == other.dtype == np.float32
        assert one.ndim == 1 or np.array_equal(one, other)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [1e9, -1e9, float("nan")])
def test_a_fit_that_runs_away_is_still_a_network(form: str, value: float) -> None:
    shape, rng = Shape(49, 31, 9, 3, 12), torch.Generator().manual_seed(1)
    for _ in range(6):
        twin = FloatNetwork(shape, form, torch.randn(99, 49, generator=rng), rng)
        with torch.no_grad():
            for parameter in twin.parameters.values():
                parameter.fill_(value)
        twin.quantise(dict.fromkeys(TENSORS, abs(value)))
        (tensors,) = unpack_weights(form, [shape.tensors()], pack_weights(form, [twin.tensors()]))
        Network(shape, tensors, numpy_backend())


def test_ternary_matrices_are_ternary() -> None:
    twin = FloatNetwork(
        Shape(7, 8, 9, 3, 12), "ternary", torch.randn(99, 7), torch.Generator().manual_seed(1)
    )
    twin.quantise(dict.fromkeys(TENSORS, 1.0))
    for name in ("w1", "w2", "w3"):
        for row in twin.tensors()[name].values:
            assert len(np.unique(np.abs(row[row != 0]))) <= 1


def test_trunks_learn_from_what_they_will_see() -> None:
    """Bounds of samples are those of the values coded, relative to their bases."""
    planes = whole_planes(scene(21, 34, 3, np.uint16), 16)
    layout = choose_layout(planes)
    found = trunk_samples(layout, planes, np.random.default_rng(0))
    assert set(found) == {(index, step) for index in range(3) for step in range(2)}
    unit = 1 << layout.exponent
    for channel in layout.channels:
        inputs, low, high = (
            np.concatenate(parts) for parts in zip(found[channel.index, 0], found[channel.index, 1],
                                                   strict=True)
        )  # fmt: skip
        assert inputs.shape == (21 * 34 - 1, input_count(len(channel.references)))
        assert np.abs(inputs).max() < 8
        inside = (low > -1e8) & (high < 1e8)
        assert np.allclose((high - low)[inside], 1 / unit, atol=1e-3)
        values = planes.channels[channel.index].reshape(-1).astype(int) - channel.lowest
        edges = np.sum(values[1:] == 0) + np.sum(values[1:] == (1 << channel.planes) - 1)
        assert np.sum(~inside) == edges


def test_large_images_are_sampled() -> None:
    planes = whole_planes(scene(80, 80, 1, np.uint8), 8)
    layout = choose_layout(planes)
    found = trunk_samples(layout, planes, np.random.default_rng(0), most=1000)
    for step, all_of_them in ((0, 1600), (1, 4800)):
        inputs, low, high = found[0, step]
        assert inputs.shape == (len(low), input_count(0))
        assert len(high) == len(low)
        assert 800 < len(low) < 1200 < all_of_them
    with Workers(numpy_backend(), 1) as workers:
        rng = np.random.default_rng(0)
        (asked,) = plane_samples(workers, layout, planes, prior_of(layout), rng, 2000).values()
    assert 1000 < len(asked[0]) == len(asked[1]) < 2400
