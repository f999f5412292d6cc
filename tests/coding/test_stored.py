"""The stored mode: exact, never above PNG, and bounded on hostile payloads."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec.coding.stored import (
    DEFLATE,
    ZSTANDARD,
    compress_stored,
    decompress_stored,
    estimate_stored,
    filter_rows,
    unfilter_rows,
)
from inrcodec.errors import CorruptError, TruncatedError


def make_image(kind: str, shape: tuple[int, ...], dtype: type, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    top = np.iinfo(dtype).max
    if kind == "noise":
        image = rng.integers(0, top + 1, shape)
    elif kind == "flat":
        image = np.full(shape, top // 3)
    elif kind == "few":
        image = rng.integers(0, 3, shape) * (top // 2)
    elif kind == "walk":
        image = np.cumsum(rng.integers(-2, 3, shape), axis=1) + top // 2
    else:
        image = np.indices(shape).sum(axis=0) * 7
    return (image % (top + 1)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["noise", "flat", "few", "walk", "ramp"])
def test_round_trip_and_never_larger_than_png(kind: str, channels: int, dtype: type) -> None:
    for size in [(1, 1), (1, 40), (40, 1), (33, 47)]:
        image = make_image(kind, size if channels == 1 else (*size, channels), dtype)
        payload = compress_stored(image)
        restored = decompress_stored(payload, image.shape, image.dtype)
        assert restored.dtype == image.dtype
        np.testing.assert_array_equal(restored, image)
        if channels != 2:
            _, png = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
            assert len(payload) <= len(png)


def test_large_image() -> None:
    image = make_image("walk", (400, 300, 3), np.uint8)
    payload = compress_stored(image)
    np.testing.assert_array_equal(decompress_stored(payload, image.shape, np.uint8), image)
    _, png = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert len(payload) <= len(png)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_estimate_is_near_for_photographs_and_never_far_too_low(dtype: type) -> None:
    image = make_image("walk", (200, 150, 3), dtype)
    ratio = estimate_stored(image) / len(compress_stored(image))
    assert 0.8 < ratio < (1.3 if dtype == np.uint8 else 3)
    flat = np.zeros_like(image)
    assert len(compress_stored(flat)) < estimate_stored(flat) + 1024 < 2048


def test_memory_layout_does_not_matter() -> None:
    image = make_image("walk", (20, 30, 3), np.uint16)
    assert compress_stored(np.asfortranarray(image)) == compress_stored(image)
    big_endian = image.astype(image.dtype.newbyteorder(">"))
    assert compress_stored(big_endian) == compress_stored(image)


@pytest.mark.parametrize("kind", [None, 0, 1, 2, 3, 4])
@given(
    height=st.integers(1, 6),
    pixels=st.integers(1, 9),
    step=st.sampled_from([1, 2, 3, 4, 6, 8]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=25, deadline=None)
def test_filters_invert(kind: int | None, height: int, pixels: int, step: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 256, (height, pixels * step), dtype=np.uint8)
    lines = filter_rows(rows, step, kind)
    assert lines.shape == (height, 1 + pixels * step)
    np.testing.assert_array_equal(unfilter_rows(lines, step), rows)


def test_filters_are_those_of_png() -> None:
    """A PNG assembled from our rows must mean the same to OpenCV."""
    from inrcodec.files.png import assemble

    image = make_image("walk", (9, 11, 3), np.uint8)
    rows = image.reshape(9, 33)
    for kind in range(5):
        header = bytes([0, 0, 0, 11, 0, 0, 0, 9, 8, 2, 0, 0, 0])
        stream = zlib.compress(filter_rows(rows, 3, kind).tobytes())
        png = np.frombuffer(assemble([("IHDR", header), ("IDAT", stream)]), np.uint8)
        decoded = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(decoded[..., ::-1], image)


SHAPE = (8, 10)
LINES = np.zeros((8, 11), np.uint8).tobytes()


def deflated(data: bytes) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return bytes([DEFLATE]) + squeeze.compress(data) + squeeze.flush()


def zstandarded(data: bytes) -> bytes:
    return bytes([ZSTANDARD]) + zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize("pack", [deflated, zstandarded])
def test_damage_is_named(pack: Callable[[bytes], bytes]) -> None:
    good = pack(LINES)
    assert decompress_stored(good, SHAPE, np.uint8).tobytes() == bytes(80)
    with pytest.raises(CorruptError, match="follow"):
        decompress_stored(good + b"x", SHAPE, np.uint8)
    with pytest.raises(CorruptError, match="instead of"):
        decompress_stored(pack(LINES[:-1]), SHAPE, np.uint8)
    with pytest.raises(CorruptError, match="more than"):
        decompress_stored(pack(LINES + b"\0"), SHAPE, np.uint8)
    with pytest.raises(CorruptError, match="filter 5"):
        decompress_stored(pack(b"\5" + LINES[1:]), SHAPE, np.uint8)
    for length in range(1, len(good)):
        with pytest.raises((TruncatedError, CorruptError)):
            decompress_stored(good[:length], SHAPE, np.uint8)


def test_other_damage_is_named() -> None:
    with pytest.raises(TruncatedError):
        decompress_stored(b"", SHAPE, np.uint8)
    with pytest.raises(CorruptError, match="method 2"):
        decompress_stored(b"\2abc", SHAPE, np.uint8)
    for method in (ZSTANDARD, DEFLATE):
        with pytest.raises(CorruptError):
            decompress_stored(bytes([method]) + b"\xff" * 40, SHAPE, np.uint8)


@pytest.mark.parametrize("pack", [deflated, zstandarded])
def test_bombs_are_not_expanded(pack: Callable[[bytes], bytes]) -> None:
    bomb = pack(bytes(200_000_000))
    tracemalloc.start()
    with pytest.raises(CorruptError, match="more than"):
        decompress_stored(bomb, SHAPE, np.uint8)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_refused_or_decoded(payload: bytes) -> None:
    try:
        image = decompress_stored(payload, SHAPE, np.uint8)
    except (CorruptError, TruncatedError):
        return
    assert image.shape == SHAPE
