"""Files of the graphics model with boxes that other models code: version, parts, reduced images,
damage, limits."""

from __future__ import annotations

import numpy as np
import pytest

import inrcodec
from inrcodec import Limits, Picture
from inrcodec.container.fields import Fields
from inrcodec.container.linr import Sections
from inrcodec.contents import parse, parse_box, planes_of
from inrcodec.graphics.boxes import Box, CodedBox
from inrcodec.graphics.file import GraphicsImage
from inrcodec.graphics.levels import LEVELS
from inrcodec.limits import DEFAULT
from tests.container.test_damage import exact_or_refused, sealed, sections
from tests.frames.files import How, parts_file, stored
from tests.graphics.pictures import drawn, graphics_file, with_photographs
from tests.graphics.test_file import MINOR, SMALL, version
from tests.pictures import unfitted_file

PLACES = [Box(0, 12, 9, 16), Box(4, 30, 17, 11)]
BOXED = with_photographs(drawn(24, 41, 3, np.uint8, 2), PLACES)


def unfitted(picture: Picture) -> bytes:
    """A file of the context model, its networks in it."""
    return unfitted_file(picture.samples)


def boxes_of(data: bytes) -> tuple[CodedBox, ...]:
    model = parse(data).model
    assert isinstance(model, GraphicsImage)
    return model.boxes


def boxed_file(image: np.ndarray = BOXED, level: int = 1) -> bytes:
    """The file of a picture with boxes of two models."""
    return graphics_file(image, level, boxes=list(zip(PLACES, (unfitted, stored), strict=True)))


def test_files_with_boxes_are_of_2_2_or_of_2_3() -> None:
    data, plain = boxed_file(), graphics_file(BOXED)
    assert (version(data), version(plain)) == ((2, 2), (2, 1))
    assert inrcodec.info(data)["version"] == "2.2"
    with_one = [How(lambda page: graphics_file(page, 1, boxes=[(PLACES[0], stored)]))]
    without = [How(graphics_file), How(stored)]
    for frames, how, wanted in (
        ([BOXED, SMALL], [*with_one, How(stored)], (2, 2)),
        ([SMALL, BOXED], [How(graphics_file), *with_one], (2, 2)),
        ([SMALL, BOXED], without, (2, 1)),
    ):
        file = parts_file(frames, how)
        assert version(file) == wanted
        for number, image in enumerate(frames):
            assert np.array_equal(inrcodec.decode(file, frame=number), image)
    for level in LEVELS:
        assert version(boxed_file(level=level)) == (2, 3 if level > 3 else 2)
    for minor in range(4):  # which decides nothing
        assert exact_or_refused(data[:MINOR] + bytes([minor]) + data[MINOR + 1 :], BOXED)


