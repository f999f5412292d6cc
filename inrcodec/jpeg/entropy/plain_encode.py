"""encode_scan() of scans.py without the compiled loops: what they do, to be read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import CorruptError
from .plain_decode import EobRun, blocks_of, codes_of
from .plan import (
    AC_FIRST,
    AC_REFINE,
    DC_FIRST,
    DC_REFINE,
    LONGEST_RUN,
    MOST_SIZE,
    SEQUENTIAL,
    Notes,
    Plan,
)

Codes = dict[int, tuple[int, int]]  # length and code of each symbol
_ZEROS = 0xF0  # 16 of them


def encode(
    plan: Plan,
    tables: Sequence[tuple[bytes, bytes]],
    arrays: Sequence[np.ndarray],
    notes: Notes,
    room: int,
) -> bytes:
    """Raises CorruptError as encode_scan() does."""
    encoder = _Encoder(plan, tables, arrays, notes, room)
    restarts = 0
    for mcu in range(notes.mcus):
        if plan.restart and mcu and mcu % plan.restart == 0:
            encoder.writer.pad(int(notes.pads[restarts]))
            encoder.writer.byte(0xFF)
            encoder.writer.byte(0xD0 + (restarts & 7))
            encoder.predicted = [0] * len(arrays)
            restarts += 1
        encoder.mcu(mcu)
    if notes.mcus == plan.mcus:
        encoder.writer.pad(int(notes.pads[restarts]))
    if encoder.breaks or encoder.zeros:
        raise CorruptError("a JPEG scan with notes of other coefficients")
    return bytes(encoder.writer.out)


class _Writer:
    def __init__(self, room: int) -> None:
        self.out, self.room = bytearray(), room
        self.bits, self.held = 0, 0

    def byte(self, byte: int) -> None:
        if len(self.out) == self.room:
            raise CorruptError("a JPEG scan of more bytes than there is room for")
        self.out.append(byte)

    def put(self, value: int, count: int) -> None:
        self.bits = self.bits << count | value & (1 << count) - 1
        self.held += count
        while self.held >= 8:
            self.held -= 8
            byte = self.bits >> self.held
            self.bits &= (1 << self.held) - 1
            self.byte(byte)
            if byte == 0xFF:
                self.byte(0)

    def symbol(self, codes: Codes, symbol: int) -> None:
        if symbol not in codes:
            raise CorruptError("a JPEG scan with a coefficient that its tables have no code for")
        length, code = codes[symbol]
        self.put(code, length)

    def signed(self, codes: Codes, upper: int, value: int) -> None:
        size = abs(value).bit_length()
        if size > MOST_SIZE:
            raise CorruptError("a JPEG scan with a coefficient out of range")
        self.symbol(codes, upper << 4 | size)
        self.put(value - (value < 0), size)

    def pad(self, pad: int) -> None:
        self.put(pad, -self.held % 8)


class _Encoder:
    def __init__(
        self,
        plan: Plan,
        tables: Sequence[tuple[bytes, bytes]],
        arrays: Sequence[np.ndarray],
        notes: Notes,
        room: int,
    ) -> None:
        self.plan, self.arrays = plan, arrays
        self.writer = _Writer(room)
        self.tables = [(_codes_by_symbol(dc), _codes_by_symbol(ac)) for dc, ac in tables]
        self.predicted = [0] * len(arrays)
        self.blocks = notes.mcus * sum(h * v for h, v, _ in plan.parts)
        self.number = 0  # of the block in the scan
        self.rule = notes.rule
        self.run = 0  # blocks that the EOB run has left
        self.breaks, self.zeros = notes.breaks.tolist()[::-1], notes.zeros.tolist()[::-1]

    def mcu(self, mcu: int) -> None:
        for component, place in blocks_of(self.plan, mcu):
            block = self.arrays[component][place].tolist()
            kind, (dc, ac) = self.plan.kind, self.tables[component]
            if kind in (SEQUENTIAL, DC_FIRST):
                value = block[0] >> self.plan.al
                self.writer.signed(dc, 0, value - self.predicted[component])
                self.predicted[component] = value
            if kind in (SEQUENTIAL, AC_FIRST):
                self.ac(ac, block)
            elif kind == AC_REFINE:
                self.refine(ac, block)
            elif kind == DC_REFINE:
                self.writer.put(block[0] >> self.plan.al, 1)
            self.number += 1

    def ac(self, codes: Codes, block: list[int]) -> None:
        zeros, empty = 0, True
        if self.run:
            self.run -= 1
            return
        for k in range(max(self.plan.ss, 1), self.plan.se + 1):
            value = abs(block[k]) >> self.plan.al
            if not value:
                zeros += 1
                continue
            for _ in range(zeros // 16):
                self.writer.symbol(codes, _ZEROS)
            self.writer.signed(codes, zeros % 16, value if block[k] > 0 else -value)
            zeros, empty = 0, False
        if zeros and self.zeros and self.zeros[-1][0] == self.number:
            _, runs = self.zeros.pop()
            if runs > zeros // 16:
                raise CorruptError("a JPEG scan with more zeros than its block ends with")
            for _ in range(runs):
                self.writer.symbol(codes, _ZEROS)
            empty = False
            zeros -= 16 * runs
        if not zeros:
            return
        if self.plan.kind == SEQUENTIAL:
            self.writer.symbol(codes, 0)
        else:
            self.start_run(codes, empty, 0)

    def refine(self, codes: Codes, block: list[int]) -> None:
        zeros, bits = 0, list[int]()  # the correction bits that follow the next symbol
        values = [abs(value) >> self.plan.al for value in block]
        places = range(self.plan.ss, self.plan.se + 1)
        last = max((k for k in places if values[k] == 1), default=0)
        for k in places:
            if not values[k]:
                zeros += 1
                continue
            while zeros > 15 and k <= last:
                self.writer.symbol(codes, _ZEROS)
                self.put_corrections(bits)
                zeros -= 16
            if values[k] > 1:
                bits.append(values[k] & 1)
                continue
            self.writer.symbol(codes, zeros << 4 | 1)
            self.writer.put(block[k] > 0, 1)
            self.put_corrections(bits)
            zeros = 0
        if self.run:
            self.run -= 1
        elif zeros or bits:
            self.start_run(codes, not last, len(bits))
        self.put_corrections(bits)

    def put_corrections(self, bits: list[int]) -> None:
        for bit in bits:
            self.writer.put(bit, 1)
        bits.clear()

    def start_run(self, codes: Codes, empty: bool, corrections: int) -> None:
        """The EOB run that begins with this block; empty: it has no symbol but EOB."""
        length = self.run_length(EobRun(0, 0, False).joined_by(empty, corrections))
        size = length.bit_length() - 1
        if length > LONGEST_RUN:
            raise CorruptError("a JPEG scan with a longer EOB run than there is")
        self.writer.symbol(codes, size << 4)
        self.writer.put(length, size)
        self.run = length - 1

    def run_length(self, run: EobRun) -> int:
        end, restart = self.blocks, self.plan.restart
        if restart:
            end = min(end, (self.number // restart + 1) * restart)
        for number in range(self.number + 1, end):
            more = self.corrections_only(number)
            if more is None or (self.zeros and self.zeros[-1][0] == number):
                break
            ends = run.ends_before(self.rule, more)
            if self.breaks and self.breaks[-1] == number:
                self.breaks.pop()
                ends = not ends
            if ends:
                break
            run = run.joined_by(True, more)
        return run.length

    def corrections_only(self, number: int) -> int | None:
        """How many correction bits a block has; None where it has more than an EOB and these."""
        ((_, place),) = blocks_of(self.plan, number)
        band = self.arrays[0][place][self.plan.ss : self.plan.se + 1].tolist()
        values = [abs(value) >> self.plan.al for value in band]
        if 1 in values or (self.plan.kind == AC_FIRST and any(values)):
            return None
        return sum(value > 0 for value in values)


def _codes_by_symbol(table: bytes) -> Codes:
    """The shortest code of each symbol."""
    codes = Codes()
    for code, symbol in codes_of(table).items():
        codes.setdefault(symbol, code)
    return codes
