"""Bits behind rows that do not fill their bytes: files with any come back."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inrcodec
from inrcodec.source.row_ends import row_ends, with_row_ends
from tests.pictures import ADAM7
from tests.source.test_source import chunk, kept

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def noise(height: int, stride: int) -> np.ndarray:
    return np.random.default_rng(height * stride).integers(0, 256, (height, stride)).astype("u1")


def test_of_a_bitmap() -> None:
    for width in (1, 7, 8, 9, 17):
        rows = noise(5, -(-width // 8))
        picture = kept(b"P4\n%d 5\n" % width + rows.tobytes())
        assert np.array_equal(picture.samples, np.unpackbits(rows, axis=1, count=width))
        assert ("b" in picture.source.recipe) == (width % 8 > 0)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 9), st.integers(1, 20), st.sampled_from([1, 2, 4]), st.booleans())
def test_of_a_png(height: int, width: int, depth: int, interlaced: bool) -> None:
    lines, passes = b"", ((0, 0, 1, 1),)
    if interlaced:
        passes = ADAM7
    for left, top, across, down in passes:
        cols, rows = -(-(width - left) // across), -(-(height - top) // down)
        if cols > 0 and rows > 0:
            part = noise(rows, -(-cols * depth // 8))
            lines += np.hstack([np.arange(rows)[:, None] % 5, part]).astype("u1").tobytes()
    header = (
        width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, 0, 0, 0, interlaced])
    )
    stream = chunk(b"IDAT", zlib.compress(lines))
    data = SIGNATURE + chunk(b"IHDR", header) + stream + chunk(b"IEND", b"")
    picture = kept(data)
    back = inrcodec.decode_picture(inrcodec.encode(picture, effort=1, model="stored"))
    assert back.source == picture.source


@pytest.mark.parametrize("bits", [1, 4, 12])
def test_of_a_tiff(bits: int) -> None:
    width, height = 13, 6
    rows = noise(height, -(-width * bits // 8))
    tags = [
        (256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, 1), (273, 4, 8),
        (277, 3, 1), (278, 4, height), (279, 4, rows.size),
    ]  # fmt: skip
    fields = b"".join(
        tag.to_bytes(2, "little")
        + kind.to_bytes(2, "little")
        + b"\1\0\0\0"
        + value.to_bytes(4, "little")
        for tag, kind, value in tags
    )
    place = (8 + rows.size).to_bytes(4, "little")
    data = b"II*\0" + place + rows.tobytes() + len(tags).to_bytes(2, "little") + fields + bytes(4)
    assert "b" in kept(data).source.recipe


def test_ends_of_other_rows_are_refused() -> None:
    rows = noise(4, 2)
    ends = row_ends(rows, 13)
    clean = rows.copy()
    clean[:, -1] &= 0xF8
    assert np.array_equal(with_row_ends(clean, 13, ends), rows)
    for wrong in (ends[:-1], ends + b"\0", b"\xff" * 4):
        with pytest.raises(inrcodec.CorruptError):
            with_row_ends(clean, 13, wrong)
