"""Value ranks: samples as ranks among the values that their channel uses.

8 or 12 bits scaled to 16, CT through a table, masks: many images use few of the values that they
span. Ranks have no gaps and fewer planes, and the networks' unit fits them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ..container.fields import Fields
from ..container.linr import Section, Sections
from ..errors import CorruptError
from .planes import Geometry, Planes

MAX_SHARE = 1 / 2  # of the values that a channel spans, in use
PIXELS_PER_VALUE = 8  # fewer, and gaps may be chance
STRIP = 1 << 20  # samples at a time


@dataclass(frozen=True, eq=False)
class ValueRanks:
    """values: of each channel those in use, ascending, of its samples' dtype; None where its
    samples are no ranks."""

    values: tuple[np.ndarray | None, ...]

    number: ClassVar[int] = 2
    tag: ClassVar[bytes] = b"V"
    name: ClassVar[str] = "value ranks"
    all_data: ClassVar[bool] = False

    @classmethod
    def find(cls, planes: Planes) -> ValueRanks | None:
        """The step if ranks may pay for a channel."""
        values = tuple(_values(plane) for plane in planes.channels)
        return cls(values) if any(used is not None for used in values) else None

    def geometry(self, before: Geometry) -> Geometry:
        """The same."""
        return before

    def forward(self, planes: Planes) -> Planes:
        """Ranks for samples in the channels that have values."""
        channels = []
        for plane, used in zip(planes.channels, self.values, strict=True):
            if used is not None:
                ranks = np.zeros(1 << (8 * plane.itemsize), dtype=plane.dtype)
                ranks[used] = np.arange(len(used))
                plane = ranks[plane]
            channels.append(plane)
        return replace(planes, channels=tuple(channels))

    def undo(self, planes: Planes) -> Planes:
        """Samples for ranks. Raises CorruptError for a rank that has no value."""
        channels = []
        for plane, used in zip(planes.channels, self.values, strict=True):
            if used is not None:
                if int(plane.max()) >= len(used):
                    raise CorruptError("a decoded rank is beyond the values in use")
                plane = used[plane]
            channels.append(plane)
        return replace(planes, channels=tuple(channels))

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """No fields; a section: a byte with bit c set for each channel c that has values, then raw
        deflate of their maps: a bit for each of the samples that there could be, the lowest first,
        set if it is in use."""
        which, maps = 0, []
        for channel, used in enumerate(self.values):
            if used is not None:
                which |= 1 << channel
                bits = np.zeros(1 << (8 * used.itemsize), dtype=np.uint8)
                bits[used] = 1
                maps.append(np.packbits(bits, bitorder="little").tobytes())
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
        packed = squeeze.compress(b"".join(maps)) + squeeze.flush()
        return {}, [Section(self.tag, bytes([which]) + packed)]

    @classmethod
    def unpack(cls, fields: Fields, sections: Sections, before: Geometry) -> ValueRanks:
        """Undoes pack; expands to 32 KiB at most."""
        payload = sections.one(cls.tag)
        which = payload[0] if payload else 0
        if not 0 < which < 1 << before.channels:
            raise CorruptError("the section of values names no channels of the image")
        size = (1 << before.sample_bits) // 8
        expand = zlib.decompressobj(-15)
        try:
            maps = expand.decompress(payload[1:], size * which.bit_count() + 1)
        except zlib.error as error:
            raise CorruptError(f"the section of values is damaged ({error})") from None
        if not expand.eof or expand.unused_data or len(maps) != size * which.bit_count():
            raise CorruptError("the section of values does not have the size of its maps")
        found: list[np.ndarray | None] = []
        for channel in range(before.channels):
            if which >> channel & 1:
                bits, maps = np.frombuffer(maps[:size], dtype=np.uint8), maps[size:]
                used = np.flatnonzero(np.unpackbits(bits, bitorder="little"))
                if not used.size:
                    raise CorruptError("a channel uses no values")
                found.append(used.astype(before.dtype))
            else:
                found.append(None)
        return cls(tuple(found))

    def facts(self) -> dict[str, Any]:
        """How many values each channel uses that is coded as ranks; None for the others."""
        return {"values": [None if used is None else len(used) for used in self.values]}

    def past(self) -> None:
        """None."""


def _values(plane: np.ndarray) -> np.ndarray | None:
    """The values of a channel, if ranks may pay."""
    counts = np.zeros(1 << (8 * plane.itemsize), dtype=np.int64)
    rows = max(1, STRIP // plane.shape[1])
    for first in range(0, len(plane), rows):
        counts += np.bincount(plane[first : first + rows].reshape(-1), minlength=len(counts))
    values = np.flatnonzero(counts)
    span = int(values[-1] - values[0]) + 1
    few = len(values) <= min(span * MAX_SHARE, plane.size / PIXELS_PER_VALUE)
    return values.astype(plane.dtype) if few else None
