"""Few colours as indices: found, undone, refused where damaged."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import inrcodec
from inrcodec import Picture, PixelType
from inrcodec.container.fields import Fields
from inrcodec.container.linr import Sections
from inrcodec.contents import parse, planes_of
from inrcodec.history.chain import Chain
from inrcodec.history.colour_table import ColourTable
from tests.container.test_damage import flip_all, refusal, sealed, sections
from tests.pictures import scene


def find(image: np.ndarray, pixels: PixelType | None = None) -> ColourTable | None:
    return ColourTable.find(planes_of(Picture(image, pixels or PixelType())))


def few(channels: int, dtype: type, colours: int = 11) -> np.ndarray:
    """A picture of so many colours."""
    rng = np.random.default_rng(channels)
    table = rng.integers(0, np.iinfo(dtype).max + 1, (colours, channels)).astype(dtype)
    image: np.ndarray = table[np.minimum(scene(60, 70, 1, np.uint8) // 24, colours - 1)]
    return image


@given(
    st.integers(2, 4),
    st.sampled_from([np.uint8, np.uint16]),
    st.integers(1, 256),
    st.sampled_from([1, 2, 4, 8]),
)
def test_indices_and_tables_are_undone(
    channels: int, dtype: type, colours: int, scale: int
) -> None:
    rng = np.random.default_rng(colours)
    table = rng.integers(0, np.iinfo(dtype).max + 1, (colours, channels)).astype(dtype)
    image = table[rng.integers(0, colours, (23, 19))]
    planes = planes_of(Picture(image))
    step = ColourTable.find(planes)
    assert step is not None
    fields, chain = step.pack()
    read = ColourTable.unpack(Fields(fields, ""), Sections(chain), planes.geometry)
    assert np.array_equal(read.table, step.table)
    coded = step.forward(planes)
    assert coded.geometry == read.geometry(planes.geometry)
    assert (len(step.table) - 1).bit_length() <= coded.geometry.bits
    back = read.undo(coded.reduced(scale))
    assert back.geometry == planes.geometry
    assert np.array_equal(back.array(), image[::scale, ::scale])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_few_colours_become_indices(channels: int, dtype: type) -> None:
    image = few(channels, dtype)
    for model in ("stored", "context"):
        data = inrcodec.encode(image, model=model, effort=1, device="cpu")
        assert [step.name for step in parse(data).steps] == ["colour table"]
        assert np.array_equal(inrcodec.decode(data), image)
        assert np.array_equal(inrcodec.decode(data, scale=4), image[::4, ::4])
    # what it is for
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["inrcodec.candidates"].ColourTable, "find", lambda _: None)
        without = inrcodec.encode(image, model="context", effort=1, device="cpu")
    assert len(data) < len(without)


def test_many_colours_and_grey_have_no_table() -> None:
    assert find(scene(60, 70, 3, np.uint8)) is None
    assert find(scene(60, 70, 1, np.uint8) // 60) is None
    # the 257th colour is in the last pixel, which no sample sees
    image = np.zeros((300, 300, 3), np.uint8)
    image[0, :256, 0] = np.arange(256)
    assert find(image) is not None
    image[299, 299] = (0, 1, 0)
    assert find(image) is None


def test_indices_go_by_brightness() -> None:
    palette = bytes([200, 200, 200, 0, 0, 0, 90, 90, 90])
    samples = np.array([[0, 1, 2], [2, 2, 1]], np.uint8)
    step = find(samples, PixelType(palette=palette))
    assert step is not None
    assert step.table[:, 0].tolist() == [1, 2, 0]
    assert find(np.array([[0, 1]], np.uint8), PixelType(palette=bytes(3) + b"abc")) is None


def test_damaged_tables() -> None:
    image = few(3, np.uint8)[:20, :30]
    data = inrcodec.encode(image, model="stored")
    chain = sections(data)
    assert [tag for tag, _ in chain] == [b"H", b"C", b"D"]
    flip_all(data, image, b"C")
    payload = chain[1][1]
    for other in (*(payload[:cut] for cut in range(len(payload))), payload + b"\0"):
        assert refusal(sealed([chain[0], (b"C", other), chain[2]])) is inrcodec.CorruptError
    assert refusal(sealed([chain[0], chain[2]])) is inrcodec.CorruptError
    assert refusal(sealed([*chain[:2], *chain[1:]])) is inrcodec.CorruptError
    step = find(image)
    assert step is not None
    short = ColourTable(step.before, step.table[:2]).pack()[1]
    assert refusal(sealed([chain[0], *short, chain[2]])) is not None


def test_an_index_beyond_the_table_is_refused() -> None:
    chain = Chain((), planes_of(Picture(few(3, np.uint8)))).then(ColourTable)
    assert chain is not None
    (step,) = chain.steps
    assert isinstance(step, ColourTable)
    with pytest.raises(inrcodec.CorruptError, match="index"):
        ColourTable(step.before, step.table[:2]).undo(chain.planes)
