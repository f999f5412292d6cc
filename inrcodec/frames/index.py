"""The index of a file of parts: sizes of pages and lengths of parts, as one list of numbers.

A file may say of millions of parts what it likes: none of them costs more than its number.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from ..container.leb128 import MAX_BYTES, pack_length
from ..errors import CorruptError, TruncatedError
from ..limits import Limits, check_size
from .tiles import Grid

MAX_PARTS, MAX_CHANNELS, MAX_SIDE = 1 << 24, 4, 1 << 31
MAX_TOTAL = 1 << 62  # bytes of all parts
PIECE = 1 << 20  # bytes of the index that are looked at at a time


class PageSize(NamedTuple):
    """Of a page's samples."""

    height: int
    width: int
    channels: int
    bits: int

    @property
    def bytes(self) -> int:
        """That its samples take."""
        return self.height * self.width * self.channels * self.bits // 8


def pack_index(sizes: Sequence[PageSize], lengths: Iterable[int]) -> bytes:
    """Sizes, of pages that differ, and lengths."""
    return b"".join(map(pack_length, [*(number for size in sizes for number in size), *lengths]))


def unpack_index(
    payload: bytes, first: PageSize, pages: int, several: bool, tile: tuple[int, int] | None,
    limits: Limits,
) -> tuple[tuple[PageSize, ...], array[int]]:  # fmt: skip
    """The sizes of so many pages, which are all that of the first unless `several`, and the lengths
    of their parts. Raises CorruptError or TruncatedError for anything else than pack_index makes,
    LimitError for a page that is too large."""
    if pages > len(payload):  # each has a length of a byte or more
        raise CorruptError(f"an index of {len(payload)} bytes for {pages} pages")
    numbers = _numbers(payload, 4 * pages * several + MAX_PARTS)
    sizes, lengths = (first,) * pages, numbers
    if several:
        sizes, lengths = _sizes(numbers[: 4 * pages], pages, limits), numbers[4 * pages :]
    if sizes[0] != first:
        raise CorruptError("the first page is of another size than the header says")
    parts = first_parts(sizes, tile)[-1]
    if parts != len(lengths):
        raise CorruptError(f"an index of {len(lengths)} parts for {parts}")
    # each has 56 bits, and there are 2^24: halves, so that both sums are exact
    high, low = int((lengths >> 32).sum()), int((lengths & 0xFFFFFFFF).sum())
    if (high << 32) + low >= MAX_TOTAL:
        raise CorruptError("parts of more bytes than a file can have")
    return sizes, array("q", lengths.tobytes())


def first_parts(sizes: Sequence[PageSize], tile: tuple[int, int] | None) -> array[int]:
    """The number of each page's first part, and at last of all parts."""
    counts = {size: len(Grid(size.height, size.width, tile)) for size in set(sizes)}
    return array("q", accumulate((counts[size] for size in sizes), initial=0))


def _numbers(payload: bytes, most: int) -> np.ndarray:
    """Numbers in LEB128, int64 (n,), so many at most."""
    found, at, count = [np.zeros(0, np.int64)], 0, 0
    while at < len(payload):
        piece = np.frombuffer(payload, np.uint8, min(PIECE, len(payload) - at), at)
        ends = np.flatnonzero(piece < 0x80) + 1
        starts = np.concatenate([[0], ends[:-1]]) if ends.size else ends
        if (ends - starts > MAX_BYTES).any() or (not ends.size and piece.size > MAX_BYTES):
            raise CorruptError(f"a number of the index has more than {MAX_BYTES} bytes")
        if not ends.size:
            raise TruncatedError("the index ends within a number")
        count, at = count + ends.size, at + int(ends[-1])
        if count > most:
            raise CorruptError(f"an index of more than {most} numbers")
        digits = (piece[: ends[-1]] & 0x7F).astype(np.int64)
        places = np.arange(ends[-1]) - np.repeat(starts, ends - starts)
        found.append(np.add.reduceat(digits << 7 * places, starts))
    return np.concatenate(found)


def _sizes(numbers: np.ndarray, pages: int, limits: Limits) -> tuple[PageSize, ...]:
    """The sizes of so many pages."""
    if numbers.size < 4 * pages:
        raise CorruptError(f"an index without the sizes of {pages} pages")
    known, found = dict[tuple[int, ...], PageSize](), list[PageSize]()
    for each in map(tuple, numbers.reshape(-1, 4).tolist()):
        size = known.get(each)
        if size is None:
            size = known[each] = _checked(PageSize(*each), limits)
        found.append(size)
    return tuple(found)


def _checked(size: PageSize, limits: Limits) -> PageSize:
    if not (0 < size.height <= MAX_SIDE and 0 < size.width <= MAX_SIDE):
        raise CorruptError(f"a page of {size.height} x {size.width} pixels")
    if not 1 <= size.channels <= MAX_CHANNELS:
        raise CorruptError(f"a page of {size.channels} channels: 1 to {MAX_CHANNELS} are legal")
    if size.bits not in (8, 16):
        raise CorruptError(f"a page of {size.bits} bits per sample: 8 or 16 are legal")
    check_size(size.width, size.height, "the file", limits)
    return size
