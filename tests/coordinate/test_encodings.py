"""Learned tables in the place of coordinates: the hash grid and DINER."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

import inrcodec
from inrcodec.coding.backend import numpy_backend, torch_backend
from inrcodec.coding.weights import pack_weights
from inrcodec.contents import parse
from inrcodec.context.networks import Tensor
from inrcodec.coordinate.decode import check_work, read_tensors
from inrcodec.coordinate.encodings import PRIMES, cell_of, corner_rows, encoding, rows_of
from inrcodec.coordinate.float_networks import FloatNetworks
from inrcodec.coordinate.model import Coordinate, CoordinateModel
from inrcodec.coordinate.networks import (
    ONE,
    CoordinateNetwork,
    coordinates,
    grid,
    network_inputs,
)
from inrcodec.errors import CorruptError, LimitError, LinrError
from inrcodec.limits import DEFAULT, Limits
from tests.container.test_damage import exact_or_refused, refusal, sealed, sections, with_fields
from tests.pictures import scene

BACKEND = numpy_backend()
GRID = {"levels": 3, "table_bits": 6, "finest": 9}
TABLED = {"hash-grid": GRID, "diner": {"features": 3}}


def model_of(layout: str = "joint", form: str = "int", **options: object) -> CoordinateModel:
    """Of an image of 6 x 7 pixels of 8 bits."""
    chosen = Coordinate(layout=layout, **{"width": 12, "depth": 2, **options})  # type: ignore[arg-type]
    modes = (0,) * 8
    return CoordinateModel(
        form, layout, chosen.backbone, chosen.width, chosen.depth, chosen.constants(7), modes, 0,
        size=(6, 7),
    )  # fmt: skip


def points(model: CoordinateModel, *planes: int) -> np.ndarray:
    """The coordinates of all pixels, plane by plane, float64 (c, n)."""
    height, width = model.size
    where = grid(BACKEND, coordinates(0, height, height - 1), coordinates(0, width, width - 1))
    if model.layout != "joint":
        return where
    levels = [coordinates(plane, 1, len(model.modes) - 1) for plane in planes]
    return np.hstack([np.vstack([where, np.full(where.shape[1], at[0])]) for at in levels])


def coded(image: np.ndarray, form: str = "int", **options: object) -> bytes:
    """A coordinate file of a fit of a small network."""
    chosen = Coordinate(**{"width": 12, "depth": 2, "steps": 12, **options})  # type: ignore[arg-type]
    return inrcodec.encode(
        image, model="coordinate", coordinate=chosen, weights=form, device="cpu", threads=1
    )


@pytest.mark.parametrize("cells", [1, 3, 7])
@pytest.mark.parametrize("count", [2, 3])
def test_a_grid_at_its_corners_and_between_them(cells: int, count: int) -> None:
    """A dense table is a function at the corners; between them it is as linear as it can be."""
    rng, side = np.random.default_rng(cells), cells + 1
    slopes = [1000, -700, 300][:count]
    corners = np.indices((side,) * count).reshape(count, -1)
    at = corners * (2 * ONE // cells)  # from -1 on, cut off; exact for 1
    exact = at * cells == corners * 2 * ONE
    values = sum(slope * c for slope, c in zip(slopes, corners, strict=True))
    order = sum(c * side**k for k, c in enumerate(corners))
    table = np.empty((side**count, 1), dtype=np.int64)
    table[order, 0] = values
    model = CoordinateModel(
        "int", "joint" if count == 3 else "value", "hash-grid", 4, 1, (1, 1, 12, cells, cells),
        (0,) * 8, 0,
    )  # fmt: skip
    encode = encoding(model, {"t0": Tensor(table, 16)}, BACKEND)
    assert encode is not None
    found = encode((at - ONE).astype(float))[0]
    assert np.array_equal(found[exact.all(axis=0)], values[exact.all(axis=0)])
    anywhere = rng.integers(-ONE, ONE + 1, (count, 500)).astype(float)
    real = sum(s * (c + ONE) * cells / (2 * ONE) for s, c in zip(slopes, anywhere, strict=True))
    below = real - encode(anywhere)[0]
    assert below.min() >= 0
    assert below.max() < count  # each of count steps rounds down


def test_rows_of_corners() -> None:
    """Each corner of a small grid has a row; of a large one the published hash tells which."""
    ends = np.array([[-ONE, ONE, 0], [-ONE, ONE, ONE - 1]], dtype=float)
    cell, rest = cell_of(np, ends, 5)
    assert cell.tolist() == [[0, 4, 2], [0, 4, 4]]
    assert rest.tolist() == [[0, 2 * ONE, ONE], [0, 2 * ONE, 2 * ONE - 5]]
    every = np.indices((5, 5, 5)).reshape(3, -1)
    dense = np.array(corner_rows(np, every.astype(float), 5, 216))
    assert set(dense.ravel().tolist()) == set(range(216))
    hashed = np.array(corner_rows(np, every.astype(float), 5, 64))
    for number, (a, b, c) in enumerate(product((0, 1), repeat=3)):
        y, x, p = (every + np.array([[a], [b], [c]])).tolist()
        wanted = [
            (i * PRIMES[0] ^ j * PRIMES[1] ^ k * PRIMES[2]) % 64
            for i, j, k in zip(y, x, p, strict=True)
        ]
        assert hashed[number].tolist() == wanted


@pytest.mark.parametrize("last", [(16, 512), (2, 11), (5, 5), (1, 65536)])
@pytest.mark.parametrize("levels", [1, 2, 5, 16])
def test_levels_grow_by_a_factor(levels: int, last: tuple[int, int]) -> None:
    model = replace(model_of(backbone="hash-grid"), constants=(levels, 2, 5, *last))
    growth = (last[1] / last[0]) ** (1 / max(1, levels - 1))
    assert len(model.cells) == levels
    assert model.cells[0] == last[0]
    assert model.cells[-1] == (last[1] if levels > 1 else last[0])
    for level, cells in enumerate(model.cells):
        assert cells <= last[0] * growth**level * (1 + 1e-9)
        assert cells + 1 > last[0] * growth**level * (1 - 1e-9)


@pytest.mark.parametrize("size", [(6, 7), (1, 1), (1, 9), (300, 2), (2, (1 << 17) + 1)])
def test_every_pixel_has_its_row(size: tuple[int, int]) -> None:
    model = replace(model_of("value", backbone="diner"), size=size)
    rows = rows_of(np, model, points(model))
    assert np.array_equal(rows, np.arange(size[0] * size[1]))
    wide = replace(model, size=(1, (1 << 18) + 1))
    some = rows_of(np, wide, points(wide))
    assert np.all(np.diff(some) >= 0)
    assert np.all((some >= 0) & (some <= np.arange(len(some))))


def test_planes_without_a_network_have_no_rows() -> None:
    model = replace(model_of(backbone="diner"), modes=(2, 0, 1, 0, 0, 1, 1, 0))
    assert list(model.tables()) == ["t1", "t3", "t4", "t7"]
    rows = rows_of(np, model, points(model, *model.planes()))
    assert np.array_equal(rows, np.arange(4 * 42))
    assert model.sizes(3)["t1"] == (42, 2)
    assert model.sizes(3)["w1"] == (12, 2)


@pytest.mark.parametrize("form", ["int", "fp16", "ternary"])
@pytest.mark.parametrize("layout", ["joint", "per-plane"])
@pytest.mark.parametrize("backbone", TABLED)
def test_integers_agree_with_the_float_twin(backbone: str, layout: str, form: str) -> None:
    model = model_of(layout, form, backbone=backbone, width=30, **TABLED[backbone])
    rng = torch.Generator().manual_seed(1)
    options = Coordinate(backbone=backbone)
    networks = FloatNetworks(model, options, 3, "cpu", rng)
    with torch.no_grad():
        for name in model.tables():  # as after a fit, not as before it
            networks.parameters[name] *= 5000
    networks.quantise(10)
    positions = points(model, 0, 3, 7)
    inputs = network_inputs(BACKEND, model, positions)
    tensors = read_tensors(model, 3, pack_weights(form, networks.integers()[0]))
    twins = networks(networks.stored(), torch.from_numpy(inputs.T[None] / ONE).float())
    assert len(tensors) == len(twins) == (1 if layout == "joint" else 8)
    for its, twin in zip(tensors, twins.detach().numpy(), strict=True):
        outputs = CoordinateNetwork(model, its, BACKEND).run(inputs)
        assert np.array_equal(outputs, np.floor(outputs))
        assert np.abs(outputs / ONE - twin.T).max() < 0.003 * max(1.0, np.abs(twin).max())
        again = CoordinateNetwork(model, its, torch_backend("cpu")).run(torch.from_numpy(inputs))
        assert np.array_equal(again.numpy(), outputs)


def test_gradients_reach_the_rows_that_were_asked_for() -> None:
    for backbone, options in TABLED.items():
        model = model_of("value", backbone=backbone, **options)
        rng = torch.Generator().manual_seed(1)
        networks = FloatNetworks(model, Coordinate(backbone=backbone), 1, "cpu", rng)
        one = torch.tensor([[[-1.0, -1.0]]])
        networks(networks.stored(), one).sum().backward()
        for name in model.tables():
            rows = networks.parameters[name].grad[0].abs().sum(1)
            assert torch.nonzero(rows).flatten().tolist() == [0]


@pytest.mark.parametrize("layout", ["joint", "per-plane"])
@pytest.mark.parametrize("backbone", TABLED)
def test_fits_until_the_stored_networks_make_no_mistake(backbone: str, layout: str) -> None:
    image = scene(8, 8, 1, np.uint8)
    grid = {"table_bits": 9} if backbone == "hash-grid" else {}
    data = coded(image, backbone=backbone, layout=layout, width=32, steps=1500, **grid)
    assert np.array_equal(inrcodec.decode(data), image)
    facts = inrcodec.info(data)
    assert [row["ber"] for row in facts["planes"]] == [0.0] * 8
    assert facts["coordinate"]["steps"] < 1500
    assert facts["data_bytes"] < 30  # which says that nothing is wrong
    assert facts["version"] == "2.3"


@pytest.mark.parametrize("form", ["int", "fp16", "ternary"])
@pytest.mark.parametrize("backbone", TABLED)
def test_values_are_exact(backbone: str, form: str) -> None:
    image = scene(9, 8, 3, np.uint16)
    data = coded(image, form, backbone=backbone, layout="value", **TABLED[backbone])
    assert np.array_equal(inrcodec.decode(data), image)
    assert np.array_equal(inrcodec.decode(data, scale=2), image[::2, ::2])


@pytest.mark.parametrize("backbone", TABLED)
def test_the_smallest_file_and_some_pixels_a_step(backbone: str) -> None:
    shaded = np.add.outer(np.arange(24), np.arange(24)).astype(np.uint8)
    for image in (shaded, scene(7, 5, 3, np.uint8)):
        its = {"backbone": backbone, "steps": 30, "batch": 11, **TABLED[backbone]}
        for layout in ("joint", "per-plane"):
            data = coded(image, optimize="size", layout=layout, **its)
            assert np.array_equal(inrcodec.decode(data), image)
            assert len(data) <= len(inrcodec.encode(image, model="stored"))


@pytest.mark.parametrize("form", ["int", "fp16", "ternary"])
@pytest.mark.parametrize("backbone", TABLED)
def test_several_images_from_shared_tables(backbone: str, form: str) -> None:
    images = [scene(6, 7, 3, np.uint8, seed) for seed in range(3)]
    options = Coordinate(backbone=backbone, width=12, depth=2, steps=10, **TABLED[backbone])
    data = inrcodec.encode_set(
        images, sets=2, coordinate=options, weights=form, device="cpu", threads=1
    )
    for index, image in enumerate(images):
        assert np.array_equal(inrcodec.decode(data, frame=index), image)


def test_between_the_pixels() -> None:
    image = scene(6, 7, 3, np.uint8)
    for layout in ("joint", "value"):
        data = coded(image, backbone="hash-grid", layout=layout, steps=60, **GRID)
        alone, large = inrcodec.resample(data), inrcodec.resample(data, scale=2)
        assert large.shape == (12, 14, 3)
        for corner in product((0, -1), repeat=2):
            assert np.array_equal(alone[corner], large[corner])
        with pytest.raises(inrcodec.LinrError):
            inrcodec.resample(data, bits=10)
    data = coded(image, backbone="diner", steps=3)
    assert inrcodec.resample(data).shape == image.shape
    for more in ({"scale": 2}, {"bits": 10}):
        with pytest.raises(inrcodec.LinrError, match="no rows"):
            inrcodec.resample(data, **more)


def test_bad_options() -> None:
    for bad in (
        {"levels": 3}, {"features": 2, "backbone": "siren"}, {"table_bits": 9}, {"finest": 5},
        {"levels": 3, "backbone": "diner"}, {"table_bits": 9, "backbone": "diner"},
        {"finest": 9, "backbone": "diner"}, {"features": 0, "backbone": "diner"},
        {"features": 9, "backbone": "hash-grid"}, {"levels": 17, "backbone": "hash-grid"},
        {"levels": 0, "backbone": "hash-grid"}, {"table_bits": 23, "backbone": "hash-grid"},
        {"finest": 65537, "backbone": "hash-grid"}, {"finest": math.nan, "backbone": "hash-grid"},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=next(iter(bad))):
            Coordinate(**bad)  # type: ignore[arg-type]


def test_tables_count_and_a_point_takes_few_of_their_numbers() -> None:
    model = model_of(backbone="hash-grid", levels=2, table_bits=16, finest=30)
    layers = 12 * 4 + 12 + 12 * 12 + 12 + 3 * 12 + 3
    assert model.cells == [15, 30]
    assert model.weights(3) == layers + 2 * (16**3 + 31**3)
    assert model.work(3) == layers + 32 * 2 * 2 * 8
    check_work(model, 100, 3, Limits(multiply_adds=800 * model.work(3)))
    with pytest.raises(LimitError):
        check_work(model, 100, 3, Limits(multiply_adds=800 * model.work(3) - 1))
    diner = model_of("per-plane", backbone="diner")
    assert diner.weights(1) - diner.work(1) == 2 * 42 - 32 * 2


def test_networks_that_no_reader_takes_are_not_fitted() -> None:
    image, steps = np.zeros((1024, 1025), np.uint8), []
    options = Coordinate(backbone="diner", width=2, depth=1)
    with pytest.raises(LimitError, match="weights"):
        inrcodec.encode(
            image, model="coordinate", coordinate=options, device="cpu", watch=steps.append
        )
    assert not steps
    small = Limits(weights=1000)
    with pytest.raises(LimitError, match="weights"):
        inrcodec.encode_set([image[:20, :20]] * 2, coordinate=options, limits=small)


@pytest.mark.parametrize("backbone", TABLED)
def test_damaged_files(backbone: str) -> None:
    image = scene(4, 3, 1, np.uint8)
    grid = {"levels": 2, "table_bits": 4, "finest": 2}
    its = grid if backbone == "hash-grid" else {"features": 1}
    data = coded(image, "int", backbone=backbone, width=4, depth=1, steps=2, **its)
    assert exact_or_refused(data, image)
    assert not any(exact_or_refused(data[:length], image) for length in range(len(data)))
    chain, rng = sections(data), np.random.default_rng(0)
    for number, (tag, payload) in enumerate(chain):
        for at in range(0, len(payload), 1 if tag == b"H" else 2):
            damaged = bytearray(payload)
            damaged[at] ^= int(rng.integers(1, 256))
            changed = [*chain[:number], (tag, bytes(damaged)), *chain[number + 1 :]]
            exact_or_refused(sealed(changed), image)


def test_headers_that_ask_for_too_much() -> None:
    image = scene(5, 4, 1, np.uint8)
    files = {
        "hash-grid": coded(image, backbone="hash-grid", width=4, depth=1, steps=2, **GRID),
        "diner": coded(image, backbone="diner", width=4, depth=1, steps=2),
    }
    for backbone, changes, error in [
        ("hash-grid", {"m.g": [3, 2, 6, 4]}, CorruptError),
        ("hash-grid", {"m.g": [17, 2, 6, 4, 9]}, CorruptError),
        ("hash-grid", {"m.g": [3, 2, 6, 10, 9]}, CorruptError),
        ("hash-grid", {"m.g": [3, 2, 6, 0, 9]}, CorruptError),
        ("hash-grid", {"m.g": [16, 8, 22, 60000, 65536]}, LimitError),
        ("hash-grid", {"m.k": 1, "m.g": [16, 1, 20, 2000, 65536]}, LimitError),
        ("diner", {"m.g": [313]}, CorruptError),
        ("diner", {"m.g": [313, 0]}, CorruptError),
        ("diner", {"m.g": [313, 9]}, CorruptError),
        ("diner", {"s": [1 << 11, 1 << 11, 1]}, LimitError),
        ("diner", {"m.k": 1, "s": [1 << 10, (1 << 10) + 1, 1]}, LimitError),
    ]:
        assert refusal(with_fields(files[backbone], changes)) is error, (backbone, changes)
    assert parse(files["diner"], DEFAULT).model.model.size == (5, 4)


def test_a_fit_that_runs_away_says_so() -> None:
    options = Coordinate(backbone="hash-grid", width=8, depth=1, steps=40, learning_rate=10)
    with pytest.raises(LinrError, match="ran away"):
        inrcodec.encode(
            scene(4, 4, 3, np.uint8), model="coordinate", coordinate=options, weights="fp16"
        )
