"""The coordinate model: integers as the float twins have them, exact files, nothing hostile."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import inrcodec
from inrcodec.coding import tables
from inrcodec.coding.backend import Workers, numpy_backend, torch_backend
from inrcodec.coding.weights import pack_weights
from inrcodec.contents import parse
from inrcodec.coordinate import fit as fitting
from inrcodec.coordinate.decode import read_tensors
from inrcodec.coordinate.encode import Trial
from inrcodec.coordinate.float_networks import FloatNetworks
from inrcodec.coordinate.model import BACKBONES, Coordinate, CoordinateModel
from inrcodec.coordinate.networks import (
    ONE,
    CoordinateNetwork,
    coordinates,
    grid,
    network_inputs,
)
from inrcodec.coordinate.transforms import TRANSFORMS
from inrcodec.options import Reading
from inrcodec.reconstruct import decode_samples
from tests.container.test_damage import exact_or_refused, refusal, sealed, sections, with_fields
from tests.pictures import scene


def coded(image: np.ndarray, form: str = "int", **options: object) -> bytes:
    """A coordinate file of a short fit of a small network."""
    chosen = Coordinate(**{"width": 12, "depth": 2, "steps": 12, **options})  # type: ignore[arg-type]
    return inrcodec.encode(
        image, model="coordinate", coordinate=chosen, weights=form, device="cpu", threads=1
    )


def test_sines_and_the_normal_distribution() -> None:
    sines = 65536 * np.sin(2 * np.pi * np.arange(65536) / 65536)
    assert np.abs(tables.sin_table() - sines).max() < 0.5001
    x = (np.arange(1025) - 512) / 64
    normal = np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x]) * (1 << 20)
    assert np.abs(tables.normal_table() - normal).max() <= 1


def test_coordinates_run_from_minus_one_to_one() -> None:
    assert coordinates(0, 3, 2).tolist() == [-ONE, 0, ONE]
    assert coordinates(0, 1, 0).tolist() == [0]
    assert coordinates(-1, 1, 7).tolist() == [-ONE - 18725]
    between = coordinates(0, 11, 10)
    assert np.array_equal(between[::2], coordinates(0, 6, 5))


@pytest.mark.parametrize("form", ["int", "fp16", "ternary"])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_integers_agree_with_the_float_twin(backbone: str, form: str) -> None:
    # Gauss's own scale of 30 multiplies each layer's rounding by about 15
    scale = 5.0 if backbone == "gauss" else None
    options = Coordinate(width=40, depth=3, backbone=backbone, scale=scale)
    model = CoordinateModel(form, "joint", backbone, 40, 3, options.constants(), (0,) * 8, 0)
    networks = FloatNetworks(model, options, 3, "cpu", torch.Generator().manual_seed(1))
    networks.quantise(8)
    backend = numpy_backend()
    positions = backend.xp.concat(
        [grid(backend, coordinates(0, 9, 8), coordinates(0, 11, 10)), np.full((1, 99), 0.25 * ONE)]
    )
    inputs = network_inputs(backend, model, positions)
    (tensors,) = read_tensors(model, 3, pack_weights(form, networks.integers()[0]))
    outputs = CoordinateNetwork(model, tensors, backend).run(inputs)
    assert np.array_equal(outputs, np.floor(outputs))
    twin = networks(networks.stored(), torch.from_numpy(inputs.T[None] / ONE).float())
    difference = np.abs(outputs / ONE - twin[0].detach().numpy().T).max()
    assert difference < 0.002 * max(1.0, float(twin.detach().abs().max()))
    other = torch_backend("cpu")
    again = CoordinateNetwork(model, tensors, other).run(torch.from_numpy(inputs))
    assert np.array_equal(again.numpy(), outputs)


@pytest.mark.parametrize("form", ["int", "fp16", "ternary"])
@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("layout", ["joint", "per-plane"])
def test_every_model_is_exact(layout: str, backbone: str, form: str) -> None:
    image = scene(7, 9, 3, np.uint8)
    data = coded(image, form, layout=layout, backbone=backbone, steps=4)
    assert np.array_equal(inrcodec.decode(data), image)
    file = parse(data)
    assert np.array_equal(decode_samples(file, Reading(torch_backend("cpu"), 1)), image)
    facts = inrcodec.info(data)
    assert facts["mode"] == "coordinate"
    assert facts["weights"] == form
    assert facts["coordinate"]["networks"] == (1 if layout == "joint" else 8)
    assert len(facts["planes"]) == 24
    assert all(0 <= row["ber"] <= 1 for row in facts["planes"])


@pytest.mark.parametrize("chunk", [1, 5, 12, 30])
def test_pieces_of_any_size(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [
        coded(scene(6, 5, 3, np.uint8), steps=3),
        coded(scene(6, 5, 3, np.uint8), layout="per-plane", optimize="size", steps=3),
        coded(scene(1, 40, 1, np.uint8), steps=3),
    ]
    whole = [inrcodec.resample(files[0]), *map(inrcodec.decode, files)]
    monkeypatch.setattr("inrcodec.coordinate.decode.CHUNK", chunk)
    pieces = [inrcodec.resample(files[0], threads=2), *map(inrcodec.decode, files)]
    for one, other in zip(whole, pieces, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_kind_of_image(dtype: type, channels: int) -> None:
    layouts = [{"layout": layout} for layout in ("joint", "per-plane", "value")]
    sizes = {(6, 5): [*layouts, {"batch": 7}], (1, 4): layouts[1:2], (1, 1): layouts}
    for size, some in sizes.items():
        image = scene(*size, channels, dtype)
        for options in some:
            assert np.array_equal(inrcodec.decode(coded(image, steps=3, **options)), image)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_values_and_their_residuals(transform: str) -> None:
    image = scene(20, 16, 3, np.uint8)
    data = coded(image, layout="value", transform=transform, steps=150, width=24)
    assert np.array_equal(inrcodec.decode(data), image)
    assert inrcodec.info(data)["coordinate"]["transform"] == transform
    assert inrcodec.info(data)["data_bytes"] < image.nbytes * 0.85
    assert inrcodec.info(data)["version"] == ("2.3" if transform in TRANSFORMS[5:] else "2.0")
    assert np.array_equal(inrcodec.decode(data, scale=2), image[::2, ::2])


@pytest.mark.parametrize("options", [
    {"transform": "scale", "factor": 4.0}, {"transform": "gamma", "power": 2.0},
    {"transform": "gamma", "power": 0.5},
])  # fmt: skip
def test_a_factor_and_a_power_of_ones_own(options: dict) -> None:
    image = scene(6, 7, 3, np.uint8)
    data = coded(image, layout="value", steps=5, **options)
    assert np.array_equal(inrcodec.decode(data), image)
    transform = parse(data).model.model.transform
    wanted = options.get("factor") or 1 / options["power"]
    assert transform.scalars[2] == round(wanted * ONE)


def test_permuted_pixels() -> None:
    """Networks see what the seed says; nothing is between pixels, nor beyond the bits."""
    image = scene(8, 9, 3, np.uint8)
    files = []
    for seed in (5, 6, 2**32 + 5):
        chosen = Coordinate(layout="value", transform="rpp", width=48, depth=2, steps=300)
        data = inrcodec.encode(
            image, model="coordinate", coordinate=chosen, device="cpu", threads=1, seed=seed
        )
        assert np.array_equal(inrcodec.decode(data), image)
        alone = inrcodec.resample(data).astype(float)
        assert np.abs(alone - image).mean() < np.abs(image - image.mean()).mean() / 2
        files.append(data)
        for more in ({"scale": 2}, {"bits": 9}):
            with pytest.raises(inrcodec.LinrError):
                inrcodec.resample(data, **more)
    seeds = [parse(data).model.model.transform.seed for data in files]
    assert seeds == [5, 6, 5]
    other = with_fields(
        files[0], {"m.v": [8, *parse(files[0]).model.model.transform.scalars[:2], 6]}
    )
    assert refusal(other) in (inrcodec.CorruptError, inrcodec.ChecksumError)


@pytest.mark.parametrize("transform", ["none", "zscore", "0-1", "inverse", "rpp"])
def test_the_psnr_of_a_fit_of_values_is_that_of_the_picture(transform: str) -> None:
    image, steps = scene(12, 10, 3, np.uint8), []
    chosen = Coordinate(layout="value", transform=transform, width=16, depth=1, steps=60)
    data = inrcodec.encode(
        image, model="coordinate", coordinate=chosen, device="cpu", threads=1, watch=steps.append
    )
    error = ((inrcodec.resample(data).astype(float) - image) ** 2).mean()
    assert steps[-1].psnr == pytest.approx(10 * math.log10(255**2 / error), abs=0.5)


@pytest.mark.parametrize(("layout", "backbone", "form"), [
    ("joint", "siren", "int"), ("joint", "finer", "fp16"), ("per-plane", "pe-gelu", "ternary"),
])  # fmt: skip
def test_fits_until_the_stored_networks_make_no_mistake(
    layout: str, backbone: str, form: str
) -> None:
    image = scene(8, 8, 1, np.uint8)
    data = coded(image, form, layout=layout, backbone=backbone, width=64, depth=3, steps=2000)
    facts = inrcodec.info(data)
    assert [row["ber"] for row in facts["planes"]] == [0.0] * 8
    assert facts["coordinate"]["steps"] < 2000
    assert facts["data_bytes"] < 30  # which says that nothing is wrong


def test_the_same_seed_gives_the_same_file() -> None:
    image = scene(6, 6, 1, np.uint8)
    assert coded(image) == coded(image)


def test_the_smallest_file_is_no_larger_than_the_stored_one() -> None:
    shaded = np.add.outer(np.arange(24), np.arange(24)).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    for image in (shaded, noise, scene(16, 16, 3, np.uint8)):
        data = coded(image, optimize="size", steps=40)
        assert np.array_equal(inrcodec.decode(data), image)
        assert len(data) <= len(inrcodec.encode(image, model="stored"))


def test_planes_without_networks_are_coded_by_templates_or_as_they_are() -> None:
    backend = numpy_backend()
    image = scene(20, 30, 3, np.uint8)
    with Workers(backend, 1) as workers:
        trial = Trial(image, backend, workers)
        costs = [trial.other_cost(plane) for plane in range(8)]
    assert costs[7][1] == 1
    assert costs[7][0] < 20 * 30 * 3 / 8 / 2
    assert costs[0][0] <= 20 * 30 * 3 / 8 + 8


def test_steps_of_a_large_image_see_some_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    image, sizes = scene(9, 8, 1, np.uint8), []
    batch = fitting.Data.batch

    def watched(self: fitting.Data, size: int, rng: torch.Generator) -> tuple:
        inputs, targets = batch(self, size, rng)
        sizes.append(targets.shape[1])
        return inputs, targets

    monkeypatch.setattr(fitting.Data, "batch", watched)
    assert np.array_equal(inrcodec.decode(coded(image)), image)
    assert set(sizes) == {72}
    sizes.clear()
    monkeypatch.setattr(fitting, "FULL", 12 * 3 * 8 * 20)  # width, layers, planes, pixels
    assert np.array_equal(inrcodec.decode(coded(image)), image)
    assert set(sizes) == {20}


def test_a_time_limit_stops_the_fit() -> None:
    image = scene(16, 16, 3, np.uint8)
    options = Coordinate(width=64, steps=10**6, optimize="ber", learning_rate=1e-9)
    data = inrcodec.encode(
        image, model="coordinate", coordinate=options, time_limit=0.5, device="cpu"
    )
    assert np.array_equal(inrcodec.decode(data), image)
    assert inrcodec.info(data)["coordinate"]["steps"] < 10**5


def test_bad_options() -> None:
    for bad in (
        {"layout": "round"}, {"backbone": "relu"}, {"width": 1}, {"width": 4096}, {"depth": 0},
        {"steps": 0}, {"omega": 0}, {"omega": 101}, {"scale": -1}, {"bias_range": -1},
        {"learning_rate": 0}, {"batch": 0}, {"optimize": "speed"}, {"transform": "log"},
        {"transform": "rpp"}, {"transform": "scale", "factor": 2.0, "layout": "per-plane"},
        {"factor": 1.0}, {"factor": 2.0, "transform": "none"}, {"power": 2.0, "transform": "scale"},
        {"factor": 17.0, "transform": "scale"}, {"factor": 0.0, "transform": "scale"},
        {"power": 0.1, "transform": "gamma"}, {"power": math.nan, "transform": "gamma"},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=next(iter(bad))):
            Coordinate(**bad)  # type: ignore[arg-type]


IMAGE = scene(5, 4, 1, np.uint8)
DAMAGED = {
    "int": {"form": "int"}, "fp16": {"form": "fp16"}, "wire": {"backbone": "wire"},
    "ternary": {"form": "ternary", "layout": "per-plane", "backbone": "pe-gelu"},
    "value": {"layout": "value", "transform": "sym-power"},
    "permuted": {"layout": "value", "transform": "rpp"},
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_files(kind: str) -> None:
    options: dict = {"width": 4, "depth": 1, "steps": 2, **DAMAGED[kind]}
    if kind == "ternary":
        options["depth"] = 2
    data = coded(IMAGE, **options)
    assert exact_or_refused(data, IMAGE)
    assert not any(exact_or_refused(data[:length], IMAGE) for length in range(len(data)))
    chain = sections(data)
    assert [tag for tag, _ in chain] == [b"H", b"W", b"D"]
    rng = np.random.default_rng(0)
    for number, (tag, payload) in enumerate(chain):
        for at in range(0, len(payload), 1 if tag == b"H" else 2):
            damaged = bytearray(payload)
            damaged[at] ^= int(rng.integers(1, 256))
            # behind a checksum that holds
            changed = [*chain[:number], (tag, bytes(damaged)), *chain[number + 1 :]]
            exact_or_refused(sealed(changed), IMAGE)


def test_headers_that_ask_for_too_much() -> None:
    data = coded(IMAGE, width=4, depth=1, steps=2)

    def refused(data: bytes, changes: dict[str, object]) -> type[Exception]:
        places = {key if key in "sb" else f"m.{key}": value for key, value in changes.items()}
        return refusal(with_fields(data, places))

    for changes, error in [
        ({"k": 3}, inrcodec.UnsupportedVersionError),
        ({"a": 8}, inrcodec.UnsupportedVersionError),
        ({"a": 7}, inrcodec.CorruptError),
        ({"f": 3}, inrcodec.UnsupportedVersionError),
        ({"z": 1}, inrcodec.UnsupportedVersionError),
        ({"w": [1025, 1]}, inrcodec.CorruptError),
        ({"w": [4, 17]}, inrcodec.CorruptError),
        ({"w": [1, 1], "a": 3, "g": [1, 1, 1]}, inrcodec.CorruptError),
        ({"g": []}, inrcodec.CorruptError),
        ({"g": [1 << 21]}, inrcodec.CorruptError),
        ({"g": 5}, inrcodec.CorruptError),
        ({"n": [0] * 7}, inrcodec.CorruptError),
        ({"n": [3] * 8}, inrcodec.CorruptError),
        ({"t": -1}, inrcodec.CorruptError),
        ({"k": 2}, inrcodec.CorruptError),  # values without a transform
        ({"v": [0, 0, 255]}, inrcodec.CorruptError),  # a transform of bits
        ({"k": 1, "w": [1024, 16], "b": 8}, inrcodec.LimitError),
        ({"s": [1 << 14, 1 << 14, 1]}, inrcodec.CorruptError),
        ({"s": [1 << 20, 1 << 20, 1]}, inrcodec.LimitError),
    ]:
        assert refused(data, changes) is error, changes
    values = coded(IMAGE, layout="value", width=4, depth=1, steps=2)
    for changes in (
        {"n": [1] * 8}, {"v": []}, {"v": [0, 3, 2]}, {"v": [1, 0, 9, 0, 0]}, {"v": [6, 0, 9, 0]},
        {"v": [8, 0, 9]}, {"v": [8, 0, 9, 1 << 32]}, {"v": [9, 0, 9]},
    ):  # fmt: skip
        assert refused(values, changes) is not None


@pytest.mark.parametrize("form", ["int", "fp16", "ternary"])
@pytest.mark.parametrize("coefficients", ["learned", "fixed"])
def test_several_images_from_shared_weights(form: str, coefficients: str) -> None:
    images = [scene(6, 7, 3, np.uint8, seed) for seed in range(3)]
    backbone = "pe-gelu" if form == "ternary" else "finer"
    options = Coordinate(width=12, depth=2, steps=10, coefficients=coefficients, backbone=backbone)
    data = inrcodec.encode_set(
        images, sets=2, coordinate=options, weights=form, device="cpu", threads=1
    )
    for index, image in enumerate(images):
        assert np.array_equal(inrcodec.decode(data, frame=index), image)
        assert inrcodec.resample(data, frame=index).shape == image.shape
    file = parse(data)
    found = np.array([member.coefficients for member in file.model.members]) / 65536
    fixed = np.array([[1, 0], [1, 0.5], [1, 1]])
    assert np.array_equal(found, fixed) == (coefficients == "fixed")
    assert inrcodec.info(data)["frames"] == 3
    with pytest.raises(ValueError, match="frame is 3"):
        inrcodec.decode(data, frame=3)


def test_damaged_files_of_several_images() -> None:
    images = [scene(4, 3, 1, np.uint8, seed) for seed in range(2)]
    options = Coordinate(width=4, depth=1, steps=2)
    data = inrcodec.encode_set(images, coordinate=options, device="cpu", threads=1)
    chain = sections(data)
    assert [tag for tag, _ in chain] == [b"H", b"W", b"A", b"D"]

    def check(damaged: bytes) -> None:
        for index, image in enumerate(images):
            try:
                decoded = inrcodec.decode(damaged, frame=index, threads=1)
            except (inrcodec.LinrError, ValueError):
                continue
            assert np.array_equal(decoded, image)

    for length in range(len(data)):
        check(data[:length])
    for number, (tag, payload) in enumerate(chain):
        for at in range(len(payload)):
            change = (0x01, 0x80, 0xFF)[at % 3]
            damaged = payload[:at] + bytes([payload[at] ^ change]) + payload[at + 1 :]
            check(sealed([*chain[:number], (tag, damaged), *chain[number + 1 :]]))
    for wrong in (b"", b"\0", chain[2][1][:-1], chain[2][1] + b"\0", chain[2][1][:1]):
        with pytest.raises(inrcodec.LinrError):
            inrcodec.decode(sealed([*chain[:2], (b"A", wrong), chain[3]]))


def test_images_of_one_file_are_alike() -> None:
    options = Coordinate(width=4, depth=1, steps=2)
    for other in (scene(5, 3, 1, np.uint8), scene(4, 3, 3, np.uint8), scene(4, 3, 1, np.uint16)):
        with pytest.raises(inrcodec.ImageError):
            inrcodec.encode_set([scene(4, 3, 1, np.uint8), other], coordinate=options)
    with pytest.raises(ValueError, match="joint"):
        inrcodec.encode_set([scene(4, 3, 1, np.uint8)], coordinate=Coordinate(layout="per-plane"))
