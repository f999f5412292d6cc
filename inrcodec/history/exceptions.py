"""Exceptions: what a step does not reproduce, coded under adaptive integer models.

Pixels where undoing a step gives other samples than the image has, as runs in row-major order, and
numbers there for each channel: differences, or values of their own, where that is shorter (borders
and captions have few colours). A payload is the number of runs in 4 bytes, little-endian, the
highest bit telling of values; then a stream of the range coder: of all runs the gap before it and
its length less 1, which are each split into a high and a low part; then each channel's numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..coding.rangecoder import Decoder, Encoder, integer_model
from ..container.linr import Section, Sections
from ..errors import CorruptError
from ..limits import SLACK_BYTES
from .planes import Geometry

COUNT_BYTES = 4
LOW_BITS = 14  # of a gap or a length
VALUES_BIT = 1 << 31
FEW = 1 << 16  # exceptions, of which more are an eighth of the pixels at most: they take memory
MOST_PER_BYTE = 8  # of a payload


@dataclass(frozen=True)
class Exceptions:
    """Where an image of so many pixels differs from what a step reproduces, and by how much.

    positions: int64 (n,), row * width + column, ascending; numbers: int64 (n, C), the differences,
    of which none is 0 in all channels; or, with `values`, of each pixel the first channel's sample,
    and by how much each other one's is above the one before.
    """

    positions: np.ndarray
    numbers: np.ndarray
    values: bool = False

    @classmethod
    def between(cls, wanted: Sequence[np.ndarray], restored: Sequence[np.ndarray]) -> Exceptions:
        """What leads from restored channels, (H, W) each, to the wanted ones."""
        pairs = list(zip(wanted, restored, strict=True))
        other = pairs[0][0] != pairs[0][1]
        for one, two in pairs[1:]:
            other |= one != two
        rows, cols = np.nonzero(other)
        here, made = (
            np.stack([c[rows, cols].astype(np.int64) for c in each], axis=1)
            for each in (wanted, restored)
        )
        return cls.shorter(rows * other.shape[1] + cols, here, made)

    @classmethod
    def shorter(cls, positions: np.ndarray, wanted: np.ndarray, restored: np.ndarray) -> Exceptions:
        """Of samples, int64 (n, C) both, that are wanted and restored at positions."""
        ways = (
            cls(positions, wanted - restored),
            cls(positions, np.diff(wanted, axis=1, prepend=0), values=True),
        )
        bounded = [way for way in ways if way._bounded()]
        return min(bounded or ways, key=lambda way: len(way.pack()))

    def _bounded(self) -> bool:
        """Whether there are no more than a reader takes for so many bytes."""
        return self.positions.size <= MOST_PER_BYTE * (len(self.pack()) + SLACK_BYTES)

    def readable(self, pixels: int) -> bool:
        """Whether a reader takes as many in an image of so many pixels."""
        return self._bounded() and self.positions.size <= most_of(pixels)

    def apply(
        self, channels: Sequence[np.ndarray], width: int, scale: int, bits: int, near: bool = False
    ) -> None:
        """Puts restored channels right in place: those of an image of that width, or of every
        scale-th of its rows and columns; near: they are only about what they are differences to.
        Raises CorruptError where a sample leaves 0 .. 2^bits - 1."""
        rows, cols = np.divmod(self.positions, width)
        seen = np.flatnonzero((rows % scale == 0) & (cols % scale == 0))
        rows, cols = rows[seen] // scale, cols[seen] // scale
        samples = self.numbers[seen]
        if self.values:
            samples = samples.cumsum(axis=1)
        for channel, plane in enumerate(channels):
            found = samples[:, channel] + (0 if self.values else plane[rows, cols])
            if near and not self.values:
                found = np.clip(found, 0, (1 << bits) - 1)
            if np.any(found >> bits):
                raise CorruptError("an exception leads beyond the bits of a sample")
            plane[rows, cols] = found

    def pack(self) -> bytes:
        """The payload."""
        return self._payload

    @cached_property
    def _payload(self) -> bytes:
        starts = np.flatnonzero(np.diff(self.positions, prepend=-2) != 1)
        lengths = np.diff(starts, append=self.positions.size)
        first = self.positions[starts]
        ends = first + lengths
        gaps = first - np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        encoder = Encoder()
        for numbers in (gaps, lengths - 1):
            for part in (numbers >> LOW_BITS, numbers & (1 << LOW_BITS) - 1):
                encoder.encode_integers(_signed(part), integer_model())
        for group, channel in _groups(self.numbers):
            encoder.encode_integers(self.numbers[group, channel], integer_model())
        head = len(starts) + self.values * VALUES_BIT
        return head.to_bytes(COUNT_BYTES, "little") + encoder.finish()


def pack_section(exceptions: Exceptions | None, tag: bytes) -> list[Section]:
    """The section of a step's exceptions, if there are any."""
    return [] if exceptions is None else [Section(tag, exceptions.pack())]


