"""The markers and metadata of JPEG files, 2.6 of format_spec.md, for the second decoder: from the
specification alone. Tables of T.81's annex K are not here."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

MARKER, SCAN_END = (
    re.compile(rb"\xff([^\0\1\xd0-\xd7\xff])", re.S),
    re.compile(rb"\xff[^\0\xd0-\xd7]", re.S),
)
SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1), 0xC2
REFUSED = [0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xDE, 0xF7]
Codes = dict[int, tuple[int, int]]  # the code of each symbol and its length


@dataclass
class Part:
    """A component of the frame."""

    identifier: int
    h: int
    v: int
    table: int


@dataclass
class Scan:
    start: int
    end: int
    members: list[int]  # by their place in the frame
    ss: int
    se: int
    ah: int
    al: int
    dc: list[Codes]
    ac: list[Codes]
    interval: int


@dataclass
class Frame:
    height: int
    width: int
    progressive: bool
    parts: list[Part]

    def blocks(self, n: int) -> tuple[int, int]:
        """Of a scan of the component alone."""
        part, (v, h) = self.parts[n], self.most
        return -(-self.height * part.v // (8 * v)), -(-self.width * part.h // (8 * h))

    @property
    def most(self) -> tuple[int, int]:
        return max(part.v for part in self.parts), max(part.h for part in self.parts)

    @property
    def mcus(self) -> tuple[int, int]:
        """Of a scan of several."""
        v, h = self.most
        return -(-self.height // (8 * v)), -(-self.width // (8 * h))

    def shape(self, n: int) -> tuple[int, int]:
        if len(self.parts) == 1:
            return self.blocks(n)
        (down, across), part = self.mcus, self.parts[n]
        return down * part.v, across * part.h

    def order(self, members: list[int]) -> Iterator[list[tuple[int, tuple[int, int]]]]:
        """The blocks of each MCU: the member's number in the scan, and the place."""
        if len(members) == 1:
            for place in np.ndindex(self.blocks(members[0])):
                yield [(0, (place[0], place[1]))]
            return
        for i, j in np.ndindex(self.mcus):
            mcu = []
            for number, n in enumerate(members):
                h, v = self.parts[n].h, self.parts[n].v
                mcu += [(number, (i * v + y, j * h + x)) for y in range(v) for x in range(h)]
            yield mcu


