"""Colour history: the integer colour conversion of JPEG decoders, undone exactly.

Many PNGs were JPEGs once. A JPEG decoder's YCbCr -> RGB reaches a quarter of the RGB cube only;
where (all but) every pixel lies in that quarter, Y, Cb and Cr are coded, and converted again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..container.fields import Fields
from ..container.linr import Section, Sections
from ..errors import CorruptError
from .chroma_search import LEAST_PIXELS, few_unclipped
from .conversions import CONVERSIONS
from .exceptions import Exceptions, exceptions_facts, pack_section, unpack_section
from .planes import RGB, YCC, Geometry, Planes

RADIUS = 4  # how far from the float conversion a preimage is looked for
PIXELS, SAMPLE = 1 << 16, 4096  # pixels and colours that decide whether a search is worth it
STRIP = 1 << 20  # pixels at a time
LIKELY = 0.6  # of a few pixels that have a preimage, so that more are looked at
MIN_COLOURS = 64  # of fewer any could pass by chance
MAX_EXCEPTIONS = 1 / 16  # of the pixels: a caption or a logo takes less


class Colours(NamedTuple):
    """Colours as _keys (n,), ascending, the Y, Cb, Cr (n, 3) that each is coded as, and whether
    that leads back to it."""

    keys: np.ndarray
    planes: np.ndarray
    found: np.ndarray


@dataclass(frozen=True, eq=False)
class Jfif:
    """R, G, B become Y, Cb, Cr of JFIF 1.02 in the 16-bit fixed point of libjpeg.

    exceptions: pixels without a preimage, which get the values of a nearby colour; colours: of the
    image that it was found for.
    """

    exceptions: Exceptions | None = None
    colours: Colours | None = None

    number: ClassVar[int] = 1
    tag: ClassVar[bytes] = b"X"
    name: ClassVar[str] = "jfif"
    all_data: ClassVar[bool] = False

    @classmethod
    def find(cls, planes: Planes) -> Jfif | None:
        """The step if an image of 8 bits, whole channels and three colours has a JPEG past."""
        if not _applies(planes.geometry):
            return None
        height, width = planes.channels[0].shape
        r, g, b = few_unclipped((planes.channels[0], planes.channels[1], planes.channels[2]))
        if r.size >= LEAST_PIXELS and CONVERSIONS[0].preimages((r, g, b))[1].mean() < LIKELY:
            return None
        places = np.arange(0, height * width, max(1, height * width // PIXELS))
        some = np.unique(_keys(*(c[places // width, places % width] for c in planes.channels[:3])))
        if len(some) > SAMPLE:
            sample = _colours(some[:: len(some) // SAMPLE])
            if _preimages(sample, 1)[1].mean() < 0.75:
                return None
        counted = [np.unique(keys, return_counts=True) for _, keys in _strips(planes)]
        keys, at = np.unique(np.concatenate([keys for keys, _ in counted]), return_inverse=True)
        if len(keys) < MIN_COLOURS:
            return None
        pixels = np.bincount(at, weights=np.concatenate([counts for _, counts in counted]))
        colours = Colours(keys, *_preimages(_colours(keys), RADIUS))
        missing = pixels[~colours.found].sum()
        if missing > MAX_EXCEPTIONS * height * width:
            return None
        exceptions = _exceptions(planes, colours) if missing else None
        if exceptions is not None and not exceptions.readable(height * width):
            return None
        return cls(exceptions, colours)

    def geometry(self, before: Geometry) -> Geometry:
        """The same, of Y, Cb, Cr."""
        return replace(before, kind=YCC)

    def forward(self, planes: Planes) -> Planes:
        """Y, Cb, Cr for R, G, B, alpha as it is."""
        assert self.colours is not None, "a step that was read only undoes"
        result = np.empty((3, *planes.channels[0].shape), dtype=np.uint8)
        for rows, keys in _strips(planes):
            where = np.searchsorted(self.colours.keys, keys)
            result[:, rows] = np.moveaxis(self.colours.planes[where], -1, 0)
        channels = (*result, *planes.channels[3:])
        return replace(planes, geometry=self.geometry(planes.geometry), channels=channels)

    def undo(self, planes: Planes) -> Planes:
        """R, G, B of Y, Cb, Cr, with the exceptions."""
        rgb = np.empty((3, *planes.channels[0].shape), dtype=np.uint8)
        for rows in _rows(planes):
            parts = [channel[rows].astype(np.int64) for channel in planes.channels[:3]]
            rgb[:, rows] = np.stack(_converted(*parts))
        if self.exceptions is not None:
            self.exceptions.apply(list(rgb), planes.geometry.width, planes.scale, 8)
        before = replace(planes.geometry, kind=RGB)
        return replace(planes, geometry=before, channels=(*rgb, *planes.channels[3:]))

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """No fields; a section if there are exceptions."""
        return {}, pack_section(self.exceptions, self.tag)

    @classmethod
    def unpack(cls, fields: Fields, sections: Sections, before: Geometry) -> Jfif:
        """Undoes pack."""
        if not _applies(before):
            raise CorruptError("a colour conversion of an image that is not RGB of 8 bits")
        return cls(unpack_section(sections, cls.tag, before, 3))

    def facts(self) -> dict[str, Any]:
        """How many pixels are exceptions, and the bytes that they take."""
        return exceptions_facts(self.exceptions)

    def past(self) -> str:
        """A JPEG whose chroma was whole."""
        return "jfif 4:4:4"


def _applies(geometry: Geometry) -> bool:
    return geometry.kind == RGB and geometry.bits == 8 and geometry.whole


def _rows(planes: Planes) -> list[slice]:
    """The rows in strips, so that 8 bytes for each sample do not matter."""
    height, width = planes.channels[0].shape
    at_once = max(1, STRIP // width)
    return [slice(first, first + at_once) for first in range(0, height, at_once)]


def _strips(planes: Planes):  # type: ignore[no-untyped-def]
    """Strips of rows, and their colours as _keys."""
    for rows in _rows(planes):
        yield rows, _keys(*(channel[rows] for channel in planes.channels[:3]))


def _exceptions(planes: Planes, colours: Colours) -> Exceptions:
    """Of the pixels whose colours were not found."""
    width, lost = planes.channels[0].shape[1], colours.keys[~colours.found]
    restored = np.stack(_converted(*colours.planes[~colours.found].T), axis=-1)
    positions, wanted, made = [], [], []
    for rows, keys in _strips(planes):
        flat = keys.reshape(-1)
        place = np.minimum(np.searchsorted(lost, flat), len(lost) - 1)
        here = np.flatnonzero(lost[place] == flat)
        positions.append(here + rows.start * width)
        wanted.append(_colours(flat[here]))
        made.append(restored[place[here]])
    return Exceptions.shorter(*(np.concatenate(parts) for parts in (positions, wanted, made)))


def _keys(r: np.ndarray, g: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Colours as integers."""
    return (r.astype(np.int64) << 16) + (g.astype(np.int64) << 8) + b


