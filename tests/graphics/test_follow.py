"""A decoder that follows an encoder: the same stream, the same samples, and what does not agree is
not taken."""

from __future__ import annotations

import numpy as np
import pytest

from inrcodec import VerificationError, decode, encode, kernels
from inrcodec.coding.rangecoder import Decoder, Encoder
from inrcodec.graphics import follow
from inrcodec.graphics.code import NoRoomError, code_graphics
from inrcodec.graphics.encode import FOLLOWED_PIXELS
from inrcodec.graphics.follow import Decoded, Stream, encode_followed

from .pictures import drawn, of_many_colours

pytestmark = pytest.mark.skipif(
    kernels.library() is None, reason="only compiled loops are followed"
)


@pytest.mark.parametrize(
    ("image", "bits"),
    [
        (drawn(1, 1), 8),
        (drawn(40, 3, 1), 8),
        (drawn(300, 400), 8),
        (of_many_colours(250, 300, 3, np.uint8), 8),
        (of_many_colours(120, 900, 4, np.uint16), 16),
        (np.zeros((3, 70000), np.uint8), 1),
    ],
    ids=["pixel", "narrow", "drawn", "photo", "deep", "empty"],
)
@pytest.mark.parametrize("level", [1, 2])
def test_the_same_stream_and_samples(image: np.ndarray, bits: int, level: int) -> None:
    samples = np.ascontiguousarray(image.reshape(*image.shape[:2], -1), np.uint16)
    decoded: Decoded = {}
    data = encode_followed(samples.copy(), bits, level, decoded)
    encoder = Encoder()
    code_graphics(encoder, samples.copy(), bits, level)
    assert data == encoder.finish()
    [(stream, found)] = decoded.items()
    assert stream == Stream(data, samples.shape, bits, level)
    np.testing.assert_array_equal(found, samples)
    alone = np.zeros_like(samples)
    code_graphics(Decoder(data), alone, bits, level)
    np.testing.assert_array_equal(alone, samples)


def test_an_encoder_that_gives_up() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (500, 500, 1)).astype(np.uint16)
    decoded: Decoded = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(follow, "most_bits", lambda *_: 1000)
        with pytest.raises(NoRoomError):
            encode_followed(noise, 1, 1, decoded)
    assert not decoded


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
