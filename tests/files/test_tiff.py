"""TIFF files: every kind that is kept is read, others and broken ones are refused."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from inrcodec.encode import source_picture
from inrcodec.errors import ImageError, LimitError
from inrcodec.files.images import read_image, read_picture
from inrcodec.files.picture import PixelType
from inrcodec.source.restore import restore
from tests.files.test_images import equal, make_image


def tiff(tags: dict[int, int | tuple[int, ...]], body: bytes, following: int = 0) -> bytes:
    """Build a big-endian TIFF; `body` lies at byte 8."""
    start = 8 + len(body)
    values_start = start + 2 + 12 * len(tags) + 4
    entries = values = b""
    for tag, value in sorted(tags.items()):
        numbers = value if isinstance(value, tuple) else (value,)
        packed = struct.pack(f">{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            place = struct.pack(">I", values_start + len(values))
            values += packed
        else:
            place = packed
        entries += struct.pack(">HHI", tag, 4, len(numbers)) + place
    directory = struct.pack(">H", len(tags)) + entries + struct.pack(">I", following)
    return b"MM\0*" + struct.pack(">I", start) + body + directory + values


GREY = {256: 3, 257: 2, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 2, 279: 6}
PIXELS = np.arange(1, 7, dtype=np.uint8).reshape(2, 3)
# and another directory, of a width, at 14
SECOND = PIXELS.tobytes() + struct.pack(">HHHIII", 1, 256, 4, 1, 3, 0)


def test_tiff_kinds() -> None:
    raw = PIXELS.tobytes()
    equal(read_image(tiff(GREY, raw)), PIXELS)
    # The numbers of WhiteIsZero are those in the file.
    equal(read_image(tiff({**GREY, 262: 0}, raw)), PIXELS)
    assert read_picture(tiff({**GREY, 262: 0}, raw)).type == PixelType(white=True)
    deep = {**GREY, 258: 12, 279: 10}
    equal(
        read_image(tiff(deep, b"\0\x10\2\xff\xf0\0\x40\5\0\x60")),
        np.array([[1, 2, 0xFFF], [4, 5, 6]], np.uint16),
    )
    equal(
        read_image(tiff({**GREY, 339: 2}, b"\1\2\x80\xff\5\6")),
        np.array([[1, 2, -128], [-1, 5, 6]], np.int8),
    )
    four = {**GREY, 256: 1, 257: 1, 262: 2, 277: 4, 258: (8,) * 4, 278: 1, 279: 4}
    for extra, kind in ((0, 1), (1, 2), (2, 0)):
        picture = read_picture(tiff({**four, 338: extra}, raw[:4]))
        assert (picture.samples.tolist(), picture.type.extra) == ([[[1, 2, 3, 4]]], kind)
    # The orientation tag does not turn the samples.
    equal(read_image(tiff({**GREY, 274: 6}, raw)), PIXELS)
    packed = zlib.compress(raw)
    equal(read_image(tiff({**GREY, 259: 8, 279: len(packed)}, packed)), PIXELS)
    packbits = b"\x80\2\1\2\3\xff\4\0\6"
    expected = np.array([[1, 2, 3], [4, 4, 6]], np.uint8)
    equal(read_image(tiff({**GREY, 259: 32773, 279: len(packbits)}, packbits)), expected)
    # Bitmap: rows start at whole bytes.
    equal(
        read_image(tiff({**GREY, 258: 1, 279: 2}, b"\xa0\x40")),
        np.array([[255, 0, 255], [0, 255, 0]], np.uint8),
    )
    # Two planes, one strip each: grey + alpha.
    planes = {**GREY, 258: (8, 8), 273: (8, 14), 277: 2, 279: (6, 6), 284: 2, 338: 2}
    equal(read_image(tiff(planes, raw + raw[::-1])), np.dstack([PIXELS, PIXELS[::-1, ::-1]]))
    # Tiles of 2 x 2, the right one half outside.
    tiles = {k: v for k, v in GREY.items() if k not in (273, 278, 279)}
    tiles |= {322: 2, 323: 2, 324: (8, 12), 325: (4, 4)}
    equal(read_image(tiff(tiles, b"\1\2\4\5\3\0\6\0")), PIXELS)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_lzw_tiff_as_opencv_writes_it(channels: int, dtype: type) -> None:
    noise = make_image(channels, dtype, (90, 100))
    smooth = np.sort(noise, axis=0)
    for image in (noise, smooth, np.full_like(noise, 7)):
        given = image if channels == 1 else image[..., ::-1]
        _, data = cv2.imencode(".tiff", given, [cv2.IMWRITE_TIFF_COMPRESSION, 5])
        equal(read_image(data.tobytes()), image)


@pytest.mark.parametrize("following", [8, 13, 14, 16, 1 << 31, (1 << 32) - 1])
def test_a_next_directory_that_is_none(following: int) -> None:
    data = tiff(GREY, PIXELS.tobytes(), following)
    equal(read_image(data), PIXELS)
    assert restore(source_picture(data, "it")) == data


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (tiff(GREY, PIXELS.tobytes())[:20], "outside the file"),
        (tiff({**GREY, 279: 600}, PIXELS.tobytes()), "truncated"),
        (tiff({**GREY, 279: 5}, PIXELS.tobytes()), "5 of 6 bytes"),
        (tiff({**GREY, 278: 1}, PIXELS.tobytes()), "1 of 2 strips"),
        (tiff({**GREY, 278: 0}, PIXELS.tobytes()), "3 x 0 pixels"),
        (tiff(GREY, SECOND, following=14), "page 2: the image is empty"),
        (tiff({**GREY, 322: 1 << 14, 323: 1 << 14, 324: 8, 325: 6}, PIXELS.tobytes()), "tiles of"),
        (tiff({**GREY, 259: 7}, PIXELS.tobytes()), "JPEG"),
        (tiff({**GREY, 259: 8}, PIXELS.tobytes()), "inflate"),
        (tiff({**GREY, 259: 5}, PIXELS.tobytes()), "of 6 bytes"),
        (tiff({**GREY, 262: 3}, PIXELS.tobytes()), "palette"),
        (tiff({**GREY, 262: 5, 277: 4}, PIXELS.tobytes()), "CMYK"),
        (tiff({**GREY, 258: 32}, PIXELS.tobytes()), "32 bits"),
        (tiff({**GREY, 258: 12}, PIXELS.tobytes()), "6 of 10 bytes"),
        (tiff({**GREY, 258: 7}, PIXELS.tobytes()), "7 bits"),
        (tiff({**GREY, 339: 3}, PIXELS.tobytes()), "floating-point"),
        (tiff({**GREY, 258: 4, 339: 2}, PIXELS.tobytes()), "signed"),
        (tiff({**GREY, 277: 3}, PIXELS.tobytes()), "3 samples"),
        (tiff({**GREY, 262: 2, 277: 4, 279: 24, 338: 3}, bytes(24)), "extra samples of type 3"),
        (tiff({**GREY, 317: 3}, PIXELS.tobytes()), "predictor"),
        (b"II+\0\x08\0\0\0", "outside the file"),
        (b"II+\0\4\0\0\0" + bytes(30), "BigTIFF"),
        (tiff({**GREY, 258: (8, 8)}, PIXELS.tobytes())[:-8], "tag 258 has no numbers"),
    ],
)
def test_broken_or_unsupported_tiff(data: bytes, cause: str) -> None:
    with pytest.raises((ImageError, LimitError), match=cause):
        read_image(data)


@pytest.mark.parametrize(
    "text",
    [b'{"axes": "ZYX", "shape": [3, 2, 3]}', b"shape=(3, 2, 3)"],
)
def test_stacks_of_one_directory(text: bytes) -> None:
    body = PIXELS.tobytes() * 3 + text + b"\0"
    data = tiff({**GREY, 270: (0,) * 2}, body)
    # the description's field, of so many bytes that lie behind the pixels
    field = struct.pack(">HHI", 270, 4, 2)
    at = data.index(field)
    place = struct.pack(">HHII", 270, 2, len(text) + 1, 8 + 18)
    data = data[:at] + place + data[at + 12 :]
    with pytest.raises(ImageError, match="several images"):
        read_image(data)


def test_a_depth_is_that_of_a_stack() -> None:
    with pytest.raises(ImageError, match="several images"):
        read_image(tiff({**GREY, 32997: 3}, PIXELS.tobytes() * 3))


def test_signed_fields_that_are_not_negative() -> None:
    width = struct.pack(">HHI", 256, 4, 1)
    data = tiff(GREY, PIXELS.tobytes())
    equal(read_image(data.replace(width, struct.pack(">HHI", 256, 9, 1))), PIXELS)
    at = data.index(width)
    negative = data[:at] + struct.pack(">HHIi", 256, 9, 1, -3) + data[at + 12 :]
    with pytest.raises(ImageError, match="tag 256"):
        read_image(negative)
