"""A plain reader of baseline JPEGs: the coefficients, for tests to compare with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Baseline(NamedTuple):
    """factors: (v, h) of each component; tables: uint16 (64,); coefficients: int16 (rows, cols,
    64), padded to whole MCUs; both in zigzag order, one for each component."""

    height: int
    width: int
    factors: list[tuple[int, int]]
    tables: list[np.ndarray]
    coefficients: list[np.ndarray]


class _Bits:
    def __init__(self, data: bytes) -> None:
        self.bits = np.unpackbits(np.frombuffer(data.replace(b"\xff\x00", b"\xff"), np.uint8))
        self.at = 0

    def take(self, count: int) -> int:
        value = 0
        for bit in self.bits[self.at : self.at + count].tolist():
            value = 2 * value + bit
        self.at += count
        return value

    def symbol(self, codes: dict[tuple[int, int], int]) -> int:
        value = 0
        for length in range(1, 17):
            value = 2 * value + int(self.bits[self.at])
            self.at += 1
            if (length, value) in codes:
                return codes[length, value]
        raise AssertionError("no such code")

    def signed(self, size: int) -> int:
        value = self.take(size)
        return value if size == 0 or value >> (size - 1) else value - (1 << size) + 1


def read_baseline(data: bytes) -> Baseline:
    """Of one interleaved scan (or a grey one) without restarts."""
    tables: dict[int, np.ndarray] = {}
    codes: dict[int, dict[tuple[int, int], int]] = {}
    at = 2
    while True:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xDB:
            for n in range(0, len(body), 65):
                tables[body[n]] = np.frombuffer(body[n + 1 : n + 65], np.uint8).astype(np.uint16)
        elif marker == 0xC4:
            while body:
                codes[body[0]], body = _codes(body)
        elif marker == 0xC0:
            height, width = (int.from_bytes(body[n : n + 2], "big") for n in (1, 3))
            parts = [body[n : n + 3] for n in range(6, len(body), 3)]
        elif marker == 0xDA:
            chosen = [body[2 + 2 * n] for n in range(len(parts))]
            break
    factors = [(part[1] & 15, part[1] >> 4) for part in parts]
    if len(parts) == 1:
        factors = [(1, 1)]
    down, across = (8 * max(f[n] for f in factors) for n in (0, 1))
    rows, cols = -(-height // down), -(-width // across)
    found = [np.zeros((rows * v, cols * h, 64), np.int16) for v, h in factors]
    bits, last = _Bits(data[at:-2]), [0] * len(parts)
    for row in range(rows):
        for col in range(cols):
            for n, (v, h) in enumerate(factors):
                for block in range(v * h):
                    own = found[n][row * v + block // h, col * h + block % h]
                    dc, ac = codes[chosen[n] >> 4], codes[16 + (chosen[n] & 15)]
                    last[n] += bits.signed(bits.symbol(dc))
                    own[0], k = last[n], 1
                    while k < 64:
                        run, size = divmod(bits.symbol(ac), 16)
                        if size == 0 and run < 15:
                            break
                        k += run
                        own[k] = bits.signed(size)
                        k += 1
    return Baseline(height, width, factors, [tables[part[2]] for part in parts], found)


def _codes(body: bytes) -> tuple[dict[tuple[int, int], int], bytes]:
    """By length and value, and what is behind the table: T.81, annex C."""
    found, value, at = {}, 0, 17
    for length in range(1, 17):
        for _ in range(body[length]):
            found[length, value] = body[at]
            value, at = value + 1, at + 1
        value *= 2
    return found, body[at:]
