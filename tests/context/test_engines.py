"""The two engines of a fit: the compiled one against torch's autograd in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from inrcodec import kernels
from inrcodec.coding.backend import Workers, numpy_backend, torch_backend
from inrcodec.coding.weights import FORMS
from inrcodec.context.compiled_fit import CompiledFit, Versions
from inrcodec.context.fit import Material, Plan, engine_for, fit_planes, fit_trunks, uniform_floor
from inrcodec.context.float_networks import FloatFit, FloatNetwork, plane_loss, trunk_loss
from inrcodec.context.layout import choose_layout
from inrcodec.context.networks import Shape
from inrcodec.context.parameters import Parameters
from inrcodec.context.prior import QUICK, THOROUGH, prior_networks
from inrcodec.context.samples import Scene, plane_samples, trunk_samples
from inrcodec.context.schedule import Course, Samples, train
from inrcodec.context.step import plane_shape, trunk_shape
from inrcodec.kernels import Library, library_path
from tests.context.forms import prior_of, whole_planes
from tests.pictures import scene

PLANES = whole_planes(scene(40, 52, 3, np.uint8), 8)
LAYOUT = choose_layout(PLANES)
SCENE = Scene(LAYOUT, PLANES)
MATERIAL = Material.alone(SCENE)
DOUBLE = torch.zeros((), dtype=torch.float64)


def _isas() -> tuple[str, ...]:
    library = kernels.library()
    return library.isas if library else ()


@pytest.fixture(scope="module", params=_isas())
def library(request: pytest.FixtureRequest) -> Library:
    return Library(library_path(), request.param)


def samples_of(position: int, step: int) -> Samples:
    """Of a trunk INR, or of the plane INR with step 2, of a small image."""
    rng = np.random.default_rng(0)
    with Workers(numpy_backend(), 1) as workers:
        index = LAYOUT.channels[position].index
        if step < 2:
            rows, low, high = trunk_samples(workers, SCENE, rng)[index, step]
            floor = uniform_floor(8)
        else:
            found = plane_samples(workers, SCENE, prior_of(LAYOUT), rng)[index]
            (rows, low), high, floor = found, None, 0.0
    return Samples(rows, low, high, floor, rng.permutation(len(rows)).astype(np.int32))


def parameters_of(
    shape: Shape, form: str, samples: Samples, prior: int, number: int, rank: int
) -> Parameters:
    """Some way from where they start, so that no slope is 0."""
    rng = np.random.default_rng(1)
    start = prior_networks(LAYOUT, prior)[number] if prior else None
    parameters = Parameters(shape, form, samples.rows, rng, start, rank)
    for value in parameters.values.values():
        value += rng.normal(0, 0.02, value.shape)
    return parameters


CASES = [
    (2, 1, "int", THOROUGH, 5), (1, 0, "int", QUICK, 3), (0, 1, "int", QUICK, 30),
    (2, 2, "int", QUICK, 2), (0, 0, "int", 0, 0), (1, 1, "fp16", 0, 0), (2, 0, "ternary", 0, 0),
    (1, 2, "ternary", 0, 0),
]  # fmt: skip


@pytest.mark.parametrize("rounding", [False, True])
@pytest.mark.parametrize(("position", "step", "form", "prior", "rank"), CASES)
def test_slopes_are_autograds(
    library: Library, position: int, step: int, form: str, prior: int, rank: int, rounding: bool
) -> None:
    samples = samples_of(position, step)
    width = {0: 11, QUICK: 32, THOROUGH: 64}[prior]
    shape = trunk_shape(position, width) if step < 2 else plane_shape(position, 16 if prior else 5)
    parameters = parameters_of(shape, form, samples, prior, 3 * position + step, rank)
    engine, twin = CompiledFit(library, parameters, samples), FloatNetwork(parameters, DOUBLE)
    if rounding:
        shifts = {name: 6 if name[0] == "b" else 8 for name in parameters.values}
        engine.round(shifts)
        twin.round(shifts)
    count = 300  # of which the last are no whole block, and no whole vector
    some = samples.order[:count]
    weights = {name: weight.clone() for name, weight in twin.weights().items()}
    for weight in weights.values():
        weight.retain_grad()
    inputs = torch.from_numpy(samples.rows[some]).double() * 2.0**-shape.input_bits
    targets = [
        torch.from_numpy(bound[some]).double()[:, None]
        for bound in (samples.low, samples.high)
        if bound is not None
    ]
    loss = plane_loss if samples.high is None else trunk_loss(samples.floor)
    bits = loss(twin(weights, inputs), *targets)
    rate = twin.rate(weights) / len(samples.order) if rounding and form == "int" else 0
    (bits + rate).backward()
    want = pytest.approx(float(bits.detach()), rel=1e-4)
    assert engine.bits(0, count) == want
    assert engine.step(0, count, 1e-9, True) == want
    squares = engine.squares()
    for name, slopes in engine.slopes().items():
        want = twin.parameters[name].grad
        assert want is not None
        most = float(want.abs().max())
        assert most > 0
        assert np.abs(slopes - want.numpy()).max() < 2e-3 * most, name
        grad = weights[name].grad
        assert grad is not None
        assert squares[name] == pytest.approx(float(grad.square().mean()), rel=1e-2)


def test_stored_weights_are_the_same(library: Library) -> None:
    samples = samples_of(1, 0)
    for form in FORMS:
        parameters = parameters_of(trunk_shape(1, 9), form, samples, 0, 0, 0)
        parameters.values["b3"][:3] = 3000.0, -1e-6, 0.3
        shifts = dict.fromkeys(parameters.values, 5)
        engine, twin = (
            CompiledFit(library, parameters, samples),
            FloatFit.of(parameters, samples, torch.device("cpu")),
        )
        engine.round(shifts)
        twin.round(shifts)
        here, there = (parameters.integers(e.stored(), shifts) for e in (engine, twin))
        for name, tensor in here.items():
            difference = np.abs(tensor.values - there[name].values)
            # sums in another order may fall on the other side of a half
            assert np.mean(difference > 0) < 0.02, (form, name)
        assert here["b3"].values[0] == 1024 << here["b3"].shift


def test_biases_suit_the_ternary_weights_that_are_stored(library: Library) -> None:
    """At the inputs' centre a unit is what it was fitted to be, however far weights are rounded."""
    samples = samples_of(2, 1)
    parameters = parameters_of(trunk_shape(2, 9), "ternary", samples, 0, 0, 0)
    shifts = dict.fromkeys(parameters.values, 5)
    for engine in (
        CompiledFit(library, parameters, samples),
        FloatFit.of(parameters, samples, torch.device("cpu")),
    ):
        real = engine.stored()["w1"].copy()
        engine.round(shifts)
        stored = engine.stored()
        rounding = (stored["w1"] - real) @ parameters.centre
        assert np.abs(rounding).max() > 0.1
        at_centre = stored["w1"] @ parameters.centre + stored["b1"]
        assert np.abs(at_centre - parameters.values["b1"]).max() < 2e-3


