"""Deflate in zlib streams: as zlib, libdeflate and zlib-ng write them, and stored blocks.

A variant begins with the encoder and the stream's two header bytes as one number, 256 times the
first plus the second: encoders write there what they like. The Adler-32 of the bytes follows the
packed ones.

    0 header level window memory strategy far
        zlib's deflateInit2(): level 1 to 9, window 9 to 15 bits, memory level 1 to 9, strategy 0
        default, 1 filtered, 2 Huffman only, 3 runs, 4 fixed codes; far, 0 to 32767: a match of
        three bytes farther back is not taken by levels from 4 on, 4096 in zlib as it comes and
        32767 in pngcrush
    1 header level
        libdeflate's level 0 to 12
    2 header level window memory strategy feed
        zlib-ng's deflateInit2(), as 0; feed: 0 for one deflate() of all that finishes, else how
        many bytes, 16 to 2**31, each is given before one of none that finishes; what levels 1, 5
        and 6 write depends on it
    3 header empty sizes...
        stored blocks of these sizes, 256 to 65535 bytes, then of the last of them as long as
        there are so many bytes, and one of what is left; empty 1: an empty block follows; at most
        4096 sizes

What zlib writes is the same in all its versions, from 1.2.12 on with fixed codes. The compiled
loops do it anew; without them Python's zlib has to do, where it is no zlib-ng and far is 4096.
libdeflate and zlib-ng come from optional packages (imagecodecs, zlib_ng) and change a little with
their versions, so what is made of what was found has to be compared by a digest.
"""

from __future__ import annotations

import importlib
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain, repeat
from typing import Any

import numpy as np

from ... import kernels
from ...errors import CorruptError, ImageError
from .deflate_blocks import LEAST_SIZE, MOST_SIZES, Block, first_block, is_stored, stored_numbers

_ZLIB, _LIBDEFLATE, _ZLIB_NG, _STORED = range(4)
_FILTERED, _HUFFMAN, _RUNS, _FIXED = 1, 2, 3, 4
_FEED, _LEAST_FEED, _ALL = 1 << 14, 16, 1 << 31  # bytes given at once
# Numbers of a variant behind encoder and header: the least and the greatest of each.
_RANGES: dict[int, tuple[tuple[int, int], ...]] = {
    _ZLIB: ((1, 9), (9, 15), (1, 9), (0, 4), (0, 32767)),
    _LIBDEFLATE: ((0, 12),),
    _ZLIB_NG: ((1, 9), (9, 15), (1, 9), (0, 4), (0, _ALL)),
    _STORED: ((0, 1), (LEAST_SIZE, 65535)),  # and more of the last
}
# Levels that the two bits for it in the header stand for, the likeliest first.
_LEVELS = ((1,), (5, 4, 3, 2), (6,), (9, 8, 7))
_LIBDEFLATE_LEVELS = ((1, 0), (5, 4, 3, 2), (6, 7), (9, 8, 12, 10, 11))
_FAR, _CRUSHED_FAR = 4096, 32767
_MOST_BYTES = (1 << 32) - 1  # of places there are so many
# A first block of libdeflate's depends on no more than so many bytes, others end in any event.
_PREFIX = 320_000
_BEHIND_BLOCK = 10_000
_FIRST_BYTES = 24


def find(samples: Sequence[tuple[bytes, bytes]], row: int) -> tuple[int, ...] | None:
    """The variant with which all packed streams come out of what they hold, or None. row: how many
    bytes may have been given at once, 0 if that is not known."""
    headers = {packed[:2] for _, packed in samples}
    if len(headers) != 1 or any(
        len(packed) < 8 or packed[-4:] != _checksum(raw) or len(raw) > _MOST_BYTES
        for raw, packed in samples
    ):
        return None
    header = int.from_bytes(headers.pop(), "big")
    if not _is_header(header):
        return None
    # the longest tells variants apart best, but stored blocks, which many write, tell little
    ordered = sorted(samples, key=lambda sample: (is_stored(sample[1]), -len(sample[1])))
    (raw, packed), *others = ordered
    block = first_block(packed)
    for variant in _candidates(header, raw, packed, block, row):
        if _comes_back(variant, raw, packed, block) and all(
            _comes_back(variant, *sample) for sample in others
        ):
            return variant
    return None


