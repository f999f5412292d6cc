"""Files of kinds that were lost in part, changed or refused before 0.7.0: each comes back byte for
byte, or is refused with the right words."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile

import inrcodec
from inrcodec.encode import source_picture
from inrcodec.files.images import read_image, read_picture
from inrcodec.files.picture import PixelType
from inrcodec.source.restore import file_of
from tests.cli.running import run
from tests.files.test_images import chunk, header, png
from tests.files.test_tiff import GREY, PIXELS, tiff
from tests.pictures import scene

RAW = PIXELS.tobytes()
LINES = b"\0\1\2\0\3\4"
STREAM = zlib.compress(LINES)
COLOURS = {**GREY, 256: 1, 257: 1, 262: 2, 277: 4, 278: 1, 279: 4, 258: (8, 8, 8, 8)}
PLAIN = PixelType()


def without(tag: int, tags: dict[int, int | tuple[int, ...]]) -> dict[int, int | tuple[int, ...]]:
    return {key: value for key, value in tags.items() if key != tag}


def twice(data: bytes) -> bytes:
    """A TIFF of test_tiff with a description, and another one, for tags that it can do without."""
    for tag, value in ((259, b"a\0\0\0"), (277, b"b\0\0\0")):
        entry = struct.pack(">HHII", tag, 4, 1, 1)
        assert entry in data
        data = data.replace(entry, struct.pack(">HHI", 270, 2, 2) + value)
    return data


INTERLACED = png(header(2, 2, 8, 0, interlace=1), b"\0\1\0\2\0\3\4")
# What a reader has to say of each where it cannot put it together: what read_picture says.
KINDS: dict[str, tuple[bytes, PixelType, tuple[str, ...]]] = {
    "fill order 2": (tiff({**GREY, 266: 2}, RAW), PLAIN, ()),
    "band of no meaning": (tiff({**COLOURS, 338: 0}, RAW[:4]), PixelType(extra=1), ()),
    "premultiplied alpha": (tiff({**COLOURS, 338: 1}, RAW[:4]), PixelType(extra=2), ()),
    "PAM of no tuple type": (
        b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nENDHDR\nabcd", PixelType(extra=1), (),
    ),
    "white is zero": (
        tiff({**GREY, 258: 16, 262: 0, 279: 12}, RAW + RAW), PixelType(white=True), (),
    ),
    "one bit, TIFF": (tiff({**GREY, 258: 1, 279: 2}, b"\xa0\x40"), PixelType(1), ()),
    "one bit, PBM": (b"P4\n3 2\n\xa0\x40", PixelType(1, white=True), ()),
    "comment": (b"P5\n# by hand\n2 1\n255\nab", PLAIN, ("comments",)),
    "bytes behind a TIFF": (
        tiff(GREY, RAW) + bytes(500), PLAIN, ("about 342 bytes that no tag points to",),
    ),
    "tag twice": (twice(tiff(GREY, RAW)), PLAIN, ("a tag that stands twice",)),
    "tag beyond the file": (
        tiff({**GREY, 282: (1, 2)}, RAW)[:-8], PLAIN, ("tag 282, which lies outside the file",),
    ),
    "grey with a colour map": (tiff({**GREY, 320: (1, 2, 3)}, RAW), PLAIN, ("tag 320",)),
    "EXIF": (tiff({**GREY, 34665: 8}, RAW), PLAIN, ("EXIF",)),
    "turned": (tiff({**GREY, 274: 6}, RAW), PLAIN, ()),
    "interlaced": (INTERLACED, PLAIN, ("interlacing",)),
    "bytes behind a PNG": (
        png(header(2, 2, 8, 0), LINES) + b"more", PLAIN, ("4 bytes behind the image",),
    ),
    "profile that swells": (
        png(header(2, 2, 8, 0), LINES, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 20)))),
        PLAIN, (),
    ),
    "tab in a header": (
        b"P7\nWIDTH\t1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\na", PLAIN, (),
    ),
    "no byte counts": (tiff(without(279, GREY), RAW), PLAIN, ()),
    "no photometric": (tiff(without(262, GREY), RAW), PLAIN, ()),
    "undefined samples": (tiff({**GREY, 339: 4}, RAW), PLAIN, ()),
    "transparency beside alpha": (
        png(header(1, 1, 8, 6), b"\0abcd", chunk(b"tRNS", bytes(6))),
        PLAIN, ("chunk tRNS beside an alpha channel",),
    ),
    "byte behind the stream": (
        b"\x89PNG\r\n\x1a\n" + header(2, 2, 8, 0) + chunk(b"IDAT", STREAM + b"\0")
        + chunk(b"IEND", b""),
        PLAIN, ("1 bytes behind the image data",),
    ),
    "line behind a PGM": (b"P5 2 1 255\nab\n", PLAIN, ("1 bytes behind the image",)),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_it_comes_back(name: str) -> None:
    data, pixels, left_out = KINDS[name]
    read = read_picture(data, "it")
    assert (read.type, read.left_out) == (pixels, left_out)
    picture = source_picture(data, "it")
    assert picture.left_out == ()
    packed = inrcodec.encode(picture, model="stored")
    back = inrcodec.decode_picture(packed)
    assert (back.type, back.left_out) == (pixels, ())
    assert np.array_equal(back.samples, read.samples)
    assert back.source is not None
    kind = inrcodec.info(packed)["source"]["extension"]
    assert file_of(back, kind, pytest.fail) == data


def stack(**options: object) -> bytes:
    file = io.BytesIO()
    images = np.arange(8 * 4 * 6, dtype=np.uint16).reshape(8, 4, 6)
    tifffile.imwrite(file, images, truncate=True, photometric="minisblack", **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (stack(imagej=True), "several images"),
        (stack(), "several images"),
        (
            b"\x89PNG\r\n\x1a\n" + chunk(b"CgBI", bytes(4)) + header(2, 2, 8, 0) + bytes(9),
            r"Xcode's own format \(CgBI\)",
        ),
    ],
    ids=["ImageJ", "tifffile", "Xcode"],
)
def test_it_is_refused(data: bytes, cause: str) -> None:
    with pytest.raises(inrcodec.ImageError, match=cause):
        source_picture(data, "it")


def test_numbers_are_those_in_the_file() -> None:
    assert read_picture(KINDS["white is zero"][0]).samples.tolist() == [
        [0x0102, 0x0304, 0x0506], [0x0102, 0x0304, 0x0506],
    ]  # fmt: skip
    assert read_picture(KINDS["fill order 2"][0]).samples[0].tolist() == [0x80, 0x40, 0xC0]
    assert read_picture(KINDS["one bit, PBM"][0]).samples.tolist() == [[1, 0, 1], [0, 1, 0]]
    assert read_image(KINDS["one bit, PBM"][0]).tolist() == [[0, 255, 0], [255, 0, 255]]


def test_a_profile_too_long_for_another_kind_is_named(tmp_path: Path) -> None:
    source, packed = tmp_path / "a.png", tmp_path / "a.linr"
    swollen = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes((1 << 26) + 1)))
    inches = chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1))
    source.write_bytes(png(header(2, 2, 8, 0), LINES, swollen, inches))
    assert run("encode", "--model", "stored", source).stderr == ""
    result = run("decode", packed, "-o", tmp_path / "b.tif")
    assert result.exit_code == 0
    assert result.stderr.endswith(": left out: metadata but resolution\n")
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        assert 34675 not in tif.pages.first.tags


def test_a_picture_wider_than_libpng_allows(tmp_path: Path) -> None:
    source, packed = tmp_path / "a.pgm", tmp_path / "a.linr"
    source.write_bytes(b"P5 1000001 1 255\n" + bytes(1000001))
    assert run("encode", "--model", "stored", source).stderr == ""
    result = run("decode", packed, "-o", tmp_path / "b.png")
    assert (result.exit_code, result.stderr) == (0, "")
    assert not read_image((tmp_path / "b.png").read_bytes()).any()
    assert run("encode", "--model", "stored", tmp_path / "b.png").exit_code == 0
    assert run("verify", tmp_path / "b.linr", source).exit_code == 0


@pytest.mark.parametrize("size", [(1, 20), (20, 30)])
def test_a_turned_tiff_stays_a_tiff(tmp_path: Path, size: tuple[int, int]) -> None:
    source = tmp_path / "a.tif"
    tifffile.imwrite(
        source, scene(*size, 1, np.uint8), resolution=(300, 300), extratags=[(274, 3, 1, 6, True)]
    )
    assert run("encode", "--model", "stored", source).stderr == ""
    given = source.read_bytes()
    source.unlink()
    result = run("decode", tmp_path / "a.linr")
    assert (result.exit_code, result.stderr) == (0, "")
    assert source.read_bytes() == given
