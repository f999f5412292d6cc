"""APNGs: frames as they are stored, composed as the specification says, and written."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inrcodec.errors import ImageError
from inrcodec.files.animation import open_animation
from inrcodec.files.apng import write_apng
from inrcodec.files.picture import Picture, PixelType
from inrcodec.files.timing import Delay, Repeats, delay_of, repeats_of
from tests.files.animations import (
    BACKGROUND,
    NONE,
    OVER,
    PREVIOUS,
    SOURCE,
    Stored,
    apng,
    composed,
    drawn,
    saved,
    shown_by_pillow,
    with_chunk,
)
from tests.files.shown import GOOD, opened, pictures, rgba


@pytest.mark.parametrize("blend", [SOURCE, OVER])
@pytest.mark.parametrize(
    ("mode", "disposal"),
    [
        *((mode, NONE) for mode in ("1", "L", "P", "RGB", "RGBA")),
        *((mode, BACKGROUND) for mode in ("RGB", "RGBA")),  # others Pillow does not write
    ],
)
def test_apngs_of_pillow(mode: str, blend: int, disposal: int) -> None:
    frames = [frame.convert("RGB").convert(mode) for frame in drawn(4)]
    if mode == "RGBA":
        for frame in frames:
            mask = Image.radial_gradient("L").resize(frame.size)
            frame.putalpha(mask.point([255 * (value < 99) for value in range(256)]))
    data = saved(frames, "PNG", duration=50, blend=blend, disposal=disposal, loop=7)
    animation = opened(data)
    found = pictures(animation)
    for picture, wanted in zip(found, shown_by_pillow(data), strict=True):
        image = rgba(picture.array())
        bare = image[..., 3:] == 0  # which Pillow has in black where a mode is without alpha
        np.testing.assert_array_equal(np.where(bare, 0, image), np.where(bare, 0, wanted))
    assert {delay_of(picture.metadata) for picture in found} == {Delay(1, 20)}
    assert repeats_of(animation.metadata) == Repeats(4, 7)
    for one, other in zip(found, pictures(opened(write_apng(found))), strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)


def frames_of(rng: np.random.Generator, dtype: type, clear: bool) -> list[Stored]:
    """Stored frames of RGBA, of any alpha or of none and all."""
    top = np.iinfo(dtype).max
    found = []
    for number in range(rng.integers(2, 6)):
        height, width = (7, 9) if not number else rng.integers(1, 7, 2)
        y, x = (0, 0) if not number else (rng.integers(0, 8 - height), rng.integers(0, 10 - width))
        samples = rng.integers(0, top + 1, (height, width, 4)).astype(dtype)
        if clear:
            samples[..., 3] = np.where(samples[..., 3] > top // 2, top, 0)
        disposal, blending = rng.integers(0, 3), rng.integers(0, 2)
        found.append(Stored(samples, int(y), int(x), int(disposal), int(blending)))
    return found


@given(st.integers(0, 1 << 32), st.sampled_from([np.uint8, np.uint16]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_apngs_are_composed_as_the_specification_says(seed: int, dtype: type, clear: bool) -> None:
    stored = frames_of(np.random.default_rng(seed), dtype, clear)
    animation = opened(apng(stored))
    wanted = composed(stored, 7, 9, np.iinfo(dtype).max)
    found = pictures(animation)
    assert len(found) == len(wanted)
    for picture, shown in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(picture.samples, shown)
    for one, other in zip(found, pictures(opened(write_apng(found))), strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)


PALETTE = Picture(np.zeros((1, 1), np.uint8), PixelType(2, bytes(range(12)), b"\xff\0"))
HALF = Picture(np.zeros((1, 1), np.uint8), PixelType(2, bytes(range(12)), b"\xff\0\x80"))
BARE = Picture(np.zeros((1, 1), np.uint8), PixelType(2, bytes(range(12))))
KEY = Picture(np.zeros((1, 1, 3), np.uint8), PixelType(key=(1, 2, 3)))
GREY = Picture(np.zeros((1, 1), np.uint8), PixelType(depth=2))


@pytest.mark.parametrize(
    ("like", "own"), [(PALETTE, True), (HALF, False), (BARE, False), (KEY, True), (GREY, False)]
)
@pytest.mark.parametrize("seed", range(4))
def test_samples_of_the_file_where_they_do(like: Picture, own: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = like.samples.shape[2:]
    stored = [
        Stored(rng.integers(0, 4, (6, 8, *shape)).astype(np.uint8), 0, 0, NONE, SOURCE),
        Stored(rng.integers(0, 4, (3, 4, *shape)).astype(np.uint8), 1, 2, BACKGROUND, OVER),
        Stored(rng.integers(0, 4, (2, 2, *shape)).astype(np.uint8), 3, 5, PREVIOUS, OVER),
        Stored(rng.integers(0, 4, (5, 3, *shape)).astype(np.uint8), 0, 0, NONE, OVER),
    ]
    if shape:
        stored[1].samples[0, :2] = 1, 2, 3
    animation = opened(apng(stored, like=like))
    assert (animation[0].type == like.type) == own
    colours = [rgba(like.type.expand(frame.samples)) for frame in stored]
    as_rgba = [frame._replace(samples=image) for frame, image in zip(stored, colours, strict=True)]
    for picture, shown in zip(pictures(animation), composed(as_rgba, 6, 8, 255), strict=True):
        image = rgba(picture.array())
        hidden = shown[..., 3:] == 0  # whose colours are the file's
        np.testing.assert_array_equal(np.where(hidden, 0, image), np.where(hidden, 0, shown))


def test_no_alpha_where_everything_is_covered() -> None:
    samples = np.arange(60, dtype=np.uint8).reshape(5, 4, 3)
    stored = [Stored(samples, disposal=BACKGROUND), Stored(samples[::-1]), Stored(samples[:2], 1)]
    assert opened(apng(stored))[0].channels == 3
    # what the second one is put upon comes back behind it, and that is nothing
    stored[1] = stored[1]._replace(disposal=PREVIOUS)
    assert opened(apng(stored))[0].channels == 4


def test_a_first_image_that_is_no_frame() -> None:
    hidden = np.full((5, 6), 9, np.uint8)
    frames = [Stored(np.full((5, 6), n, np.uint8), delay=(n, 10)) for n in (1, 1, 3)]
    animation = opened(apng(frames, hidden=hidden, plays=2))
    found = pictures(animation)
    assert [picture.samples[0, 0] for picture in found] == [9, 1, 1, 3]
    assert repeats_of(animation.metadata) == Repeats(3, 2)
    delays = [delay_of(picture.metadata) for picture in found]
    assert delays == [None, Delay(1, 10), Delay(1, 10), Delay(3, 10)]
    again = opened(write_apng(found))
    assert repeats_of(again.metadata) == Repeats(3, 2)
    assert [delay_of(picture.metadata) for picture in pictures(again)] == delays
    # one that lies in a part of the image has nothing around it
    small = [Stored(np.full((2, 3), 7, np.uint8), 1, 2)]
    image = pictures(opened(apng(small, hidden=hidden)))[1].samples
    assert image.shape == (5, 6, 2)
    assert (image[..., 1] > 0).sum() == 6


def test_metadata_of_an_apng() -> None:
    frames = [Stored(np.full((5, 6), n, np.uint8)) for n in range(3)]
    data = with_chunk(apng(frames), "tEXt", b"Title\0a test", "acTL")
    data = with_chunk(data, "pHYs", struct.pack(">IIB", 7, 7, 1), "fcTL")
    animation = opened(data)
    names = [name for name, _ in animation.metadata.chunks]
    assert names == ["acTL", "fcTL", "tEXt", "pHYs"]
    back = opened(write_apng(pictures(animation)))
    assert back.metadata == animation.metadata


def test_what_no_apng_shows() -> None:
    one = Picture(np.zeros((4, 4), np.uint8))
    for other in (
        Picture(np.zeros((4, 5), np.uint8)),
        Picture(np.zeros((4, 4), np.uint16)),
        Picture(np.zeros((4, 4), np.uint8), PixelType(depth=1)),
    ):
        with pytest.raises(ImageError, match="one size and type"):
            write_apng([one, other])
    with pytest.raises(ImageError, match="signed"):
        write_apng([Picture.of_numbers(np.zeros((4, 4), np.int8))])
    with pytest.raises(ImageError, match="no frame"):
        write_apng([])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (apng(GOOD, sequence=1), "out of order"),
        (apng([*GOOD, Stored(np.zeros((3, 3), np.uint8), 3)]), "beyond"),
        (apng([Stored(np.zeros((3, 3), np.uint8), 3, 4), *GOOD], hidden=GOOD[0].samples), "beyond"),
        (apng([GOOD[0]._replace(disposal=3), *GOOD]), "illegal"),
        (apng([GOOD[0]._replace(blending=2), *GOOD]), "illegal"),
        (apng(GOOD).replace(b"acTL\0\0\0\3", b"acTL\0\0\0\4"), "CRC"),
        (with_chunk(apng(GOOD), "acTL", bytes(8), "fcTL"), "misplaced"),
        (with_chunk(apng(GOOD), "fdAT", bytes(8), "fcTL"), "misplaced"),
        (apng(GOOD)[:-20], "truncated"),
    ],
)
def test_damaged_apngs(data: bytes, why: str) -> None:
    with pytest.raises(ImageError, match=why):
        open_animation(data, "it")


def test_damage_in_a_frame_is_told_when_it_is_read() -> None:
    data = bytearray(apng([Stored(np.full((5, 6), n, np.uint8)) for n in range(3)]))
    at = data.rindex(b"fdAT") + 10
    data[at] ^= 0xFF
    end = at - 10 + 4 + int.from_bytes(data[at - 14 : at - 10], "big")
    data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at - 10 : end]))
    animation = opened(bytes(data))
    assert animation[1].read(0, 0, 5, 6).max() == 1
    for _ in range(2):
        with pytest.raises(ImageError, match="frame 2: damaged"):
            animation[2].read(0, 0, 5, 6)
    assert animation[0].read(0, 0, 5, 6).max() == 0


def test_frames_that_acTL_counts_and_the_file_has_not() -> None:
    data = apng(GOOD)
    body = struct.pack(">II", 4, 0)
    at = data.index(b"acTL") - 4
    data = data[:at] + data[at + 20 :]
    with pytest.raises(ImageError, match="4 whole frames"):
        open_animation(with_chunk(data, "acTL", body, "fcTL"), "it")
