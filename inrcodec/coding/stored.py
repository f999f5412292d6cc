"""The fallback representation: filtered scanlines, then a general-purpose compressor.

It holds images on which the networks do not pay (tiny, synthetic, flat). Payload:

    byte 0     method: 0 = zstandard, 1 = deflate; other values are reserved
    byte 1..   one stream of that method, up to the end of the payload

Method 0 is exactly one Zstandard frame (RFC 8878), window at most 2^27 bytes, no dictionary;
method 1 is one raw deflate stream (RFC 1951, no zlib or gzip wrapper). Nothing may follow it.

The stream expands to height * (1 + bytes per row) bytes: for each row from top to bottom one filter
byte, then the row's samples from left to right, the channels of a pixel interleaved in their order,
16-bit samples with the high byte first, samples of a depth of 1, 2 or 4 bits packed into bytes, the
first in the high bits, the last byte filled up with zero bits; each byte filtered.

With x a byte of the row, a the byte `step` = channels * bytes per sample (1 below 8 bits) positions
earlier in the same row, b the byte at x's position in the row above and c the byte at a's position
in the row above (a, b, c are 0 outside the image and unfiltered values), the stored byte is modulo
256

    filter 0   x
    filter 1   x - a
    filter 2   x - b
    filter 3   x - floor((a + b) / 2)
    filter 4   x - Paeth(a, b, c): whichever of a, b, c is nearest to a + b - c, ties in this order

which are PNG's filters. A filter byte above 4 is an error, and so is any other length.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from .. import kernels
from ..errors import CorruptError, TruncatedError

ZSTANDARD, DEFLATE = 0, 1

_MAX_WINDOW = 1 << 27
_KINDS = (None, 0, 1, 2, 3, 4)  # None: the best filter of each row
# Rows are filtered in blocks of about this many bytes, so that five candidates fit the cache.
_BLOCK = 1 << 18
# A zstandard block of four bytes can expand to 128 KiB: fed in slices this short, a hostile
# stream overshoots the expected length by 8 MiB at most before it is noticed.
_SLICE = 256
_BANDS = 4  # that an estimate looks at, a quarter of the rows together


def compress_stored(image: np.ndarray, depth: int = 0) -> bytes:
    """Compress an image of shape (H, W) or (H, W, C), uint8 or uint16, to a stored payload.

    depth: 1, 2 or 4 where all samples of a uint8 (H, W) have so few bits, else 0.
    """
    rows, step = scanlines(image, depth)
    return min(_payloads(rows, step), key=len)


def estimate_stored(image: np.ndarray, depth: int = 0) -> int:
    """About how many bytes compress_stored would take, from bands of rows; quick. Close for
    photographs, too many for graphics that repeat themselves from afar."""
    import zstandard

    rows, step = scanlines(image, depth)
    band = max(1, rows.shape[0] // (4 * _BANDS))
    starts = np.linspace(0, rows.shape[0] - band, _BANDS).astype(int)
    some = [rows[at : at + band] for at in starts]
    quick = zstandard.ZstdCompressor(level=3)
    sizes = [
        sum(len(quick.compress(filter_rows(part, step, kind).tobytes())) for part in some)
        for kind in (None, 0)
    ]
    return min(sizes) * rows.shape[0] // (band * _BANDS)


def decompress_stored(
    payload: bytes, shape: tuple[int, ...], dtype: DTypeLike, depth: int = 0
) -> np.ndarray:
    """Expand a stored payload to an array of `shape`, (H, W) or (H, W, C), and `dtype`.

    dtype is uint8 or uint16, depth as compress_stored's. Raises TruncatedError if the stream ends
    early and CorruptError if it is damaged, too long, or has an unknown method or filter. Never
    expands much beyond the size of the image, whatever the payload claims.
    """
    dtype = np.dtype(dtype)
    step = (shape[2] if len(shape) == 3 else 1) * dtype.itemsize
    height, stride = shape[0], (shape[1] * depth + 7) // 8 if depth else shape[1] * step
    if not payload:
        raise TruncatedError("stored image: the payload is empty")
    method, stream = payload[0], memoryview(payload)[1:]
    expected = height * (1 + stride)
    if method == ZSTANDARD:
        data = _expand_zstandard(stream, expected)
    elif method == DEFLATE:
        data = _expand_deflate(stream, expected)
    else:
        raise CorruptError(f"stored image: unknown compression method {method}")
    lines = np.frombuffer(data, np.uint8).reshape(height, 1 + stride)
    samples = unfilter_rows(lines, step)
    if depth:
        return _unpacked(samples, depth, shape[1])
    return samples.view(dtype.newbyteorder(">")).astype(dtype, copy=False).reshape(shape)


def scanlines(image: np.ndarray, depth: int = 0) -> tuple[np.ndarray, int]:
    """Return the rows as bytes, (H, S) uint8 with 16-bit samples big-endian and those of a depth
    below 8 packed, and the step of the filters."""
    if depth:
        return _packed(image, depth), 1
    swapped = np.ascontiguousarray(image, image.dtype.newbyteorder(">"))
    rows = swapped.view(np.uint8).reshape(image.shape[0], -1)
    return rows, rows.shape[1] // image.shape[1]


def _packed(samples: np.ndarray, depth: int) -> np.ndarray:
    """Samples (H, W) uint8 of `depth` bits in as few bytes as hold them, the first highest."""
    height, width = samples.shape
    each = 8 // depth
    rows = np.zeros((height, -(-width // each)), np.uint8)
    for place in range(each):
        part = samples[:, place::each]
        rows[:, : part.shape[1]] |= part << (depth * (each - 1 - place))
    return rows


def _unpacked(rows: np.ndarray, depth: int, width: int) -> np.ndarray:
    """Undo _packed: (H, W) uint8."""
    each = 8 // depth
    samples = np.empty((len(rows), width), np.uint8)
    for place in range(each):
        part = samples[:, place::each]
        part[:] = rows[:, : part.shape[1]] >> (depth * (each - 1 - place)) & (1 << depth) - 1
    return samples


def filter_rows(rows: np.ndarray, step: int, kind: int | np.ndarray | None = None) -> np.ndarray:
    """Filter (H, S) uint8 rows of `step` bytes per pixel to (H, 1 + S), filter byte first.

    `kind` is the filter of every row, or (H,) of each; None takes for each row the one with the
    least sum of absolute differences, the lowest number on a tie.
    """
    height, stride = rows.shape
    lines = np.empty((height, 1 + stride), np.uint8)
    block = max(1, _BLOCK // stride)
    above = np.zeros((1, stride), np.uint8)
    for top in range(0, height, block):
        part = rows[top : top + block]
        target = lines[top : top + block]
        before = np.concatenate([above, part[:-1]])
        if kind is None:
            choices = np.stack([_filtered(part, before, step, k) for k in range(5)])
            cost = np.abs(choices.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)
            best = cost.argmin(axis=0)
            target[:, 0] = best
            target[:, 1:] = choices[best, np.arange(len(part))]
        elif isinstance(kind, np.ndarray):
            target[:, 0] = kinds = kind[top : top + block]
            for each in np.unique(kinds).tolist():
                chosen = kinds == each
                target[chosen, 1:] = _filtered(part[chosen], before[chosen], step, each)
        else:
            target[:, 0] = kind
            target[:, 1:] = _filtered(part, before, step, kind)
        above = part[-1:]
    return lines


def unfilter_rows(lines: np.ndarray, step: int) -> np.ndarray:
    """Undo filter_rows: (H, 1 + S) uint8 with filter bytes to (H, S) uint8.

    Raises CorruptError for a filter byte above 4.
    """
    kinds = lines[:, 0].copy()
    if kinds.max(initial=0) > 4:
        raise CorruptError(f"stored image: a row has filter {kinds.max()} (0 to 4 exist)")
    rows = lines[:, 1:].copy()
    library = kernels.library()
    if library is not None:
        library.unfilter_rows(rows, kinds, *rows.shape, step)
        return rows
    above = np.zeros(rows.shape[1], np.uint8)
    for kind, row in zip(kinds.tolist(), rows, strict=True):
        if kind == 1:
            pixels = row.reshape(-1, step)
            np.cumsum(pixels, axis=0, dtype=np.uint8, out=pixels)
        elif kind == 2:
            row += above
        elif kind > 2:
            row[:] = _undo_sequential(row.tolist(), above.tolist(), step, kind == 4)
        above = row
    return rows


def _filtered(rows: np.ndarray, above: np.ndarray, step: int, kind: int) -> np.ndarray:
    if kind == 0:
        return rows
    if kind == 2:
        return rows - above
    left = _shifted(rows, step)
    if kind == 1:
        return rows - left
    if kind == 3:
        # (a & b) + ((a ^ b) >> 1) is floor((a + b) / 2) without the ninth bit.
        return rows - ((left & above) + ((left ^ above) >> 1))
    a, b = left.astype(np.int16), above.astype(np.int16)
    c = _shifted(b, step)
    to_a, to_b, to_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    nearest = np.where(
        (to_a <= to_b) & (to_a <= to_c), left, np.where(to_b <= to_c, above, c.astype(np.uint8))
    )
    return rows - nearest


def _shifted(rows: np.ndarray, step: int) -> np.ndarray:
    left = np.zeros_like(rows)
    left[:, step:] = rows[:, :-step]
    return left


def _undo_sequential(row: list[int], above: list[int], step: int, paeth: bool) -> list[int]:
    """The bytes of a row of filter 3 or 4: each needs the finished one before it."""
    done = [0] * step + row  # with the zeros to the left of the image
    for i, (x, b, c) in enumerate(zip(row, above, [0] * step + above, strict=False)):
        a = done[i]
        guess = (a + b) >> 1
        if paeth:
            guess = min((a, b, c), key=lambda near: abs(a + b - c - near))
        done[i + step] = (x + guess) & 255
    return done[step:]


def _payloads(rows: np.ndarray, step: int) -> Iterator[bytes]:
    """Yield candidate payloads; the first is what a PNG of level 9 would hold."""
    adaptive = filter_rows(rows, step).tobytes()
    yield _deflate(adaptive, zlib.Z_DEFAULT_STRATEGY, 8)
    if rows.nbytes <= 1 << 18:
        streams = dict.fromkeys(filter_rows(rows, step, kind).tobytes() for kind in _KINDS)
        for data in streams:
            yield _zstandard(data, 22)
            for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED):
                for memory in (8, 9):
                    yield _deflate(data, strategy, memory)
        return
    import zstandard

    # Large images: a quick compressor picks the filter that the slow ones then get.
    quick = zstandard.ZstdCompressor(level=3)
    kind = min(_KINDS, key=lambda k: len(quick.compress(filter_rows(rows, step, k).tobytes())))
    data = adaptive if kind is None else filter_rows(rows, step, kind).tobytes()
    yield _zstandard(data, 19 if rows.nbytes <= 1 << 24 else 12)
    yield _deflate(data, zlib.Z_DEFAULT_STRATEGY, 9)


def _zstandard(data: bytes, level: int) -> bytes:
    import zstandard

    settings = zstandard.ZstdCompressionParameters.from_level(
        level, source_size=len(data), write_content_size=False, write_checksum=False
    )
    return bytes([ZSTANDARD]) + zstandard.ZstdCompressor(compression_params=settings).compress(data)


def _deflate(data: bytes, strategy: int, memory: int) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, memory, strategy)
    return bytes([DEFLATE]) + squeeze.compress(data) + squeeze.flush()


def _expand_zstandard(stream: memoryview, expected: int) -> bytes:
    import zstandard

    expand = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()
    parts: list[bytes] = []
    size = position = 0
    try:
        while not expand.eof and position < len(stream) and size <= expected:
            parts.append(expand.decompress(stream[position : position + _SLICE]))
            size += len(parts[-1])
            position += _SLICE
    except zstandard.ZstdError as error:
        raise CorruptError(f"stored image: damaged zstandard stream ({error})") from None
    left_over = len(expand.unused_data) + max(0, len(stream) - position)
    _check_end(size, expected, expand.eof, left_over)
    return b"".join(parts)


def _expand_deflate(stream: memoryview, expected: int) -> bytes:
    expand = zlib.decompressobj(-15)
    try:
        # One byte more than expected: a stream that ends where it should then reaches its end.
        data = expand.decompress(stream, expected + 1)
    except zlib.error as error:
        raise CorruptError(f"stored image: damaged deflate stream ({error})") from None
    _check_end(len(data), expected, expand.eof, len(expand.unused_data))
    return data


def _check_end(size: int, expected: int, ended: bool, left_over: int) -> None:
    if size > expected:
        raise CorruptError(f"stored image: expands to more than the expected {expected} bytes")
    if not ended:
        raise TruncatedError(f"stored image: the stream ends at {size} of {expected} bytes")
    if size < expected:
        raise CorruptError(f"stored image: expands to {size} bytes instead of {expected}")
    if left_over:
        raise CorruptError(f"stored image: {left_over} bytes follow the compressed stream")
