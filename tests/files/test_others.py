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