def unpack_section(
    sections: Sections, tag: bytes, before: Geometry, channels: int
) -> Exceptions | None:
    """Undoes pack_section, of the first channels of planes of a geometry."""
    payload = sections.optional(tag)
    if payload is None:
        return None
    return unpack_exceptions(payload, before.height * before.width, channels)


def exceptions_facts(exceptions: Exceptions | None) -> dict[str, Any]:
    """What info() says of a step's exceptions: how many pixels, and the bytes that they take."""
    if exceptions is None:
        return {"exceptions": 0, "exceptions_bytes": 0}
    return {
        "exceptions": len(exceptions.positions),
        "exceptions_bytes": len(exceptions.pack()),
    }


def most_of(pixels: int) -> int:
    """How many exceptions an image of so many pixels has at most."""
    return min(pixels, max(FEW, pixels // 8))


def unpack_exceptions(payload: bytes, pixels: int, channels: int) -> Exceptions:
    """Undoes Exceptions.pack, of an image of so many pixels. Raises CorruptError where damaged; an
    exception takes a bit of the payload at least, which bounds what it expands to."""
    if len(payload) < COUNT_BYTES:
        raise CorruptError("the exceptions end within their number")
    head = int.from_bytes(payload[:COUNT_BYTES], "little")
    runs, values = head % VALUES_BIT, head >= VALUES_BIT
    most = min(most_of(pixels), MOST_PER_BYTE * (len(payload) + SLACK_BYTES))
    if not 1 <= runs <= most:
        raise CorruptError(f"{runs} runs of exceptions in {len(payload)} bytes")
    decoder = Decoder(payload[COUNT_BYTES:])
    gaps, lengths = (_numbers(decoder, runs) for _ in range(2))
    lengths += 1
    if max(gaps.max(), lengths.max()) > pixels:  # before they are added up
        raise CorruptError("a run of exceptions is longer than the image")
    count = int(lengths.sum())
    ends = np.cumsum(gaps + lengths)
    if np.any(gaps[1:] == 0) or ends[-1] > pixels or count > most:
        raise CorruptError("the runs of exceptions are not ascending pixels of the image")
    positions = np.repeat(ends - np.cumsum(lengths), lengths) + np.arange(count)
    numbers = np.zeros((count, channels), dtype=np.int64)
    for group, channel in _groups(numbers):
        numbers[group, channel] = decoder.decode_integers(group.size, integer_model())
    if not values and not numbers.any(axis=1).all():
        raise CorruptError("an exception without a difference")
    return Exceptions(positions, numbers, values)


def _groups(numbers: np.ndarray):  # type: ignore[no-untyped-def]
    """The numbers that share a model: of each channel those of pixels where all channels before it
    have 0, and the others. A decoder fills each group in before it asks for the next."""
    for channel in range(numbers.shape[1]):
        changed = numbers[:, :channel].any(axis=1)
        for group in (np.flatnonzero(~changed), np.flatnonzero(changed)):
            if group.size:
                yield group, channel


def _numbers(decoder: Decoder, count: int) -> np.ndarray:
    """Integers in 0 .. 2^34 from their parts: int64 (count,)."""
    high, low = (_unsigned(decoder.decode_integers(count, integer_model())) for _ in range(2))
    if np.any(low >> LOW_BITS):
        raise CorruptError("the low part of a gap or a length is too large")
    return (high << LOW_BITS) + low


def _signed(numbers: np.ndarray) -> np.ndarray:
    """0, 1, 2, 3, 4, ... as 0, -1, 1, -2, 2, ...: a sign costs a bit and so holds one."""
    return (numbers >> 1) ^ -(numbers & 1)


def _unsigned(numbers: np.ndarray) -> np.ndarray:
    """Undoes _signed."""
    return (numbers << 1) ^ (numbers >> 63)