@dataclass
class Markers:
    """What is in effect so far."""

    file: bytes
    frame: Frame | None = None
    scans: list[Scan] = field(default_factory=list)
    interval: int = 0
    huffman: dict[int, Codes] = field(default_factory=dict)
    tables: set[int] = field(default_factory=set)

    def read(self) -> Frame:
        at, file = 2, self.file
        while found := MARKER.search(file, at):
            try:
                at = self.take(found[1][0], found.end())
            except AssertionError:
                if not self.scans:
                    raise
                break
            if at < 0:
                break
        assert self.scans, "a file without a scan"
        assert len(self.scans) <= 1000, "number of scans"
        assert self.frame is not None, "a scan before the frame"
        sizes = [rows * cols for rows, cols in map(self.frame.shape, range(len(self.frame.parts)))]
        passed = sum(sizes[n] for scan in self.scans for n in scan.members)
        assert passed <= 64 * sum(sizes), "blocks of all scans"
        return self.frame

    def take(self, marker: int, at: int) -> int:
        if marker in (0xD8, 0xD9):
            assert marker == 0xD8 or self.scans, "an end before the first scan"
            return -1
        assert marker not in REFUSED, "a marker that is refused"
        size = int.from_bytes(self.file[at : at + 2], "big")
        body = self.file[at + 2 : at + size]
        assert size >= 2, "a segment's length"
        assert len(body) == size - 2, "a segment's length"
        at += size
        if marker in (*SEQUENTIAL, PROGRESSIVE):
            self.read_frame(body, marker == PROGRESSIVE)
        elif marker == 0xC4:
            self.read_huffman(body)
        elif marker == 0xDB:
            self.read_quantisation(body)
        elif marker == 0xDD:
            assert len(body) == 2, "a restart interval"
            self.interval = int.from_bytes(body, "big")
        elif marker == 0xDA:
            end = SCAN_END.search(self.file, at)
            self.read_scan(body, at, end.start() if end else len(self.file))
            return self.scans[-1].end
        return at

    def read_frame(self, body: bytes, progressive: bool) -> None:
        assert self.frame is None, "two frames"
        assert len(body) >= 6, "a frame"
        bits, height, width, count = struct.unpack_from(">BHHB", body)
        assert (bits, len(body)) == (8, 6 + 3 * count), "a frame"
        assert min(height, width) > 0, "a frame"
        parts = [Part(a, hv >> 4, hv & 15, t) for a, hv, t in struct.iter_unpack("BBB", body[6:])]
        assert 1 <= count <= 4, "components"
        assert len({part.identifier for part in parts}) == count, "components"
        assert all(1 <= n <= 4 for part in parts for n in (part.h, part.v)), "sampling factors"
        assert all(part.table <= 3 for part in parts), "quantisation table"
        frame = Frame(height, width, progressive, parts)
        blocks = sum(rows * cols for rows, cols in map(frame.blocks, range(count)))
        assert blocks <= 8 * len(self.file), "blocks of the frame"
        self.frame = frame

    def read_huffman(self, body: bytes) -> None:
        at = 0
        while at < len(body):
            counts, codes, code = body[at + 1 : at + 17], Codes(), 0
            symbols = body[at + 17 : at + 17 + sum(counts)]
            assert (len(counts), len(symbols)) == (16, sum(counts)), "Huffman table"
            assert len(symbols) <= 256, "Huffman table"
            assert body[at] in (0, 1, 2, 3, 16, 17, 18, 19), "Huffman table"
            lengths = [n for n, count in enumerate(counts, 1) for _ in range(count)]
            for n, (length, symbol) in enumerate(zip(lengths, symbols, strict=True)):
                code <<= length - lengths[max(n - 1, 0)] if n else 0
                assert code < 2**length, "Huffman table"
                codes.setdefault(symbol, (code, length))
                code += 1
            self.huffman[body[at]] = codes
            at += 17 + len(symbols)

    def read_quantisation(self, body: bytes) -> None:
        at = 0
        while at < len(body):
            assert body[at] in (0, 1, 2, 3, 16, 17, 18, 19), "quantisation table"
            self.tables.add(body[at] & 15)
            at += 1 + 64 * (1 + (body[at] >> 4))
        assert at == len(body), "quantisation table"

    def read_scan(self, body: bytes, start: int, end: int) -> None:
        frame = self.frame
        assert frame is not None, "a scan before the frame"
        assert body, "a scan without components"
        count, places = body[0], {part.identifier: n for n, part in enumerate(frame.parts)}
        assert 1 <= count <= len(frame.parts), "components of a scan"
        assert len(body) == 4 + 2 * count, "components of a scan"
        assert set(body[1 : 1 + 2 * count : 2]) <= set(places), "components of a scan"
        members = [places[n] for n in body[1 : 1 + 2 * count : 2]]
        assert len(set(members)) == count, "components of a scan"
        ss, se, (ah, al) = body[-3], body[-2], divmod(body[-1], 16)
        if not frame.progressive:
            ss, se, ah, al = 0, 63, 0, 0
        else:
            assert ss == se == 0 or (1 <= ss <= se <= 63 and count == 1), "Ss and Se"
            assert al <= 13, "Ah and Al"
            assert ah in (0, al + 1), "Ah and Al"
        numbers = body[2 : 2 + 2 * count : 2]
        dc = [self.huffman[n >> 4] if ss == ah == 0 else {} for n in numbers]
        ac = [self.huffman[16 | n & 15] if se else {} for n in numbers]
        for n in members:
            seen = any(n in scan.members for scan in self.scans)
            assert seen or frame.parts[n].table in self.tables, "quantisation table"
        self.scans.append(Scan(start, end, members, ss, se, ah, al, dc, ac, self.interval))


def segments(file: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 2
    while len(found) < 4096 and file[at : at + 1] == b"\xff":
        if file[at + 1 : at + 2] == b"\xff":
            at += 1
            continue
        size = int.from_bytes(file[at + 2 : at + 4], "big")
        if at + 4 > len(file) or file[at + 1] == 0xDA or size < 2 or at + 2 + size > len(file):
            break
        found.append((file[at + 1], file[at + 4 : at + 2 + size]))
        at += 2 + size
    return found


def jpeg_metadata(file: bytes) -> list[tuple[str, bytes]]:
    """The chunks of a PNG."""
    chunks, profile = dict[str, bytes](), dict[int, bytes]()
    for kind, body in segments(file):
        if kind == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
            profile.setdefault(body[12], body[14:])
    if profile and set(profile) == set(range(1, len(profile) + 1)):
        whole = b"".join(profile[n] for n in sorted(profile))
        chunks["iCCP"] = b"ICC profile\0\0" + zlib.compress(whole, 9)
    for kind, body in segments(file):
        if kind == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 12:
            unit, x, y = struct.unpack_from(">BHH", body, 7)
            if unit in (1, 2) and x and y:
                up, down = (5000, 127) if unit == 1 else (100, 1)
                x, y = ((2 * up * n + down) // (2 * down) for n in (x, y))
                chunks.setdefault("pHYs", struct.pack(">IIB", x, y, 1))
        elif kind == 0xE1 and body.startswith(b"Exif\0\0") and len(body) > 14:
            chunks.setdefault("eXIf", body[6:])
        elif kind == 0xE1 and body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
            chunks.setdefault("iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + body[29:])
        elif kind == 0xFE and b"\0" not in body:
            chunks.setdefault("tEXt", b"Comment\0" + body)
    return [*chunks.items()]
