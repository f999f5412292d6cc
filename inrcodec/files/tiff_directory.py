"""The first directory of a TIFF (classic or BigTIFF, either byte order), read within bounds.

Nothing is followed but what the first directory says; a value that lies outside the file is left
out, and counts are bounded by the file's size before anything is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from ..errors import ImageError
from .metadata import FIELD_BYTES

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MAX_FIELDS = 1 << 12
_WIDTH = 256
# of field types beyond those of TIFF 6.0: IFD, and the three of BigTIFF
BIG_BYTES = {13: 4, 16: 8, 17: 8, 18: 8}
_NUMBERS = {
    1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A field of a directory; values: in the file's byte order, empty where they lie outside it."""

    tag: int
    kind: int
    count: int
    values: memoryview


@dataclass(frozen=True)
class Directory:
    """order: "<" or ">"; big: whether the file is a BigTIFF; fields: in the file's order;
    following: where the next directory is, 0 if none or itself."""

    order: str
    big: bool
    fields: tuple[Field, ...]
    following: int

    @cached_property
    def by_tag(self) -> dict[int, Field]:
        """The first field of each tag."""
        found: dict[int, Field] = {}
        for field in self.fields:
            found.setdefault(field.tag, field)
        return found

    def numbers(self, tag: int, most: int) -> tuple[int, ...]:
        """The first numbers of a field, none where it is missing, of another type or negative."""
        field = self.by_tag.get(tag)
        if field is None or field.kind not in _NUMBERS or not field.values:
            return ()
        count = min(field.count, most)
        found = struct.unpack_from(f"{self.order}{count}{_NUMBERS[field.kind]}", field.values)
        return found if min(found, default=0) >= 0 else ()

    def number(self, tag: int, default: int) -> int:
        """The first of them."""
        return next(iter(self.numbers(tag, 1)), default)


class Bytes(Protocol):
    """A file, or what is known of one; `len` is its size."""

    def __len__(self) -> int: ...

    def read(self, start: int, size: int) -> memoryview:
        """So many bytes, or fewer at its end."""


class Whole:
    """A file in memory."""

    def __init__(self, data: bytes) -> None:
        self._view = memoryview(data)

    def __len__(self) -> int:
        return len(self._view)

    def read(self, start: int, size: int) -> memoryview:
        return self._view[start : start + size]


def has_directory(file: Bytes, directory: Directory) -> bool:
    """Whether there is one where a directory says that the next one is; some writers leave any
    number there."""
    number, entry = ("Q", 20) if directory.big else ("H", 12)
    head = file.read(directory.following, struct.calcsize(number)) if directory.following else b""
    if len(head) < struct.calcsize(number):
        return False
    (count,) = struct.unpack(directory.order + number, head)
    end = directory.following + len(head) + entry * count
    if not 1 <= count <= MAX_FIELDS or end > len(file):
        return False
    tags = [
        struct.unpack(directory.order + "H", file.read(at, 2))[0]
        for at in range(directory.following + len(head), end, entry)
    ]
    return _WIDTH in tags  # which every image has


def read_directory(file: Bytes, name: str) -> Directory:
    """The first directory of a file that begins with one of SIGNATURES. Raises ImageError where it
    does not lie in the file."""
    head = bytes(file.read(0, 16))
    order, big = "<" if head[:2] == b"II" else ">", b"+" in head[2:4]
    offset, number = ("Q", "Q") if big else ("I", "H")
    entry, inside = (20, 8) if big else (12, 4)
    fields, total = list[Field](), 0
    try:
        if big and struct.unpack_from(order + "HH", head, 4) != (8, 0):
            raise ImageError(f"{name}: BigTIFF with offsets of other than 8 bytes")
        (start,) = struct.unpack_from(order + offset, head, 8 if big else 4)
        first = start + struct.calcsize(order + number)
        (count,) = struct.unpack(order + number, file.read(start, first - start))
        if count > MAX_FIELDS:
            raise ImageError(f"{name}: TIFF with {count} fields in its directory")
        entries = file.read(first, entry * count + inside)
        (following,) = struct.unpack_from(order + offset, entries, entry * count)
        for at in range(0, entry * count, entry):
            tag, kind, values = struct.unpack_from(f"{order}HH{offset}", entries, at)
            size = values * (FIELD_BYTES | BIG_BYTES).get(kind, 0)
            found = entries[at + entry - inside : at + entry][:size]
            if size > inside:
                (place,) = struct.unpack(order + offset, found)
                size = size if place + size <= len(file) else 0
                total += size
                if total > 2 * len(file):  # of which each may be a copy
                    raise ImageError(f"{name}: damaged TIFF, values of many fields in one place")
                found = file.read(place, size)
            fields.append(Field(tag, kind, values, found))
    except struct.error:
        raise ImageError(f"{name}: truncated TIFF, its directory lies outside the file") from None
    return Directory(order, big, tuple(fields), following if following != start else 0)