def test_what_the_encoder_makes_of_photographs_in_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes, where networks take less; of pages and tiles, too."""
    image = with_photographs(drawn(130, 200, 3, np.uint8, 3), [Box(16, 24, 96, 104)])
    monkeypatch.setattr("inrcodec.candidates.beside_graphics", lambda *_: (0.0, False))
    assert not boxes_of(inrcodec.encode(image, effort=1, model="graphics"))
    monkeypatch.setattr("inrcodec.candidates.beside_graphics", lambda *_: (1e9, True))
    data = inrcodec.encode(image, effort=1, model="graphics")
    tiled = inrcodec.encode(image, effort=1, model="graphics", tile=144)
    pages = inrcodec.encode_frames([SMALL, image], effort=1, model="graphics")
    assert [version(file) for file in (data, tiled, pages)] == [(2, 3)] * 3
    assert len(boxes_of(data)) == 1
    assert np.array_equal(inrcodec.decode(data), image)
    assert np.array_equal(inrcodec.decode(tiled), image)
    assert np.array_equal(inrcodec.decode(pages, frame=1, scale=4), image[::4, ::4])


@pytest.mark.parametrize("level", LEVELS)
def test_boxes_are_packed_and_unpacked(level: int) -> None:
    image = with_photographs(drawn(24, 41, 4, np.uint16, 4) >> 4, PLACES) >> 2
    image[:, :, 3] = 77
    model = parse(boxed_file(image, level)).model
    assert isinstance(model, GraphicsImage)
    assert [coded.box for coded in model.boxes] == PLACES
    assert [coded.contents.model.name for coded in model.boxes] == ["context", "stored"]
    assert {coded.contents.picture.shape[2] for coded in model.boxes} == {3}
    fields, packed = model.pack()
    listed = [[0, 12, 9, 16], [4, 30, 17, 11]]
    assert fields == {"l": level, "b": 14, "k": [3, 77], "r": listed}
    assert [section.tag for section in packed] == [b"B", b"B", b"D"]
    taken, chain = Fields(dict(fields), "it"), Sections(packed)
    assert GraphicsImage.unpack(taken, chain, model.geometry, DEFAULT) == model
    taken.end()
    chain.end()
    inner = model.boxes[0].contents.model
    assert model.weights == inner.weights != b""
    second = model.boxes[1].contents.model
    assert model.data == inner.data + second.data + packed[2].payload


@pytest.mark.parametrize("level", LEVELS)
def test_reduced_images_and_regions_of_boxes(level: int) -> None:
    data = boxed_file(level=level)
    for scale in (1, 2, 4, 8):
        assert np.array_equal(inrcodec.decode(data, scale=scale), BOXED[::scale, ::scale])
        with pytest.raises(inrcodec.TruncatedError):
            inrcodec.decode(data[:-1], scale=scale)
    for top, left, rows, cols in ((0, 0, 24, 12), (5, 31, 9, 8), (3, 20, 20, 21)):
        part = inrcodec.decode(data, region=(top, left, rows, cols))
        assert np.array_equal(part, BOXED[top : top + rows, left : left + cols])


def test_tiles_with_boxes() -> None:
    """A damaged box costs its tile alone."""
    corners = [Box(row, col, 9, 16) for row in (0, 16) for col in (0, 32)]
    image = with_photographs(drawn(27, 52, 3, np.uint8, 5), corners)
    how = [How(lambda tile: graphics_file(tile, 1, boxes=[(Box(0, 0, 9, 16), stored)]))]
    data = parts_file([image], how, tile=(16, 32))
    assert np.array_equal(inrcodec.decode(data), image)
    assert np.array_equal(inrcodec.decode(data, scale=4), image[::4, ::4])
    at = data.rindex(b"B")  # the last tile's box, or within it
    damaged = data[: at + 9] + bytes([data[at + 9] ^ 1]) + data[at + 10 :]
    with inrcodec.LinrFile(damaged) as file:
        assert np.array_equal(file.array(0, (0, 0, 16, 52)), image[:16])
        with pytest.raises(inrcodec.LinrError):
            file.array(0, (0, 0, 27, 52))


def test_damage_to_files_with_boxes() -> None:
    data = boxed_file()
    assert not any(exact_or_refused(data[:length], BOXED) for length in range(len(data)))
    survived = set()
    for at in range(len(data)):
        damaged = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        if exact_or_refused(damaged, BOXED):
            survived.add(at)
    assert survived == {MINOR}
    chain = sections(data)
    assert sealed(chain, b"\2\2") == data
    for number, (tag, payload) in enumerate(chain):
        for at in range(0, len(payload), 1 if tag == b"H" else 1 + len(payload) // 40):
            for change in (1, 0x80, 0xFF):
                damaged = payload[:at] + bytes([payload[at] ^ change]) + payload[at + 1 :]
                file = sealed([*chain[:number], (tag, damaged), *chain[number + 1 :]], b"\2\2")
                exact_or_refused(file, BOXED)


def test_damage_to_the_parts_of_boxes() -> None:
    """Behind valid checksums, of the section and of those within it."""
    header, *boxes, stream = sections(boxed_file())
    for number, (tag, part) in enumerate(boxes):
        inner = sections(b"0123456789" + part)
        assert sealed(inner)[10:] == part
        for place, (own, payload) in enumerate(inner):
            for at in range(0, len(payload), 1 if own == b"H" else 1 + len(payload) // 20):
                damaged = payload[:at] + bytes([payload[at] ^ 0x11]) + payload[at + 1 :]
                changed = sealed([*inner[:place], (own, damaged), *inner[place + 1 :]])[10:]
                chain = [*boxes[:number], (tag, changed), *boxes[number + 1 :]]
                exact_or_refused(sealed([header, *chain, stream], b"\2\2"), BOXED)


def test_limits_of_boxes() -> None:
    """Each is held to them, and pixels that are in one cost nothing beside."""
    data = boxed_file()
    model = parse(data).model
    assert isinstance(model, GraphicsImage)
    beside = BOXED.shape[0] * BOXED.shape[1] - sum(box.height * box.width for box in PLACES)
    work = beside * LEVELS[1].work(3, model.bits)
    inrcodec.decode(data, limits=Limits(multiply_adds=work))
    for limits in (Limits(multiply_adds=work - 1), Limits(pixels=24 * 41 - 1), Limits(weights=9)):
        with pytest.raises(inrcodec.LimitError):
            inrcodec.decode(data, limits=limits)
    crop = drawn(4, 5, 3, np.uint8)
    whole = graphics_file(crop, 3, boxes=[(Box(0, 0, 4, 5), stored)])
    assert np.array_equal(inrcodec.decode(whole, limits=Limits(multiply_adds=0)), crop)
    part = stored(Picture(crop))[MINOR + 1 :]
    assert parse_box(part).model.name == "stored"
    with pytest.raises(inrcodec.LimitError):
        CodedBox.parse(Box(0, 0, 4, 5), part, planes_of(Picture(crop)).geometry, 3, Limits(19))
