"""Animations: each frame as it is shown, with its time, and back as an APNG."""

from __future__ import annotations

import io
import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from second_parts import PartsFile

import inrcodec
from inrcodec.errors import ImageError, LimitError
from inrcodec.files.animation import FRAMES_KEPT, open_animation
from inrcodec.files.apng import write_apng
from inrcodec.files.images import read_picture
from inrcodec.files.picture import Picture, PixelType
from inrcodec.files.png import SIGNATURE, write_png
from inrcodec.files.timing import Delay, Repeats, delay_of, repeats_of
from inrcodec.frames.encode import Outer, encode_pages
from inrcodec.limits import Limits
from tests.files.animations import (
    Stored,
    apng,
    drawn,
    saved,
    shown_by_pillow,
    with_chunk,
)
from tests.files.shown import GOOD, check, opened, pictures, rgba


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
