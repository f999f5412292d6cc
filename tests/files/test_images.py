"""Image files: exact both ways, and refused where they are damaged or cannot be kept."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from inrcodec.errors import ImageError, LimitError
from inrcodec.files.images import EXTENSIONS, png_level9, read_image, read_picture, write_image
from inrcodec.files.jpeg import EXTENSIONS as JPEGS

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HOLDS = {
    ".png": (1, 2, 3, 4),
    ".tif": (1, 2, 3, 4),
    ".tiff": (1, 2, 3, 4),
    ".pbm": (),
    ".pgm": (1,),
    ".ppm": (3,),
    ".pnm": (1, 3),
    ".pam": (1, 2, 3, 4),
}


def make_image(channels: int, dtype: type, size: tuple[int, int] = (13, 17)) -> np.ndarray:
    rng = np.random.default_rng(channels)
    shape = size if channels == 1 else (*size, channels)
    return rng.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(
    width: int, height: int, bits: int, colour: int, interlace: int = 0, filtering: int = 0
) -> bytes:
    return chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, filtering, interlace)
    )


def png(head: bytes, lines: bytes, *extra: bytes) -> bytes:
    return (
        SIGNATURE
        + head
        + b"".join(extra)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def equal(image: np.ndarray, expected: np.ndarray) -> None:
    assert image.dtype == expected.dtype
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("extension", sorted({*EXTENSIONS} - {*JPEGS}))
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_write_then_read(dtype: type, channels: int, extension: str) -> None:
    image = make_image(channels, dtype)
    if channels in HOLDS[extension]:
        equal(read_image(write_image(image, extension.upper())), image)
    else:
        with pytest.raises(ImageError, match=r"cannot hold .*\.png can"):
            write_image(image, extension)


def test_opencv_reads_what_is_written() -> None:
    for dtype in (np.uint8, np.uint16):
        for extension, channels in (
            (".png", 3),
            (".tiff", 3),
            (".tiff", 1),
            (".ppm", 3),
            (".pgm", 1),
        ):
            image = make_image(channels, dtype)
            data = np.frombuffer(write_image(image, extension), np.uint8)
            decoded = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
            equal(decoded if channels == 1 else decoded[..., ::-1], image)


def test_png_level9_is_opencvs() -> None:
    image = make_image(3, np.uint8)
    _, expected = cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert png_level9(image) == expected.tobytes()
    grey_alpha = make_image(2, np.uint16)
    assert png_level9(grey_alpha)[25] == 4
    equal(read_image(png_level9(grey_alpha)), grey_alpha)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((3, 4), np.float32),
        np.zeros((3, 4), np.int16),
        np.zeros((3,), np.uint8),
        np.zeros((3, 4, 5), np.uint8),
        np.zeros((3, 4, 1), np.uint8),
        np.zeros((0, 4), np.uint8),
    ],
)
def test_other_arrays_are_refused(image: np.ndarray) -> None:
    with pytest.raises(ImageError):
        write_image(image, ".png")


def test_unknown_extension() -> None:
    with pytest.raises(ImageError, match=r"'\.heic'"):
        write_image(make_image(3, np.uint8), ".heic")
    with pytest.raises(ImageError, match="would not be without loss"):
        write_image(make_image(3, np.uint8), ".jpg")


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_small_grey_png_is_scaled(bits: int) -> None:
    values = np.arange(2**bits, dtype=np.uint8)
    per_byte = 8 // bits
    padded = np.zeros(-(-len(values) // per_byte) * per_byte, np.uint8)
    padded[: len(values)] = values
    packed = np.packbits(np.unpackbits(padded[:, None], axis=1)[:, -bits:].reshape(-1))
    data = png(header(len(values), 1, bits, 0), b"\0" + packed.tobytes())
    equal(read_image(data), (values * (255 // (2**bits - 1)))[None])
    keyed = png(header(len(values), 1, bits, 0), b"\0" + packed.tobytes(), chunk(b"tRNS", b"\0\1"))
    alpha = np.where(values == 1, 0, 255)
    equal(read_image(keyed)[0, :, 1], alpha.astype(np.uint8))


def test_colour_keys_become_alpha() -> None:
    rgb = np.array([[[1, 2, 3], [1, 2, 4]]], np.uint8)
    key = chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))
    image = read_image(png(header(2, 1, 8, 2), b"\0" + rgb.tobytes(), key))
    equal(image, np.array([[[1, 2, 3, 0], [1, 2, 4, 255]]], np.uint8))
    # In 16 bits only an exact match is transparent: 0x0102 is not 0x0101.
    grey = np.array([[0x0101, 0x0102]], ">u2")
    key = chunk(b"tRNS", struct.pack(">H", 0x0101))
    image = read_image(png(header(2, 1, 16, 0), b"\0" + grey.tobytes(), key))
    equal(image, np.array([[[0x0101, 0], [0x0102, 65535]]], np.uint16))


def test_palettes() -> None:
    palette = chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60]))
    plain = png(header(2, 1, 8, 3), b"\0\0\1", palette)
    equal(read_image(plain), np.array([[[10, 20, 30], [40, 50, 60]]], np.uint8))
    clear = png(header(2, 1, 8, 3), b"\0\0\1", palette, chunk(b"tRNS", b"\x80"))
    equal(read_image(clear), np.array([[[10, 20, 30, 128], [40, 50, 60, 255]]], np.uint8))


def test_interlaced_png() -> None:
    image = np.arange(5 * 3, dtype=np.uint8).reshape(3, 5)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
    lines = b""
    for left, top, across, down in [*passes, (0, 1, 1, 2)]:
        for row in image[top::down, left::across]:
            lines += b"\0" + row.tobytes() if row.size else b""
    equal(read_image(png(header(5, 3, 8, 0, interlace=1), lines)), image)


def test_gamma_and_orientation_are_ignored() -> None:
    image = make_image(3, np.uint8, (2, 3))
    lines = b"".join(b"\0" + row.tobytes() for row in image)
    exif = b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    data = png(
        header(3, 2, 8, 2), lines, chunk(b"gAMA", struct.pack(">I", 10000)), chunk(b"eXIf", exif)
    )
    equal(read_image(data), image)


GOOD = png(header(2, 2, 8, 0), b"\0\1\2\0\3\4")
BODY = zlib.compress(b"\0\1\2\0\3\4")
PALETTE = chunk(b"PLTE", bytes(6))


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "empty"),
        (b"hello", "not an image of a kind that is read"),
        (b"\xff\xd8\xff\xe0", "JPEG with a damaged segment"),
        (GOOD[:-12], "no IEND"),
        (GOOD[:-20], "truncated"),
        (GOOD[:33], "truncated"),
        (GOOD.replace(b"IHDR", b"IHDX"), "wrong CRC of chunk IHDX"),
        (GOOD[:45] + bytes([GOOD[45] ^ 1]) + GOOD[46:], "wrong CRC of chunk IDAT"),
        (SIGNATURE + chunk(b"IEND", b""), "begin with a header"),
        (SIGNATURE + header(2, 2, 8, 0) + chunk(b"IEND", b""), "no image data"),
        (png(header(2, 2, 3, 0), b"\0\1\2\0\3\4"), "3 bits with colour type 0"),
        (png(header(2, 2, 8, 5), b"\0\1\2\0\3\4"), "colour type 5"),
        (png(header(2, 2, 16, 3), b"\0\1\2\0\3\4"), "16 bits with colour type 3"),
        (png(header(2, 2, 8, 0, interlace=2), b"\0\1\2\0\3\4"), "interlace"),
        (png(header(2, 2, 8, 0, filtering=1), b"\0\1\2\0\3\4"), "filter"),
        (png(header(0, 2, 8, 0), b""), "empty"),
        (png(header(2, 2, 8, 0), b"\0\1\2\0\3"), "5 of 6 bytes"),
        (png(header(2, 2, 8, 0), b"\0\1\2\0\3\4\5"), "more image data"),
        (png(header(2, 2, 8, 0), b"\0\1\2\5\3\4"), "unknown filter 5"),
        (png(header(2, 2, 8, 3), b"\0\1\2\0\3\4"), "no palette"),
        (png(header(2, 2, 8, 3), b"\0\0\1\0\1\0", chunk(b"PLTE", bytes(5))), "palette"),
        (png(header(2, 2, 8, 3), b"\0\0\1\0\1\0", PALETTE, PALETTE), "palette"),
        (png(header(2, 2, 8, 3), b"\0\0\1\0\1\0", PALETTE, chunk(b"tRNS", bytes(3))), "transp"),
        (png(header(2, 2, 8, 0), b"\0\1\2\0\3\4", chunk(b"tRNS", bytes(1))), "transparency"),
        (png(header(2, 2, 8, 0), b"\0\1\2\0\3\4", chunk(b"ABCD", b"")), "chunk ABCD"),
        (png(header(2, 2, 8, 0), b"\0\1\2\0\3\4", chunk(b"acTL", bytes(8))), "animated"),
        (
            SIGNATURE + header(2, 2, 8, 0) + chunk(b"IDAT", BODY[:-1]) + chunk(b"IEND", b""),
            "checksum",
        ),
        (
            SIGNATURE
            + header(2, 2, 8, 0)
            + chunk(b"IDAT", BODY[:-1] + bytes([BODY[-1] ^ 1]))
            + chunk(b"IEND", b""),
            "do not inflate",
        ),
        (
            SIGNATURE
            + header(2, 2, 8, 0)
            + chunk(b"IDAT", BODY[:4])
            + chunk(b"tEXt", b"")
            + chunk(b"IDAT", BODY[4:])
            + chunk(b"IEND", b""),
            "not consecutive",
        ),
    ],
)
def test_broken_files_are_refused(
    data: bytes, cause: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ImageError, match=cause) as caught:
        read_image(data, "x.png")
    assert str(caught.value).startswith("x.png: ")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_bytes_behind_the_stream_are_named() -> None:
    idat = chunk(b"IDAT", BODY + b"x")
    picture = read_picture(SIGNATURE + header(2, 2, 8, 0) + idat + chunk(b"IEND", b""))
    equal(picture.samples, np.array([[1, 2], [3, 4]], np.uint8))
    assert picture.left_out == ("1 bytes behind the image data",)


def test_split_idat_and_unknown_ancillary_chunks_are_fine() -> None:
    data = (
        SIGNATURE
        + header(2, 2, 8, 0)
        + chunk(b"abCd", b"?")
        + chunk(b"IDAT", BODY[:4])
        + chunk(b"IDAT", b"")
        + chunk(b"IDAT", BODY[4:])
        + chunk(b"IEND", b"")
    )
    equal(read_image(data), np.array([[1, 2], [3, 4]], np.uint8))


@pytest.mark.parametrize(
    "data",
    [
        png(header(50_000, 50_000, 8, 0), b""),
        b"P5 50000 50000 255\n",
        b"P7\nWIDTH 50000\nHEIGHT 50000\nDEPTH 1\nMAXVAL 255\nENDHDR\n",
        b"II*\0\x08\0\0\0\2\0" + struct.pack("<HHIIHHII", 256, 4, 1, 50_000, 257, 4, 1, 50_000)
        + bytes(4),
    ],
)  # fmt: skip
def test_huge_images_are_refused(data: bytes) -> None:
    with pytest.raises(LimitError, match="50000 x 50000"):
        read_image(data)


@pytest.mark.parametrize("extension", [".png", ".tiff", ".pam"])
def test_truncated_and_altered_files_never_crash(extension: str) -> None:
    data = write_image(make_image(4, np.uint16, (5, 6)), extension)
    for length in range(0, len(data), 3):
        with pytest.raises((ImageError, LimitError)):
            read_image(data[:length])
    rng = np.random.default_rng(0)
    for _ in range(300):
        altered = bytearray(data)
        altered[rng.integers(len(data))] ^= int(rng.integers(1, 256))
        try:
            read_image(bytes(altered))
        except (ImageError, LimitError):
            continue
