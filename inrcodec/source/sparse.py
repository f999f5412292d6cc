"""A file whose pixel data are elsewhere: the other bytes, and where the pixels' stood."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from ..errors import CorruptError
from ..files.tiff_directory import Bytes, Whole


@dataclass(frozen=True)
class Sparse:
    """size: of the file; holes: (start, length) of pixel data, ascending and apart; literals: all
    other bytes in their order."""

    size: int
    holes: tuple[tuple[int, int], ...]
    literals: bytes

    def __post_init__(self) -> None:
        at = inside = 0
        for start, length in self.holes:
            if start < at or length < 1:
                raise CorruptError("the holes of a source file are not ascending")
            at, inside = start + length, inside + length
        if at > self.size or self.size - inside != len(self.literals):
            raise CorruptError("the holes and literals of a source file do not make it up")

    @classmethod
    def of(cls, data: bytes, holes: Sequence[tuple[int, int]]) -> Sparse:
        """A file without its pixel data; holes that touch become one, ValueError if any overlap."""
        return cls.around(Whole(data), holes)

    @classmethod
    def around(cls, file: Bytes, holes: Sequence[tuple[int, int]]) -> Sparse:
        """The same of a file that need not be in memory."""
        joined: list[tuple[int, int]] = []
        for start, length in sorted(holes):
            if joined and start < sum(joined[-1]):
                raise ValueError("holes that overlap")
            if joined and start == sum(joined[-1]):
                joined[-1] = joined[-1][0], joined[-1][1] + length
            else:
                joined.append((start, length))
        parts, at = list[memoryview](), 0
        for start, length in [*joined, (len(file), 0)]:
            parts.append(file.read(at, start - at))
            at = start + length
        return cls(len(file), tuple(joined), b"".join(parts))

    def __len__(self) -> int:
        return self.size

    def read(self, start: int, size: int) -> memoryview:
        """So many bytes, or fewer at the end, with zeros for pixel data."""
        end = min(start + size, self.size)
        parts = list[bytes]()
        number = bisect_right(self._ends, start)  # the first hole that does not end before
        at = self._ends[number - 1] if number else 0
        taken = at - self._inside[number]  # literals from `at` on are those from `taken` on
        while at < end:
            hole = number < len(self.holes)
            first, length = self.holes[number] if hole else (self.size, 0)
            low, high = max(start, at), min(end, first)
            if low < high:
                parts.append(self.literals[taken + low - at : taken + high - at])
            low, high = max(start, first), min(end, first + length)
            if low < high:
                parts.append(bytes(high - low))
            taken, at, number = taken + first - at, first + length, number + 1
        return memoryview(b"".join(parts))

    @cached_property
    def _ends(self) -> list[int]:
        """Where each hole ends."""
        return [start + length for start, length in self.holes]

    @cached_property
    def _inside(self) -> list[int]:
        """Bytes of pixel data before each hole, and at last of all."""
        return list(accumulate((length for _, length in self.holes), initial=0))

    def filled(self, bodies: Sequence[bytes]) -> bytes:
        """The file with a body in each hole. Raises ValueError for one of another length."""
        pairs = zip(self.holes, bodies, strict=True)
        return b"".join(self.filled_by((start, body) for (start, _), body in pairs))

    def filled_by(self, parts: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
        """The bytes of the file, in their order, with parts in the holes, each with its place, in
        ascending order. Raises ValueError where they do not fill the holes, and no more."""
        given, taken, at = iter(parts), 0, 0
        for start, length in self.holes:
            yield self.literals[taken : taken + start - at]
            taken, at = taken + start - at, start
            while at < start + length:
                place, part = next(given, (-1, b""))
                if place != at or not 0 < len(part) <= start + length - at:
                    raise ValueError(f"{len(part)} bytes at {place} for a hole of {length}")
                yield part
                at += len(part)
        if next(given, None) is not None:
            raise ValueError("more pixel data than holes")
        yield self.literals[taken:]
