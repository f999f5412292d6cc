"""TIFF files written strip by strip, so that no image need be in memory."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from ..source.ahead import ahead
from . import tiff_layout as at
from .metadata import FIELD_BYTES, Metadata, Tag
from .picture import PLAIN, PixelType
from .tiff_directory import BIG_BYTES
from .tiff_tags import STRUCTURE, WRITTEN_EXTRAS

_STRIP_BYTES = 1 << 20
_SHORT, _LONG, _LONG8 = 3, 4, 16
_CODES = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}
_CLASSIC_BYTES = 1 << 32
# Bytes of a page, a strip and a tag, besides those of samples and of the tag's values.
_PAGE_MORE, _STRIP_MORE, _TAG_MORE = 1024, 64, 32


@dataclass(frozen=True)
class PageToWrite:
    """An image. bits: 8 or 16, of its arrays; rows(top, bottom): samples of some of its rows, uint8
    or uint16, (rows, width) or (rows, width, channels), asked for from the first to the last;
    type: what they stand for; metadata: if any, those of a TIFF."""

    height: int
    width: int
    channels: int
    bits: int
    rows: Callable[[int, int], np.ndarray]
    type: PixelType = PLAIN
    metadata: Metadata | None = None

    @property
    def written(self) -> tuple[int, PixelType]:
        """Channels and type in the file: palettes and colour keys are colours and alpha there."""
        if not (self.type.palette or self.type.key):
            return self.channels, self.type
        one = self.type.expand(np.zeros((1, 1) + (self.channels,) * (self.channels > 1), self.kind))
        return one.shape[2] if one.ndim == 3 else 1, PLAIN

    @property
    def kind(self) -> np.dtype:
        return np.dtype(f"u{self.bits // 8}")

    @property
    def strip_rows(self) -> int:
        """How many a strip has, but for the last."""
        return max(1, _STRIP_BYTES // (self.width * self.written[0] * self.kind.itemsize))


def write_tiff_pages(file: BinaryIO, pages: Sequence[PageToWrite], threads: int = 1) -> None:
    """Write images as a TIFF with deflate compression, or a BigTIFF where it could pass 4 GiB.

    file: empty, and one that can be searched through. Rows are asked for by one thread, those of a
    strip (a mebibyte, or a row) at a time. Raises ValueError for rows of another shape or type.
    """
    big = sum(map(_most_bytes, pages)) >= _CLASSIC_BYTES
    place, align = ("<Q", 8) if big else ("<I", 2)
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0) if big else b"II*\0" + bytes(4)
    file.write(head)
    pointer = len(head) - struct.calcsize(place)  # where it says where the next directory is
    for page in pages:
        starts, sizes = list[int](), list[int]()
        for _, strip in ahead(_packed, _strips(page), threads):
            starts.append(file.tell())
            sizes.append(len(strip))
            file.write(strip)
        file.write(bytes(-file.tell() % align))
        start = file.tell()
        directory, following = _directory(_fields(page, starts, sizes, big), start, big)
        file.write(directory)
        file.seek(pointer)
        file.write(struct.pack(place, start))
        file.seek(0, 2)
        pointer = start + following


def _most_bytes(page: PageToWrite) -> int:
    """How many a page takes at most: deflate adds less than a thousandth to a strip, and a few."""
    raw = page.height * page.width * page.written[0] * page.kind.itemsize
    strips = -(-page.height // page.strip_rows)
    tags = page.metadata.tags if page.metadata is not None else ()
    said = sum(len(body) + _TAG_MORE for *_, body in tags)
    return raw + raw // 1000 + _STRIP_MORE * strips + said + _PAGE_MORE


def _strips(page: PageToWrite) -> Iterator[tuple[np.ndarray, int]]:
    """The samples of each strip, (rows, W, channels) as numbers of the file, and their bits."""
    channels, pixels = page.written
    for top in range(0, page.height, page.strip_rows):
        lines = min(page.strip_rows, page.height - top)
        rows = page.rows(top, top + lines)
        given = rows.shape[:2] + (rows.shape[2:] or (1,))
        if given != (lines, page.width, page.channels) or rows.dtype != page.kind:
            raise ValueError(f"rows {rows.dtype} {rows.shape} of another image")
        if pixels != page.type:
            rows = page.type.expand(rows)
        rows = rows.reshape(lines, page.width, channels)
        if pixels.signed:
            rows = rows ^ rows.dtype.type(1 << page.bits - 1)
        yield rows, _bits(page)


def _bits(page: PageToWrite) -> int:
    """Of a sample in the file."""
    depth = page.written[1].depth
    return depth if 0 < depth < 8 else page.bits


def _packed(strip: tuple[np.ndarray, int]) -> bytes:
    """A strip, deflated; of whole bytes as differences."""
    samples, bits = strip
    if bits < 8:
        each = samples.reshape(len(samples), -1, 1) >> np.arange(bits, dtype=np.uint8)[::-1] & 1
        return zlib.compress(np.packbits(each.reshape(len(samples), -1), axis=1).tobytes())
    steps = samples.copy()
    steps[:, 1:] -= samples[:, :-1]
    return zlib.compress(steps.astype(steps.dtype.newbyteorder("<")).tobytes())


def _fields(page: PageToWrite, starts: list[int], sizes: list[int], big: bool) -> list[Tag]:
    """The tags of a page, in their order."""
    channels, pixels = page.written
    places = _LONG8 if big else _LONG
    photometric = at.RGB if channels > 2 else at.WHITE if pixels.white else at.BLACK
    tags: dict[int, tuple[int, list[int]]] = {
        at.WIDTH: (_LONG, [page.width]),
        at.HEIGHT: (_LONG, [page.height]),
        at.BITS: (_SHORT, [_bits(page)] * channels),
        at.COMPRESSION: (_SHORT, [8]),
        at.PHOTOMETRIC: (_SHORT, [photometric]),
        at.STRIP_OFFSETS: (places, starts),
        at.SAMPLES: (_SHORT, [channels]),
        at.ROWS_PER_STRIP: (_LONG, [page.strip_rows]),
        at.STRIP_COUNTS: (_LONG, sizes),
        at.PLANAR: (_SHORT, [1]),
        at.PREDICTOR: (_SHORT, [1 if _bits(page) < 8 else 2]),
        at.SAMPLE_FORMAT: (_SHORT, [1 + pixels.signed] * channels),
    }
    if channels in (2, 4):
        tags[at.EXTRA_SAMPLES] = (_SHORT, [WRITTEN_EXTRAS[pixels.extra]])
    fields = [
        (tag, kind, struct.pack(f"<{len(numbers)}{_CODES[kind]}", *numbers))
        for tag, (kind, numbers) in tags.items()
    ]
    if page.metadata is not None:
        fields += [field for field in page.metadata.tags if field[0] not in STRUCTURE]
    return sorted(fields)


def _directory(fields: Sequence[Tag], start: int, big: bool) -> tuple[bytes, int]:
    """A directory that begins at `start`, with its values behind it, and where in it the place of
    the next one goes."""
    count, number, inside = ("<Q", "Q", 8) if big else ("<H", "I", 4)
    following = struct.calcsize(count) + (4 + 2 * inside) * len(fields)
    entries, values = [struct.pack(count, len(fields))], b""
    for tag, kind, body in fields:
        place = body.ljust(inside, b"\0")
        if len(body) > inside:
            place = struct.pack("<" + number, start + following + inside + len(values))
            values += body + bytes(-len(body) % (8 if big else 2))
        size = (FIELD_BYTES | BIG_BYTES)[kind]
        entries.append(struct.pack("<HH" + number, tag, kind, len(body) // size) + place)
    return b"".join([*entries, bytes(inside), values]), following