def test_engines_take_the_same_steps(library: Library) -> None:
    samples = samples_of(0, 1)
    prior = prior_networks(LAYOUT, QUICK)[1]
    rng = np.random.default_rng(2)
    parameters = Parameters(trunk_shape(0, 32), "int", samples.rows, rng, prior, 2)
    compiled = CompiledFit(library, parameters, samples)
    other = FloatFit.of(parameters, samples, torch.device("cpu"))
    for step in range(40):
        here, there = (e.step(step * 25, 256, 1e-2, False) for e in (compiled, other))
        assert here == pytest.approx(float(there), rel=1e-3)
    assert compiled.bits(0, 900) < 0.99 * CompiledFit(library, parameters, samples).bits(0, 900)


@pytest.mark.parametrize("form", FORMS)
def test_a_fit_is_repeatable_whatever_the_threads(form: str) -> None:
    prior, rank = (prior_networks(LAYOUT, QUICK), 2) if form == "int" else (None, 0)
    plan = Plan(1, 20, 32, 16, 20, form, 3, prior, rank)
    backend, results = numpy_backend(), []
    for threads in (1, 3):
        with Workers(backend, threads) as workers:
            trunks = fit_trunks(backend, workers, MATERIAL, plan, lambda *_: None)
            planes = fit_planes(backend, workers, MATERIAL, trunks, plan, lambda *_: None)
        results.append([*(t for pair in trunks for t in pair), *planes])
    for one, other in zip(*results, strict=True):
        for name, tensor in one.items():
            assert tensor.shift == other[name].shift
            assert np.array_equal(tensor.values, other[name].values)


def test_torch_takes_the_place_of_a_library_that_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = samples_of(0, 0)
    parameters = parameters_of(trunk_shape(0, 8), "int", samples, 0, 0, 0)
    assert isinstance(engine_for(torch_backend("cpu"), parameters, samples), FloatFit)
    assert isinstance(engine_for(numpy_backend(), parameters, samples), CompiledFit)
    monkeypatch.setattr(kernels, "library", lambda: None)
    assert isinstance(engine_for(numpy_backend(), parameters, samples), FloatFit)