def _colours(keys: np.ndarray) -> np.ndarray:
    """R, G, B (n, 3) of _keys (n,)."""
    return np.stack([keys >> 16, keys >> 8 & 255, keys & 255], axis=-1)


def _converted(y: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> list[np.ndarray]:
    """Y, Cb, Cr to R, G, B, as libjpeg does it; int64, 0 .. 255."""
    cb, cr = cb - 128, cr - 128
    r = y + ((91881 * cr + 32768) >> 16)
    g = y + ((-22554 * cb - 46802 * cr + 32768) >> 16)
    b = y + ((116130 * cb + 32768) >> 16)
    return [np.clip(channel, 0, 255) for channel in (r, g, b)]


def _preimages(rgb: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """For colours (n, 3) the nearest Y, Cb, Cr (n, 3) that converts to each, and whether one does.

    Colours at the edge of the cube have several; the one nearest to the colour's own conversion
    keeps the planes smooth.
    """
    matrix = np.array(
        [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    )
    start = np.clip(np.rint(rgb @ matrix.T + [0, 128, 128]), 0, 255).astype(np.int64)
    planes, found = start.copy(), np.zeros(len(rgb), dtype=bool)
    axis = np.arange(-radius, radius + 1)
    offsets = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    for offset in offsets[np.argsort((offsets**2).sum(axis=1), kind="stable")]:
        left = np.flatnonzero(~found)
        if not left.size:
            break
        tried = np.clip(start[left] + offset, 0, 255)
        right = (np.stack(_converted(*tried.T), axis=-1) == rgb[left]).all(axis=1)
        planes[left[right]], found[left[right]] = tried[right], True
    return planes, found
