"""Packed image data come back byte for byte, whoever packed them.

written.npz has strips, tiles and PNG streams of a picture of 40 x 24 as Pillow 13.0.0 (zlib 1.2.13,
libtiff 4.7.2) and tifffile 2026.3.3 (imagecodecs 2026.3.6) write them, and a stream of zlib 1.3.1
compiled with TOO_FAR=32767, as pngcrush has it. The names are writer/scheme/row/raw bytes/number.
"""

from __future__ import annotations

import random
import struct
import zlib
from itertools import groupby
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from zlib_ng import zlib_ng

from inrcodec import kernels
from inrcodec.errors import CorruptError, ImageError
from inrcodec.files.packing import Packing, deflate, expand, find_packing, lzw, packbits
from inrcodec.files.tiff_directory import Whole, read_directory
from inrcodec.files.tiff_layout import SCHEMES, read_layout
from inrcodec.limits import DEFAULT

pythons_is_zlib = pytest.mark.skipif(
    "ng" in zlib.ZLIB_RUNTIME_VERSION,
    reason="Python's zlib is the reference here, and this one is zlib-ng; written.npz stands in",
)
WRITTEN = np.load(Path(__file__).with_name("written.npz"))


@st.composite
def raw_bytes(draw: st.DrawFn, most: int = 3000) -> bytes:
    """Noise of few or many values, in runs or repeated, and short ones that are hypothesis's."""
    if draw(st.booleans()):
        return draw(st.binary(min_size=1, max_size=60)) * draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    values = rng.integers(0, draw(st.integers(1, 256)), draw(st.integers(1, most)), np.uint8)
    runs = rng.integers(1, draw(st.sampled_from((2, 3, 9, 300))), len(values))
    return bytes(np.repeat(values, runs)[:most]) * draw(st.integers(1, 2))


