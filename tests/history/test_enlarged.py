"""Enlarged pictures: found where all but a few pixels are repeated, and undone exactly."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inrcodec
from inrcodec import Picture, PixelType
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.stored_file import StoredImage
from inrcodec.container.fields import Fields
from inrcodec.container.linr import DATA, Sections
from inrcodec.contents import Contents, pack, parse, planes_of
from inrcodec.context.encode import code
from inrcodec.context.file import Models
from inrcodec.context.layout import choose_layout
from inrcodec.files.picture import digest
from inrcodec.history.chain import Chain, beginnings
from inrcodec.history.colour_table import ColourTable
from inrcodec.history.enlarged import Enlarged, Grid
from inrcodec.history.planes import YCC, Geometry, Lattice
from inrcodec.info import bit_map
from inrcodec.limits import DEFAULT
from inrcodec.reconstruct import read_contents
from tests.container.test_damage import sealed, sections
from tests.pictures import enlarged, jpeg_scene, scene

FACTORS = st.integers(1, 5) | st.integers(1, 64)


def find(image: np.ndarray, pixels: PixelType | None = None) -> Enlarged | None:
    return Enlarged.find(planes_of(Picture(image, pixels or PixelType())))


def noise(seed: int, height: int, width: int, channels: int, dtype: Any, top: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, top, (height, width, channels), endpoint=True).astype(dtype)


def there_and_back(image: np.ndarray) -> Enlarged:
    """The step that is found for a picture, and leads back to it from what a file says."""
    planes, step = planes_of(Picture(image)), find(image)
    assert step is not None
    small = step.forward(planes)
    assert small.geometry == step.geometry(planes.geometry)
    size = small.geometry.height, small.geometry.width
    assert {plane.shape for plane in small.channels} == {size}
    fields, packed = step.pack()
    read = Enlarged.unpack(Fields(fields, "step"), Sections(packed), planes.geometry)
    assert read.facts() == step.facts()
    back = read.undo(small)
    assert back.geometry == planes.geometry
    assert np.array_equal(back.array(), image)
    return step


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 1 << 20),
    st.tuples(FACTORS, FACTORS).filter(lambda pair: max(pair) > 1),
    st.integers(1, 4),
    st.sampled_from([(np.uint8, 3), (np.uint8, 255), (np.uint16, 9), (np.uint16, 65535)]),
    st.integers(0, 9),
)
def test_any_are_found(
    seed: int, factors: tuple[int, int], channels: int, kind: tuple[Any, int], changed: int
) -> None:
    rng = np.random.default_rng(seed)
    size = rng.integers(26, 40, 2)
    small = noise(seed, *size, channels, *kind)
    phases = [int(rng.integers(0, factor)) for factor in factors]
    image = enlarged(small, *factors, *phases)
    height, width = (n - rng.integers(0, f) for n, f in zip(image.shape, factors, strict=False))
    image = np.ascontiguousarray(image[:height, :width])
    image.reshape(-1, channels)[rng.integers(0, height * width, changed)] ^= 1
    facts = there_and_back(image[:, :, 0] if channels == 1 else image).facts()
    assert facts["factor"] == list(factors)
    assert facts["phase"] == phases
    assert facts["exceptions"] <= changed
    assert (facts["exceptions_bytes"] > 0) == (facts["exceptions"] > 0)


def test_a_cursor_and_a_caption() -> None:
    small = scene(60, 70, 3, np.uint8) // 32 * 32
    image = enlarged(small, 4, 4, 3, 2)
    clean = image.copy()
    triangle = np.tril(np.ones((19, 19), bool))
    image[101:120, 50:69][triangle] = 255
    image[203:214, 30:190] = np.where(noise(1, 11, 160, 1, np.uint8, 1) > 0, 255, 0)
    step = there_and_back(image)
    facts = step.facts()
    assert facts["factor"] == [4, 4]
    other = np.count_nonzero((image != clean).any(axis=2))
    assert 0 < facts["exceptions"] <= other
    assert facts["exceptions_bytes"] < facts["exceptions"]
    # what most pixels of a cell have, though its first pixel be an exception
    image = clean.copy()
    image[1::4, 2::12] ^= 1
    planes, step = planes_of(Picture(image)), there_and_back(image)
    assert np.array_equal(step.forward(planes).array(), small)


def test_the_largest_factor() -> None:
    small = noise(0, 30, 30, 1, np.uint8, 255)[:, :, 0]
    for factor in (2, 6, 12, 16, 63, 64):
        assert there_and_back(enlarged(small, factor, factor)).facts()["factor"] == [factor] * 2
    # one of another size over it: the smaller factor, where there are too many exceptions
    image = enlarged(small, 4, 4)
    image[:60] = enlarged(noise(1, 30, 60, 1, np.uint8, 255)[:, :, 0], 2, 2)
    facts = there_and_back(image).facts()
    assert (facts["factor"], facts["exceptions"]) == ([2, 2], 0)


def test_one_direction() -> None:
    image = enlarged(scene(40, 90, 3, np.uint8), 2, 1, 1)
    assert there_and_back(image).facts()["factor"] == [2, 1]
    image = enlarged(scene(80, 40, 3, np.uint8), 1, 3, 0, 1)
    assert there_and_back(image).facts() == {
        "factor": [1, 3], "phase": [0, 1], "exceptions": 0, "exceptions_bytes": 0,
    }  # fmt: skip


def test_what_is_none() -> None:
    few = np.zeros((300, 300), np.uint8)
    few[100:200, 60:240] = 9  # on many a grid, but without evidence
    stars = np.zeros((300, 300), np.uint8)
    stars.reshape(-1)[np.random.default_rng(0).integers(0, 90000, 400)] = 255
    y, x = np.mgrid[0:300, 0:300]
    for image in (
        few,
        stars,
        np.full((300, 300, 3), 7, np.uint8),
        ((x + y) % 2 * 255).astype(np.uint8),
        ((x // 3 + y // 5) % 256).astype(np.uint8) + noise(0, 300, 300, 1, np.uint8, 1)[:, :, 0],
        ((x + y) // 3).astype(np.uint8),
        (x**1.1 / 2.3).astype(np.uint8),
        (y**0.9).astype(np.uint16),
        noise(0, 300, 300, 3, np.uint8, 255),
        scene(300, 300, 3, np.uint8),
        scene(300, 300, 4, np.uint16),
        jpeg_scene(300, 300),
        enlarged(scene(5, 5, 3, np.uint8), 2, 2),
        np.zeros((1, 1), np.uint8),
        noise(0, 2, 3, 1, np.uint8, 1),
        noise(0, 1, 900, 2, np.uint8, 255),
    ):
        assert find(image) is None
    # so many exceptions
    image = enlarged(noise(0, 60, 60, 1, np.uint8, 255)[:, :, 0], 4, 4)
    image[:70, :70] = noise(1, 70, 70, 1, np.uint8, 255)[:, :, 0]
    assert find(image) is None
    # and channels with a lattice of their own
    planes = planes_of(Picture(enlarged(scene(60, 60, 3, np.uint8), 2, 2)))
    lattices = (Lattice(), Lattice(2, 2), Lattice(2, 2))
    geometry = Geometry(120, 120, 8, YCC, False, lattices)
    assert Enlarged.find(type(planes)(geometry, planes.channels)) is None


def test_squares_are_enlarged() -> None:
    y, x = np.mgrid[0:200, 0:200]
    there_and_back(((x // 8 + y // 8) % 2 * 200).astype(np.uint8))
    facts = there_and_back((x // 4 * 3 + y * 0).astype(np.uint8)).facts()
    assert facts["factor"] == [1, 4]


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 64), st.integers(1, 64), st.randoms())
def test_any_size_is_what_its_fields_say(
    height: int, width: int, rows: int, cols: int, random: Any
) -> None:
    """Of any geometry, found or not, and no larger than the picture."""
    grids = Grid(rows, random.randrange(rows)), Grid(cols, random.randrange(cols))
    for n, grid in zip((height, width), grids, strict=True):
        assert grid.size(n) == len(set(grid.cells(n))) == grid.cells(n)[-1] + 1
        assert 1 <= grid.size(n) <= n
        assert max(np.bincount(grid.cells(n))) <= grid.factor


def context_file(image: np.ndarray) -> bytes:
    """Under the prior as it is, of four sections of data, of the small planes."""
    plain = Chain((), planes_of(Picture(image)))
    chain = plain.then(Enlarged)
    assert chain is not None
    with Workers(numpy_backend(), 1) as workers:
        model = code(chain.planes, choose_layout(chain.planes), Models.of_prior(1), b"", workers)
    return pack(
        Contents(plain.planes.geometry, digest(image), PixelType(), None, chain.steps, model)
    )


@pytest.fixture(scope="module")
def large() -> tuple[np.ndarray, bytes]:
    image = enlarged(scene(260, 270, 3, np.uint8) >> 4, 3, 2, 1, 1)
    image[30, 20:50] ^= 8
    data = context_file(image)
    assert [tag for tag, _ in sections(data)].count(DATA) > 1
    return image, data


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_reduced(scale: int, large: tuple[np.ndarray, bytes]) -> None:
    image, data = large
    assert np.array_equal(inrcodec.decode(data), image)
    reduced = inrcodec.decode(data, scale=scale)
    assert np.array_equal(reduced, image[::scale, ::scale])
    assert reduced.flags.c_contiguous
    assert len(read_contents(io.BytesIO(data), scale, DEFAULT).model.data) == len(
        parse(data).model.data
    )
    # all of it is needed, and told apart
    with pytest.raises(inrcodec.LinrError):
        inrcodec.decode(sealed(sections(data)[:-1]), scale=scale)
    other = data.replace(digest(image), bytes(16))
    header = next(payload for tag, payload in sections(other) if tag == b"H")
    other = sealed([(b"H", header), *sections(data)[1:]])
    with pytest.raises(inrcodec.ChecksumError, match="digest"):
        inrcodec.decode(other, scale=scale)


def test_where_the_bits_go(large: tuple[np.ndarray, bytes]) -> None:
    image, data = large
    bits = bit_map(data)
    assert bits.shape == image.shape[:2]
    spent = sum(plane["bits"] for plane in inrcodec.info(data)["planes"])
    assert abs(bits.sum() - spent) < 5
    assert np.array_equal(bits[2:5, 1:3], np.full((3, 2), bits[2, 1]))


def test_info(large: tuple[np.ndarray, bytes]) -> None:
    image, data = large
    facts = inrcodec.info(data)
    (step,) = facts["steps"]
    size = step.pop("exceptions_bytes")
    assert step == {
        "step": "enlarged", "factor": [3, 2], "phase": [1, 1], "exceptions": 30
    }  # fmt: skip
    assert size == len(dict(sections(data))[b"E"])
    assert (facts["height"], facts["width"]) == image.shape[:2]
    assert facts["bpp"] == 8 * len(data) / (image.shape[0] * image.shape[1])


@pytest.mark.parametrize("model", ["auto", "stored", "context"])
def test_it_pays(model: str) -> None:
    small = scene(70, 80, 3, np.uint8)
    alone = inrcodec.encode(small, effort=1, model=model, device="cpu")
    image = enlarged(small, 3, 3, 1, 2)
    data = inrcodec.encode(image, effort=1, model=model, device="cpu")
    assert [step.name for step in parse(data).steps] == ["enlarged"]
    assert len(data) < len(alone) + 64
    assert np.array_equal(inrcodec.decode(data), image)


def test_a_palette() -> None:
    few = np.indices((40, 44)).sum(axis=0).astype(np.uint8) * 7 // 5 % 13
    pixels = PixelType(4, np.arange(39, dtype=np.uint8)[::-1].tobytes())
    picture = Picture(enlarged(few, 2, 4, 1, 0), pixels)
    data = inrcodec.encode(picture, effort=1)
    names = [step.name for step in parse(data).steps]
    assert names[0] == "enlarged"
    back = inrcodec.decode_picture(data)
    assert np.array_equal(back.samples, picture.samples)
    assert back.type == pixels
    # the colours are looked up for the small planes, too
    (chain,) = beginnings(Chain((), planes_of(Picture(enlarged(few, 9, 9), pixels))))
    assert chain.then(ColourTable) is not None


def test_a_doubtful_one_is_tried_both_ways() -> None:
    art = scene(80, 90, 3, np.uint8) // 64 * 64
    image = enlarged(art, 3, 3)
    begun = beginnings(Chain((), planes_of(Picture(image))))
    assert [[step.name for step in chain.steps] for chain in begun] == [["enlarged"]]
    image[50:100, 40:47] = noise(0, 50, 7, 3, np.uint8, 255)
    begun = beginnings(Chain((), planes_of(Picture(image))))
    assert [[step.name for step in chain.steps] for chain in begun] == [[], ["enlarged"]]
    data = inrcodec.encode(image, effort=1, device="cpu")
    assert np.array_equal(inrcodec.decode(data), image)


GOOD: dict[str, Any] = {"f": [3, 2], "p": [2, 0]}


@pytest.mark.parametrize(
    "changes",
    [
        {"f": [1, 1], "p": [0, 0]},
        {"f": [0, 2]},
        {"f": [65, 2]},
        {"f": [3]},
        {"f": [3, 2, 1]},
        {"f": None},
        {"f": 3},
        {"f": [3.0, 2]},
        {"p": [3, 0]},
        {"p": [0, 2]},
        {"p": [-1, 0]},
        {"p": None},
        {"p": [64, 0], "f": [64, 64]},
    ],
)
def test_refused(changes: dict[str, Any]) -> None:
    before = Geometry.of_picture(30, 20, 3, 8)
    step = Enlarged.unpack(Fields(GOOD, "step"), Sections([]), before)
    assert (step.geometry(before).height, step.geometry(before).width) == (11, 10)
    with pytest.raises(inrcodec.CorruptError):
        Enlarged.unpack(Fields(GOOD | changes, "step"), Sections([]), before)


def test_refused_of_other_lattices() -> None:
    before = Geometry(30, 20, 8, YCC, False, (Lattice(), Lattice(2, 2), Lattice(2, 2)))
    with pytest.raises(inrcodec.CorruptError, match="different sizes"):
        Enlarged.unpack(Fields(GOOD, "step"), Sections([]), before)


def test_exceptions_beyond_the_bits_are_refused() -> None:
    image = enlarged(noise(0, 30, 30, 1, np.uint8, 1)[:, :, 0], 2, 2)
    image[7, 8] = 2
    picture = Picture(image, PixelType(2))
    plain = Chain((), planes_of(picture))
    chain = plain.then(Enlarged)
    assert chain is not None

    def file(pixels: PixelType) -> bytes:
        geometry = planes_of(Picture(image, PixelType(2))).geometry
        coded = StoredImage.encode(chain.planes)
        return pack(Contents(geometry, digest(image), pixels, None, chain.steps, coded))

    assert np.array_equal(inrcodec.decode_picture(file(PixelType(2))).samples, image)
    small = chain.planes.geometry
    step = chain.steps[0]
    read = Enlarged.unpack(
        Fields(step.pack()[0], "step"),
        Sections(step.pack()[1]),
        Geometry.of_picture(60, 60, 1, 1),
    )
    with pytest.raises(inrcodec.CorruptError, match="beyond"):
        read.undo(type(chain.planes)(small, chain.planes.channels))


def test_a_photograph_takes_no_time() -> None:
    planes = planes_of(Picture(noise(0, 1000, 1000, 3, np.uint8, 255)))

    def seconds() -> float:
        started = time.perf_counter()
        assert Enlarged.find(planes) is None
        return time.perf_counter() - started

    assert min(seconds() for _ in range(5)) < 0.02
