"""The shipped prior: where fits start, and what effort 1 is made of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import inrcodec
from inrcodec.coding.backend import Workers, numpy_backend, torch_backend
from inrcodec.coding.weights import pack_weights, unpack_weights
from inrcodec.contents import parse
from inrcodec.context import encode as encode_context
from inrcodec.context import fit
from inrcodec.context.encode import THOROUGH_PIXELS, choose_models, choose_rank
from inrcodec.context.file import Models, network_shapes
from inrcodec.context.float_networks import FloatNetwork
from inrcodec.context.layout import choose_layout
from inrcodec.context.networks import TENSORS, TRUNK_INPUT_BITS, Network, Tensor, factors
from inrcodec.context.parameters import Parameters
from inrcodec.context.prior import MAX_RANK, PRIORS, QUICK, THOROUGH, add, prior_networks
from inrcodec.context.samples import Scene
from inrcodec.context.step import trunk_shape
from inrcodec.errors import CorruptError, UnsupportedVersionError
from inrcodec.limits import DEFAULT
from inrcodec.options import Reading
from inrcodec.reconstruct import decode_samples
from tests.container.test_damage import with_fields
from tests.context.forms import whole_planes
from tests.pictures import changed_prior_file, file_of, jpeg_scene, scene

ROOT = Path(__file__).parents[2]


def test_fits_need_no_torch() -> None:
    code = """
import sys
sys.modules["torch"] = None
import inrcodec
from inrcodec.context.prior import QUICK
from tests.pictures import jpeg_scene, scene
import numpy as np
for image in (scene(40, 30, 3, np.uint8), jpeg_scene(34, 30), scene(20, 20, 1, np.uint16)):
    for options in ({"effort": 1}, {"effort": 2}, {"effort": 1, "weights": "ternary"}):
        data = inrcodec.encode(image, model="context", **options)
        assert (inrcodec.decode(data) == image).all()
    assert inrcodec.info(data, planes=False)["weights_bytes"] > 0
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("channels", "dtype"), [(1, np.uint16), (2, np.uint8), (3, np.uint16), (4, np.uint8)]
)
@pytest.mark.parametrize("prior", [QUICK, THOROUGH])
def test_changes_to_the_prior_decode_alike_with_loops_and_arrays(
    channels: int, dtype: type, prior: int
) -> None:
    image = scene(13, 10, channels, dtype)
    data = changed_prior_file(image, prior=prior)
    assert len(parse(data).model.weights) > 100
    assert inrcodec.info(data, planes=False)["rank"] == 3
    assert np.array_equal(inrcodec.decode(data), image)
    assert np.array_equal(decode_samples(parse(data), Reading(torch_backend("cpu"), 1)), image)


def test_a_colour_history_has_networks_of_its_own() -> None:
    image = jpeg_scene(30, 25, exceptions=2)
    data = changed_prior_file(image)
    assert parse(data).model.layout.chroma
    assert np.array_equal(decode_samples(parse(data), Reading(torch_backend("cpu"), 1)), image)
    layouts = choose_layout(whole_planes(image, 8)), parse(data).model.layout
    for prior in (QUICK, THOROUGH):
        of_rgb, of_ycc = (prior_networks(layout, prior) for layout in layouts)
        assert not np.array_equal(of_rgb[0]["w1"].values, of_ycc[0]["w1"].values)


@pytest.mark.parametrize("rank", [1, 4, MAX_RANK])
@pytest.mark.parametrize("start", [QUICK, THOROUGH])
def test_a_fit_starts_at_the_prior(rank: int, start: int) -> None:
    layout = choose_layout(whole_planes(scene(20, 20, 3, np.uint8), 8))
    shape = trunk_shape(2, PRIORS[start].trunk_width)
    prior = prior_networks(layout, start)[7]
    rng = np.random.default_rng(0)
    rows = rng.integers(-700, 700, (200, shape.inputs), dtype=np.int16)
    want = Network(shape, prior, numpy_backend()).run(rows.astype(np.int64).T) / 1024
    x = torch.from_numpy((rows / 2.0**TRUNK_INPUT_BITS).astype(np.float32))
    parameters = Parameters(shape, "int", rows, rng, prior, rank)
    twin = FloatNetwork(parameters, torch.zeros(()))
    got = twin(twin.weights(), x).detach().numpy().T
    assert np.abs(got - want).max() < 0.1  # rounding to 16 bits included
    assert np.abs(got - want).mean() < 0.01
    shifts = parameters.shifts(dict.fromkeys(twin.names, 1e4))
    twin.round(shifts)
    stored = {name: t.detach().numpy() for name, t in twin.stored(twin.weights()).items()}
    changed = add(prior, parameters.integers(stored, shifts))
    for name in TENSORS:
        shift = changed[name].shift - prior[name].shift
        assert np.array_equal(changed[name].values, prior[name].values << shift)