def picture(channels: int = 3, dtype: type = np.uint8, size: int = 96) -> np.ndarray:
    """Something smooth, something flat, a little noise."""
    y, x = np.mgrid[:size, : size + 16]
    planes = [x * 3 + y, y * 5 // 4, (x // 8 + y // 8) % 2 * 200, np.full_like(x, 255)]
    image = np.stack(planes[:channels], -1)
    noise = np.random.default_rng(1).integers(0, 4, image.shape)
    image[size // 2 :] += noise[size // 2 :]
    return np.squeeze((image * (257 if dtype == np.uint16 else 1)).astype(dtype))


def png_stream(data: bytes) -> bytes:
    position, parts = 8, []
    while position < len(data):
        (size,) = struct.unpack_from(">I", data, position)
        if data[position + 4 : position + 8] == b"IDAT":
            parts.append(data[position + 8 : position + 8 + size])
        position += 12 + size
    return b"".join(parts)


def tiff_samples(data: bytes) -> tuple[str, list[tuple[bytes, bytes]], int]:
    """Scheme, strips and bytes a row of a TIFF in strips, little-endian."""
    layout = read_layout(read_directory(Whole(data), "it"), len(data), "it", DEFAULT)
    scheme, row = SCHEMES[layout.compression], layout.line_bytes
    samples = []
    for piece in layout.pieces:
        packed = data[piece.offset : piece.offset + piece.count]
        samples.append((expand(scheme, packed, row * layout.lines(piece)), packed))
    return scheme, samples, row


def check(scheme: str, samples: list[tuple[bytes, bytes]], row: int = 0) -> Packing:
    found = find_packing(scheme, samples, row)
    assert found is not None
    for raw, packed in samples:
        assert found.pack(raw) == packed
    return found


@pytest.mark.parametrize("writer", sorted({name.split("/")[0] for name in WRITTEN}))
def test_written_by_others(writer: str) -> None:
    names = sorted(name.split("/") for name in WRITTEN if name.startswith(writer + "/"))
    for (scheme, row), group in groupby(names, lambda parts: (parts[1], int(parts[2]))):
        samples = []
        for parts in group:
            packed = WRITTEN["/".join(parts)].tobytes()
            samples.append((expand(scheme, packed, int(parts[3])), packed))
            assert len(samples[-1][0]) == int(parts[3])
        found = check(scheme, samples, row)
        if writer == "zlib crushed":
            assert found.variant == (0, 0x78DA, 9, 15, 8, 0, 32767)


@pytest.mark.parametrize("compression", [1, 5, 8, 32773, 32946])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_opencv_tiff(compression: int, dtype: type, channels: int) -> None:
    image = picture(channels, dtype)
    _, data = cv2.imencode(".tiff", image, [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    scheme, samples, row = tiff_samples(data.tobytes())
    expected: dict[str, tuple[int, ...]] = {
        "none": (),
        "lzw": (4094, 1, 2),
        "packbits": (0, row),
        "deflate": (0, 0x789C, 6, 15, 8, 0, 4096),
    }
    assert check(scheme, samples, row).variant == expected[scheme]


def test_libtiff_begins_anew() -> None:
    """Strips long enough that tables fill, and that the ratio is looked at."""
    noise = np.random.default_rng(3).integers(0, 9, (300, 900, 1), np.uint8)
    image = np.vstack([noise, np.zeros_like(noise), noise // 3 * 50, noise[:, ::-1]])
    tags = [cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 1200]
    scheme, samples, row = tiff_samples(cv2.imencode(".tiff", image, tags)[1].tobytes())
    assert len(samples) == 1
    assert check(scheme, samples, row).variant == (4094, 1, 2)


@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize("size", [5, 40, 96])
def test_opencv_png(level: int, size: int) -> None:
    """Small ones have windows and headers of their own."""
    for strategy in range(5):
        parameters = [cv2.IMWRITE_PNG_COMPRESSION, level, cv2.IMWRITE_PNG_STRATEGY, strategy]
        stream = png_stream(cv2.imencode(".png", picture(3, size=size), parameters)[1].tobytes())
        check("deflate", [(zlib.decompress(stream), stream)])


@settings(deadline=None, max_examples=60)
@given(raw_bytes(40_000))
def test_imagecodecs_lzw(raw: bytes) -> None:
    assert Packing("lzw", (4096, 0, 3)).pack(raw) == imagecodecs.lzw_encode(raw)


@settings(deadline=None)
@given(raw_bytes(), st.integers(1, 400))
def test_imagecodecs_packbits(raw: bytes, row: int) -> None:
    rows = len(raw) // row
    assume(rows)
    raw = raw[: rows * row]
    packed = imagecodecs.packbits_encode(np.frombuffer(raw, np.uint8).reshape(rows, row), axis=-1)
    check("packbits", [(raw, packed)], row)


@settings(deadline=None, max_examples=40)
@given(raw_bytes(), st.integers(0, 12))
def test_libdeflate(raw: bytes, level: int) -> None:
    check("deflate", [(raw, imagecodecs.deflate_encode(raw, level))])


@settings(deadline=None, max_examples=40)
@given(raw_bytes(200_000), st.integers(1, 9))
def test_zlib_ng(raw: bytes, level: int) -> None:
    check("deflate", [(raw, imagecodecs.zlibng_encode(raw, level))])


def test_zlib_ng_fed_row_by_row() -> None:
    raw, row = picture(size=400).tobytes(), 1248
    running = zlib_ng.compressobj(6, zlib.DEFLATED, 15, 9, 1)
    parts = [running.compress(raw[i : i + row]) for i in range(0, len(raw), row)]
    found = check("deflate", [(raw, b"".join(parts) + running.flush())], row)
    assert found.variant[0] == 2


zlib_numbers = st.tuples(*(st.integers(a, b) for a, b in ((1, 9), (9, 15), (1, 9), (0, 4))))


@pythons_is_zlib
@settings(deadline=None, max_examples=150)
@given(raw_bytes(40_000), zlib_numbers)
def test_the_compiled_deflate_is_zlibs(raw: bytes, numbers: tuple[int, int, int, int]) -> None:
    level, window, memory, strategy = numbers
    running = zlib.compressobj(level, zlib.DEFLATED, window, memory, strategy)
    stream = running.compress(raw) + running.flush()
    variant = (0, int.from_bytes(stream[:2], "big"), *numbers, 4096)
    assert deflate.pack(raw, variant) == stream


@pythons_is_zlib
@settings(deadline=None, max_examples=40)
@given(raw_bytes(), zlib_numbers)
def test_zlib_is_found(raw: bytes, numbers: tuple[int, int, int, int]) -> None:
    level, window, memory, strategy = numbers
    # what fits into one block says nothing about the memory
    running = zlib.compressobj(level, zlib.DEFLATED, window, memory % 2 + 8, strategy)
    check("deflate", [(raw, running.compress(raw) + running.flush())])


@pythons_is_zlib
def test_memories_are_told_by_blocks() -> None:
    raw = picture(size=300).tobytes()
    for memory in range(1, 10):
        running = zlib.compressobj(6, zlib.DEFLATED, 15, memory)
        found = check("deflate", [(raw, running.compress(raw) + running.flush())])
        assert found.variant[4] == memory


@pythons_is_zlib
def test_a_longer_sample_decides() -> None:
    """Many settings make the same of little, the later samples tell."""
    raws = [b"aaaa", picture(size=200).tobytes(), b"b" * 50]
    found = check("deflate", [(raw, zlib.compress(raw, 9)) for raw in raws])
    assert found.variant == (0, 0x78DA, 9, 15, 8, 0, 4096)


@pythons_is_zlib
def test_noise_that_zlib_stores() -> None:
    """Each strip has blocks of other sizes."""
    noise = random.Random(1)
    for level in (1, 6):
        raws = [noise.randbytes(40_000) for _ in range(4)]
        found = check("deflate", [(raw, zlib.compress(raw, level)) for raw in raws])
        assert found.variant[0] == 0


@pythons_is_zlib
def test_a_header_that_lies() -> None:
    raw = picture().tobytes()
    stream = b"\x78\xda" + zlib.compress(raw, 3)[2:]
    assert check("deflate", [(raw, stream)]).variant == (0, 0x78DA, 3, 15, 8, 0, 4096)


def test_without_the_compiled_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = picture().tobytes()
    stream = zlib.compress(raw, 7)
    monkeypatch.setattr(kernels, "library", lambda: None)
    if "ng" not in zlib.ZLIB_RUNTIME_VERSION:
        check("deflate", [(raw, stream)])
    with pytest.raises(ImageError, match="zlib"):
        deflate.pack(raw, (0, 0x78DA, 9, 15, 8, 0, 32767))
    short = raw[:3000]
    check("lzw", [(short, imagecodecs.lzw_encode(short))])
    check("packbits", [(short, imagecodecs.packbits_encode(short))])


def test_without_optional_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = picture().tobytes()
    stream = imagecodecs.deflate_encode(raw, 6)
    monkeypatch.setattr(deflate, "_optional", lambda name: None)
    deflate._compressor.cache_clear()
    try:
        assert find_packing("deflate", [(raw, stream)]) is None
        with pytest.raises(ImageError, match="libdeflate"):
            deflate.pack(raw, (1, 0x789C, 6))
    finally:
        deflate._compressor.cache_clear()


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 5000),
    st.lists(st.integers(256, 700), min_size=1, max_size=9),
    st.integers(0, 1),
)
def test_stored_blocks(size: int, sizes: list[int], empty: int) -> None:
    raw = random.Random(size).randbytes(size)
    stream = deflate.pack(raw, (3, 0x7801, empty, *sizes))
    assert zlib.decompress(stream) == raw
    check("deflate", [(raw, stream)])


@settings(deadline=None)
@given(raw_bytes(20_000), st.sampled_from(list(lzw.candidates())))
def test_lzw_is_packed_to_the_same(raw: bytes, variant: tuple[int, int, int]) -> None:
    packed = lzw.pack(raw, variant)
    assert packed == lzw.plain_pack(raw, *variant)
    assert lzw.expand(packed, len(raw)) == raw
    assert len(packed) <= 2 * len(raw) + 16


@settings(deadline=None)
@given(raw_bytes(), st.integers(0, 1), st.integers(1, 500))
def test_packbits_is_packed_to_the_same(raw: bytes, encoder: int, row: int) -> None:
    packed = packbits.pack(raw, (encoder, row))
    assert packed == packbits.plain_pack(raw, encoder, row)
    assert packbits.expand(packed, len(raw)) == raw
    assert len(packed) <= 2 * len(raw)


@pytest.mark.parametrize("scheme", ["deflate", "lzw", "packbits", "none"])
def test_what_was_packed_otherwise(scheme: str) -> None:
    raw = picture().tobytes()
    packed = {
        "deflate": zlib.compress(raw[:9000])[:-4] + zlib.adler32(raw).to_bytes(4, "big"),
        "lzw": lzw.pack(raw, (4094, 1, 2)) + b"\0",
        "packbits": packbits.pack(raw, (0, 0)) + b"\x80",
        "none": raw + b"\0",
    }
    assert find_packing(scheme, [(raw, packed[scheme])], 336) is None
    assert find_packing(scheme, []) is None
    # bytes that were never packed
    if scheme != "none":
        assert find_packing(scheme, [(raw, raw)]) is None
        assert find_packing(scheme, [(raw, b"")]) is None


def test_streams_that_lie() -> None:
    """Headers and ends that fit, around anything."""
    raw = picture(size=20).tobytes()
    for seed in range(300):
        body = random.Random(seed).randbytes(seed % 90)
        stream = b"\x78\x9c" + body + zlib.adler32(raw).to_bytes(4, "big")
        assert find_packing("deflate", [(raw, stream)]) is None


@pytest.mark.parametrize(
    ("scheme", "variant"),
    [
        ("none", (0,)),
        ("zip", ()),
        ("lzw", ()),
        ("lzw", (259, 0, 0)),
        ("lzw", (4097, 0, 0)),
        ("lzw", (4094, 2, 0)),
        ("lzw", (4094, 0, 4)),
        ("lzw", (4094, 0, -1)),
        ("packbits", (2, 0)),
        ("packbits", (0, -1)),
        ("packbits", (0, 1 << 70)),
        ("deflate", ()),
        ("deflate", (4, 0x789C)),
        ("deflate", (0, 0x789C, 0, 15, 8, 0, 4096)),
        ("deflate", (0, 0x789C, 6, 16, 8, 0, 4096)),
        ("deflate", (0, 0x789C, 6, 15, 10, 0, 4096)),
        ("deflate", (0, 0x789C, 6, 15, 8, 5, 4096)),
        ("deflate", (0, 0x789C, 6, 15, 8, 0, 32768)),
        ("deflate", (0, 0x789C, 6, 15, 8, 0)),
        ("deflate", (0, 0x789D, 6, 15, 8, 0, 4096)),
        ("deflate", (0, 0x78BB, 6, 15, 8, 0, 4096)),
        ("deflate", (0, 1 << 40, 6, 15, 8, 0, 4096)),
        ("deflate", (1, 0x789C, 13)),
        ("deflate", (2, 0x789C, 6, 15, 8, 0)),
        ("deflate", (2, 0x789C, 6, 15, 8, 0, 5)),
        ("deflate", (3, 0x7801, 0)),
        ("deflate", (3, 0x7801, 0, 1)),
        ("deflate", (3, 0x7801, 0, 65536)),
        ("deflate", (3, 0x7801, *[300] * 4098)),
    ],
)
def test_numbers_that_say_nothing(scheme: str, variant: tuple[int, ...]) -> None:
    with pytest.raises(CorruptError, match="no way to pack"):
        Packing(scheme, variant).pack(b"some bytes")
