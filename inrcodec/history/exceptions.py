"""Exceptions: what a step does not reproduce, coded under adaptive integer models.

Pixels where undoing a step gives other samples than the image has, as runs in row-major order, and
the differences there of each channel. A payload is the number of runs in 4 bytes, little-endian,
then a stream of the range coder: of all runs the gap before it and its length less 1, which are
each split into a high and a low part; then each channel's differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..coding.rangecoder import Decoder, Encoder, integer_model
from ..errors import CorruptError
from ..limits import SLACK_BYTES

COUNT_BYTES = 4
LOW_BITS = 14  # of a gap or a length


@dataclass(frozen=True)
class Exceptions:
    """Where an image of so many pixels differs from what a step reproduces, and by how much.

    positions: int64 (n,), row * width + column, ascending; differences: int64 (n, C), of which none
    is 0 in all channels.
    """

    positions: np.ndarray
    differences: np.ndarray

    @classmethod
    def between(cls, wanted: Sequence[np.ndarray], restored: Sequence[np.ndarray]) -> Exceptions:
        """What leads from restored channels, (H, W) each, to the wanted ones."""
        pairs = list(zip(wanted, restored, strict=True))
        other = pairs[0][0] != pairs[0][1]
        for one, two in pairs[1:]:
            other |= one != two
        rows, cols = np.nonzero(other)
        differences = [one[rows, cols].astype(np.int64) - two[rows, cols] for one, two in pairs]
        return cls(rows * other.shape[1] + cols, np.stack(differences, axis=1))

    def apply(self, channels: Sequence[np.ndarray], width: int, scale: int, bits: int) -> None:
        """Adds the differences to restored channels in place: those of an image of that width, or
        of every scale-th of its rows and columns. Raises CorruptError where a sample leaves
        0 .. 2^bits - 1."""
        rows, cols = np.divmod(self.positions, width)
        seen = np.flatnonzero((rows % scale == 0) & (cols % scale == 0))
        rows, cols = rows[seen] // scale, cols[seen] // scale
        for channel, plane in enumerate(channels):
            samples = plane[rows, cols] + self.differences[seen, channel]
            if np.any(samples >> bits):
                raise CorruptError("an exception leads beyond the bits of a sample")
            plane[rows, cols] = samples

    def pack(self) -> bytes:
        """The payload."""
        starts = np.flatnonzero(np.diff(self.positions, prepend=-2) != 1)
        lengths = np.diff(starts, append=self.positions.size)
        first = self.positions[starts]
        ends = first + lengths
        gaps = first - np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        encoder = Encoder()
        for numbers in (gaps, lengths - 1):
            for part in (numbers >> LOW_BITS, numbers & (1 << LOW_BITS) - 1):
                encoder.encode_integers(_signed(part), integer_model())
        for group, channel in _groups(self.differences):
            encoder.encode_integers(self.differences[group, channel], integer_model())
        return len(starts).to_bytes(COUNT_BYTES, "little") + encoder.finish()


def unpack_exceptions(payload: bytes, pixels: int, channels: int) -> Exceptions:
    """Undoes Exceptions.pack, of an image of so many pixels. Raises CorruptError where damaged; an
    exception takes a bit of the payload at least, which bounds what it expands to."""
    if len(payload) < COUNT_BYTES:
        raise CorruptError("the exceptions end within their number")
    runs = int.from_bytes(payload[:COUNT_BYTES], "little")
    most = min(pixels, 8 * (len(payload) + SLACK_BYTES))
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
    differences = np.zeros((count, channels), dtype=np.int64)
    for group, channel in _groups(differences):
        differences[group, channel] = decoder.decode_integers(group.size, integer_model())
    if not differences.any(axis=1).all():
        raise CorruptError("an exception without a difference")
    return Exceptions(positions, differences)


def _groups(differences: np.ndarray):  # type: ignore[no-untyped-def]
    """The differences that share a model: of each channel those of pixels where all channels
    before it are 0, and the others. A decoder fills each group in before it asks for the next."""
    for channel in range(differences.shape[1]):
        changed = differences[:, :channel].any(axis=1)
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
