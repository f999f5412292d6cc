"""LZW as TIFF has it: the most significant bit first, codes that grow one entry early.

Encoders agree on the strings they look for and differ in when they begin anew. A variant has three
numbers:

    full    4093 to 4096: the code behind the last one, at which a table is full and a clear code
            is written
    checks  1: a clear code is also written where the ratio stops getting better. Every 10,000
            bytes or a little more, where a code is put into the table that neither fills it nor
            makes codes longer, the ratio is that of bytes taken to bits written, times 256 and
            rounded down, since the last clear code (which counts as written since itself); it is
            (bytes // (bits // 256)) from 2**23 bytes on. 0: it is not
    ending  what the last string does before the end code: 0 nothing; 1 it counts as an entry of
            the table, so codes may grow; 2 the same, and it may fill the table, so that a clear
            code goes before the end code; 3 as 1, and a byte of zeros follows where the codes end
            with a whole byte

libtiff writes (4094, 1, 2), and (4094, 1, 0) before 4.0.8; imagecodecs (4096, 0, 3).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ... import kernels
from ...errors import CorruptError

_CLEAR, _END = 256, 257
_FIRST_FULL, _LAST_FULL = 4093, 4096
_CHECK_GAP = 10_000
_COARSE_FROM = 1 << 23
_LIKELY = ((4094, 1, 2), (4096, 0, 3), (4094, 1, 0))


def candidates() -> Iterator[tuple[int, ...]]:
    """Every variant, the likeliest first."""
    yield from _LIKELY
    for full in (4095, 4094, 4096, 4093):
        for checks in (0, 1):
            for ending in (1, 2, 0, 3):
                if (full, checks, ending) not in _LIKELY:
                    yield full, checks, ending


def pack(raw: bytes, variant: tuple[int, ...]) -> bytes:
    """Raises CorruptError for a variant that there is not."""
    if (
        len(variant) != 3
        or not _FIRST_FULL <= variant[0] <= _LAST_FULL
        or variant[1] > 1
        or variant[2] > 3
        or min(variant) < 0
    ):
        raise CorruptError(f"no way to pack LZW has the numbers {variant}")
    full, checks, ending = variant
    library = kernels.library()
    if library is None:
        return plain_pack(raw, full, checks, ending)
    # at most 12 bits a byte, and three codes more for every table
    target = np.empty(len(raw) * 2 + 16, np.uint8)
    source = np.frombuffer(raw, np.uint8)
    size = library.pack_lzw(source, len(raw), target, len(target), full, checks, ending)
    return target[:size].tobytes()


def plain_pack(raw: bytes, full: int, checks: int, ending: int) -> bytes:
    """pack() without the compiled loops."""
    out = bytearray()
    buffer = held = 0
    width, following = 9, _END + 1
    taken, bits, ratio, check = 0, 0, 0, _CHECK_GAP
    strings: dict[int, int] = {}  # the code of a string and a byte more: the code of both

    def put(code: int) -> None:
        nonlocal buffer, held, bits
        buffer, held, bits = buffer << width | code, held + width, bits + width
        while held >= 8:
            held -= 8
            out.append(buffer >> held & 255)
        buffer &= (1 << held) - 1

    put(_CLEAR)
    last = -1
    for byte in raw:
        taken += 1
        if last < 0:
            last = byte
            continue
        key = last << 8 | byte
        if key in strings:
            last = strings[key]
            continue
        put(last)
        strings[key] = following
        last = byte
        following += 1
        clears = following == full
        if not clears and following == 1 << width:
            width += 1
        elif not clears and checks and taken >= check:
            check = taken + _CHECK_GAP
            now = taken * 256 // bits if taken < _COARSE_FROM else taken // (bits >> 8)
            clears, ratio = now <= ratio, now
        if clears:
            taken = bits = ratio = 0
            put(_CLEAR)
            strings, width, following = {}, 9, _END + 1
    if last >= 0:
        put(last)
        following += 1
        if ending == 2 and following == full:
            put(_CLEAR)
            width = 9
        elif ending and following == 1 << width and width < 12:
            width += 1
    put(_END)
    if held or ending == 3:
        out.append(buffer << (8 - held) & 255)
    return bytes(out)


def expand(packed: bytes, expected: int) -> bytes:
    """At most `expected` bytes, fewer if damaged."""
    library = kernels.library()
    if library is None:
        return plain_expand(packed, expected)
    target = np.empty(expected, np.uint8)
    size = library.expand_lzw(np.frombuffer(packed, np.uint8), len(packed), target, expected)
    return target[:size].tobytes()


def plain_expand(packed: bytes, expected: int) -> bytes:
    """expand() without the compiled loops. A code's string is the string before it plus one byte,
    which both stand in the output already: a start and a length describe it."""
    out = bytearray()
    strings: list[tuple[int, int]] = []  # start and length, from code 258 on
    last: tuple[int, int] | None = None
    width, buffer, held = 9, 0, 0
    for byte in packed:
        buffer, held = (buffer << 8 | byte) & 0xFFFFFF, held + 8
        if held < width:
            continue
        held -= width
        code = buffer >> held & (1 << width) - 1
        if code == _END or len(out) == expected:
            break
        if code == _CLEAR:
            strings, last, width = [], None, 9
            continue
        if last is not None and 258 + len(strings) < 4096:
            strings.append((last[0], last[1] + 1))
        if code >= 258 + len(strings):
            break
        start, size = strings[code - 258] if code > 257 else (0, 1)
        if len(out) + size > expected:
            break
        last = len(out), size
        for i in range(size):
            out.append(out[start + i] if code > 257 else code)
        # TIFF's codes grow one entry early.
        if 258 + len(strings) >= (1 << width) - 1 and width < 12:
            width += 1
    return bytes(out)
