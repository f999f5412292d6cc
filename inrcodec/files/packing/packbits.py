"""PackBits: runs, and literals between them, of at most 128 bytes.

A variant has two numbers:

    encoder  0: a run of two is a run, unless there is a literal before it and one after it and the
             three fit into one literal; libtiff
             1: a run of two that a literal goes before is part of it, where within the 129 bytes
             from the literal's first on another run follows, not at once; where a row would take
             its size and one byte for each 128 or more, it is all literals; imagecodecs
    row      the number of bytes that are packed by themselves, a row of the strip or tile; 0: all
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ... import kernels
from ...errors import CorruptError

_LONGEST = 128
_MOST_ROW = 1 << 40


def candidates(row: int) -> Iterator[tuple[int, ...]]:
    """Every variant for rows of so many bytes, the likeliest first."""
    for length in dict.fromkeys((row, 0)):
        yield 0, length
        yield 1, length


def pack(raw: bytes, variant: tuple[int, ...]) -> bytes:
    """Raises CorruptError for a variant that there is not."""
    if len(variant) != 2 or not 0 <= variant[0] <= 1 or not 0 <= variant[1] <= _MOST_ROW:
        raise CorruptError(f"no way to pack PackBits has the numbers {variant}")
    encoder, row = variant[0], variant[1] or max(len(raw), 1)
    library = kernels.library()
    if library is None:
        return plain_pack(raw, encoder, row)
    target = np.empty(2 * len(raw), np.uint8)  # a byte alone takes two
    size = library.pack_bits(np.frombuffer(raw, np.uint8), len(raw), target, encoder, row)
    return target[:size].tobytes()


def plain_pack(raw: bytes, encoder: int, row: int) -> bytes:
    """pack() without the compiled loops; row is 1 or more."""
    pack_row = _pack_looking_ahead if encoder else _pack_joining
    return b"".join(pack_row(raw[i : i + row]) for i in range(0, len(raw), row))


def _pack_joining(raw: bytes) -> bytes:
    out = bytearray()
    literal = -1  # where the literal that may grow begins, or -1
    run_behind = False  # there is one, and a run behind it
    start = 0
    while start < len(raw):
        left = _run_length(raw, start)
        byte = raw[start]
        start += left
        while left:
            if run_behind:
                run_behind = False
                if left == 1 and out[-2] == 255 and out[literal] < 126:
                    out[literal] += 2
                    out[-2] = out[-1]
                    if out[literal] == _LONGEST - 1:
                        literal = -1
                else:
                    literal = -1
            if left > 1:
                taken = min(left, _LONGEST)
                out += bytes((257 - taken, byte))
                left -= taken
                run_behind = literal >= 0
                continue
            if literal < 0:
                literal = len(out)
                out.append(0)
            else:
                out[literal] += 1
                if out[literal] == _LONGEST - 1:
                    literal = -1
            out.append(byte)
            left = 0
    return bytes(out)


def _pack_looking_ahead(raw: bytes) -> bytes:
    out = bytearray()
    most = len(raw) + (len(raw) + _LONGEST - 1) // _LONGEST
    start = 0
    while start < len(raw):
        seen = min(start + _LONGEST + 1, len(raw))
        end = _next_pair(raw, start, seen)
        if end == start:
            taken = min(_run_length(raw, start), _LONGEST)
            if len(out) >= most - 1:
                return _literals(raw)
            out += bytes((257 - taken, raw[start]))
            start += taken
            continue
        if end < 0:
            end = len(raw)
        elif _run_length(raw, end) < 3:
            following = _next_pair(raw, end + 2, seen)
            if following > end + 2:
                end = following
        taken = min(end - start, _LONGEST)
        if len(out) + taken >= most - 1:
            return _literals(raw)
        out += _literals(raw[start : start + taken])
        start += taken
    return bytes(out)


def _literals(raw: bytes) -> bytes:
    parts = [raw[i : i + _LONGEST] for i in range(0, len(raw), _LONGEST)]
    return b"".join(bytes((len(part) - 1,)) + part for part in parts)


def _run_length(raw: bytes, start: int) -> int:
    end = start + 1
    while end < len(raw) and raw[end] == raw[start]:
        end += 1
    return end - start


def _next_pair(raw: bytes, start: int, end: int) -> int:
    return next((i for i in range(start, end - 1) if raw[i] == raw[i + 1]), -1)


def expand(packed: bytes, expected: int) -> bytes:
    """`expected` bytes or a packet more, fewer if damaged."""
    parts: list[bytes] = []
    size = position = 0
    while size < expected and position + 1 < len(packed):
        head = packed[position]
        if head < 128:
            parts.append(packed[position + 1 : position + 2 + head])
            position += 2 + head
        elif head > 128:
            parts.append(packed[position + 1 : position + 2] * (257 - head))
            position += 2
        else:
            position += 1
            continue
        size += len(parts[-1])
    return b"".join(parts)
