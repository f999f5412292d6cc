"""The float side: gradients, quantisers, and that the integers do what was fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from inrcodec import kernels
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.weights import FORMS, Tensors, pack_weights, unpack_weights
from inrcodec.context import fit, schedule
from inrcodec.context.float_networks import FloatNetwork, MixtureLoss
from inrcodec.context.layout import Layout, choose_layout
from inrcodec.context.neighbours import input_count
from inrcodec.context.networks import TENSORS, Network, Shape
from inrcodec.context.parameters import Parameters
from inrcodec.context.prior import THOROUGH, prior_networks
from inrcodec.context.samples import Scene, TrunkSamples, plane_samples, trunk_samples
from inrcodec.context.schedule import LN2, Course, Engine, Samples, train
from inrcodec.context.step import plane_shape, trunk_shape
from inrcodec.history.planes import Planes
from tests.context.forms import prior_of, whole_planes
from tests.pictures import scene

ONE = torch.zeros(())


def twin_of(parameters: Parameters) -> FloatNetwork:
    return FloatNetwork(parameters, ONE)


def integers(parameters: Parameters, twin: FloatNetwork, shifts: dict[str, int]) -> Tensors:
    """What is stored of a twin."""
    twin.round(shifts)
    stored = {name: t.detach().numpy() for name, t in twin.stored(twin.weights()).items()}
    return parameters.integers(stored, shifts)


def samples_of(layout: Layout, planes: Planes, most: int = 1 << 20) -> dict[Any, TrunkSamples]:
    with Workers(numpy_backend(), 2) as workers:
        return trunk_samples(workers, Scene(layout, planes), np.random.default_rng(0), most)


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
    rng = np.random.default_rng(1)
    rows = rng.integers(-(1 << 13), 1 << 13, (200, shape.inputs), dtype=np.int16)
    x = torch.from_numpy(rows.astype(np.float32) / (1 << shape.input_bits))
    start = Parameters(shape, form, rows, rng)
    start.values["bypass"][:] = rng.normal(0, 0.2, (1, shape.inputs))
    start.values["b1"][:] = rng.normal(size=shape.width)
    twin = twin_of(start)
    made = integers(start, twin, start.shifts(dict.fromkeys(TENSORS, 12.0 * 4**8)))  # 2^-8
    (tensors,) = unpack_weights(form, [shape.tensors()], pack_weights(form, [made]))
    want = twin(twin.weights(), x).detach().numpy()
    got = Network(shape, tensors, numpy_backend()).run(rows.astype(np.int64).T) / 1024
    assert np.abs(want).max() > 1
    assert np.abs(got.T - want).max() < 0.05


@pytest.mark.parametrize("learning_rate", [1e-2, 1e2])
def test_a_fit_that_runs_away_changes_nothing(learning_rate: float) -> None:
    planes = whole_planes(scene(64, 64, 1, np.uint8), 8)
    layout = choose_layout(planes)
    prior = prior_networks(layout, THOROUGH)[0]
    rows, low, high = samples_of(layout, planes)[0, 0]
    rng = np.random.default_rng(0)
    start = Parameters(trunk_shape(0, 64), "int", rows, rng, prior, 2)
    order = rng.permutation(len(rows)).astype(np.int32)
    engine = fit.engine_for(
        numpy_backend(), start, Samples(rows, low, high, fit.uniform_floor(8), order)
    )
    course = Course(60, 512, learning_rate)
    tensors = train(engine, start, len(rows), course, rng, lambda _, bits: None)
    assert any(t.values.any() for t in tensors.values()) == (learning_rate < 1)


def test_a_network_starts_where_it_is_told() -> None:
    rng = np.random.default_rng(1)
    rows = 4096 * (rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4)) / 4 + 3)
    start = Parameters(Shape(4, 8, 9, 3, 12), "int", rows.astype(np.int16), rng)
    b3, bypass = [float(i) for i in range(9)], [1.0, -2.0, 0.5, 0.0]
    start.start(b3, bypass)
    weights = twin_of(start).weights()
    assert torch.allclose(weights["b3"], torch.tensor(b3), atol=1e-3)
    assert torch.allclose(weights["bypass"], torch.tensor([bypass]), atol=1e-4)


@pytest.mark.parametrize("rows", [np.ones((5, 4)), np.full((1, 4), 999), np.zeros((2, 4))])
def test_inputs_without_variance_whiten_to_something(rows: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    start = Parameters(Shape(4, 8, 9, 3, 12), "int", rows.astype(np.int16), rng)
    assert all(bool(torch.isfinite(w).all()) for w in twin_of(start).weights().values())


@pytest.mark.parametrize("form", FORMS)
def test_training_shrinks_the_image(form: str) -> None:
    planes = whole_planes(scene(64, 64, 3, np.uint8), 8)
    layout = choose_layout(planes)
    sizes: list[float] = []
    plan = fit.Plan(2, 60, 8, 8, 30, form, 0)
    with Workers(numpy_backend(), 1) as workers:
        trunks = fit.fit_trunks(
            numpy_backend(),
            workers,
            fit.Material.alone(Scene(layout, planes)),
            plan,
            lambda _, bits: sizes.append(bits),
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
            trunks = trunk_samples(workers, Scene(layout, planes), rng, most=1000)
            asked = plane_samples(
                workers, Scene(layout, planes), prior_of(layout), rng, most=10_000
            )
        found = [array for key in sorted(trunks) for array in trunks[key]]
        # in which order the samples of a plane come is not defined
        return found + [np.sort(array, axis=None) for key in asked for array in asked[key]]

    compiled = samples()
    monkeypatch.setattr(kernels, "library", lambda: None)
    for one, other in zip(compiled, samples(), strict=True):
        assert one.dtype == other.dtype
        assert one.ndim == 1 or np.array_equal(one, other)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [1e9, -1e9, float("nan")])
def test_a_fit_that_runs_away_is_still_a_network(form: str, value: float) -> None:
    shape, rng = Shape(49, 31, 9, 3, 12), np.random.default_rng(1)
    for _ in range(6):
        start = Parameters(shape, form, rng.integers(-9, 9, (99, 49), dtype=np.int16), rng)
        for array in start.values.values():
            array[:] = value
        made = integers(start, twin_of(start), start.shifts(dict.fromkeys(TENSORS, abs(value))))
        (tensors,) = unpack_weights(form, [shape.tensors()], pack_weights(form, [made]))
        Network(shape, tensors, numpy_backend())


def test_ternary_matrices_are_ternary() -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(-(1 << 12), 1 << 12, (99, 7), dtype=np.int16)
    start = Parameters(Shape(7, 8, 9, 3, 12), "ternary", rows, rng)
    made = integers(start, twin_of(start), dict.fromkeys(TENSORS, 8))
    for name in ("w1", "w2", "w3"):
        for row in made[name].values:
            assert len(np.unique(np.abs(row[row != 0]))) <= 1


def test_trunks_learn_from_what_they_will_see() -> None:
    """Bounds of samples are those of the values coded, relative to their bases."""
    planes = whole_planes(scene(21, 34, 3, np.uint16), 16)
    layout = choose_layout(planes)
    found = samples_of(layout, planes)
    assert set(found) == {(index, step) for index in range(3) for step in range(2)}
    unit = 1 << layout.exponent
    for channel in layout.channels:
        inputs, low, high = (
            np.concatenate(parts) for parts in zip(found[channel.index, 0], found[channel.index, 1],
                                                   strict=True)
        )  # fmt: skip
        assert inputs.shape == (21 * 34 - 1, input_count(len(channel.references)))
        assert inputs.dtype == np.int16
        inside = (low > -1e8) & (high < 1e8)
        assert np.allclose((high - low)[inside], 1 / unit, atol=1e-3)
        values = planes.channels[channel.index].reshape(-1).astype(int) - channel.lowest
        edges = np.sum(values[1:] == 0) + np.sum(values[1:] == (1 << channel.planes) - 1)
        assert np.sum(~inside) == edges


def test_large_images_are_sampled() -> None:
    planes = whole_planes(scene(80, 80, 1, np.uint8), 8)
    layout = choose_layout(planes)
    found = samples_of(layout, planes, 1000)
    for step, all_of_them in ((0, 1600), (1, 4800)):
        inputs, low, high = found[0, step]
        assert inputs.shape == (len(low), input_count(0))
        assert len(high) == len(low)
        assert 800 < len(low) < 1200 < all_of_them
    with Workers(numpy_backend(), 1) as workers:
        rng = np.random.default_rng(0)
        (asked,) = plane_samples(
            workers, Scene(layout, planes), prior_of(layout), rng, 2000
        ).values()
    assert 1000 < len(asked[0]) == len(asked[1]) < 2400


def test_what_some_bands_ask_is_what_the_whole_image_asks() -> None:
    planes = whole_planes(scene(96, 90, 1, np.uint8), 8)
    layout = choose_layout(planes)
    with Workers(numpy_backend(), 2) as workers:
        whole, some = (
            plane_samples(
                workers, Scene(layout, planes), prior_of(layout), np.random.default_rng(0), most
            )
            for most in (1 << 20, 1000)
        )
    asked = {(*row, bit) for row, bit in zip(whole[0][0].tolist(), whole[0][1], strict=True)}
    rows, bits = some[0]
    assert 500 < len(rows) < 1200 < len(whole[0][0])
    assert {(*row, bit) for row, bit in zip(rows.tolist(), bits, strict=True)} <= asked


def test_the_best_of_several_tries_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = whole_planes(scene(64, 64, 1, np.uint8), 8)
    layout = choose_layout(planes)
    rows, low, high = samples_of(layout, planes)[0, 1]
    rng, sizes, made = np.random.default_rng(0), list[float](), list[Tensors]()

    def start() -> tuple[Engine, Parameters]:
        parameters = Parameters(trunk_shape(0, 8), "int", rows, rng)
        fit.start_trunk(parameters)
        order = rng.permutation(len(rows)).astype(np.int32)
        samples = Samples(rows, low, high, fit.uniform_floor(8), order)
        return fit.engine_for(numpy_backend(), parameters, samples), parameters

    def watched(engine: Engine, *arguments: Any) -> Tensors:
        made.append(train(engine, *arguments))
        bits = engine.bits(0, len(rows)) * len(rows)
        sizes.append(bits + 8 * len(pack_weights("int", made[-1:])))
        return made[-1]

    monkeypatch.setattr(schedule, "train", watched)
    reports: list[float] = []
    course = Course(40, 256, 3e-2, tries=4)
    tensors = schedule.best(start, len(rows), course, rng, lambda done, _: reports.append(done))
    assert len(set(sizes)) == 4
    assert tensors is made[int(np.argmin(sizes))]
    assert reports == sorted(reports)
    assert reports[-1] == 1
