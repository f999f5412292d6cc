"""The directories of a TIFF (classic or BigTIFF, either byte order), read within bounds.

A value that lies outside the file is left out, and counts are bounded by the file's size before
anything is read; values are read when they are asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import BinaryIO, Protocol

import numpy as np

from ..errors import ImageError
from ..limits import Limits
from .metadata import FIELD_BYTES

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MAX_FIELDS = 1 << 12
_WIDTH = 256
# of field types beyond those of TIFF 6.0: IFD, and the three of BigTIFF
BIG_BYTES = {13: 4, 16: 8, 17: 8, 18: 8}
_NUMBERS = {
    1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"
}  # fmt: skip


class Bytes(Protocol):
    """A file, or what is known of one; `len` is its size."""

    def __len__(self) -> int: ...

    def read(self, start: int, size: int) -> memoryview:
        """So many bytes, or fewer at its end."""


class Whole:
    """A file in memory."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._view = memoryview(data)

    def __len__(self) -> int:
        return len(self._view)

    def read(self, start: int, size: int) -> memoryview:
        return self._view[start : start + size]


class Opened:
    """A file that can be searched through, of which nothing is held. Threads may share it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._lock = file, Lock()
        self._size = file.seek(0, 2)

    def __len__(self) -> int:
        return self._size

    def read(self, start: int, size: int) -> memoryview:
        left = min(size, self._size - start)
        parts = list[bytes]()
        with self._lock:
            if left > 0:
                self._file.seek(start)
            while left > 0:
                parts.append(self._file.read(left))
                left -= len(parts[-1])
                if not parts[-1]:
                    raise OSError("the file became shorter while it was read")
        return memoryview(parts[0] if len(parts) == 1 else b"".join(parts))


@dataclass(frozen=True)
class Field:
    """A field of a directory; size: bytes of its values, 0 where they lie outside the file; place:
    of them in the file, or in the directory's own bytes where these few are there."""

    tag: int
    kind: int
    count: int
    size: int
    place: int
    file: Bytes = field(repr=False)

    @property
    def values(self) -> memoryview:
        """In the file's byte order."""
        return self.file.read(self.place, self.size)


@dataclass(frozen=True)
class Directory:
    """order: "<" or ">"; big: whether the file is a BigTIFF; start: where it is; fields: in the
    file's order; following: where the next directory is, 0 if none or itself."""

    order: str
    big: bool
    start: int
    fields: tuple[Field, ...]
    following: int

    @cached_property
    def by_tag(self) -> dict[int, Field]:
        """The first field of each tag."""
        found: dict[int, Field] = {}
        for one in self.fields:
            found.setdefault(one.tag, one)
        return found

    def numbers(self, tag: int, most: int) -> tuple[int, ...]:
        """The first numbers of a field, none where it is missing, of another type or negative."""
        one = self.by_tag.get(tag)
        if one is None or one.kind not in _NUMBERS or not one.size:
            return ()
        count = min(one.count, most)
        found = struct.unpack_from(f"{self.order}{count}{_NUMBERS[one.kind]}", one.values)
        return found if min(found, default=0) >= 0 else ()

    def table(self, tag: int, most: int) -> np.ndarray:
        """The same, of many."""
        one = self.by_tag.get(tag)
        if one is None or one.kind not in _NUMBERS or not one.size:
            return np.empty(0, np.uint8)
        kind = np.dtype(self.order + _NUMBERS[one.kind])
        found = np.frombuffer(one.values, kind)[:most]
        return found if found.size and found.min() >= 0 else found[:0]

    def number(self, tag: int, default: int) -> int:
        """The first of them."""
        return next(iter(self.numbers(tag, 1)), default)


def directories(file: Bytes, name: str, limits: Limits) -> Iterator[Directory]:
    """Those of a file's images, each where the one before says that it is, up to one that says so
    of none or of one that was there. Raises ImageError where one does not lie in the file, and
    LimitError where there are more than limits.pages."""
    directory, seen = read_directory(file, name), set[int]()
    while directory.start not in seen:
        limits.check("pages", len(seen) + 1, f"{name}: {len(seen) + 1} or more images")
        seen.add(directory.start)
        yield directory
        if not has_directory(file, directory):
            break
        directory = read_directory(file, name, directory.following)


def has_directory(file: Bytes, directory: Directory) -> bool:
    """Whether there is one where a directory says that the next one is; some writers leave any
    number there."""
    number, entry = ("Q", 20) if directory.big else ("H", 12)
    size = struct.calcsize(number)
    head = file.read(directory.following, size) if directory.following else b""
    if len(head) < size:
        return False
    (count,) = struct.unpack(directory.order + number, head)
    first = directory.following + size
    if not 1 <= count <= MAX_FIELDS or first + entry * count > len(file):
        return False
    entries = np.frombuffer(file.read(first, entry * count), np.uint8).reshape(-1, entry)
    tags = np.ascontiguousarray(entries[:, :2]).view(directory.order + "u2")
    return bool((tags == _WIDTH).any())  # which every image has


def read_directory(file: Bytes, name: str, start: int = 0) -> Directory:
    """The first directory of a file that begins with one of SIGNATURES, or the one at `start`.
    Raises ImageError where it does not lie in the file."""
    head = bytes(file.read(0, 16))
    order, big = "<" if head[:2] == b"II" else ">", b"+" in head[2:4]
    offset, number = ("Q", "Q") if big else ("I", "H")
    entry, inside = (20, 8) if big else (12, 4)
    fields, total = list[Field](), 0
    try:
        if big and struct.unpack_from(order + "HH", head, 4) != (8, 0):
            raise ImageError(f"{name}: BigTIFF with offsets of other than 8 bytes")
        if not start:
            (start,) = struct.unpack_from(order + offset, head, 8 if big else 4)
        first = start + struct.calcsize(order + number)
        (count,) = struct.unpack(order + number, file.read(start, first - start))
        if count > MAX_FIELDS:
            raise ImageError(f"{name}: TIFF with {count} fields in its directory")
        entries = file.read(first, entry * count + inside)
        (following,) = struct.unpack_from(order + offset, entries, entry * count)
        here: Bytes = Whole(entries)
        for at in range(0, entry * count, entry):
            tag, kind, values = struct.unpack_from(f"{order}HH{offset}", entries, at)
            size = values * (FIELD_BYTES | BIG_BYTES).get(kind, 0)
            place, where = at + entry - inside, here
            if size > inside:
                (place,) = struct.unpack_from(order + offset, entries, place)
                where = file
                size = size if place + size <= len(file) else 0
                total += size
                if total > 2 * len(file):  # of which each may be a copy
                    raise ImageError(f"{name}: damaged TIFF, values of many fields in one place")
            fields.append(Field(tag, kind, values, size, place, where))
    except struct.error:
        raise ImageError(f"{name}: truncated TIFF, its directory lies outside the file") from None
    return Directory(order, big, start, tuple(fields), following if following != start else 0)
