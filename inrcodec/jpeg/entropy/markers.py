"""The markers of a JPEG file: its frame, its tables, and where its scans are.

What decoders skip is skipped: bytes between markers, fill bytes, unknown segments, all behind the
end. From the first fault behind a scan on, the rest is such bytes too. Whoever cuts the entropy
coded bytes of scans out and puts as many zeros there gets the same Markers.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

import numpy as np

from ...errors import ImageError, LimitError
from ...limits import DEFAULT, Limits, check_size

SIGNATURE = b"\xff\xd8\xff"
BLOCK = 8
MAX_COMPONENTS, MAX_FACTOR = 4, 4
MAX_SCANS = 1000
MAX_PASSES = 64  # over all blocks; a progressive file of libjpeg makes fewer than 6
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_DHT, _SOI, _EOI, _SOS, _DQT, _DRI, _DHP = 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xDE
_REFUSED = {
    0xC3: "lossless", 0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical",
    0xC9: "arithmetic coding", 0xCA: "arithmetic coding", 0xCB: "arithmetic coding",
    0xCD: "hierarchical", 0xCE: "hierarchical", 0xCF: "hierarchical", _DHP: "hierarchical",
    0xF7: "JPEG-LS",
}  # fmt: skip
# T.81's tables K.3 to K.6, which are in effect where a sequential file (a frame of Motion JPEG) has
# none, as for libjpeg-turbo.
STANDARD_TABLES = {
    0x00: bytes.fromhex("00010501010101010100000000000000000102030405060708090a0b"),
    0x01: bytes.fromhex("00030101010101010101010000000000000102030405060708090a0b"),
    0x10: bytes.fromhex(
        "0002010303020403050504040000017d01020300041105122131410613516107227114328191a1082342b1c1"
        "1552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a53545556575859"
        "5a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2"
        "b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8"
        "f9fa"
    ),
    0x11: bytes.fromhex(
        "00020102040403040705040400010277000102031104052131061241510761711322328108144291a1b1c109"
        "233352f0156272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758"
        "595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9"
        "aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8"
        "f9fa"
    ),
}
_NEXT = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)  # a marker of a segment
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)


@dataclass(frozen=True)
class Component:
    """id: its number in the file; h, v: sampling factors, 1 to 4; table: of quantisation, 0 to
    3."""

    id: int
    h: int
    v: int
    table: int


@dataclass(frozen=True)
class Frame:
    """width, height: in pixels; precision: bits of a sample, 8; progressive: whether its scans
    are, or sequential."""

    width: int
    height: int
    precision: int
    progressive: bool
    components: tuple[Component, ...]

    @property
    def mcus(self) -> tuple[int, int]:
        """How many MCUs are down and across in a scan of several components."""
        v, h = (max(getattr(c, name) for c in self.components) for name in "vh")
        return -(-self.height // (BLOCK * v)), -(-self.width // (BLOCK * h))

    def blocks(self, number: int) -> tuple[int, int]:
        """Block rows and columns that a component's samples reach into."""
        v, h = (max(getattr(c, name) for c in self.components) for name in "vh")
        it = self.components[number]
        return -(-self.height * it.v // (BLOCK * v)), -(-self.width * it.h // (BLOCK * h))

    def shape(self, number: int) -> tuple[int, int, int]:
        """Of a component's coefficients: block rows and columns in whole MCUs, and 64. An only
        component has no more blocks than it needs, as it is never interleaved."""
        if len(self.components) == 1:
            return *self.blocks(number), BLOCK * BLOCK
        (down, across), it = self.mcus, self.components[number]
        return down * it.v, across * it.h, BLOCK * BLOCK


@dataclass(frozen=True)
class Scan:
    """start, end: of its entropy coded bytes in the file, and what is behind them until the next
    marker; components: by their place in the frame; ss to se: its coefficients in zigzag order;
    ah, al: bits of successive approximation; tables: the Huffman tables for DC and AC of each
    component, 16 counts and the symbols, empty where it needs none; restart: the interval in MCUs,
    0 for none."""

    start: int
    end: int
    components: tuple[int, ...]
    ss: int
    se: int
    ah: int
    al: int
    tables: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    restart: int


@dataclass(frozen=True)
class Markers:
    """quantisation: the table in effect of each component, 64 uint16 in zigzag order; scans: one
    or more."""

    frame: Frame
    quantisation: tuple[np.ndarray, ...]
    scans: tuple[Scan, ...]


def read_markers(data: bytes, name: str, limits: Limits = DEFAULT) -> Markers:
    """The markers of a JPEG file. Raises ImageError for what is not handled: anything but
    baseline, extended sequential and progressive DCT of 8 bits with Huffman codes, or a fault
    before the first scan; LimitError for more pixels, or scans, than are allowed."""
    if not data.startswith(SIGNATURE):
        raise ImageError(f"{name}: no JPEG")
    reader = _Reader(data, name, limits)
    at = 2
    while found := _NEXT.search(data, at):
        try:
            at = reader.take(found[1][0], found.end())
        except ImageError:
            if not reader.scans:
                raise
            break
        if at < 0:
            break
    if reader.frame is None or not reader.scans:
        raise ImageError(f"{name}: JPEG without a scan")
    if reader.passes > MAX_PASSES:
        raise LimitError(f"{name}: JPEG whose scans go over its blocks {reader.passes:.0f} times")
    return Markers(reader.frame, reader.quantisation(), tuple(reader.scans))


class _Reader:
    """What is in effect so far."""

    def __init__(self, data: bytes, name: str, limits: Limits) -> None:
        self.data, self.name, self.limits = data, name, limits
        self.frame: Frame | None = None
        self.scans: list[Scan] = []
        self.passes = 0.0  # how often scans go over the frame's blocks
        self.restart = 0
        self.huffman: dict[int, bytes] = {}  # by class and number, as DHT has them
        self.tables: dict[int, np.ndarray] = {}
        self.used: dict[int, np.ndarray] = {}  # of components that a scan had

    def fault(self, what: str) -> ImageError:
        return ImageError(f"{self.name}: JPEG with {what}")

    def take(self, marker: int, at: int) -> int:
        """Reads a segment whose marker ends at a place; returns where it ends, -1 where all do."""
        if marker in (_SOI, _EOI):
            if marker == _EOI and not self.scans:
                raise self.fault("an end before the first scan")
            return -1
        if marker in _REFUSED:
            raise self.fault(_REFUSED[marker])
        size = int.from_bytes(self.data[at : at + 2], "big")
        body = self.data[at + 2 : at + size]
        if size < 2 or len(body) != size - 2:
            raise self.fault(f"a damaged segment at {at}")
        at += size
        if marker in (_BASELINE, _EXTENDED, _PROGRESSIVE):
            self.frame = self.read_frame(body, marker == _PROGRESSIVE)
        elif marker == _DHT:
            self.read_huffman(body)
        elif marker == _DQT:
            self.read_quantisation(body)
        elif marker == _DRI:
            if len(body) != 2:
                raise self.fault("a damaged restart interval")
            self.restart = int.from_bytes(body, "big")
        elif marker == _SOS:
            end = _SCAN_END.search(self.data, at)
            scan = self.read_scan(body, at, end.start() if end else len(self.data))
            self.scans.append(scan)
            return scan.end
        return at

    def read_frame(self, body: bytes, progressive: bool) -> Frame:
        if self.frame is not None:
            raise self.fault("two frames")
        if len(body) < 6 or len(body) != 6 + 3 * body[5]:
            raise self.fault("a damaged frame header")
        precision, height, width, count = struct.unpack_from(">BHHB", body)
        if precision != 8:
            raise self.fault(f"{precision} bits")
        if not height:
            raise self.fault("a height that is stated behind its first scan")
        check_size(width, height, self.name, self.limits)
        components = tuple(
            Component(body[i], body[i + 1] >> 4, body[i + 1] & 15, body[i + 2])
            for i in range(6, len(body), 3)
        )
        if not 1 <= count <= MAX_COMPONENTS or len({c.id for c in components}) != count:
            raise self.fault("components that are too many or not told apart")
        if not all(1 <= n <= MAX_FACTOR for c in components for n in (c.h, c.v)):
            raise self.fault("sampling factors beyond 1 to 4")
        if any(c.table > 3 for c in components):
            raise self.fault("a quantisation table beyond 0 to 3")
        frame = Frame(width, height, precision, progressive, components)
        # a block takes a bit at least in the scan of its DC
        if sum(rows * columns for rows, columns in map(frame.blocks, range(count))) > 8 * len(
            self.data
        ):
            raise self.fault("fewer bytes than its size takes")
        return frame

    def read_huffman(self, body: bytes) -> None:
        at = 0
        while at < len(body):
            table = body[at + 1 : at + 17]
            count = sum(table)
            table += body[at + 17 : at + 17 + count]
            if len(table) != 16 + count or count > 256 or body[at] & ~0x13:
                raise self.fault("a damaged Huffman table")
            room = 1
            for n in table[:16]:
                room = 2 * room - n
                if room < 0:
                    raise self.fault("a Huffman table with more codes than there are")
            self.huffman[body[at]] = table
            at += 1 + len(table)

    def read_quantisation(self, body: bytes) -> None:
        at = 0
        while at < len(body):
            wide, number = body[at] >> 4, body[at] & 15
            size = 64 * (1 + wide)
            values = body[at + 1 : at + 1 + size]
            if wide > 1 or number > 3 or len(values) != size:
                raise self.fault("a damaged quantisation table")
            self.tables[number] = np.frombuffer(values, ">u2" if wide else "u1").astype(np.uint16)
            at += 1 + size

    def read_scan(self, body: bytes, start: int, end: int) -> Scan:
        frame = self.frame
        if frame is None:
            raise self.fault("a scan before its frame")
        count = body[0] if body else 0
        if not 1 <= count <= len(frame.components) or len(body) != 4 + 2 * count:
            raise self.fault("a damaged scan header")
        places = {c.id: i for i, c in enumerate(frame.components)}
        components = tuple(places.get(n, -1) for n in body[1 : 1 + 2 * count : 2])
        if -1 in components or len(set(components)) != count:
            raise self.fault("a scan of components that there are not")
        ss, se, ah, al = *body[-3:-1], body[-1] >> 4, body[-1] & 15
        if not frame.progressive:
            ss, se, ah, al = 0, 63, 0, 0  # whatever it says, as for decoders
        elif not (
            (ss == se == 0 or (1 <= ss <= se <= 63 and count == 1))
            and al <= 13
            and ah in (0, al + 1)
        ):
            raise self.fault("a scan of coefficients that there are not")
        huffman = self.huffman if frame.progressive else STANDARD_TABLES | self.huffman
        tables = []
        for numbers in body[2 : 2 + 2 * count : 2]:
            needed = (ss == ah == 0, numbers >> 4), (se > 0, 16 | numbers & 15)
            pair = [huffman.get(key, b"") if need else b"" for need, key in needed]
            if any(need and not table for (need, _), table in zip(needed, pair, strict=True)):
                raise self.fault("a scan without its Huffman tables")
            tables.append((pair[0], pair[1]))
        for i in components:
            if i not in self.used:
                if frame.components[i].table not in self.tables:
                    raise self.fault("a scan without its quantisation table")
                self.used[i] = self.tables[frame.components[i].table]
        if len(self.scans) == MAX_SCANS:
            raise LimitError(f"{self.name}: JPEG with more than {MAX_SCANS} scans")
        self.passes += sum(np.prod(frame.shape(i)) for i in components) / sum(
            np.prod(frame.shape(i)) for i in range(len(frame.components))
        )
        return Scan(start, end, components, ss, se, ah, al, tuple(tables), self.restart)

    def quantisation(self) -> tuple[np.ndarray, ...]:
        """Of each component the table of its first scan, or the last one where it has none."""
        assert self.frame is not None, "asked for before its frame"
        found = []
        for i, component in enumerate(self.frame.components):
            table = self.used.get(i, self.tables.get(component.table))
            if table is None:
                raise self.fault("a component without its quantisation table")
            found.append(table)
        return tuple(found)
