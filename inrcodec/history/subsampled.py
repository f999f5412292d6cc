"""Histories with subsampled chroma: Photo CD, video frames, decoded JPEGs.

Where a picture was converted from Y, Cb, Cr with fewer chroma samples than pixels, these are coded,
and upsampled and converted again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from ..container.fields import Fields
from ..container.linr import Section, Sections
from ..errors import CorruptError
from .bands import MARGIN, Band, bands
from .chroma_samples import chroma_samples
from .chroma_search import RGB as Rgb
from .chroma_search import Source, find_sources
from .conversions import CONVERSIONS
from .exceptions import Exceptions, exceptions_facts, pack_section, unpack_section
from .fine_conversions import FINE_CONVERSIONS
from .planes import RGB, WHOLE, YCC, Geometry, Lattice, Planes
from .upsampling import BICUBIC, COSITED, RULES, fits_bicubic, upsample

SAMPLINGS = {(2, 2): "4:2:0", (1, 2): "4:2:2", (2, 1): "4:4:0"}  # by steps of chroma
WINDOW, WINDOWS, LOOKED_AT = 80, 5, 40  # a side of those that tell whether to go on
MAX_EXCEPTIONS = 1 / 8  # of the pixels: a caption or a border takes less


@dataclass(frozen=True, eq=False)
class Subsampled:
    """R, G, B become Y, Cb, Cr of a source, of which Cb and Cr have a lattice of their own.

    exceptions: pixels that these do not lead back to; found: the planes of the image that the step
    was found for.
    """

    source: Source
    exceptions: Exceptions | None = None
    found: Planes | None = field(default=None, repr=False)

    number: ClassVar[int] = 4
    tag: ClassVar[bytes] = b"Y"
    name: ClassVar[str] = "subsampled"
    all_data: ClassVar[bool] = False

    @classmethod
    def find(cls, planes: Planes) -> Subsampled | None:
        """The step if an image of 8 bits, whole channels and three colours has such a past."""
        if not _applies(planes.geometry):
            return None
        r, g, b = planes.channels[:3]
        for source in find_sources((r, g, b)):
            if _worth_it((r, g, b), source):
                return cls._of((r, g, b), source, planes)
        return None

    @classmethod
    def _of(cls, rgb: Rgb, source: Source, planes: Planes) -> Subsampled | None:
        """The step of a source, if most pixels have it."""
        height, width = rgb[0].shape
        parts = bands(height, width, source.lattice)
        y, chroma = np.empty_like(rgb[0]), np.empty((2, *source.lattice.size(height, width)), "u1")
        lost = 0
        for band in parts:
            seen = _chroma(rgb, source, band)
            chroma[:, band.own] = seen[:, band.kept]
            lost += int(_other(rgb, source, band.seen, seen)[band.inner].sum())
            if lost > MAX_EXCEPTIONS * height * width:
                return None
        positions: list[np.ndarray] = []
        wanted: list[np.ndarray] = []
        made: list[np.ndarray] = []
        for band in parts:
            here = tuple(c[band.rows] for c in rgb)
            cb, cr = (band.upsampled(c, source.lattice, source.rule, width) for c in chroma)
            y[band.rows] = source.converts.choose_luma(here, cb, cr)
            restored = source.converts.rgb(y[band.rows], cb, cr)
            other = np.logical_or.reduce([a != b for a, b in zip(here, restored, strict=True)])
            rows, cols = np.nonzero(other)
            positions.append((rows + band.rows.start) * width + cols)
            for found, samples in ((wanted, here), (made, restored)):
                found.append(np.stack([c[rows, cols].astype(np.int64) for c in samples], axis=1))
            if sum(map(len, positions)) > MAX_EXCEPTIONS * height * width:
                return None
        exceptions = None
        if any(map(len, positions)):
            parts_of = (np.concatenate(each) for each in (positions, wanted, made))
            exceptions = Exceptions.shorter(*parts_of)
            if not exceptions.readable(height * width):
                return None
        step = cls(source, exceptions)
        channels = (y, *chroma, *planes.channels[3:])
        return replace(step, found=Planes(step.geometry(planes.geometry), channels))

    def geometry(self, before: Geometry) -> Geometry:
        """Of Y, and of Cb and Cr on their lattice."""
        chroma = (self.source.lattice,) * 2
        return replace(before, kind=YCC, lattices=(WHOLE, *chroma, *before.lattices[3:]))

    def forward(self, planes: Planes) -> Planes:
        """Y, Cb, Cr for R, G, B, alpha as it is."""
        assert self.found is not None, "a step that was read only undoes"
        return self.found

    def undo(self, planes: Planes) -> Planes:
        """R, G, B of Y, Cb, Cr, with the exceptions. A reduced image has the Y of its pixels and
        chroma that is subsampled as the whole one's is: co-sited, which is about theirs.
        """
        source, lattice, scale = self.source, self.source.lattice, planes.scale
        y, cb, cr = planes.channels[:3]
        rule, converts = source.rule, source.converts
        if scale > 1:
            lattice = Lattice(lattice.row_step, lattice.col_step)
            rule, converts = COSITED, source.conversion
            rows, cols = lattice.size(*y.shape)
            cb, cr = cb[:rows, :cols], cr[:rows, :cols]  # a phase can leave one more
        height, width = y.shape
        rgb = np.empty((3, height, width), dtype=np.uint8)
        for band in bands(height, width, lattice):
            upsampled = (band.upsampled(c, lattice, rule, width) for c in (cb, cr))
            for channel, part in zip(rgb, converts.rgb(y[band.rows], *upsampled), strict=True):
                channel[band.rows] = part
        if self.exceptions is not None:
            self.exceptions.apply(list(rgb), planes.geometry.width, scale, 8, near=scale > 1)
        lattices = (WHOLE,) * 3 + planes.geometry.lattices[3:]
        before = replace(planes.geometry, kind=RGB, lattices=lattices)
        return replace(planes, geometry=before, channels=(*rgb, *planes.channels[3:]))

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """The source's fields; a section if there are exceptions."""
        lattice = self.source.lattice
        fields = {
            "c": CONVERSIONS.index(self.source.conversion),
            "u": RULES.index(self.source.rule),
            "l": [lattice.row_step, lattice.col_step, lattice.row_phase, lattice.col_phase],
        }
        return fields, pack_section(self.exceptions, self.tag)

    @classmethod
    def unpack(cls, fields: Fields, sections: Sections, before: Geometry) -> Subsampled:
        """Undoes pack."""
        if not _applies(before):
            raise CorruptError("subsampled chroma of an image that is not RGB of 8 bits")
        conversion = CONVERSIONS[fields.integer("c", 0, len(CONVERSIONS) - 1)]
        rule = RULES[fields.integer("u", 0, len(RULES) - 1)]
        try:
            lattice = Lattice(*fields.integers("l", 4, 0, 2))
        except ValueError as error:
            raise CorruptError(f"the chroma of {cls.name} planes has {error}") from None
        if lattice == WHOLE:
            raise CorruptError("subsampled chroma that has a sample for each pixel")
        fine = conversion.name in FINE_CONVERSIONS
        if rule == BICUBIC and not (fine and fits_bicubic(lattice, before.height, before.width)):
            raise CorruptError("bicubic chroma of another size or conversion than that is for")
        exceptions = unpack_section(sections, cls.tag, before, 3)
        return cls(Source(conversion, rule, lattice), exceptions)

    def facts(self) -> dict[str, Any]:
        """Where the picture came from, and what is left of it."""
        lattice = self.source.lattice
        return {
            "source": self.source.conversion.name,
            "chroma": SAMPLINGS[lattice.row_step, lattice.col_step],
            "phase": [lattice.row_phase, lattice.col_phase],
            "upsampling": self.source.rule,
            **exceptions_facts(self.exceptions),
        }

    def past(self) -> str:
        """The source."""
        facts = self.facts()
        return f"{facts['source']} {facts['chroma']}"


