"""Palettes, depths, transparent colours and metadata: what comes back is the file that went in."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inrcodec
from benchmarks import pngsuite
from inrcodec import Metadata, Picture, PixelType
from inrcodec.coding import backend, tables
from inrcodec.context import encode as encode_context
from inrcodec.context import prior
from inrcodec.encode import source_picture
from inrcodec.files.images import read_image, read_picture, write_picture
from inrcodec.files.metadata import pack_metadata, unpack_metadata
from inrcodec.files.picture import pack_type, unpack_type
from inrcodec.source.restore import file_of
from tests.cli.test_cli import run
from tests.container.test_damage import exact_or_refused, refusal, sealed, sections
from tests.files.test_images import chunk, header, png
from tests.files.test_tiff import tiff
from tests.pictures import ADAM7, scene

BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PROFILE = b"an ICC profile" * 20
PALETTE = bytes(range(48))


@st.composite
def pngs(draw: st.DrawFn) -> bytes:
    """Small PNG files of any legal type, with chunks in legal places."""
    colour = draw(st.sampled_from(sorted(BITS)))
    bits = draw(st.sampled_from(BITS[colour]))
    width, height = draw(st.integers(1, 20)), draw(st.integers(1, 9))
    interlace = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    colours = draw(st.integers(1, 1 << bits)) if colour == 3 else 0
    # few values, so that tables and ranks are tried too
    top = colours or draw(st.sampled_from([2, 1 << bits]))
    samples = rng.integers(0, top, (height, width * CHANNELS[colour]))
    before, between, after = (
        [chunk(*draw(st.sampled_from(pairs))) for _ in range(draw(st.integers(0, 2)))]
        for pairs in (
            [(b"gAMA", b"\0\0\xb1\x8f"), (b"cICP", b"\1\x0d\0\1"), (b"sRGB", b"\0")],
            [(b"pHYs", struct.pack(">IIB", 2835, 2836, 1)), (b"eXIf", b"II*\0"), (b"abCd", b"?")],
            [(b"tEXt", b"Comment\0hello"), (b"tIME", bytes(7)), (b"zzZz", b"x" * 40)],
        )
    )  # fmt: skip
    if colour == 3:
        before.append(chunk(b"PLTE", rng.bytes(3 * colours)))
        if draw(st.booleans()):
            between.insert(0, chunk(b"tRNS", rng.bytes(draw(st.integers(1, colours)))))
    elif colour in (0, 2) and draw(st.booleans()):
        key = samples[0, : CHANNELS[colour]]
        between.append(chunk(b"tRNS", struct.pack(f">{key.size}H", *key)))
    lines = b""
    if interlace:
        image = samples.reshape(height, width, -1)
        for left, top_row, across, down in ADAM7:
            part = image[top_row::down, left::across]
            if part.size:
                lines += rows(part.reshape(len(part), -1), bits)
    else:
        lines = rows(samples, bits)
    stream = zlib.compress(lines)
    cut = draw(st.integers(0, len(stream)))
    return b"".join(
        [b"\x89PNG\r\n\x1a\n", header(width, height, bits, colour, int(interlace)), *before]
        + [*between, chunk(b"IDAT", stream[:cut]), chunk(b"IDAT", stream[cut:]), *after]
        + [chunk(b"IEND", b"")]
    )


def rows(samples: np.ndarray, bits: int) -> bytes:
    """Samples as a PNG's unfiltered rows."""
    if bits == 16:
        return b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    each = np.unpackbits(samples.astype(np.uint8)[..., None], axis=2)[..., 8 - bits :]
    packed = np.packbits(each.reshape(len(samples), -1), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


@settings(deadline=None)
@given(pngs(), st.sampled_from(["auto", "context", "stored"]))
def test_any_png_comes_back(data: bytes, model: str) -> None:
    picture = source_picture(data, "any.png")
    assert not picture.left_out
    assert read_picture(data).left_out == (("interlacing",) if data[28] else ())
    packed = inrcodec.encode(picture, model=model, effort=1, device="cpu", threads=1)
    decoded = inrcodec.decode_picture(packed, threads=1)
    assert file_of(decoded, ".png", pytest.fail) == data
    back = write_picture(decoded, ".png")
    assert pngsuite.skeleton(back) == pngsuite.skeleton(data)
    assert np.array_equal(read_picture(back).samples, picture.samples)
    assert np.array_equal(inrcodec.decode(packed, threads=1), read_image(data))
    assert inrcodec.read_metadata(packed) == picture.metadata
    # the other decoder's opinion of the samples
    ours, theirs = (cv2.imdecode(np.frombuffer(d, np.uint8), -1) for d in (back, data))
    assert np.array_equal(ours, theirs)


def test_colours_under_zero_alpha_survive() -> None:
    image = scene(9, 11, 4, np.uint8)
    image[:, :, 3] = 0
    assert np.array_equal(inrcodec.decode(inrcodec.encode(image, effort=1)), image)


def test_what_cannot_be_copied_is_named() -> None:
    lines = b"\0\1\2\0\3\4"
    data = png(header(2, 2, 8, 0), lines, chunk(b"iDOT", b"offsets"), chunk(b"prIv", b"kept"))
    picture = read_picture(data + b"more")
    assert picture.metadata == Metadata("png", chunks=(("prIv", b"kept"),))
    assert "iDOT" in picture.left_out[0]
    assert "4 bytes behind" in picture.left_out[1]


def test_indices_beyond_a_palette_are_refused() -> None:
    data = png(header(2, 1, 8, 3), b"\0\0\2", chunk(b"PLTE", bytes(6)))
    with pytest.raises(inrcodec.ImageError, match="palette"):
        read_picture(data, "a.png")


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_keeps_resolution_and_profile(order: str) -> None:
    samples = scene(5, 6, 1, np.uint16)
    stored = (
        (282, 5, struct.pack("<II", 300, 1)), (283, 5, struct.pack("<II", 1500, 7)),
        (296, 3, b"\2\0"), (305, 2, b"inrcodec\0"), (34675, 7, PROFILE),
    )  # fmt: skip
    data = write_picture(Picture(samples, metadata=Metadata("tiff", tags=stored)), ".tif")
    if order == ">":
        data = big_endian(samples)
        stored = (stored[0], stored[2])
    picture = read_picture(data)
    assert picture.metadata == Metadata("tiff", tags=stored)
    packed = inrcodec.encode(picture, effort=1)
    back = inrcodec.decode_picture(packed)
    again = read_picture(write_picture(back, ".tiff"))
    assert again.metadata == picture.metadata
    assert np.array_equal(again.samples, samples)


def big_endian(samples: np.ndarray) -> bytes:
    """A TIFF of 16-bit grey with a resolution in inches, its high bytes first."""
    height, width = samples.shape
    body = samples.astype(">u2").tobytes()
    fields = [
        (256, 4, width), (257, 4, height), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 8),
        (277, 3, 1), (278, 4, height), (279, 4, len(body)), (282, 5, 8 + len(body)), (296, 3, 2),
    ]  # fmt: skip
    out = b"MM\0*" + struct.pack(">I", 16 + len(body)) + body + struct.pack(">II", 300, 1)
    out += struct.pack(">H", len(fields))
    for tag, kind, value in fields:
        packed = struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">I", value)
        out += struct.pack(">HHI", tag, kind, 1) + packed
    return out + bytes(4)


