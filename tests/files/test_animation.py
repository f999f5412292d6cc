"""Animations: each frame as it is shown, with its time, and back as an APNG."""

from __future__ import annotations

import io
import struct
import tempfile
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from second_parts import PartsFile

import inrcodec
from inrcodec.errors import ImageError, LimitError
from inrcodec.files.animation import FRAMES_KEPT, Animation, open_animation
from inrcodec.files.apng import write_apng
from inrcodec.files.images import read_picture
from inrcodec.files.picture import Picture, PixelType
from inrcodec.files.png import SIGNATURE, write_png
from inrcodec.files.timing import Delay, Repeats, delay_of, of_frame, repeats_of
from inrcodec.frames.encode import Outer, encode_pages
from inrcodec.limits import Limits
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


def opened(data: bytes) -> Animation:
    found = open_animation(data, "it")
    assert found is not None
    return found


def pictures(animation: Animation) -> list[Picture]:
    return [
        Picture(
            page.read(0, 0, page.height, page.width),
            page.type,
            of_frame(page.metadata, animation.metadata),
        )
        for page in animation
    ]


def rgba(image: np.ndarray) -> np.ndarray:
    """Any array of 8 bits as RGBA."""
    cube = image.reshape(*image.shape[:2], -1)
    colours = cube[..., [0, 0, 0]] if cube.shape[2] < 3 else cube[..., :3]
    alpha = cube[..., -1:] if cube.shape[2] in (2, 4) else np.full_like(cube[..., :1], 255)
    return np.concatenate([colours, alpha], axis=2)


