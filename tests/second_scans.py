"""JPEG files put together from their coefficients, 2.6 of format_spec.md, for the second decoder:
from the specification alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from second_container import Array, Fields
from second_markers import Codes, Frame, Markers, Scan


class Writer:
    def __init__(self) -> None:
        self.out, self.byte, self.held = bytearray(), 0, 0

    def bits(self, x: int, n: int) -> None:
        for b in range(n - 1, -1, -1):
            self.byte, self.held = self.byte << 1 | (x >> b & 1), self.held + 1
            if self.held == 8:
                self.out += bytes([255, 0] if self.byte == 255 else [self.byte])
                self.byte = self.held = 0

    def symbol(self, codes: Codes, symbol: int) -> None:
        self.bits(*codes[symbol])

    def signed(self, codes: Codes, d: int, more: int = 0) -> None:
        n = abs(d).bit_length()
        assert n <= 15, "a coefficient out of range"
        self.symbol(codes, more + n)
        self.bits(d - (d < 0), n)


@dataclass
class Notes:
    """What a recipe says besides coefficients, used up bit by bit."""

    rule: int
    pads: Iterator[int]
    reversals: list[int]  # the numbers of blocks, the next one last
    zeros: list[tuple[int, int]]


class Coder:
    """A scan's hole."""

    def __init__(
        self, frame: Frame, scan: Scan, arrays: list[Array], notes: Notes, first: int, mcus: int
    ) -> None:
        """first: the number of the first block."""
        self.frame, self.scan, self.notes, self.first = frame, scan, notes, first
        self.writer, self.run = Writer(), 0
        self.mcus = [*frame.order(scan.members)]
        blocks = [block for mcu in self.mcus[:mcus] for block in mcu]
        self.values = [arrays[scan.members[n]][place].tolist() for n, place in blocks]
        at, restarts, last = 0, 0, [0] * len(scan.members)
        for number, mcu in enumerate(self.mcus[:mcus]):
            if scan.interval and number and number % scan.interval == 0:
                self.end()
                self.writer.out += bytes([0xFF, 0xD0 + restarts % 8])
                restarts, last = restarts + 1, [0] * len(scan.members)
            for n, _ in mcu:
                self.block(at, n, last)
                at += 1
        if mcus == len(self.mcus):
            self.end()

    def end(self) -> None:
        self.writer.bits(next(self.notes.pads), -self.writer.held % 8)

    def size(self, at: int, k: int) -> int:
        return abs(self.values[at][k]) >> self.scan.al

    def block(self, at: int, n: int, last: list[int]) -> None:
        scan, c = self.scan, self.values[at]
        if scan.ss == 0 and scan.ah == 0:
            value = c[0] >> scan.al
            self.writer.signed(scan.dc[n], value - last[n])
            last[n] = value
        elif scan.ss == 0:
            self.writer.bits(c[0] >> scan.al, 1)
        if scan.se and scan.ah == 0:
            self.ac(at, scan.ac[n])
        elif scan.se:
            self.refine(at, scan.ac[n])

    def ac(self, at: int, codes: Codes) -> None:
        if self.run:
            self.run -= 1
            return
        z, empty, notes = 0, True, self.notes
        for k in range(max(self.scan.ss, 1), self.scan.se + 1):
            x = self.size(at, k)
            if x == 0:
                z += 1
                continue
            for _ in range(z // 16):
                self.writer.symbol(codes, 0xF0)
            self.writer.signed(codes, x if self.values[at][k] > 0 else -x, 16 * (z % 16))
            z, empty = 0, False
        if z and notes.zeros and notes.zeros[-1][0] == self.first + at:
            _, m = notes.zeros.pop()
            assert m <= z // 16, "zeros before an EOB"
            for _ in range(m):
                self.writer.symbol(codes, 0xF0)
            z, empty = z - 16 * m, False
        if z and self.frame.progressive:
            self.begin_run(at, codes, empty, 0)
        elif z:
            self.writer.symbol(codes, 0)

    def refine(self, at: int, codes: Codes) -> None:
        z, wait, places = 0, list[int](), range(self.scan.ss, self.scan.se + 1)
        last = max((k for k in places if self.size(at, k) == 1), default=-1)
        for k in places:
            x = self.size(at, k)
            if x == 0:
                z += 1
                continue
            while z > 15 and k <= last:
                self.writer.symbol(codes, 0xF0)
                self.flush(wait)
                z -= 16
            if x > 1:
                wait.append(x)
            else:
                self.writer.symbol(codes, 16 * z + 1)
                self.writer.bits(self.values[at][k] > 0, 1)
                self.flush(wait)
                z = 0
        if self.run:
            self.run -= 1
        elif z or wait:
            self.begin_run(at, codes, last < 0, len(wait))
        self.flush(wait)

    def flush(self, wait: list[int]) -> None:
        for x in wait:
            self.writer.bits(x, 1)
        wait.clear()

    def begin_run(self, at: int, codes: Codes, empty: bool, corrections: int) -> None:
        length, total, bare = 1, corrections, empty and not corrections
        end, interval, notes = len(self.values), self.scan.interval, self.notes
        if interval:  # an MCU is a block
            end = min(end, (at // interval + 1) * interval)
        places = range(self.scan.ss, self.scan.se + 1)
        for other in range(at + 1, end):
            sizes, number = [self.size(other, k) for k in places], self.first + other
            if (notes.zeros and notes.zeros[-1][0] == number) or 1 in sizes:
                break
            more = sum(x > 1 for x in sizes)
            if self.scan.ah == 0 and more:
                break
            ends = length == 32767 or (
                (not bare or more > 0) if notes.rule else total > 937
            )  # fmt: skip
            if notes.reversals and notes.reversals[-1] == number:
                notes.reversals.pop()
                ends = not ends
            if ends:
                break
            length, total, bare = length + 1, total + more, more == 0
        assert length <= 32767, "an EOB run"
        n = length.bit_length() - 1
        self.writer.symbol(codes, 16 * n)
        self.writer.bits(length, n)
        self.run = length - 1


def jpeg_pixels(
    file: bytes, holes: list[tuple[int, int]], recipe: Fields, coefficients: list[Array]
) -> bytes:
    """What stands in the holes."""
    markers = Markers(file)
    frame = markers.read()
    shapes = [(*frame.shape(n), 64) for n in range(len(frame.parts))]
    assert [part.shape for part in coefficients] == shapes, "blocks of the file"
    blocks = sum(rows * cols for rows, cols, _ in shapes)
    assert sum(n for _, n in holes) <= 2**11 * blocks + 2**24, "size of the holes"
    orders = [[*frame.order(scan.members)] for scan in markers.scans]
    counts = recipe.get("n", [len(order) for order in orders])
    assert len(counts) == len(orders), "a count of MCUs for each scan"
    assert all(n <= len(o) for n, o in zip(counts, orders, strict=True)), "MCUs of a scan"
    ends = sum(
        (max(n - 1, 0) // scan.interval if scan.interval else 0) + (n == len(order))
        for scan, order, n in zip(markers.scans, orders, counts, strict=True)
    )
    pads = recipe.get("p", b"\xff" * ends)
    pads = bytes(ends) if pads == 0 else pads
    assert type(pads) is bytes, "padding"
    assert len(pads) == ends, "padding"
    rule = recipe.get("e", 0)
    assert rule in (0, 1), "rule of EOB runs"
    reversals = np.frombuffer(recipe.get("r", b""), "<u4").astype(np.int64).cumsum()
    pairs = np.frombuffer(recipe.get("z", b""), "<u4").astype(np.int64).reshape(-1, 2)
    numbers = pairs[:, 0].cumsum()
    for each, most in ((reversals, 2**21), (numbers, 2**20)):
        assert len(each) <= most, "numbers of blocks"
        assert np.all(np.diff(each) > 0), "numbers of blocks"
    zeros = [*zip(numbers.tolist(), pairs[:, 1].tolist(), strict=True)]
    notes = Notes(rule, iter(pads), reversals.tolist()[::-1], zeros[::-1])
    out, first, left = b"", 0, holes[:]
    for scan, order, count in zip(markers.scans, orders, counts, strict=True):
        if count:
            start, size = left.pop(0)
            made = bytes(Coder(frame, scan, coefficients, notes, first, count).writer.out)
            assert (start, size) == (scan.start, len(made)), "a hole"
            out += made
        first += sum(map(len, order))
    assert not left, "more holes than scans"
    assert not notes.reversals, "blocks that are not asked for"
    assert not notes.zeros, "blocks that are not asked for"
    return out