def test_a_tiff_directory_elsewhere_is_named() -> None:
    body = bytes(4)
    tags = {256: 2, 257: 2, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 2, 279: 4, 34665: 8}
    assert read_picture(tiff(tags, body)).left_out == ("EXIF",)


def test_profile_and_resolution_go_from_png_to_tiff_and_back() -> None:
    chunks = (
        ("iCCP", b"name\0\0" + zlib.compress(PROFILE)),
        ("pHYs", struct.pack(">IIB", 11811, 3937, 1)),
        ("tEXt", b"Title\0left behind"),
    )
    samples = scene(4, 5, 3, np.uint8)
    picture = Picture(samples, metadata=Metadata("png", chunks=chunks))
    there = read_picture(write_picture(picture, ".tif"))
    assert there.metadata is not None
    assert {tag: body for tag, _, body in there.metadata.tags}[34675] == PROFILE
    back = read_picture(write_picture(there, ".png")).metadata
    assert back is not None
    found = dict(back.chunks)
    assert found["pHYs"] == chunks[1][1]
    assert zlib.decompress(found["iCCP"].partition(b"\0\0")[2]) == PROFILE  # type: ignore[union-attr]
    assert np.array_equal(there.samples, samples)


INDEXED = Picture(
    np.minimum(scene(9, 13, 1, np.uint8) // 30, 7),
    PixelType(4, bytes(range(255, 231, -1)), b"\0\x80"),
    Metadata("png", chunks=(("gAMA", bytes(4)), ("PLTE", None), ("bKGD", b"\1"))),
)


@pytest.mark.parametrize("model", ["stored", "context"])
def test_damaged_pictures(model: str) -> None:
    data = inrcodec.encode(INDEXED, model=model, effort=1, device="cpu", threads=1)
    shown = INDEXED.array()
    chain = sections(data)
    assert [tag for tag, _ in chain][:3] == [b"H", b"P", b"m"]
    assert sealed(chain) == data
    for number, (tag, payload) in enumerate(chain):
        for at in range(len(payload)):
            for change in (0x01, 0x10, 0xFF):
                damaged = payload[:at] + bytes([payload[at] ^ change]) + payload[at + 1 :]
                again = sealed([*chain[:number], (tag, damaged), *chain[number + 1 :]])
                if tag in (b"P", b"m", b"C"):
                    # well-formed changes of these are other pictures; none may crash
                    try:
                        decoded = inrcodec.decode_picture(again, threads=1)
                        write_picture(decoded, ".png")
                        write_picture(decoded, ".tif")
                    except inrcodec.LinrError:
                        continue
                else:
                    exact_or_refused(again, shown)
        for cut in range(len(payload)):
            cut_off = sealed([*chain[:number], (tag, payload[:cut]), *chain[number + 1 :]])
            if tag == b"P":
                assert not exact_or_refused(cut_off, shown)


def test_types_and_metadata_that_do_not_go_together() -> None:
    data = inrcodec.encode(scene(4, 5, 3, np.uint8), model="stored")
    chain = sections(data)

    def with_sections(*more: tuple[bytes, object]) -> bytes:
        packed = [(tag, p if isinstance(p, bytes) else msgpack.packb(p)) for tag, p in more]
        return sealed([chain[0], *packed, *chain[1:]])

    for fields in (
        {"d": 4}, {"c": bytes(6)}, {"k": [1]}, {"k": [1, 2, 65536]}, {"a": b"1"}, {"d": 0},
        {"d": 3}, {"k": []}, {"k": [1, 2, -1]}, {"k": [1, 2, True]}, {}, [], b"x", {"k": "abc"},
    ):  # fmt: skip
        assert refusal(with_sections((b"P", fields))) is inrcodec.CorruptError, fields
    assert refusal(with_sections((b"P", {"z": 1}))) is inrcodec.UnsupportedVersionError
    assert exact_or_refused(with_sections(), scene(4, 5, 3, np.uint8))

    def entries(*rows: object, kind: str = "png") -> bytes:
        return b"\0" + msgpack.packb([kind, rows])

    for payload in (
        b"", b"\0", b"\1", b"\1abc", b"\0\xc1", entries(), entries(1), entries(["abc", b""]),
        entries(["IHDR", b""]), entries(["acTL", b""]), entries(["tRNS", b"1"]),
        entries(["IDAT", b""]), entries(["PLTE", None]), entries(["tRNS", None]),
        entries(["IDAT", None], ["IDAT", None]),
        entries(["PLTE", b"1"], ["PLTE", b"1"]), entries(["gAMA", None]), entries(["IDAT", None]),
        entries(["gAMA", "text"]),
        entries([282, 5, b"1234"], kind="tiff"), entries([282, 0, b"1"], kind="tiff"),
        entries([282, 1, b"1"], [282, 1, b"1"], kind="tiff"),
        entries([70000, 1, b"1"], kind="tiff"),
    ):  # fmt: skip
        assert refusal(with_sections((b"m", payload))) is inrcodec.CorruptError, payload
    # of another kind or packing: not this reader's
    for payload in (b"\7", entries(["x"], kind="webp")):
        assert inrcodec.read_metadata(with_sections((b"m", payload))) is None


def test_metadata_are_bounded() -> None:
    bomb = Metadata("png", chunks=(("tEXt", bytes(1 << 20)),))
    data = inrcodec.encode(Picture(scene(3, 3, 1, np.uint8), metadata=bomb))
    assert len(data) < 4096
    assert inrcodec.read_metadata(data) == bomb
    with pytest.raises(inrcodec.LimitError, match="metadata"):
        inrcodec.decode(data, limits=inrcodec.Limits(metadata=1 << 19))


@given(
    st.builds(
        PixelType,
        st.sampled_from([0, 1, 2, 4]),
        st.sampled_from([b"", PALETTE]),
        st.sampled_from([b"", b"\0\1"]),
        st.sampled_from([(), (3,), (1, 2, 3)]),
    )
)
def test_types_pack(pixels: PixelType) -> None:
    for channels, bits in ((1, 8), (3, 8), (3, 16)):
        if pixels != PixelType() and pixels.problem(channels, bits) is None:
            assert unpack_type(pack_type(pixels), channels, bits) == pixels


def test_metadata_pack_into_less() -> None:
    text = Metadata("png", chunks=(("tEXt", b"Comment\0" + b"again and " * 50),))
    assert len(pack_metadata(text)) < 100
    assert unpack_metadata(pack_metadata(text), 1 << 20) == text
    assert text.facts() == [{"name": "tEXt", "bytes": 508, "keyword": "Comment"}]


def test_arrays_of_the_wrong_type_are_refused() -> None:
    for picture in (
        Picture(scene(4, 5, 3, np.uint8), PixelType(4)),
        Picture(scene(4, 5, 1, np.uint8), PixelType(1)),
        Picture(scene(4, 5, 1, np.uint8), PixelType(palette=bytes(6))),
        Picture(scene(4, 5, 1, np.uint8), metadata=Metadata("png", chunks=(("IDAT", b""),))),
        Picture(scene(4, 5, 1, np.uint8), metadata=Metadata("png", chunks=(("PLTE", None),))),
    ):
        with pytest.raises(inrcodec.ImageError):
            inrcodec.encode(picture)


def test_command_line_keeps_strips_lists_and_verifies(tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    source.write_bytes(write_picture(INDEXED, ".png"))
    assert run("encode", source, "-e", "1", "-q").exit_code == 0
    listed = run("info", "--no-planes", tmp_path / "a.linr").stdout
    assert "gAMA, 4 bytes" in listed
    assert "4 bit, 8 colours" in listed
    assert run("decode", tmp_path / "a.linr", "-o", tmp_path / "b.png").exit_code == 0
    assert (tmp_path / "b.png").read_bytes() == source.read_bytes()
    assert run("verify", tmp_path / "a.linr", source).exit_code == 0

    stripped = tmp_path / "s.linr"
    assert run("encode", source, "-o", stripped, "--strip", "-q").exit_code == 0
    assert inrcodec.read_metadata(stripped.read_bytes()) is None
    assert stripped.stat().st_size < (tmp_path / "a.linr").stat().st_size
    result = run("verify", stripped, source)
    assert result.exit_code == 0
    assert "left out: the metadata" in result.stderr

    other = tmp_path / "other.png"
    palette = PixelType(4, INDEXED.type.palette, b"\1\x80")
    other.write_bytes(write_picture(Picture(INDEXED.samples, palette, INDEXED.metadata), ".png"))
    assert run("verify", tmp_path / "a.linr", other).exit_code == 1
    chunks = Picture(INDEXED.samples, INDEXED.type, Metadata("png", chunks=(("gAMA", b"1234"),)))
    other.write_bytes(write_picture(chunks, ".png"))
    assert "metadata differ" in run("verify", tmp_path / "a.linr", other).stderr

    result = run("decode", tmp_path / "a.linr", "-o", tmp_path / "a.ppm")
    assert result.exit_code == 1  # RGBA
    result = run("decode", tmp_path / "a.linr", "-o", tmp_path / "a.pam")
    assert "left out: the palette, the metadata" in result.stderr


def test_verification_does_not_believe_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in the encoder's own state, no wrong file leaves it."""
    image = scene(20, 24, 3, np.uint8)

    def encode() -> bytes:
        return inrcodec.encode(image.copy(), model="context", effort=1, device="cpu", threads=1)

    good = encode()
    # tables and priors in memory, as both directions use them
    packed = backend.numpy_backend().packed_tables
    for poisoned, change in (packed[1024:2048], 100), (packed[2048:], 100 << 12):
        kept = poisoned.copy()
        poisoned += np.uint32(change)
        with pytest.raises(inrcodec.VerificationError):
            encode()
        poisoned[:] = kept
    assert encode() == good
    tables.logistic_table()[:] += 100
    backend.numpy_backend.cache_clear()
    with pytest.raises(inrcodec.LinrError):
        encode()
    backend.numpy_backend.cache_clear()
    assert encode() == good
    prior.all_networks(prior.QUICK)[0]["w1"].values[:] += 5
    with pytest.raises(inrcodec.LinrError):
        encode()
    assert encode() == good
    # an encoder that changes the image that it was given, or codes another
    original = encode_context.traverse

    def changes(backend, workers, layout, networks, scans, planes):  # type: ignore[no-untyped-def]
        planes.channels[1][0, 0] ^= 1
        return original(backend, workers, layout, networks, scans, planes)

    monkeypatch.setattr(encode_context, "traverse", changes)
    with pytest.raises(inrcodec.VerificationError):
        encode()
