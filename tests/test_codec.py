"""Round trips of arrays: every shape, depth, content and weight form comes back as it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import inrcodec
from inrcodec import kernels
from inrcodec.contents import parse
from inrcodec.context.file import Models
from inrcodec.context.prior import QUICK as QUICK_PRIOR
from inrcodec.files.images import png_level9, write_image
from inrcodec.info import bit_map
from tests.pictures import changed_prior_file, file_of, scene, unfitted_file

QUICK = {"effort": 1, "device": "cpu", "threads": 1}


def returns(image: np.ndarray, **options: object) -> bytes:
    data = inrcodec.encode(image, **{**QUICK, **options})
    decoded = inrcodec.decode(data)
    assert decoded.dtype == image.dtype
    assert decoded.shape == image.shape
    assert np.array_equal(decoded, image)
    return data


def content(kind: str, shape: tuple[int, ...], dtype: type, rng: np.random.Generator) -> np.ndarray:
    top = np.iinfo(dtype).max
    if kind == "constant":
        return np.full(shape, rng.integers(0, top, endpoint=True), dtype)
    if kind == "noise":
        return rng.integers(0, top, shape, dtype, endpoint=True)
    if kind == "gradient":
        return (np.indices(shape).sum(axis=0) * int(rng.integers(1, 300)) % (top + 1)).astype(dtype)
    if kind == "few":
        return rng.choice(rng.integers(0, top, 3), shape).astype(dtype)
    return np.where(rng.random(shape) < 0.5, 0, top).astype(dtype)  # "extremes"


@st.composite
def images(draw: st.DrawFn) -> np.ndarray:
    size = (draw(st.integers(1, 20)), draw(st.integers(1, 20)))
    channels = draw(st.sampled_from([(), (2,), (3,), (4,)]))
    kind = draw(st.sampled_from(["constant", "noise", "gradient", "few", "extremes"]))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return content(kind, (*size, *channels), dtype, rng)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(images(), st.sampled_from(["int", "fp16", "ternary"]))
def test_any_image_through_unfitted_networks(image: np.ndarray, form: str) -> None:
    assert np.array_equal(inrcodec.decode(unfitted_file(image, form)), image)


@settings(max_examples=60, deadline=None)
@given(images())
def test_no_file_exceeds_its_png_by_more_than_64_bytes(image: np.ndarray) -> None:
    assert len(returns(image, model="stored")) <= len(png_level9(image)) + 64


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(images(), st.sampled_from(["int", "fp16", "ternary"]))
def test_any_image_through_a_fit(image: np.ndarray, form: str) -> None:
    returns(image, model="context", weights=form)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_scenes(channels: int, dtype: type) -> None:
    returns(scene(23, 31, channels, dtype), model="context")


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 3, 3), (1, 2, 4), (3, 1, 2)])
def test_one_pixel_sides(shape: tuple[int, ...]) -> None:
    image = content("gradient", shape, np.uint8, np.random.default_rng(1))
    returns(image, model="context")
    returns(image)


@pytest.mark.parametrize("form", ["int", "fp16", "ternary"])
def test_weight_forms(form: str) -> None:
    image = scene(48, 64, 3, np.uint8)
    data = returns(image, model="context", weights=form, effort=2)
    report = inrcodec.info(data)
    assert report["weights"] == form
    # a fitted network beats raw samples without its weights, or it has learnt nothing
    assert report["data_bytes"] < 0.7 * image.nbytes


def test_a_channel_of_one_value_costs_nothing() -> None:
    image = scene(24, 24, 4, np.uint8)
    image[:, :, 3] = 255
    planes = inrcodec.info(returns(image, model="context"))["planes"]
    assert {row["channel"] for row in planes} == {"R", "G", "B"}


def test_auto_takes_the_smaller() -> None:
    flat = np.zeros((64, 64, 3), np.uint8)
    auto, stored = returns(flat), returns(flat, model="stored")
    assert inrcodec.info(auto)["mode"] == "graphics"
    assert len(auto) < len(stored)
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert inrcodec.info(returns(noise))["mode"] == "stored"
    smooth = scene(128, 128, 3, np.uint8)
    auto, stored = returns(smooth, effort=3), returns(smooth, model="stored")
    assert inrcodec.info(auto)["mode"] == "context"
    assert len(auto) < len(stored)


def test_a_seed_repeats_the_fit_whatever_the_threads() -> None:
    image = scene(20, 20, 3, np.uint8)
    # of a form without a prior, which wins over a fit for images of this size
    options = {"effort": 1, "model": "context", "weights": "fp16", "device": "cpu"}
    one = inrcodec.encode(image, seed=5, threads=1, **options)
    two = inrcodec.encode(image, seed=5, threads=2, **options)
    other = inrcodec.encode(image, seed=6, threads=1, **options)
    assert one == two
    assert one != other


def test_neither_threads_nor_instruction_sets_change_a_byte(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of an image that has sections for its levels, and streams to share."""
    image = scene(260, 500, 1, np.uint8)
    data = inrcodec.encode(image, effort=1, model="context", threads=1)
    sections = parse(data).model.scans
    assert [payload[0] for payload in sections] == [1, 1, 1, 2]
    for threads in (2, 5):
        assert inrcodec.encode(image, effort=1, model="context", threads=threads) == data
        assert np.array_equal(inrcodec.decode(data, threads=threads), image)
    coded, library = changed_prior_file(image), kernels.library()
    for isa in library.isas if library else ():  # which may fit to other weights
        forced = kernels.Library(kernels.library_path(), isa)
        monkeypatch.setattr(kernels, "library", lambda forced=forced: forced)
        assert changed_prior_file(image) == coded
        assert np.array_equal(inrcodec.decode(data), image)