def check(animation: Animation, shown: Sequence[np.ndarray]) -> None:
    """Frames are as they should be, read in any order, and come back from an APNG."""
    found = pictures(animation)
    assert len(found) == len(shown)
    for picture, wanted in zip(found, shown, strict=True):
        picture.check("it")
        np.testing.assert_array_equal(rgba(picture.array()), wanted)
    for number in (len(found) - 1, 0, len(found) // 2):
        page = animation[number]
        assert (page.bits, page.channels) == (8, 1 if found[0].samples.ndim == 2 else page.channels)
        np.testing.assert_array_equal(page.read(3, 2, 5, 4), found[number].samples[3:8, 2:6])
    back = write_apng(found)
    again = opened(back)
    for one, other in zip(found, pictures(again), strict=True):
        np.testing.assert_array_equal(one.array(), other.array())
        assert delay_of(one.metadata) == delay_of(other.metadata)
    assert repeats_of(again.metadata) == repeats_of(animation.metadata)
    for picture, other in zip(found, shown_by_pillow(back), strict=True):
        np.testing.assert_array_equal(rgba(picture.array()), other)


@pytest.mark.parametrize("transparency", [None, 5])
@pytest.mark.parametrize("disposal", [0, 1, 2, 3, [1, 2, 3, 2, 1]])
def test_gifs(disposal: int | list[int], transparency: int | None) -> None:
    options = {} if transparency is None else {"transparency": transparency}
    times = [40, 40, 80, 100, 40]
    data = saved(drawn(5), "GIF", duration=times, loop=3, disposal=disposal, **options)
    animation = opened(data)
    check(animation, shown_by_pillow(data))
    found = [delay_of(picture.metadata) for picture in pictures(animation)]
    assert found == [Delay(time // 10, 100) for time in times]
    assert repeats_of(animation.metadata) == Repeats(5, 4)
    assert animation.left_out == (f"the GIF file itself ({FRAMES_KEPT})",)


def test_what_samples_gifs_have() -> None:
    few = opened(saved(drawn(4, colours=4), "GIF"))
    assert (few[0].channels, few[0].type.depth, few[0].type.colours) == (1, 4, 16)
    many = opened(saved(drawn(4, 60, 60, 254) + drawn(5, 60, 60, 250), "GIF"))
    assert (many[0].channels, many[0].type) == (3, PixelType())
    grey = [Image.fromarray(np.arange(n, n + 99, dtype=np.uint8).reshape(9, 11)) for n in range(3)]
    assert (opened(saved(grey, "GIF"))[0].channels, opened(saved(grey, "GIF"))[0].type) == (
        1, PixelType(),
    )  # fmt: skip
    check(opened(saved(grey, "GIF")), [rgba(np.asarray(image)) for image in grey])


def test_a_gif_that_grows() -> None:
    small, large = (saved([drawn(1, *size)[0]], "GIF") for size in ((10, 9), (24, 31)))
    head = 13 + (3 << (large[10] & 7) + 1)  # and its colours
    data = small[:-1] + large[head:]
    animation = opened(data)
    shown = shown_by_pillow(data)
    assert [image.shape[:2] for image in shown] == [(10, 9), (24, 31)]
    for picture, wanted in zip(pictures(animation), shown, strict=True):
        np.testing.assert_array_equal(rgba(picture.array()), wanted)
    given, found = through_frames(data)
    for one, other in zip(given, found, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)
        assert one.metadata == other.metadata
    with pytest.raises(ImageError, match="one size"):
        write_apng(found)


FILES = {
    "GIF": saved(drawn(3), "GIF", disposal=2, duration=[10, 20, 30]),
    "WEBP": saved([frame.convert("RGBA") for frame in drawn(3)], "WEBP"),
    "PNG": saved([frame.convert("RGB") for frame in drawn(3)], "PNG"),
}


@given(st.sampled_from(sorted(FILES)), st.integers(0, 1 << 20), st.integers(1, 255))
@settings(max_examples=120, deadline=None)
def test_any_damage_is_an_error_of_ours(kind: str, place: int, flip: int) -> None:
    data = bytearray(FILES[kind])
    data[place % len(data)] ^= flip
    try:
        animation = open_animation(bytes(data), "it", Limits(pixels=1 << 16))
        if animation is not None:
            for picture in pictures(animation):
                picture.check("it")
    except (ImageError, LimitError) as error:
        assert str(error).startswith("it: ")  # noqa: PT017


def test_a_gif_that_is_shown_once_and_what_is_said_beside() -> None:
    data = saved(drawn(2), "GIF", comment=b"from a test")
    animation = opened(data)
    assert repeats_of(animation.metadata) == Repeats(2, 1)
    assert animation.left_out[1] == "its metadata: comment"
    assert repeats_of(opened(saved(drawn(2), "GIF", loop=0)).metadata) == Repeats(2, 0)


def test_one_image_is_no_animation() -> None:
    for kind in ("GIF", "PNG", "WEBP", "BMP"):
        file = io.BytesIO()
        drawn(1)[0].convert("RGB").save(file, kind)
        file.seek(0)
        assert open_animation(file, "it") is None
        assert file.tell() == 0
        assert open_animation(file.getvalue(), "it") is None


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_webp(mode: str, lossless: bool) -> None:
    frames = [frame.convert(mode) for frame in drawn(4)]
    if mode == "RGBA":
        for frame in frames:
            frame.putalpha(Image.linear_gradient("L").resize(frame.size))
    times = [40, 70, 70, 33]
    data = saved(frames, "WEBP", duration=times, loop=2, lossless=lossless)
    animation = opened(data)
    check(animation, shown_by_pillow(data))
    found = [delay_of(picture.metadata) for picture in pictures(animation)]
    assert found == [Delay(time, 1000) for time in times]
    assert repeats_of(animation.metadata) == Repeats(4, 2)


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


GOOD = [Stored(np.full((5, 6), n, np.uint8)) for n in range(3)]


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


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_damage_and_limits(kind: str) -> None:
    data = saved([frame.convert("RGB") for frame in drawn(3)], kind)
    with pytest.raises(LimitError):
        open_animation(data, "it", Limits(pixels=24 * 31 - 1))
    for length in range(len(data) // 3, len(data) - 1, 29):
        try:
            animation = open_animation(data[:length], "it")
            if animation is not None:
                pictures(animation)
        except ImageError as error:
            assert str(error).startswith("it: ")  # noqa: PT017


def test_open_files_are_left_where_they_were() -> None:
    for data, several in (
        (apng(GOOD), True),
        (saved(drawn(2), "GIF"), True),
        (saved([frame.convert("RGB") for frame in drawn(2)], "WEBP"), True),
        (write_png(Picture(GOOD[0].samples), 6), False),
        (SIGNATURE + b"\0\0\0\4", False),
        (b"", False),
        (b"P5 1 1 255 7", False),
    ):
        file = io.BytesIO(b"before" + data)
        file.seek(6)
        assert (open_animation(file, "it") is not None) == several
        assert file.tell() == 6


def test_a_large_png_is_not_read_to_see_what_it_is() -> None:
    class Watched(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            self.taken += len(found)
            return found

    noise = np.random.default_rng(0).integers(0, 256, (100, 100), np.uint8).astype(np.uint8)
    file = Watched(write_png(Picture(noise), 6))
    assert open_animation(file, "it") is None
    assert file.taken < 100


def test_a_still_reader_says_what_it_is() -> None:
    with pytest.raises(ImageError, match="animated PNG"):
        read_picture(apng(GOOD), "it")


def through_frames(data: bytes, **options: object) -> tuple[list[Picture], list[Picture]]:
    """The pictures of an animation, and what a .linr of it has."""
    animation = opened(data)
    outer = Outer(animation.metadata, animation.left_out)
    with tempfile.TemporaryFile() as spool:
        coded = encode_pages(animation, None, spool, outer=outer, effort=1, **options)
        packed = b"".join(coded.chunks())
    with inrcodec.LinrFile(packed) as file:
        assert file.frames == len(animation)
        found = [file.picture(frame) for frame in range(file.frames)]
    second = PartsFile(packed, lambda *_: pytest.fail("nothing is decoded"))
    for frame, picture in enumerate(found):
        assert picture.metadata is not None
        entries = [list(chunk) for chunk in picture.metadata.chunks]
        assert second.about(frame)[0] == ("png", entries)
    return pictures(animation), found


def test_files_of_frames_have_times() -> None:
    times = [40, 40, 80, 100, 40]
    data = saved(drawn(5), "GIF", duration=times, loop=3, comment=b"said")
    given, found = through_frames(data)
    for one, other in zip(given, found, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)
        assert (one.type, one.metadata) == (other.type, other.metadata)
        assert other.left_out == opened(data).left_out
    assert [delay_of(picture.metadata) for picture in found] == [
        Delay(time // 10, 100) for time in times
    ]
    # frames that were decoded are frames of a file again, or images without a time
    packed = inrcodec.encode_frames(found, effort=1)
    with inrcodec.LinrFile(packed) as file:
        again = [file.picture(frame) for frame in range(5)]
    assert [picture.metadata for picture in again] == [picture.metadata for picture in found]
    assert inrcodec.encode_frames(iter(found[:1]), effort=1)
    with pytest.warns(inrcodec.LinrWarning, match="how long it is shown"):
        alone = inrcodec.encode(found[2], effort=1)
    assert inrcodec.decode_picture(alone).metadata is None
    assert "how long it is shown" in inrcodec.decode_picture(alone).left_out[-1]


def test_frames_one_by_one_say_how_often_they_are_shown() -> None:
    found = pictures(opened(saved(drawn(4), "GIF", loop=1, duration=[50, 60, 60, 60])))
    with inrcodec.LinrFile(inrcodec.encode_frames(iter(found[:3]), effort=1)) as file:
        again = [file.picture(frame) for frame in range(3)]
    assert repeats_of(again[2].metadata) == Repeats(3, 2)
    assert [delay_of(picture.metadata) for picture in again] == [
        delay_of(picture.metadata) for picture in found[:3]
    ]


def test_a_hidden_image_and_texts_in_a_file_of_frames() -> None:
    frames = [Stored(np.full((5, 6), n, np.uint8), delay=(n, 10)) for n in (1, 1, 3)]
    data = with_chunk(apng(frames, hidden=frames[0].samples), "tEXt", b"Title\0a test", "acTL")
    given, found = through_frames(data)
    assert [picture.metadata for picture in found] == [picture.metadata for picture in given]
    assert dict(found[0].metadata.chunks).keys() == {"acTL", "tEXt"}
    assert dict(found[1].metadata.chunks).keys() == {"acTL", "fcTL", "tEXt"}
    again = opened(write_apng(found))
    assert [picture.metadata for picture in pictures(again)] == [p.metadata for p in given]
