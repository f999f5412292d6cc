"""Source files of all kinds come back byte for byte, or say that they do not."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

import inrcodec
from inrcodec import Metadata
from inrcodec.encode import source_picture
from inrcodec.files.images import read_picture
from inrcodec.limits import Limits
from inrcodec.source.restore import CHANGED, ELSEWISE, keep, restore
from inrcodec.source.skeleton import pack_skeleton, unpack_skeleton
from tests.files.test_tiff import GREY
from tests.files.test_tiff import tiff as tiff_of
from tests.pictures import scene


def kept(data: bytes) -> inrcodec.Picture:
    """The picture of a file that comes back, through the bytes of its skeleton."""
    picture = source_picture(data, "file")
    assert picture.source is not None, picture.left_out
    assert picture.left_out == ()
    packed = pack_skeleton(picture.source)
    again = unpack_skeleton(packed, picture.samples.nbytes, 1 << 26)
    assert again == picture.source
    assert restore(replace(picture, source=again)) == data
    assert len(packed) < 1200 + len(data) // 20
    return picture


def tiff(image: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, image, **options)
    return file.getvalue()


SHAPES = {"grey": (37, 45), "rgb": (40, 33, 3)}


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits"])
@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiffs_of_tifffile(compression: str | None, kind: str, dtype: type) -> None:
    shape = SHAPES[kind]
    image = scene(*shape[:2], shape[2] if len(shape) > 2 else 1, dtype).reshape(shape)
    for order, big, tile, predictor, planar in itertools.product(
        "<>", (False, True), (None, (16, 16)), (False, True), (False, True)
    ):
        if (planar and kind == "grey") or (predictor and compression not in ("zlib", "lzw")):
            continue
        photometric = "rgb" if kind == "rgb" else "minisblack"
        data = tiff(
            np.moveaxis(image, 2, 0) if planar else image,
            byteorder=order,
            bigtiff=big,
            tile=tile,
            predictor=predictor or None,
            compression=compression,
            rowsperstrip=None if tile else 7,
            planarconfig="separate" if planar else "contig",
            photometric=photometric,
            metadata=None,
            description="a scene",
        )
        picture = kept(data)
        assert np.array_equal(picture.samples, image)
        with tifffile.TiffFile(io.BytesIO(data)) as tif:
            assert np.array_equal(
                tif.pages.first.asarray().reshape(-1),
                (np.moveaxis(image, 2, 0) if planar else image).reshape(-1),
            )


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_tiffs_of_opencv(compression: int) -> None:
    for channels, dtype in itertools.product((1, 3, 4), (np.uint8, np.uint16)):
        image = scene(60, 51, channels, dtype).squeeze()
        data = cv2.imencode(".tif", image, [cv2.IMWRITE_TIFF_COMPRESSION, compression])[1].tobytes()
        picture = kept(data)
        order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
        assert np.array_equal(picture.samples, image.reshape(60, 51, -1)[..., order].squeeze())


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 2, 4, 8, 10, 12, 14, 16]),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_bits_of_tiffs(height: int, width: int, bits: int, white: bool, mirrored: bool) -> None:
    rng = np.random.default_rng(height * width)
    kind = np.uint16 if bits > 8 else np.uint8
    image = rng.integers(0, 1 << bits, (height, width)).astype(kind)
    rows = b""
    each = image.reshape(height, -1, 1) >> np.arange(bits, dtype=kind)[::-1] & 1
    rows = np.packbits(each.reshape(height, -1).astype(np.uint8), axis=1).tobytes()
    if bits == 16:
        rows = image.astype("<u2").tobytes()
    if mirrored:
        rows = bytes(int(f"{n:08b}"[::-1], 2) for n in rows)
    tags = [
        (256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, 1 - white),
        (266, 3, 1 + mirrored), (273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(rows)),
    ]  # fmt: skip
    directory = len(tags).to_bytes(2, "little") + b"".join(
        tag.to_bytes(2, "little")
        + kind.to_bytes(2, "little")
        + b"\1\0\0\0"
        + v.to_bytes(4, "little")
        for tag, kind, v in tags
    )
    data = b"II*\0" + (8 + len(rows)).to_bytes(4, "little") + rows + directory + bytes(4)
    picture = kept(data)
    assert np.array_equal(picture.samples, image)
    assert picture.type.white == white
    assert picture.type.depth == (0 if bits in (8, 16) else bits)
    coded = inrcodec.encode(picture, effort=1, model="stored")
    back = inrcodec.decode_picture(coded)
    assert back.source == picture.source
    assert restore(back) == data


def test_signed_samples_are_numbers() -> None:
    image = (scene(30, 31, 1, np.uint16).squeeze().astype(np.int32) - 32768).astype(np.int16)
    data = tiff(image, compression="zlib", predictor=True)
    picture = kept(data)
    assert picture.type.signed
    assert np.array_equal(picture.array(), image)
    back = inrcodec.decode(inrcodec.encode(picture, effort=1))
    assert back.dtype == np.int16
    assert np.array_equal(back, image)


def test_extra_samples_are_no_alpha() -> None:
    image = scene(20, 31, 4, np.uint8)
    for extra, kind in (("unspecified", 1), ("assocalpha", 2), ("unassalpha", 0)):
        data = tiff(image, photometric="rgb", extrasamples=[extra])
        picture = kept(data)
        assert picture.type.extra == kind
        assert np.array_equal(picture.samples, image)


PNMS = [
    b"P5\n3 2\n255\nabcdef",
    b"P5 # a comment\n# another\n3\t2\r255 abcdef\n",
    b"P6 1 2 255\nabcdef and more",
    b"P2\n3 2\n9\n1 2 3\n# within\n4  5 6\n\n",
    b"P1\n# bits\n4 2\n0101\n1 0 1 0",
    b"P4\n9 2\n\xff\x80\x00\x00",
    b"P5\n2 2\n1000\n\0\1\0\2\1\0\3\xe8",
    b"P5\n2 2\n4095\n\0\1\0\2\1\0\x0f\xff",
    b"P7\nWIDTH 2\nHEIGHT\t1\n# c\nDEPTH 4\nMAXVAL 255\nTUPLTYPE CMYK\nENDHDR\nabcdefgh",
    b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 2\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\nabcd",
]


@pytest.mark.parametrize("data", PNMS)
def test_pnms(data: bytes) -> None:
    picture = kept(data)
    coded = inrcodec.encode(picture, effort=1)
    facts = inrcodec.info(coded)
    assert facts["source"]["bytes"] == len(data)
    assert facts["left_out"] == []
    back = inrcodec.decode_picture(coded)
    assert restore(back) == data


def test_bitmaps_have_one_bit() -> None:
    picture = read_picture(b"P4\n9 2\n\xff\x80\x00\x00")
    assert picture.samples.tolist() == [[1] * 9, [0] * 9]
    assert picture.array().tolist() == [[0] * 9, [255] * 9]  # 1 is black
    assert picture.type.depth == 1


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_pngs(level: int) -> None:
    for channels, dtype in itertools.product((1, 3, 4), (np.uint8, np.uint16)):
        image = scene(50, 61, channels, dtype).squeeze()
        kept(cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, level])[1].tobytes())
    kept(imagecodecs.png_encode(scene(50, 61, 3, np.uint8), level=level))


def chunk(kind: bytes, body: bytes) -> bytes:
    crc = zlib.crc32(kind + body).to_bytes(4, "big")
    return len(body).to_bytes(4, "big") + kind + body + crc


def png(stream: bytes, sizes: list[int], depth: int = 8, interlaced: int = 0) -> bytes:
    """A grey PNG of 9 x 7 pixels, its image data in chunks of sizes."""
    header = (9).to_bytes(4, "big") + (7).to_bytes(4, "big") + bytes([depth, 0, 0, 0, interlaced])
    parts, at = [chunk(b"IHDR", header), chunk(b"tEXt", b"Title\0odd")], 0
    for size in [*sizes, len(stream) - sum(sizes)]:
        parts.append(chunk(b"IDAT", stream[at : at + size]))
        at += size
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"teSt", b"x"), chunk(b"IEND", b"")])


def test_odd_pngs() -> None:
    rng = np.random.default_rng(0)
    lines = rng.integers(0, 256, (7, 10)).astype(np.uint8)
    lines[:, 0] = [0, 1, 2, 3, 4, 4, 0]
    stream = zlib.compress(lines.tobytes(), 6)
    for sizes in ([], [0], [1, 2, 3], [0, 0, 5, 0, 5]):
        kept(png(stream, sizes))
    kept(png(stream + b"behind", [4]))
    kept(png(stream, []) + b"bytes behind")


def test_what_cannot_be_packed_again_is_said() -> None:
    """A stream that no compressor makes: of stored blocks of a byte each."""
    lines = bytes(7 * 10)
    blocks = b"".join(
        bytes([n == len(lines) - 1]) + b"\1\0\xfe\xff" + lines[n : n + 1] for n in range(len(lines))
    )
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    half = squeeze.compress(lines[:35]) + squeeze.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(1, zlib.DEFLATED, -15)
    odd = half + rest.compress(lines[35:]) + rest.flush()
    for body in (blocks, odd):
        stream = b"\x78\x9c" + body + zlib.adler32(lines).to_bytes(4, "big")
        data = png(stream, [])
        picture = source_picture(data, "file")
        if picture.source is not None:
            assert restore(picture) == data
            continue
        assert ELSEWISE in picture.left_out
        coded = inrcodec.encode(picture, effort=1)
        assert ELSEWISE in inrcodec.info(coded)["left_out"]
        assert inrcodec.decode_picture(coded).left_out == picture.left_out
        assert inrcodec.decode_picture(coded).metadata == picture.metadata
    assert source_picture(
        png(b"\x78\x9c" + odd + zlib.adler32(lines).to_bytes(4, "big"), []), "f"
    ).left_out


def test_files_come_back_and_losses_are_told(tmp_path: Path) -> None:
    source = tmp_path / "a.tif"
    source.write_bytes(tiff(scene(20, 21, 3, np.uint8), compression="zlib", photometric="rgb"))
    inrcodec.encode_file(source, tmp_path / "a.linr", effort=1)
    inrcodec.decode_file(tmp_path / "a.linr", tmp_path / "b.tif")
    assert (tmp_path / "b.tif").read_bytes() == source.read_bytes()
    inrcodec.decode_file(tmp_path / "a.linr", tmp_path / "b.png")
    image = inrcodec.files.images.read_image((tmp_path / "b.png").read_bytes())
    assert np.array_equal(image, scene(20, 21, 3, np.uint8))
    lossy = tmp_path / "l.tif"
    lossy.write_bytes(tiff(scene(20, 21, 1, np.uint8).squeeze(), compression="zstd"))
    with pytest.warns(inrcodec.LinrWarning, match="how its image data are packed"):
        inrcodec.encode_file(lossy, tmp_path / "l.linr", effort=1)
    with pytest.raises(inrcodec.ImageError, match="how its image data are packed"):
        inrcodec.encode_file(lossy, tmp_path / "m.linr", effort=1, strict=True)
    assert not (tmp_path / "m.linr").exists()


def test_a_picture_whose_samples_are_others_keeps_its_metadata() -> None:
    data = tiff(scene(20, 21, 3, np.uint8), photometric="rgb", description="a scene")
    picture = kept(data)
    other = replace(picture, type=replace(picture.type, depth=0, signed=True))
    with pytest.warns(inrcodec.LinrWarning, match="its source file") as told:
        assert inrcodec.decode_picture(inrcodec.encode(other, effort=1)).source is None
    assert told[0].filename == __file__
    changed = replace(picture, samples=255 - picture.samples)
    with pytest.warns(inrcodec.LinrWarning, match="its source file"):
        back = inrcodec.decode_picture(inrcodec.encode(changed, effort=1))
    assert back.source is None
    assert back.left_out == (CHANGED,)
    assert back.metadata == picture.metadata
    assert np.array_equal(back.samples, changed.samples)


def test_a_picture_whose_metadata_are_others_has_those() -> None:
    picture = kept(tiff(scene(20, 21, 3, np.uint8), photometric="rgb", description="a scene"))
    changed = replace(picture, metadata=Metadata("tiff", tags=((270, 2, b"another\0"),)))
    with pytest.warns(inrcodec.LinrWarning, match="its source file"):
        back = inrcodec.decode_picture(inrcodec.encode(changed, model="stored"))
    assert (back.source, back.metadata) == (None, changed.metadata)


def test_metadata_that_lie_in_the_image_data() -> None:
    resolution = struct.pack(">HHII", 282, 5, 1, 8)  # where the samples are, too
    data = tiff_of({**GREY, 256: 4, 279: 8, 282: 1}, b"abcdefgh")
    data = data.replace(struct.pack(">HHII", 282, 4, 1, 1), resolution)
    picture = source_picture(data, "it")
    assert picture.metadata == Metadata("tiff", tags=((282, 5, b"dcbahgfe"),))
    assert (picture.source, picture.left_out) == (None, (ELSEWISE,))
    back = inrcodec.decode_picture(inrcodec.encode(picture, model="stored"))
    assert (back.metadata, back.left_out) == (picture.metadata, picture.left_out)


def test_limits_hold_for_what_is_kept() -> None:
    data = tiff(scene(20, 21, 1, np.uint8).squeeze()) + bytes(range(256)) * 400
    picture = read_picture(data, "file")
    assert keep(data, picture, "file").source is not None
    assert keep(data, picture, "file", Limits(metadata=50_000)).source is None
    with pytest.raises(inrcodec.LimitError):
        inrcodec.decode(
            inrcodec.encode(keep(data, picture, "file"), effort=1), limits=Limits(metadata=50_000)
        )