@pytest.mark.parametrize("rank", [2, MAX_RANK])
@pytest.mark.parametrize("start", [QUICK, THOROUGH])
def test_what_was_fitted_is_what_a_reader_adds_up(rank: int, start: int) -> None:
    planes = whole_planes(scene(48, 48, 3, np.uint8), 8)
    layout = choose_layout(planes)
    prior, width = prior_networks(layout, start), PRIORS[start].trunk_width
    plan = fit.Plan(2, 40, width, 16, 30, "int", 0, prior, rank)
    sizes: list[float] = []
    with Workers(numpy_backend(), 2) as workers:
        trunks = fit.fit_trunks(
            numpy_backend(),
            workers,
            fit.Material.alone(Scene(layout, planes)),
            plan,
            lambda _, bits: sizes.append(bits),
        )
    changes = [tensors for pair in trunks for tensors in pair]
    assert any(tensor.values.any() for tensors in changes for tensor in tensors.values())
    shapes = [trunk_shape(r, width) for r in (0, 0, 1, 1, 2, 2)]
    read = unpack_weights("int", [s.changes(rank) for s in shapes], pack_weights("int", changes))
    for number, (one, other) in enumerate(zip(changes, read, strict=True)):
        before = prior[3 * (number // 2) + number % 2]
        for name in TENSORS:
            whole = add(before, other)[name]
            if name in one:
                change = one[name].values / 2.0 ** one[name].shift
            else:
                u, v = (one[factor] for factor in factors(name))
                change = (u.values / 2.0**u.shift) @ (v.values / 2.0**v.shift)
            want = before[name].values / 2.0 ** before[name].shift + change
            assert np.array_equal(whole.values / 2.0**whole.shift, want)


def test_larger_images_get_changes_of_higher_rank() -> None:
    for width, most in ((32, MAX_RANK), (64, 16)):
        sizes = 1, 256 * 256, 500 * 500, 768 * 512, 10**8
        assert [choose_rank(size, width) for size in sizes] == [1, 1, 4, most, MAX_RANK]


def test_high_efforts_start_from_the_larger_networks() -> None:
    small, large = Models.of_prior(QUICK), Models.of_prior(THOROUGH)
    assert large.trunk_width > small.trunk_width
    chosen = [choose_models("int", effort, 10**6) for effort in range(1, 10)]
    assert chosen == [small] * 2 + [large] * 7
    for pixels in (1, THOROUGH_PIXELS[0] - 1, DEFAULT.pixels):
        assert choose_models("int", 9, pixels) == small
    layout = choose_layout(whole_planes(scene(30, 30, 4, np.uint16), 16))
    for pixels in (THOROUGH_PIXELS[-1], DEFAULT.pixels):  # anyone may decode it
        shapes = network_shapes(layout, choose_models("int", 9, pixels))
        trunks, planes = (sum(s.weights() for s in shapes[n::3]) for n in (0, 2))
        assert pixels * (trunks + 16 * planes) <= DEFAULT.multiply_adds
    assert not choose_models("fp16", 9, 10**6).prior


def test_a_high_effort_codes_changes_to_the_larger_networks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(encode_context.EFFORTS, 6, encode_context.Effort(THOROUGH, 1, 50, 20))
    image = scene(200, 200, 1, np.uint8)
    data = inrcodec.encode(image, effort=6, model="context")
    facts = inrcodec.info(data, planes=False)
    assert (facts["prior"], facts["version"]) == (THOROUGH, "2.0")
    assert facts["weights_bytes"] > 100
    assert np.array_equal(inrcodec.decode(data), image)


def test_an_image_without_steps_has_no_changes() -> None:
    image = np.full((1, 1, 3), 7, np.uint8)
    image[0, 0, 1] = 200
    for picture in (image, scene(1, 2, 3, np.uint8), scene(2, 1, 1, np.uint16)):
        data = inrcodec.encode(picture, effort=2, model="context")
        assert np.array_equal(inrcodec.decode(data), picture)
    nothing = file_of(image, Models.of_prior(QUICK, 1), b"")
    assert np.array_equal(inrcodec.decode(nothing), image)


def test_factors_that_are_too_fine_are_refused() -> None:
    layout = choose_layout(whole_planes(scene(20, 20, 1, np.uint8), 8))
    shape, prior = trunk_shape(0, 32), prior_networks(layout, QUICK)[0]
    sizes = shape.changes(1)
    changes = {name: Tensor(np.ones(size, np.int64), 16) for name, size in sizes.items()}
    with pytest.raises(CorruptError, match="shift"):
        add(prior, changes)


def test_an_unknown_prior_or_rank_is_refused_by_name() -> None:
    image = scene(30, 30, 3, np.uint8)
    data = inrcodec.encode(image, effort=1, model="context")
    changed = changed_prior_file(image)
    for start, changes, error in (
        (data, {"m.q": 99}, UnsupportedVersionError),
        (data, {"m.q": bytes(16)}, CorruptError),  # a prior of one's own, whose widths are missing
        (data, {"m.q": bytes(15)}, CorruptError),
        (data, {"m.q": 0}, CorruptError),
        (data, {"m.r": 4}, UnsupportedVersionError),  # of no changes
        (changed, {"m.r": None}, CorruptError),
        (changed, {"m.r": 0}, CorruptError),
        (changed, {"m.r": MAX_RANK + 1}, CorruptError),
    ):
        with pytest.raises(error, match=r"q|r|w|prior"):
            parse(with_fields(start, changes))


def test_a_time_limit_stops_the_fit() -> None:
    image = scene(64, 64, 3, np.uint8)
    planes, reports = whole_planes(image, 8), []
    layout = choose_layout(planes)
    plan = fit.Plan(10**6, 1, 8, 8, 10**6, "int", 0, None, 0, 1, 0.6, 0.2)
    with Workers(numpy_backend(), 1) as workers:
        args = (numpy_backend(), workers, fit.Material.alone(Scene(layout, planes)))
        trunks = fit.fit_trunks(*args, plan, lambda done, _: reports.append(done))
        fit.fit_planes(*args, trunks, plan, lambda done, _: reports.append(done))
    assert max(reports) == pytest.approx(1.0)  # of a million passes
    data = inrcodec.encode(image, effort=9, time_limit=0.5, model="context")
    assert np.array_equal(inrcodec.decode(data), image)
    with pytest.raises(ValueError, match="time_limit"):
        inrcodec.encode(image, time_limit=0)
