"""Photographs within pictures of graphics: where they are found, and that their parts are what a
photograph alone would have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inrcodec
from inrcodec import Picture
from inrcodec.container.linr import SIGNATURE
from inrcodec.contents import parse
from inrcodec.files.images import read_image
from inrcodec.frames.file import Frames
from inrcodec.graphics import divide
from inrcodec.graphics.boxes import MOST_BOXES, Box
from inrcodec.graphics.divide import find_boxes, without
from inrcodec.graphics.file import GraphicsImage
from tests.graphics.pictures import drawn
from tests.graphics.test_choice import plot
from tests.jpeg.files import pillow
from tests.pictures import scene, textured


def found(image: np.ndarray) -> list[Box]:
    channels = [np.ascontiguousarray(c) for c in np.moveaxis(np.atleast_3d(image), -1, 0)]
    return find_boxes(channels)


def page(
    *photographs: tuple[np.ndarray, int, int], size: tuple[int, int] = (400, 500)
) -> np.ndarray:
    """A plot with photographs at their places."""
    image = plot(*size)
    for photograph, top, left in photographs:
        height, width = photograph.shape[:2]
        # pages have margins around them
        image[max(top - 4, 0) : top + height + 4, max(left - 4, 0) : left + width + 4] = 255
        image[top : top + height, left : left + width] = photograph
    return image


def model_of(data: bytes) -> GraphicsImage:
    model = parse(data).model
    assert isinstance(model, GraphicsImage)
    return model


def test_pages_are_cut_at_margins() -> None:
    one, two = scene(110, 140, 3, np.uint8, 1), scene(130, 90, 3, np.uint8, 2)
    places = [Box(150, 40, 110, 140), Box(160, 300, 130, 90)]
    assert found(page((one, 150, 40), (two, 160, 300))) == places
    # beside each other
    assert found(page((one, 20, 200), (two, 134, 200))) == [
        Box(20, 200, 110, 140), Box(134, 200, 130, 90)
    ]  # fmt: skip


def test_photographs_in_what_cannot_be_cut_are_found_about() -> None:
    image = np.zeros((400, 500, 3), np.uint8)
    frame = np.random.default_rng(1).integers(0, 256, image.shape).astype(np.uint8)
    image[:8], image[-8:], image[:, :8], image[:, -8:] = (
        frame[:8], frame[-8:], frame[:, :8], frame[:, -8:]
    )  # fmt: skip
    image[100:240, 200:380] = scene(140, 180, 3, np.uint8)
    [box] = found(image)
    assert np.abs(np.array(box) - (100, 200, 140, 180)).max() <= 8


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_any_channels(channels: int) -> None:
    image = drawn(300, 300, channels)
    image[10:150, 20:160] = np.full_like(image[10:150, 20:160], 9)
    image[20:140, 30:150] = scene(120, 120, channels, np.uint8)
    assert found(image) == [Box(20, 30, 120, 120)]


def test_nothing_is_found() -> None:
    assert found(plot(400, 500)) == []
    assert found(np.zeros((300, 300), np.uint8)) == []
    assert found(scene(200, 300, 3, np.uint8)) == []  # which is one as a whole
    assert found(page((scene(60, 60, 3, np.uint8), 50, 50))) == []  # too small to pay
    assert found(np.zeros((1, 1), np.uint8)) == []


@given(st.integers(1, 300), st.integers(1, 300), st.data())
@settings(max_examples=60, deadline=None)
def test_boxes_are_legal(height: int, width: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    image = np.zeros((height, width), np.uint8)
    for _ in range(data.draw(st.integers(0, 5))):
        top, left = rng.integers(0, height), rng.integers(0, width)
        part = image[top : top + rng.integers(1, 200), left : left + rng.integers(1, 200)]
        part[...] = rng.integers(0, data.draw(st.sampled_from([2, 9, 256])), part.shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(divide, "LEAST_PIXELS", 200)
        boxes = found(image)
    assert len(boxes) <= MOST_BOXES
    assert boxes == sorted(boxes)
    for number, box in enumerate(boxes):
        assert box.height > 0
        assert box.width > 0
        assert box.top >= 0
        assert box.left >= 0
        assert box.top + box.height <= height
        assert box.left + box.width <= width
        assert not any(box.meets(other) for other in boxes[:number])


def test_pieces_within_pieces_within_pieces() -> None:
    busy = np.zeros((1500, 1500), np.uint8)
    noise = np.random.default_rng(1).integers(0, 256, busy.shape).astype(np.uint8)
    for step in range(0, 740, 6):  # frames, each with a gap and a way in
        busy[step : 1500 - step, step : 1500 - step] = 0
        busy[step : 1500 - step, step : step + 4] = noise[step : 1500 - step, step : step + 4]
        busy[step : step + 4, step : 1500 - step] = noise[step : step + 4, step : 1500 - step]
    assert len(found(busy)) <= MOST_BOXES


def test_narrow_pictures_take_no_long_time() -> None:
    tall = np.random.default_rng(1).integers(0, 3, (60000, 8)).astype(np.uint8)
    wide = np.ascontiguousarray(tall.T)
    assert [Box(*box) for box in found(wide)] == [
        Box(left, top, width, height) for top, left, height, width in found(tall)
    ]


def test_without() -> None:
    from inrcodec.contents import planes_of

    image = scene(40, 50, 3, np.uint8)
    rest = without(planes_of(Picture(image)), [Box(10, 20, 5, 30)]).array()
    assert (rest[10:15, 20:50] == image[10, 20]).all()
    rest[10:15, 20:50] = image[10:15, 20:50]
    np.testing.assert_array_equal(rest, image)


@pytest.mark.parametrize("effort", [1, 5])
def test_a_photograph_in_a_page(effort: int) -> None:
    image = page((textured(150, 200), 150, 250))
    data = inrcodec.encode(image, effort=effort)
    np.testing.assert_array_equal(inrcodec.decode(data), image)
    model = model_of(data)
    [coded] = model.boxes
    assert coded.box == Box(150, 250, 150, 200)
    assert coded.contents.model.name == "context"
    assert model.weights == coded.contents.model.weights
    undivided = inrcodec.encode(image, effort=effort, model="context")
    assert len(data) < len(undivided)


def test_a_jpeg_in_a_page() -> None:
    photograph = read_image(pillow(textured(160, 200), quality=85, subsampling=2))
    image = page((photograph, 150, 251))
    data = inrcodec.encode(image, effort=1)
    np.testing.assert_array_equal(inrcodec.decode(data), image)
    [coded] = model_of(data).boxes
    assert coded.contents.model.name == "jpeg"
    facts = inrcodec.info(data, planes=False)
    [told] = facts["boxes"]
    place = {"top": 150, "left": 251, "height": 160, "width": 200}
    assert told == told | place | {"mode": "jpeg", "bytes": len(coded.data)}
    assert [step["step"] for step in told["steps"]] == ["jpeg"]
    assert told["history"] == ["jpeg 4:2:0"]
    assert facts["history"] == ["jpeg 4:2:0 in a box"]
    without_history = inrcodec.encode(image, effort=1, history=False)
    assert [box.contents.model.name for box in model_of(without_history).boxes] != ["jpeg"]
    assert len(data) < len(without_history)


def test_both_ways_are_compared_where_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    image = page((scene(100, 100, 3, np.uint8), 100, 100), size=(220, 220))
    asked: list[int] = []
    encode = GraphicsImage.encode.__func__  # type: ignore[attr-defined]

    def told(cls: type, planes: object, level: int, *others: object) -> GraphicsImage:
        asked.append(len(others[1]) if len(others) > 1 else -1)  # type: ignore[arg-type]
        return encode(cls, planes, level, *others)

    monkeypatch.setattr(GraphicsImage, "encode", classmethod(told))
    inrcodec.encode(image, effort=6, model="graphics", time_limit=20)
    assert asked.count(1) == 1
    assert asked.count(0) == 1


def test_a_short_time_limit() -> None:
    image = page((textured(150, 200), 150, 250))
    data = inrcodec.encode(image, effort=5, time_limit=0.01)
    assert len(model_of(data).boxes) == 1
    np.testing.assert_array_equal(inrcodec.decode(data), image)


def test_tiles_have_no_networks_that_none_needs() -> None:
    image = page((textured(150, 200), 150, 250))
    data = inrcodec.encode(image, effort=1, tile=(208, 512))
    np.testing.assert_array_equal(inrcodec.decode(data), image)
    frames = parse(data).model
    assert isinstance(frames, Frames)
    assert frames.shared == ()
    assert data[len(SIGNATURE) + 1] == 3


def test_networks_of_boxes_in_other_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inrcodec.candidates.WORTH_A_PART", 9)  # which take more
    image = page((textured(150, 200), 150, 250))
    data = inrcodec.encode(image, effort=2, weights="fp16")
    assert model_of(data).boxes
    np.testing.assert_array_equal(inrcodec.decode(data), image)


def test_a_page_that_was_a_jpeg_as_a_whole() -> None:
    """Which is one JPEG, not several."""
    whole = np.full((260, 300, 3), 255, np.uint8)
    whole[24:144, 40:170], whole[168:] = textured(120, 130), plot(92, 300)
    soft = (40 + whole * 0.7).astype(np.uint8)  # white and black are cut off in a JPEG
    image = read_image(pillow(soft, quality=85, subsampling=2))[3:, 5:]
    assert found(image)
    facts: dict = {}
    data = inrcodec.encode(np.ascontiguousarray(image), effort=1, report=facts.update)
    np.testing.assert_array_equal(inrcodec.decode(data), image)
    assert facts["mode"] == "jpeg"


def test_windows_between_boxes() -> None:
    image = page((textured(160, 200), 150, 250))
    channels, boxes = [image[:, :, c] for c in range(3)], [Box(150, 250, 160, 200)]
    windows = divide.find_windows(channels, boxes)
    assert windows
    for window in windows:
        assert not window.meets(boxes[0])
        assert window.height == window.width == divide.WINDOW
    assert divide.find_windows([np.zeros((40, 700), np.uint8)], []) == []


@pytest.mark.parametrize("photograph", [True, False])
def test_what_takes_too_much_room(photograph: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another model takes it, or it is said."""

    image = page((textured(150, 200), 150, 250)) if photograph else plot(200, 300)
    monkeypatch.setattr("inrcodec.candidates.encode_graphics", lambda *_: None)
    assert parse(inrcodec.encode(image, effort=1)).model.name in ("context", "stored")
    with pytest.raises(inrcodec.ImageError, match="not for this picture"):
        inrcodec.encode(image, effort=1, model="graphics")


def test_a_narrow_jpeg_in_a_page() -> None:
    """Whose coefficients are more than its pixels."""
    strip = read_image(pillow(textured(503, 20, seed=1), quality=85, subsampling=0))[3:, 3:]
    image = np.full((540, 417, 3), 255, np.uint8)
    image[4:7, ::3], image[20:520, 40:57] = 0, strip
    np.testing.assert_array_equal(inrcodec.decode(inrcodec.encode(image, effort=1)), image)
