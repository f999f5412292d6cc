"""What the blocks of a deflate stream tell of who packed it: the symbols of the first one, and the
sizes of stored ones. Streams are those of zlib, whose header has two bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEAST_SIZE, MOST_SIZES = 256, 4096  # of stored blocks: a small one takes much memory here
_CODE_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
# The least length of each code for matches, and how many bits follow it; the last two are unused.
_LENGTHS = (
    *((3 + i, 0) for i in range(8)),
    *((3 + (4 + i % 4 << i // 4 - 1), i // 4 - 1) for i in range(8, 28)),
    *((258, 0),) * 3,
)
# The same of distances.
_DISTANCES = (
    *((1 + i, 0) for i in range(4)),
    *((1 + (2 + i % 2 << i // 2 - 1), i // 2 - 1) for i in range(4, 32)),
)
_MOST_SYMBOLS = 1 << 15


def is_stored(packed: bytes) -> bool:
    """Whether a stream begins with a stored block."""
    return not packed[2] >> 1 & 3


class Block(NamedTuple):
    symbols: np.ndarray  # uint32: literals, or distance << 9 | length of matches
    size: int  # bytes they stand for
    final: bool


def first_block(packed: bytes) -> Block | None:
    """The first block of a stream, or None where its bytes are stored. No more symbols
    than zlib puts into a block are counted."""

    def look(bit: int) -> int:
        """48 bits or more from one on."""
        return int.from_bytes(packed[bit >> 3 : (bit >> 3) + 8], "little") >> (bit & 7)

    head = look(16)
    final, kind, bit = bool(head & 1), head >> 1 & 3, 19
    if kind == 1:
        lengths = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8
        codes, distances = _code_table(lengths), _code_table([5] * 32)
    elif kind == 2:
        head = look(bit)
        literals, others, order = (head & 31) + 257, (head >> 5 & 31) + 1, (head >> 10 & 15) + 4
        bit += 14
        lengths = [0] * 19
        for place in _CODE_ORDER[:order]:
            lengths[place] = look(bit) & 7
            bit += 3
        codes, lengths = _code_table(lengths), []
        while len(lengths) < literals + others:
            head = look(bit)
            entry = codes[head & 0x7FFF]
            bit, head, symbol = bit + (entry & 15), head >> (entry & 15), entry >> 4
            if symbol < 16:
                lengths.append(symbol)
                continue
            extra, least = ((2, 3), (3, 3), (7, 11))[symbol - 16]
            value = lengths[-1] if symbol == 16 and lengths else 0
            lengths += [value] * (least + (head & (1 << extra) - 1))
            bit += extra
        codes = _code_table(lengths[:literals])
        distances = _code_table(lengths[literals : literals + others])
    else:
        return None
    symbols: list[int] = []
    size = 0
    while len(symbols) < _MOST_SYMBOLS:
        head = look(bit)
        entry = codes[head & 0x7FFF]
        taken, symbol = entry & 15, entry >> 4
        if symbol < 256:
            size += 1
            symbols.append(symbol)
        elif symbol == 256:
            break
        else:
            least, extra = _LENGTHS[symbol - 257]
            head >>= taken
            length = least + (head & (1 << extra) - 1)
            head >>= extra
            entry = distances[head & 0x7FFF]
            head >>= entry & 15
            taken += extra + (entry & 15)
            least, extra = _DISTANCES[entry >> 4]
            taken += extra
            symbols.append(least + (head & (1 << extra) - 1) << 9 | length)
            size += length
        bit += taken
    else:
        final = False
    return Block(np.array(symbols, np.uint32), size, final)


def _code_table(lengths: Sequence[int]) -> list[int]:
    """For every 15 bits, the symbol they begin with, times 16, plus the length of its code."""
    table = [0] * (1 << 15)
    code = 0
    for length in range(1, 16):
        code <<= 1
        for symbol, its in enumerate(lengths):
            if its == length:
                first = int(f"{code:0{length}b}"[-length:][::-1], 2)  # the first bit is the lowest
                table[first :: 1 << length] = [symbol << 4 | length] * (1 << (15 - length))
                code += 1
    return table


def stored_numbers(packed: bytes) -> list[int] | None:
    """What says how stored blocks follow each other, if there are no others in a stream."""
    sizes, position, final = [], 2, False
    while not final:
        if position + 5 > len(packed) - 4 or packed[position] & 6:
            return None
        final = bool(packed[position] & 1)
        sizes.append(int.from_bytes(packed[position + 1 : position + 3], "little"))
        position += 5 + sizes[-1]
    empty = sizes[-1] == 0
    if empty:
        sizes.pop()
    if len(sizes) > 1 and sizes[-1] <= sizes[-2]:
        sizes.pop()  # what is left
    while len(sizes) > 1 and sizes[-1] == sizes[-2]:
        sizes.pop()
    if len(sizes) == 1:
        sizes[0] = max(sizes[0], LEAST_SIZE)
    known = 1 <= len(sizes) <= MOST_SIZES and min(sizes) >= LEAST_SIZE
    return [int(empty), *sizes] if known else None
