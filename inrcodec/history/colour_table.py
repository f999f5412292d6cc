"""Few colours: an image as indices into a table of those that it uses.

Graphics, screenshots and palettes: one channel of few planes instead of three or four. Indices go
by brightness, so that neighbours in the picture are neighbours among the indices.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..container.fields import Fields
from ..container.linr import Section, Sections
from ..errors import CorruptError
from .planes import INDEX, WHOLE, Geometry, Planes

MAX_COLOURS = 256
SAMPLE = 1 << 15  # pixels that tell whether there are too many
STRIP = 1 << 20  # pixels at a time
BRIGHTNESS = np.array([299, 587, 114])


@dataclass(frozen=True, eq=False)
class ColourTable:
    """before: the geometry of the colours; table: (n, C) of its dtype, the darkest first."""

    before: Geometry
    table: np.ndarray

    number: ClassVar[int] = 3
    tag: ClassVar[bytes] = b"C"
    name: ClassVar[str] = "colour table"
    all_data: ClassVar[bool] = False

    @classmethod
    def find(cls, planes: Planes) -> ColourTable | None:
        """The step if there are few colours; of a palette's indices, those in use by their colours'
        brightness. None where it is of no use: for grey, which value ranks are for, and for indices
        that are in order."""
        before, palette = planes.geometry, planes.palette
        if not before.whole or (before.channels == 1 and not palette):
            return None
        height, width = planes.channels[0].shape
        places = np.arange(0, height * width, max(1, height * width // SAMPLE))
        some = [plane[places // width, places % width] for plane in planes.channels]
        if len(np.unique(joined(some))) > MAX_COLOURS:
            return None
        found = np.zeros(0, dtype=np.uint64)
        for _, keys in _strips(planes):
            found = np.union1d(found, keys)
            if len(found) > MAX_COLOURS:
                return None
        shifts = 8 * before.dtype.itemsize * np.arange(before.channels)
        colours = (found[:, None] >> shifts.astype(np.uint64)).astype(before.dtype)
        shown = colours
        if palette:
            shown = np.frombuffer(palette, dtype=np.uint8).reshape(-1, 3)[colours[:, 0]]
        brightness = shown[:, :3].astype(np.int64)
        keys = [brightness @ BRIGHTNESS] if shown.shape[1] > 2 else [brightness[:, 0]]
        if shown.shape[1] in (2, 4):
            keys.append(shown[:, -1].astype(np.int64))  # the most transparent first
        table = colours[np.lexsort(keys)]
        if palette and np.array_equal(table[:, 0], np.arange(len(table))):
            return None
        return cls(before, table)

    def geometry(self, before: Geometry) -> Geometry:
        """One channel of indices, of the bits that they need."""
        bits = next(bits for bits in (1, 2, 4, 8) if len(self.table) <= 1 << bits)
        return Geometry(before.height, before.width, bits, INDEX, False, (WHOLE,))

    def forward(self, planes: Planes) -> Planes:
        """For each pixel the row of the table that is its colour."""
        keys = joined(list(self.table.T))
        order = np.argsort(keys)
        indices = np.empty(planes.channels[0].shape, dtype=np.uint8)
        for rows, colours in _strips(planes):
            indices[rows] = order[np.searchsorted(keys[order], colours)]
        return Planes(self.geometry(planes.geometry), (indices,), planes.scale)

    def undo(self, planes: Planes) -> Planes:
        """Colours for indices. Raises CorruptError for an index beyond the table."""
        (indices,) = planes.channels
        if int(indices.max()) >= len(self.table):
            raise CorruptError("a decoded index is beyond the table of colours")
        channels = tuple(column[indices] for column in self.table.T)
        return Planes(self.before, channels, planes.scale)

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """No fields; a section: raw deflate of the colours' samples, channel by channel, 16 bits in
        little-endian bytes."""
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
        planar = np.ascontiguousarray(self.table.T, dtype=self.table.dtype.newbyteorder("<"))
        return {}, [Section(self.tag, squeeze.compress(planar.tobytes()) + squeeze.flush())]

    @classmethod
    def unpack(cls, fields: Fields, sections: Sections, before: Geometry) -> ColourTable:
        """Undoes pack; expands to 2 KiB at most."""
        payload = sections.one(cls.tag)
        if not before.whole:
            raise CorruptError("a table of colours of channels of different sizes")
        size = before.dtype.itemsize * before.channels
        expand = zlib.decompressobj(-15)
        try:
            raw = expand.decompress(payload, MAX_COLOURS * size + 1)
        except zlib.error as error:
            raise CorruptError(f"the table of colours is damaged ({error})") from None
        legal = 0 < len(raw) <= MAX_COLOURS * size and len(raw) % size == 0
        if not expand.eof or expand.unused_data or not legal:
            raise CorruptError("the table of colours does not have the size of 1 to 256 of them")
        planar = np.frombuffer(raw, dtype=before.dtype.newbyteorder("<"))
        colours = planar.reshape(before.channels, -1).T
        return cls(before, np.ascontiguousarray(colours, dtype=before.dtype))

    def facts(self) -> dict[str, Any]:
        """How many colours the table has."""
        return {"colours": len(self.table)}

    def past(self) -> None:
        """None."""


def _strips(planes: Planes):  # type: ignore[no-untyped-def]
    """Strips of rows, and their colours as one number each."""
    height, width = planes.channels[0].shape
    at_once = max(1, STRIP // width)
    for first in range(0, height, at_once):
        rows = slice(first, first + at_once)
        yield rows, joined([plane[rows] for plane in planes.channels])


def joined(channels: list[np.ndarray]) -> np.ndarray:
    """Each colour, a sample of each channel, as one number: uint64, of a channel's shape."""
    joined = np.zeros(channels[0].shape, dtype=np.uint64)
    for channel, samples in enumerate(channels):
        joined |= samples.astype(np.uint64) << np.uint64(8 * samples.itemsize * channel)
    return joined