def test_a_small_image_unlike_others_gets_networks_of_its_own() -> None:
    y, x = np.mgrid[:64, :64]
    noise = np.random.default_rng(0).normal(0, 1.5, y.shape)
    image = (100 + 40 * np.sin(x * 2.1) + 30 * np.cos(y * 1.7 + x) + noise).astype(np.uint8)
    fitted = returns(image, effort=2, model="context")
    assert len(fitted) < 0.95 * len(file_of(image, Models.of_prior(QUICK_PRIOR), b""))
    facts = inrcodec.info(fitted)
    assert (facts["rank"], facts["prior"]) == (1, QUICK_PRIOR)
    assert facts["weights_bytes"] > 100
    assert abs(bit_map(fitted).sum() - sum(plane["bits"] for plane in facts["planes"])) < 5


def test_the_correction_is_what_the_networks_get_wrong() -> None:
    image = scene(40, 40, 3, np.uint8)
    data = returns(image, model="context", effort=2)
    report = inrcodec.info(data)
    told: dict[str, object] = {}
    assert returns(image, model="context", effort=2, report=told.update) == data
    assert told == report
    assert [(r["channel"], r["plane"]) for r in report["planes"][:2]] == [("G", 7), ("G", 6)]
    by_plane = {r["plane"]: r["ber"] for r in report["planes"] if r["channel"] == "G"}
    assert by_plane[7] < by_plane[0]
    assert 0.0 < by_plane[0] <= 0.6
    spent = sum(r["bits"] for r in report["planes"])
    # the range coder is within a few bytes of the entropy
    assert abs(report["data_bytes"] - spent / 8) < 16
    parts = report["header_bytes"] + report["weights_bytes"] + report["data_bytes"]
    assert parts == report["total_bytes"] == len(data)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4), np.int16),
        np.zeros(4, np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros((4, 4, 0), np.uint8),
        [[1, 2]],
    ],
)
def test_other_arrays_are_refused(image: np.ndarray) -> None:
    with pytest.raises(inrcodec.ImageError):
        inrcodec.encode(image)


def test_array_layouts_that_are_fine() -> None:
    image = scene(12, 10, 3, np.uint16)
    for same in (np.asfortranarray(image), image.astype(">u2"), image[::-1, ::-1]):
        data = inrcodec.encode(same, model="stored")
        assert np.array_equal(inrcodec.decode(data), same)
    flat = inrcodec.decode(inrcodec.encode(np.ones((3, 4, 1), np.uint8)))
    assert flat.shape == (3, 4)


@pytest.mark.parametrize("option", [{"effort": 0}, {"weights": "int4"}, {"model": "x"}])
def test_bad_options(option: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="can be"):
        inrcodec.encode(np.zeros((2, 2), np.uint8), **option)


def test_no_cuda_is_said() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(inrcodec.DeviceError):
        inrcodec.encode(np.zeros((2, 2), np.uint8), device="cuda")
    with pytest.raises(inrcodec.DeviceError):
        inrcodec.decode(unfitted_file(scene(4, 4, 1, np.uint8)), device="cuda")


def test_files(tmp_path) -> None:  # type: ignore[no-untyped-def]
    image = scene(16, 16, 3, np.uint8)
    source, target, back = tmp_path / "a.png", tmp_path / "a.linr", tmp_path / "b.png"
    source.write_bytes(write_image(image, ".png"))
    size = inrcodec.encode_file(source, target, **QUICK)
    assert size == target.stat().st_size
    inrcodec.decode_file(target, back)
    assert back.read_bytes() == source.read_bytes()
    with pytest.raises(inrcodec.OutputExistsError):
        inrcodec.decode_file(target, back)
    with pytest.raises(inrcodec.OutputExistsError):
        inrcodec.encode_file(source, target, **QUICK)
    inrcodec.decode_file(target, back, force=True)