def pack(raw: bytes, variant: tuple[int, ...]) -> bytes:
    """Raises CorruptError for a variant that there is not, and ImageError where what packs like
    that is not installed."""
    ranges = _RANGES.get(variant[0]) if variant else None
    if ranges and variant[0] == _STORED:
        ranges += ranges[-1:] * (min(len(variant), 3 + MOST_SIZES) - 4)
    if (
        ranges is None
        or len(variant) != 2 + len(ranges)
        or not _is_header(variant[1])
        or any(not a <= n <= b for n, (a, b) in zip(variant[2:], ranges, strict=True))
        or (variant[0] == _ZLIB_NG and 0 < variant[6] < _LEAST_FEED)
    ):
        raise CorruptError(f"no way to pack deflate has the numbers {variant}")
    header = variant[1].to_bytes(2, "big")
    return header + b"".join(_pieces(variant, raw)) + _checksum(raw)


def expand(packed: bytes, expected: int) -> bytes:
    """`expected` bytes, or one more if there are more, or fewer. Raises zlib.error."""
    inflating = zlib.decompressobj()
    raw = inflating.decompress(packed, expected + 1)
    if len(raw) == expected and not inflating.eof:
        raise zlib.error("no end of the stream")
    return raw


def _is_header(header: int) -> bool:
    """Whether it is a zlib stream's, without a dictionary."""
    deflate = header >> 8 & 15 == 8 and header >> 12 <= 7
    return 0 <= header < 1 << 16 and deflate and header % 31 == 0 and not header & 32


def _checksum(raw: bytes) -> bytes:
    return zlib.adler32(raw).to_bytes(4, "big")


def _candidates(
    header: int, raw: bytes, packed: bytes, block: Block | None, row: int
) -> Iterator[tuple[int, ...]]:
    """What may have made a stream, the likeliest first, as far as its first block tells."""
    hint, told = header >> 6 & 3, (header >> 12) + 8
    stored = stored_numbers(packed)
    if stored is not None:
        yield (_STORED, header, *stored)
    if block is None or block.final:
        memories: tuple[int, ...] = (8, 9)  # which matters little, then
    else:
        # zlib ends a block when its memory for symbols is full but for one
        exact = len(block.symbols) + 1
        memories = tuple(m for m in range(1, 10) if exact == 1 << (m + 6))
    windows = [max(told, 9)]
    if told < 15 and len(raw) <= 1 << told:
        # libpng tells the least window that holds all bytes, and may have packed with a larger one
        windows += [told + 1, 15] if told < 14 else [15]
    settings = _settings((hint,), memories, windows)
    if kernels.library() is not None:
        yield from ((_ZLIB, header, *numbers, _FAR) for numbers in settings)
        crushed = (numbers for numbers in settings if numbers[0] >= 4 and numbers[3] == 0)
        yield from ((_ZLIB, header, *numbers, _CRUSHED_FAR) for numbers in crushed)
        if block is not None:
            # headers may lie about the level; what is wrong is soon seen
            others = _settings([n for n in range(4) if n != hint], memories, windows)
            yield from ((_ZLIB, header, *numbers, _FAR) for numbers in others)
    elif _compressor(_ZLIB) is not None:
        yield from ((_ZLIB, header, *numbers, _FAR) for numbers in settings)
    if _optional("imagecodecs") is not None and (block is None or block.final or not memories):
        yield from ((_LIBDEFLATE, header, level) for level in _LIBDEFLATE_LEVELS[hint])
    if hint == 0:
        # zlib-ng's blocks of level 1 have no such end
        settings += [(1, windows[0], memory, 0) for memory in (8, 9) if memory not in memories]
    if _optional("imagecodecs") is not None:
        yield from ((_ZLIB_NG, header, *n, 0) for n in settings if n[1:] == (15, 8, 0))
    if _compressor(_ZLIB_NG) is not None:
        for feed in (_ALL, row) if row >= _LEAST_FEED else (_ALL,):
            yield from ((_ZLIB_NG, header, *numbers, feed) for numbers in settings)


def _settings(
    hints: Sequence[int], memories: Sequence[int], windows: Sequence[int]
) -> list[tuple[int, int, int, int]]:
    """Levels, windows, memories and strategies that zlib tells of with some hints."""
    found = []
    for hint in hints:
        levels = [(level, strategy) for level in _LEVELS[hint] for strategy in (0, _FILTERED)]
        if hint == 0:
            # the level does not matter to the first two
            levels += [(6, _RUNS), (6, _HUFFMAN)] + [(level, _FIXED) for level in range(9, 0, -1)]
        found += [
            (level, window, memory, strategy)
            for level, strategy in levels
            for memory in memories
            for window in windows
        ]
    return found


