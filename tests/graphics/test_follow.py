"""A decoder that follows an encoder: the same stream, the same samples, and what does not agree is
not taken."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from inrcodec import VerificationError, decode, encode
from inrcodec.coding.rangecoder import Decoder, Encoder
from inrcodec.contents import parse
from inrcodec.graphics import follow
from inrcodec.graphics.boxes import Box
from inrcodec.graphics.code import NoRoomError, code_graphics
from inrcodec.graphics.encode import FOLLOWED_PIXELS
from inrcodec.graphics.file import GraphicsImage
from inrcodec.graphics.follow import Decoded, Stream, encode_followed

from .pictures import drawn, of_many_colours, with_photographs

BOX = Box(62, 75, 125, 150)  # the photograph of of_many_colours(250, 300)


@pytest.mark.parametrize(
    ("image", "bits", "boxes"),
    [
        (drawn(1, 1), 8, ()),
        (drawn(40, 3, 1), 8, ()),
        (drawn(300, 400), 8, ()),
        (of_many_colours(250, 300, 3, np.uint8), 8, ()),
        (of_many_colours(120, 900, 4, np.uint16), 16, ()),
        (np.zeros((3, 70000), np.uint8), 1, ()),
        (of_many_colours(250, 300, 3, np.uint8), 8, (BOX,)),
        (of_many_colours(250, 300, 1, np.uint16), 16, (Box(0, 0, 40, 300), BOX)),
        (of_many_colours(250, 300, 3, np.uint8), 8, (Box(0, 0, 250, 300),)),
    ],
    ids=["pixel", "narrow", "drawn", "photo", "deep", "empty", "box", "boxes", "all in a box"],
)
@pytest.mark.parametrize("level", [1, 2])
def test_the_same_stream_and_samples(
    image: np.ndarray, bits: int, boxes: tuple[Box, ...], level: int
) -> None:
    samples = np.ascontiguousarray(image.reshape(*image.shape[:2], -1), np.uint16)
    decoded: Decoded = {}
    data = encode_followed(samples.copy(), bits, level, boxes, decoded)
    encoder = Encoder()
    code_graphics(encoder, samples.copy(), bits, level, boxes)
    assert data == encoder.finish()
    [(stream, found)] = decoded.items()
    assert stream == Stream(data, samples.shape, bits, level, boxes)
    np.testing.assert_array_equal(found, samples)
    alone = np.zeros_like(samples)
    for box in boxes:
        alone[box.slices] = samples[box.slices]
    code_graphics(Decoder(data), alone, bits, level, boxes)
    np.testing.assert_array_equal(alone, samples)


def test_an_encoder_that_gives_up() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (500, 500, 1)).astype(np.uint16)
    decoded: Decoded = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(follow, "most_bits", lambda *_: 1000)
        with pytest.raises(NoRoomError):
            encode_followed(noise, 1, 1, (), decoded)
    assert not decoded


def test_without_a_thread_or_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot follow is done without."""
    image = drawn(200, 300)

    def fails(*_: object) -> np.ndarray:
        raise MemoryError

    monkeypatch.setattr(follow, "_follow", fails)
    data = encode(image, effort=1, model="graphics", threads=2)
    np.testing.assert_array_equal(decode(data), image)


def test_an_interrupt_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def __init__(self, *_: object) -> None:
            raise KeyboardInterrupt

    before = threading.active_count()
    samples = drawn(200, 300).astype(np.uint16)
    monkeypatch.setattr(follow, "Drawing", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        encode_followed(samples, 8, 1, (), {})
    assert threading.active_count() == before


def test_what_a_follower_made_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    image = drawn(200, 300)
    assert image.shape[0] * image.shape[1] >= FOLLOWED_PIXELS
    follows = follow._follow
    calls = []

    def wrong(*arguments: object) -> np.ndarray:
        samples = follows(*arguments)  # type: ignore[arg-type]
        calls.append(samples.shape)
        samples[7, 5, 0] ^= 1
        return samples

    monkeypatch.setattr(follow, "_follow", wrong)
    with pytest.raises(VerificationError):
        encode(image, effort=1, model="graphics", threads=2)
    np.testing.assert_array_equal(
        decode(encode(image, effort=1, model="graphics", threads=1)), image
    )
    assert len(calls) == 1


def test_what_a_follower_made_beside_a_box_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other models code of the picture is decoded all the same."""
    monkeypatch.setattr("inrcodec.candidates.beside_graphics", lambda *_: (1e9, True))
    box = Box(60, 90, 110, 120)
    image = with_photographs(np.full((200, 300), 255, np.uint8), [box])
    model = parse(encode(image, effort=1, model="graphics", threads=2)).model
    assert isinstance(model, GraphicsImage)
    assert [coded.box for coded in model.boxes] == [box]
    follows = follow._follow

    def wrong(*arguments: object) -> np.ndarray:
        samples = follows(*arguments)  # type: ignore[arg-type]
        samples[0 if outside else box.top, 5 if outside else box.left, 0] ^= 1
        return samples

    monkeypatch.setattr(follow, "_follow", wrong)
    outside = False  # where a decoder that reads the file has its box
    np.testing.assert_array_equal(
        decode(encode(image, effort=1, model="graphics", threads=2)), image
    )
    outside = True
    with pytest.raises(VerificationError):
        encode(image, effort=1, model="graphics", threads=2)