def test_what_c_would_misread_is_refused(library: Library) -> None:
    samples = samples_of(0, 0)
    shape = trunk_shape(0, 8)
    parameters = parameters_of(shape, "int", samples, 0, 0, 0)
    count = len(samples.order)
    engine = CompiledFit(library, parameters, samples)
    for first, some in ((-1, 5), (0, count + 1), (count - 1, 2), (3, 0), (3, -2)):
        with pytest.raises(ValueError, match="samples"):
            engine.step(first, some, 1e-3, False)
    for changes in (
        {"rows": samples.rows.astype(np.float32)}, {"rows": samples.rows[:, ::2]},
        {"order": samples.order + 1}, {"order": samples.order - 1},
        {"order": samples.order.astype(np.int64)}, {"low": samples.low[1:]},
        {"high": samples.low.astype(np.float64)}, {"floor": samples.low[:-1]},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"is no contiguous|none of the samples"):
            CompiledFit(library, parameters, replace(samples, **changes))
    wide = Parameters(trunk_shape(0, 65), "int", samples.rows, np.random.default_rng(0))
    with pytest.raises(ValueError, match="up to"):
        CompiledFit(library, wide, samples)


@pytest.mark.parametrize("prior", [0, QUICK])
def test_a_fit_to_nothing_stays_where_it_starts(library: Library, prior: int) -> None:
    whole = samples_of(0, 2)
    nothing = Samples(whole.rows[:0], whole.low[:0], None, 0.0, whole.order[:0])
    start = prior_networks(LAYOUT, prior)[2] if prior else None
    rng = np.random.default_rng(0)
    parameters = Parameters(plane_shape(0, 16), "int", nothing.rows, rng, start, 1)
    engine = CompiledFit(library, parameters, nothing)
    before = engine.parameters()
    train(engine, parameters, 0, Course(5, 64, 1e-2), rng, lambda *_: None)
    after = engine.parameters()
    assert np.array_equal(after, np.zeros_like(before) if prior else before)


def _biases(parameters: Parameters, flat: np.ndarray) -> dict[str, np.ndarray]:
    """Those of a flat copy of what is optimised."""
    ends = np.cumsum([value.size for value in parameters.values.values()])
    parts = dict(zip(parameters.values, np.split(flat, ends[:-1]), strict=True))
    return {name: parts[name] for name in ("b1", "b2", "b3")}


@pytest.mark.parametrize("count", [1, 3])
def test_shifts_of_versions_learn_as_the_biases_do(library: Library, count: int) -> None:
    """Where all samples are of one version, of however many there are."""
    samples = samples_of(1, 1)
    parameters = parameters_of(trunk_shape(1, 24), "int", samples, 0, 0, 0)
    of = np.full(len(samples.rows), count - 1, dtype=np.int32)
    versions = Versions(of, count, rate=1.0, penalty=0.0)
    engine = CompiledFit(library, parameters, samples, versions)
    start = _biases(parameters, engine.parameters())
    for _ in range(5):
        engine.step(3, 300, 1e-2, False)
    end = _biases(parameters, engine.parameters())
    for name, before in start.items():
        shifts = versions.shifts(name, before.size)
        assert np.abs(shifts[-1]).max() > 0.01
        assert not shifts[:-1].any()
        # their slopes are multiplied by the number of versions, which Adam divides by
        assert np.allclose(shifts[-1], end[name] - before, rtol=1e-3, atol=2e-5)


def test_versions_that_differ_get_shifts_that_differ(library: Library) -> None:
    samples = samples_of(0, 1)
    of = (np.arange(len(samples.rows)) % 2).astype(np.int32)
    assert samples.high is not None
    off = np.float32(10) * of.astype(np.float32)
    samples = replace(samples, low=samples.low + off, high=samples.high + off)
    bits = []
    for versions in (None, Versions(of, 2, rate=1.0, penalty=1e-3)):
        parameters = parameters_of(trunk_shape(0, 16), "int", samples, 0, 0, 0)
        engine = CompiledFit(library, parameters, samples, versions)
        for _ in range(150):
            engine.step(0, len(of), 1e-2, False)
        bits.append(engine.bits(0, len(of)))
        if versions:
            engine.take_mean_of_versions()
            assert engine.bits(0, len(of)) == pytest.approx(bits[-1], abs=1e-4)
            assert np.abs(versions.shifts("b1", 16).mean(axis=0)).max() < 1e-6
    assert bits[1] < bits[0] - 0.3


def test_versions_that_are_none_are_refused(library: Library) -> None:
    samples = samples_of(0, 0)
    parameters = parameters_of(trunk_shape(0, 8), "int", samples, 0, 0, 0)
    of = np.zeros(len(samples.rows), dtype=np.int32)
    for wrong in (of - 1, of + 2, of.astype(np.int64)):
        with pytest.raises(ValueError, match=r"versions are none|is no contiguous"):
            Versions(wrong, 2, 0.3, 0.01)
    with pytest.raises(ValueError, match="is no contiguous"):
        CompiledFit(library, parameters, samples, Versions(of[1:], 2, 0.3, 0.01))