def _comes_back(
    variant: tuple[int, ...], raw: bytes, packed: bytes, block: Block | None = None
) -> bool:
    """Whether bytes packed so are those of a stream, of which the first block may be known; found
    out as early as can be."""
    body, position = memoryview(packed)[2:-4], 0
    if variant[0] == _ZLIB and kernels.library() is not None:
        return body == _deflate(variant, raw, block)
    if variant[0] in (_LIBDEFLATE, _ZLIB_NG):
        # all may come in one piece
        enough = len(raw)
        if block is not None and not block.final:
            enough = max(block.size + _BEHIND_BLOCK, _PREFIX)
        if enough < len(raw) // 2:
            start = b"".join(_pieces(variant, raw[:enough]))
            if start[:_FIRST_BYTES] != body[:_FIRST_BYTES]:
                return False
    for piece in _pieces(variant, raw):
        if body[position : position + len(piece)] != piece:
            return False
        position += len(piece)
    return position == len(body)


def _pieces(variant: tuple[int, ...], raw: bytes) -> Iterator[bytes]:
    """The packed bytes without what goes around them, as they come."""
    encoder, _, level, *numbers = variant
    if encoder == _STORED:
        yield from _stored_pieces(raw, level, *numbers)
        return
    if encoder == _ZLIB and kernels.library() is not None:
        yield _deflate(variant, raw)
        return
    start = _compressor(encoder)
    if start is not None and (numbers[3] == _FAR if encoder == _ZLIB else numbers[3] > 0):
        window, memory, strategy, feed = numbers
        feed = _FEED if encoder == _ZLIB else feed
        running = start(level, zlib.DEFLATED, -window, memory, strategy)
        for i in range(0, len(raw), feed):
            yield running.compress(raw[i : i + feed])
        yield running.flush()
        return
    imagecodecs = _optional("imagecodecs")
    if encoder == _LIBDEFLATE and imagecodecs is not None:
        yield imagecodecs.deflate_encode(raw, level, raw=True)
    elif encoder == _ZLIB_NG and imagecodecs is not None and numbers == [15, 8, 0, 0]:
        yield imagecodecs.zlibng_encode(raw, level)[2:-4]
    else:
        needed = {
            _ZLIB: "zlib (the compiled loops)",
            _LIBDEFLATE: "libdeflate (imagecodecs)",
            _ZLIB_NG: "zlib-ng (imagecodecs or zlib_ng)",
        }
        raise ImageError(f"image data were packed by {needed[encoder]}, which is not installed")


def _deflate(variant: tuple[int, ...], raw: bytes, block: Block | None = None) -> bytes:
    """What zlib makes of some bytes; nothing if that does not begin with a block."""
    if len(raw) > _MOST_BYTES:
        raise ImageError("more than 4 GiB of image data in one deflate stream cannot be packed")
    expected = np.empty(0, np.uint32) if block is None else block.symbols
    # 9 bits a byte at most, and a little for every block of 127 symbols or more
    target = np.empty(len(raw) + len(raw) // 4 + 64, np.uint8)
    scratch = np.empty(1 << 17, np.uint32)
    library, source = kernels.library(), np.frombuffer(raw, np.uint8)
    assert library is not None
    size = library.deflate(
        source, len(raw), target, len(target), scratch, expected, len(expected), *variant[2:]
    )
    return target[:size].tobytes()


@cache
def _compressor(encoder: int) -> Any:
    """compressobj() of zlib or zlib-ng, None where it is not there. Python's zlib may be either."""
    pythons = "ng" in zlib.ZLIB_RUNTIME_VERSION
    if encoder == _ZLIB:
        return None if pythons else zlib.compressobj
    if encoder == _ZLIB_NG:
        other = _optional("zlib_ng.zlib_ng")
        return other.compressobj if other is not None else zlib.compressobj if pythons else None
    return None


@cache
def _optional(name: str) -> Any:
    """A module, or None."""
    try:
        module = importlib.import_module(name)
    except ImportError:
        return None
    if name == "imagecodecs" and not (module.DEFLATE.available and module.ZLIBNG.available):
        return None
    return module


def _stored_pieces(raw: bytes, empty: int, *sizes: int) -> Iterator[bytes]:
    start = 0
    for size in chain(sizes, repeat(sizes[-1])):
        final = start + size >= len(raw)
        yield _stored_block(raw[start : start + size], final and not empty)
        start += size
        if final:
            break
    if empty:
        yield _stored_block(b"", True)


def _stored_block(part: bytes, final: bool) -> bytes:
    return struct.pack("<BHH", final, len(part), len(part) ^ 0xFFFF) + part
