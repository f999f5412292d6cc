"""decode_scan() of scans.py without the compiled loops: what they do, to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .plan import (
    AC_FIRST,
    AC_REFINE,
    BARE,
    DC_FIRST,
    DC_REFINE,
    LONGEST_RUN,
    MOST_CORRECTIONS,
    MOST_SIZE,
    SEQUENTIAL,
    Plan,
)

Codes = dict[tuple[int, int], int]  # symbols by length and code


class EobRun(NamedTuple):
    """One so far: its blocks and correction bits, and whether its last block has neither symbols
    nor such bits."""

    length: int
    corrections: int
    bare: bool

    def ends_before(self, rule: int, corrections: int) -> bool:
        """Whether it does, before a block that has nothing but so many correction bits."""
        if self.length == LONGEST_RUN:
            return True
        if rule == BARE:
            return not self.bare or corrections > 0
        return self.corrections > MOST_CORRECTIONS

    def joined_by(self, empty: bool, corrections: int) -> EobRun:
        """It and one more block; empty: that has no symbols."""
        bare = empty and not corrections
        return EobRun(self.length + 1, self.corrections + corrections, bare)


class _EndOfData(Exception):
    """The bytes end, or make no sense."""


def decode(
    body: bytes,
    plan: Plan,
    tables: Sequence[tuple[bytes, bytes]],
    arrays: Sequence[np.ndarray],
    rule: int,
    pads: np.ndarray,
    most_notes: int,
) -> tuple[int, int, np.ndarray, np.ndarray]:
    """How many bytes MCUs take, how many they are, and the breaks and zeros of Notes."""
    decoder = _Decoder(body, plan, tables, arrays, rule, most_notes)
    restarts = whole = size = 0
    counts = 0, 0
    for mcu in range(plan.mcus + 1):
        if not decoder.run:  # up to here it can be encoded again, whatever follows
            whole, size = mcu, decoder.reader.consumed(mcu == plan.mcus)
            counts = len(decoder.breaks), len(decoder.zeros)
        if mcu == plan.mcus:
            break
        try:
            if plan.restart and mcu and mcu % plan.restart == 0:
                pad = decoder.restart(restarts & 7)
                pads[restarts] = pad
                restarts += 1
            decoder.mcu(mcu)
        except _EndOfData:
            break
    if whole == plan.mcus:
        pads[restarts] = decoder.reader.padding()
    breaks, zeros = decoder.breaks[: counts[0]], decoder.zeros[: counts[1]]
    return size, whole, np.array(breaks, np.uint32), np.array(zeros, np.uint32).reshape(-1, 2)


def blocks_of(plan: Plan, mcu: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """The component of each block of an MCU, and its place."""
    row, column = divmod(mcu, plan.across)
    for component, (h, v, _) in enumerate(plan.parts):
        for part in range(h * v):
            yield component, (row * v + part // h, column * h + part % h)


def codes_of(table: bytes) -> Codes:
    """The code of each symbol of a table, as it is in DHT, shorter ones first."""
    code, at, codes = 0, 16, Codes()
    for length, count in enumerate(table[:16], 1):
        for symbol in table[at : at + count]:
            codes[length, code] = symbol
            code += 1
        at += count
        code <<= 1
    return codes


class _Reader:
    """The bits of a scan up to a marker."""

    def __init__(self, body: bytes) -> None:
        self.body, self.at = body, 0
        self.byte, self.left = 0, 0  # the last byte, and how many bits of it are left

    def bit(self) -> int:
        if not self.left:
            pair = self.body[self.at : self.at + 2]
            if not pair or (pair[0] == 0xFF and pair[1:] != b"\0"):
                raise _EndOfData
            self.at += 1 + (pair[0] == 0xFF)
            self.byte, self.left = pair[0], 8
        self.left -= 1
        return self.byte >> self.left & 1

    def bits(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self.bit()
        return value

    def signed(self, size: int) -> int:
        value = self.bits(size)
        return value + 1 - (1 << size) if size and value < 1 << (size - 1) else value

    def symbol(self, codes: Codes) -> int:
        code = 0
        for length in range(1, 17):
            code = code << 1 | self.bit()
            if (length, code) in codes:
                return codes[length, code]
        raise _EndOfData

    def padding(self) -> int:
        """The bits up to a whole byte, below a one."""
        count = self.left
        return 1 << count | self.bits(count)

    def consumed(self, partly: bool) -> int:
        """How many bytes were read, with one of which bits are left or without."""
        if not self.left or partly:
            return self.at
        return self.at - 1 - (self.byte == 0xFF)


class _Decoder:
    def __init__(
        self,
        body: bytes,
        plan: Plan,
        tables: Sequence[tuple[bytes, bytes]],
        arrays: Sequence[np.ndarray],
        rule: int,
        most_notes: int,
    ) -> None:
        self.reader, self.plan, self.arrays = _Reader(body), plan, arrays
        self.tables = [(codes_of(dc), codes_of(ac)) for dc, ac in tables]
        self.predicted = [0] * len(arrays)
        self.number = 0  # of the block in the scan
        self.run = 0  # blocks that the EOB run has left
        self.last: EobRun | None = None  # what the last block ended with
        self.breaks, self.zeros = list[int](), list[tuple[int, int]]()
        self.rule, self.most_notes = rule, most_notes

    def restart(self, number: int) -> int:
        """Goes over a restart marker; returns the padding before it."""
        pad, reader = self.reader.padding(), self.reader
        if self.run or reader.body[reader.at : reader.at + 2] != bytes((0xFF, 0xD0 + number)):
            raise _EndOfData
        reader.at += 2
        self.last, self.predicted = None, [0] * len(self.arrays)
        return pad

    def mcu(self, mcu: int) -> None:
        for component, place in blocks_of(self.plan, mcu):
            block = self.arrays[component][place]
            kind, (dc, ac) = self.plan.kind, self.tables[component]
            if kind in (SEQUENTIAL, DC_FIRST):
                self.dc(component, dc, block)
            if kind in (SEQUENTIAL, AC_FIRST):
                self.ac(ac, block)
            elif kind == AC_REFINE:
                self.refine(ac, block)
            elif kind == DC_REFINE and self.reader.bit():
                block[0] |= 1 << self.plan.al
            self.number += 1

    def dc(self, component: int, codes: Codes, block: np.ndarray) -> None:
        size = self.reader.symbol(codes)
        if size > MOST_SIZE:
            raise _EndOfData
        self.predicted[component] += self.reader.signed(size)
        value = self.predicted[component] << self.plan.al
        if not -0x8000 <= value <= 0x7FFF:
            raise _EndOfData
        block[0] = value

    def ac(self, codes: Codes, block: np.ndarray) -> None:
        k, runs = max(self.plan.ss, 1), 0
        first, se = k, self.plan.se
        if self.run:
            self.end_block(False, True, 0)
            return
        while k <= se:
            upper, size = divmod(self.reader.symbol(codes), 16)
            if size:
                k += upper
                value = self.reader.signed(size) * (1 << self.plan.al)
                if k > se or abs(value) > 0x7FFF:
                    raise _EndOfData
                block[k] = value
                runs = 0
            elif upper == 15:
                k += 15
                if k > se:
                    raise _EndOfData
                runs += 1
            elif self.plan.kind == SEQUENTIAL:
                if upper:
                    raise _EndOfData
                self.note_zeros(runs)
                return
            else:
                self.note_zeros(runs)
                self.start_run(upper)
                self.end_block(True, k == first, 0)
                return
            k += 1
        self.last = None
        self.note_zeros(runs)

    def refine(self, codes: Codes, block: np.ndarray) -> None:
        k, se, runs, starts = self.plan.ss, self.plan.se, 0, not self.run
        while not self.run and k <= se:
            upper, size = divmod(self.reader.symbol(codes), 16)
            value = 0
            if size > 1:
                raise _EndOfData
            if size:
                value, runs = (1 if self.reader.bit() else -1) << self.plan.al, 0
            elif upper < 15:
                if runs:
                    raise _EndOfData
                self.start_run(upper)
                break
            else:
                runs += 1
            while k <= se and (block[k] or upper):
                if block[k]:
                    self.correct(block, k)
                else:
                    upper -= 1
                k += 1
            if k > se:
                raise _EndOfData
            if value:
                block[k] = value
            k += 1
        if not self.run:
            self.last = None
            if runs:
                raise _EndOfData
            return
        places = [at for at in range(k, se + 1) if block[at]]
        for at in places:
            self.correct(block, at)
        self.end_block(starts, k == self.plan.ss, len(places))

    def start_run(self, upper: int) -> None:
        self.run = (1 << upper) + self.reader.bits(upper)

    def end_block(self, starts: bool, empty: bool, corrections: int) -> None:
        """Ends a block with EOB; starts: it has one of its own; empty: and no other symbol;
        corrections: bits after it."""
        last = self.last
        if last and empty and starts != last.ends_before(self.rule, corrections):
            if len(self.breaks) == self.most_notes:
                raise _EndOfData
            self.breaks.append(self.number)
        if starts or last is None:
            last = EobRun(0, 0, False)
        self.last = last.joined_by(empty, corrections)
        self.run -= 1

    def correct(self, block: np.ndarray, k: int) -> None:
        """Reads the next bit of a coefficient that is not 0."""
        step, value = 1 << self.plan.al, int(block[k])
        if self.reader.bit() and not abs(value) & step:
            block[k] = value + (step if value > 0 else -step)

    def note_zeros(self, runs: int) -> None:
        if not runs:
            return
        if len(self.zeros) == self.most_notes:
            raise _EndOfData
        self.zeros.append((self.number, runs))
