"""Coded images are decoded by libraries only where they are as large as they say."""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from inrcodec.errors import ImageError, LimitError
from inrcodec.files.coded_size import SIZES
from inrcodec.files.images import read_picture
from inrcodec.limits import Limits
from tests.pictures import scene

SHAPES = [(1, 1), (8, 8), (8, 16), (31, 42), (256, 256), (300, 200), (1, 700), (9, 16)]


def coded(kind: str, image: np.ndarray) -> list[bytes]:
    """A picture, coded in the ways that a kind has."""
    if kind == "JPEG":
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", progressive=True, comment=b"\xff\xc0" * 9)
        return [file.getvalue(), imagecodecs.jpeg_encode(image)]
    if kind == "JPEG 2000":
        return [imagecodecs.jpeg2k_encode(image, codecformat=way) for way in ("jp2", "j2k")]
    if kind == "WebP":
        extended, file = io.BytesIO(), io.BytesIO()
        Image.fromarray(image).save(extended, "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")
        Image.fromarray(image).save(file, "WEBP", quality=50)
        return [imagecodecs.webp_encode(image, lossless=True), extended.getvalue(), file.getvalue()]
    if kind == "JPEG XL":
        ways = ({"usecontainer": True}, {"usecontainer": False})
        return [imagecodecs.jpegxl_encode(image, **way) for way in ways]
    return [imagecodecs.lerc_encode(image)]


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
def test_sizes(kind: str, shape: tuple[int, int]) -> None:
    for data in coded(kind, scene(*shape, 3, np.uint8)):
        size = SIZES[kind](data)
        assert size is not None
        assert size[:2] == shape[::-1]
        assert size[2] in (0, 3)
        for end in range(min(len(data), 60)):  # cut short
            assert SIZES[kind](data[:end]) in (size, None) or kind == "JPEG XL"


def test_animations_have_none() -> None:
    frames = np.stack([scene(20, 21, 3, np.uint8)] * 3)
    assert SIZES["JPEG XL"](imagecodecs.jpegxl_encode(frames)) is None


@pytest.mark.parametrize(
    ("compression", "large"),
    [
        ("jpeg2000", imagecodecs.jpeg2k_encode(np.zeros((2000, 2000), np.uint8))),
        ("jpegxl", imagecodecs.jpegxl_encode(np.zeros((2000, 2000), np.uint8), effort=1)),
        ("webp", imagecodecs.webp_encode(np.zeros((2000, 2000, 3), np.uint8))),
        ("jpeg", imagecodecs.jpeg_encode(np.zeros((2000, 2000), np.uint8))),
        ("lerc", imagecodecs.lerc_encode(np.zeros((2000, 2000), np.uint8))),
    ],
)
def test_larger_tiles_than_a_tiff_says(compression: str, large: bytes) -> None:
    file, channels = io.BytesIO(), 3 if compression == "webp" else 1
    image = scene(16, 16, channels, np.uint8).squeeze()
    colours = "rgb" if channels == 3 else "minisblack"
    tifffile.imwrite(file, image, compression=compression, photometric=colours, metadata=None)
    if compression != "jpeg":  # which is lossy
        assert np.array_equal(read_picture(file.getvalue()).samples, image)
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as tif:
        tags = [tif.pages.first.tags[tag] for tag in (273, 279)]
        data = bytearray(file.getvalue())
        for tag, value in zip(tags, (len(data), len(large)), strict=True):
            data[tag.offset + 2 : tag.offset + 4] = b"\4\0"
            data[tag.offset + 8 : tag.offset + 12] = value.to_bytes(4, "little")
    with pytest.raises(ImageError, match="another size"):
        read_picture(bytes(data) + large)


def test_limits_come_before_decoding() -> None:
    for kind in ("JPEG 2000", "JPEG XL"):
        with pytest.raises(LimitError):
            read_picture(coded(kind, scene(31, 42, 3, np.uint8))[0], "it", Limits(pixels=1000))