def _chroma(rgb: Rgb, source: Source, band: Band) -> np.ndarray:
    """Cb and Cr of the rows that a band sees: uint8 (2, rows, cols)."""
    r, g, b = (c[band.seen] for c in rgb)
    return chroma_samples((r, g, b), source)


def _worth_it(rgb: Rgb, source: Source) -> bool:
    """Whether most of some windows of a picture have a source, those whose chroma varies most."""
    shares = []
    for window in _windows(rgb):
        height, width = window[0].shape
        other = _other(window, source, slice(0, height), chroma_samples(window, source))
        other = other[MARGIN : height - MARGIN, MARGIN : width - MARGIN]
        shares.append(other.mean() if other.size else 0.0)
    return float(np.median(shares)) <= MAX_EXCEPTIONS


def _other(rgb: Rgb, source: Source, rows: slice, chroma: np.ndarray) -> np.ndarray:
    """Where some rows of a picture are others than their chroma, by itself, leads to: bool."""
    here = rgb[0][rows], rgb[1][rows], rgb[2][rows]
    cb, cr = (upsample(c, source.lattice, source.rule, *here[0].shape) for c in chroma)
    made = source.converts.rgb(source.converts.choose_luma(here, cb, cr), cb, cr)
    return np.logical_or.reduce([a != b for a, b in zip(here, made, strict=True)])


def _windows(rgb: Rgb) -> list[Rgb]:
    """The windows, at even rows and columns, of a picture that may be smaller."""
    rng, (height, width) = np.random.default_rng(0), rgb[0].shape
    found = []
    for _ in range(LOOKED_AT):
        top, left = (2 * int(rng.integers(max(0, n - WINDOW) // 2 + 1)) for n in (height, width))
        r, g, b = (c[top : top + WINDOW, left : left + WINDOW] for c in rgb)
        varied = sum(
            np.count_nonzero(np.diff(c.astype(np.int16) - g, axis=axis))
            for c in (r, b)
            for axis in (0, 1)
        )
        found.append((varied, (r, g, b)))
    return [window for _, window in sorted(found, key=lambda each: -each[0])[:WINDOWS]]


def _applies(geometry: Geometry) -> bool:
    return geometry.kind == RGB and geometry.bits == 8 and geometry.whole
