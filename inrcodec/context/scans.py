"""The data sections of a context image: streams of the range coder, a few for each scale.

The last sections hold one level each, level 0 the last, the first one all coarser levels: the front
of a file is the image at an eighth, a quarter, half its size. The points of a section are divided
among its streams by bands of rows (pyramid.py), so that they can be coded side by side.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..coding.rangecoder import Decoder, Encoder
from ..container.leb128 import pack_length, read_length
from ..errors import CorruptError, TruncatedError
from .pyramid import lattice_size

MAX_SECTIONS = 4
MAX_STREAMS = 64
# So many pixels are worth sections of their own for the levels; and each stream.
PIXELS_FOR_SECTIONS, PIXELS_PER_STREAM, MOST_STREAMS = 1 << 16, 1 << 16, 16
PIXELS_BEHIND = 1 << 14  # that are worth a stream where an image waits for others


def section_of(level: int, sections: int) -> int:
    """Which section holds a level."""
    return max(0, sections - 1 - level)


@dataclass
class ScanEncoder:
    """Encoders for an image of a size; behind: whether it is decoded behind others, for which more
    streams make up."""

    height: int
    width: int
    behind: bool = False
    coders: list[list[Encoder]] = field(init=False)

    def __post_init__(self) -> None:
        pixels = self.height * self.width
        # an image of so many pixels has more levels than there are sections, whatever its shape
        sections = MAX_SECTIONS if pixels >= PIXELS_FOR_SECTIONS else 1
        self.coders = []
        for level in reversed(range(sections)):
            h, w = lattice_size(self.height, self.width, level)
            each = PIXELS_BEHIND if self.behind else PIXELS_PER_STREAM
            streams = min(MOST_STREAMS, -(-h * w // each))
            self.coders.append([Encoder() for _ in range(streams)])

    def streams(self, level: int) -> list[Encoder]:
        """Those of a level."""
        return self.coders[section_of(level, len(self.coders))]

    def finish(self) -> list[bytes]:
        """The payloads of the sections."""
        payloads = []
        for coders in self.coders:
            payloads.append(pack_streams(coders))
        return payloads


def pack_streams(coders: Sequence[Encoder]) -> bytes:
    """The payload of a section of some streams, which end here."""
    parts = [coder.finish() for coder in coders]
    lengths = b"".join(pack_length(len(part)) for part in parts[:-1])
    return bytes([len(parts)]) + lengths + b"".join(parts)


class ScanDecoder:
    """Decoders of the sections' payloads, of which the last may be missing where nobody asks for
    them. Raises TruncatedError, CorruptError."""

    def __init__(self, payloads: Sequence[bytes], sections: int | None = None) -> None:
        self._sections = len(payloads) if sections is None else sections
        if not 1 <= self._sections <= MAX_SECTIONS:
            raise CorruptError(f"{self._sections} data sections: 1 to {MAX_SECTIONS} are legal")
        self._coders = [unpack_streams(payload) for payload in payloads]

    def streams(self, level: int) -> list[Decoder]:
        """Those of a level."""
        section = section_of(level, self._sections)
        if section >= len(self._coders):
            raise TruncatedError(f"the data section of level {level} is missing")
        return self._coders[section]


def unpack_streams(payload: bytes) -> list[Decoder]:
    """Decoders of the streams in a section's payload. Raises TruncatedError, CorruptError."""
    count = payload[0] if payload else 0
    if not 1 <= count <= MAX_STREAMS:
        raise CorruptError(f"{count} streams in a data section: 1 to {MAX_STREAMS} are legal")
    section = io.BytesIO(payload)
    section.seek(1)
    lengths = [read_length(section, "a stream") for _ in range(count - 1)]
    parts = [section.read(length) for length in lengths]
    if list(map(len, parts)) != lengths:
        raise TruncatedError("a data section ends within its streams")
    return [Decoder(part) for part in (*parts, section.read())]
