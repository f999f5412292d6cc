"""Files of other kinds: pixels as they are, and what does not come back is said."""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image

import inrcodec
from inrcodec.encode import source_picture
from inrcodec.files.images import read_picture
from inrcodec.limits import Limits
from tests.pictures import scene


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["BMP", "WEBP", "QOI", "TGA"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_pillow_reads(kind: str, channels: int) -> None:
    image = scene(31, 42, channels, np.uint8).squeeze()
    if kind == "WEBP" and channels == 4:
        image[..., 3] |= 1  # of clear pixels the colour is not kept
    if (kind, channels) in (("QOI", 1), ("WEBP", 1)):
        return
    data = saved(Image.fromarray(image), kind, **({"lossless": True} if kind == "WEBP" else {}))
    picture = source_picture(data, f"a.{kind.lower()}")
    wanted = image if (kind, channels) != ("BMP", 4) else picture.array()
    assert np.array_equal(picture.array()[..., : picture.array().shape[-1]], wanted) or (
        channels == 1 and np.array_equal(picture.array()[..., 0], image)
    )
    name = {"WEBP": "WebP"}.get(kind, kind)
    assert f"the {name} file itself (its picture is kept)" in picture.left_out
    assert picture.left_out == inrcodec.decode_picture(inrcodec.encode(picture, effort=1)).left_out


def test_palettes_of_gifs() -> None:
    indices = np.arange(12 * 9, dtype=np.uint8).reshape(9, 12) % 7
    image = Image.frombytes("P", (12, 9), indices.tobytes())
    image.putpalette(bytes(range(21)))
    picture = read_picture(saved(image, "GIF", transparency=3))
    assert picture.type.palette[:21] == bytes(range(21))
    assert picture.type.alpha == b"\xff\xff\xff\0"
    assert np.array_equal(picture.samples, indices)


def test_several_images_are_refused() -> None:
    frames = [Image.fromarray(scene(8, 8, 1, np.uint8, n).squeeze()) for n in range(2)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(inrcodec.ImageError, match="several images"):
        read_picture(data)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_imagecodecs_reads(dtype: type, channels: int) -> None:
    image = scene(30, 41, channels, dtype).squeeze()
    for data in (
        imagecodecs.jpeg2k_encode(image, level=0, reversible=True),
        imagecodecs.jpegxl_encode(image, lossless=True),
    ):
        picture = read_picture(data)
        assert np.array_equal(picture.samples, image)
        assert len(picture.left_out) == 1


def test_damage_is_told_in_a_line() -> None:
    image = Image.fromarray(scene(20, 21, 3, np.uint8))
    for kind in ("BMP", "WEBP", "QOI", "GIF"):
        data = saved(image, kind)
        with pytest.raises(inrcodec.ImageError) as told:
            read_picture(data[: len(data) // 3], "file")
        assert "\n" not in str(told.value)
    with pytest.raises(inrcodec.LimitError):
        read_picture(saved(image, "BMP"), "file", Limits(pixels=100))
    for data in (imagecodecs.jpeg2k_encode(np.asarray(image))[:90], b"\xff\x0a" + bytes(40)):
        with pytest.raises(inrcodec.ImageError):
            read_picture(data, "file")


def test_colour_maps_with_alpha() -> None:
    colours = bytes([3, 2, 1, 255, 6, 5, 4, 0, 9, 8, 7, 100])  # B, G, R, A
    header = bytes([0, 1, 1, 0, 0, 3, 0, 32, 0, 0, 0, 0, 3, 0, 1, 0, 8, 0x20])
    data = header + colours + bytes([0, 1, 2])
    picture = source_picture(data, "it.tga")
    wanted = [[[1, 2, 3, 255], [4, 5, 6, 0], [7, 8, 9, 100]]]
    assert picture.array().tolist() == wanted
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data)).convert("RGBA")), wanted)


@pytest.mark.parametrize("way", ["jp2", "j2k"])
@pytest.mark.parametrize("bits", [4, 6, 8, 11, 12, 16])
def test_depths_of_jpeg_2000(bits: int, way: str) -> None:
    image = scene(20, 21, 1, np.uint16).squeeze() >> 16 - bits
    image = image.astype(np.uint8 if bits <= 8 else np.uint16)
    data = imagecodecs.jpeg2k_encode(image, bitspersample=bits, codecformat=way, reversible=True)
    picture = source_picture(data, "it")
    assert np.array_equal(picture.samples, image)
    assert (picture.type.top or (1 << (picture.type.depth or bits)) - 1) == (1 << bits) - 1


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_depths_of_jpeg_xl(bits: int) -> None:
    image = scene(20, 21, 3, np.uint16) >> 16 - bits
    image = image.astype(np.uint8 if bits <= 8 else np.uint16)
    data = imagecodecs.jpegxl_encode(image, bitspersample=bits, lossless=True)
    picture = source_picture(data, "it")
    assert np.array_equal(picture.samples, image)
    assert picture.type.depth == (bits if 8 < bits < 16 else 0)


def test_cmyk_in_jpeg_2000_is_refused() -> None:
    data = imagecodecs.jpeg2k_encode(scene(20, 21, 4, np.uint8), codecformat="jp2")
    at = data.index(b"colr\1") + 7
    assert source_picture(data, "it").samples.shape[2] == 4
    with pytest.raises(inrcodec.ImageError, match="other colours"):
        source_picture(data[:at] + b"\0\0\0\x0c" + data[at + 4 :], "it")


@pytest.mark.parametrize("width", [1, 2, 3, 4, 11])
def test_animations_of_jpeg_xl_are_refused(width: int) -> None:
    frames = np.stack([scene(11, width, 1, np.uint8)] * 3)
    data = imagecodecs.jpegxl_encode(frames, photometric="gray")
    with pytest.raises(inrcodec.ImageError, match="several images"):
        source_picture(data, "it")


def test_a_damaged_header_is_told_in_words() -> None:
    with pytest.raises(inrcodec.ImageError, match="its header is damaged"):
        source_picture(bytes([0, 0, 2]) + bytes(13) + b"\x18\0", "it.tga")
