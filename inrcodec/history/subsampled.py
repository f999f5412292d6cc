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
from .chroma_samples import chroma_samples
from .chroma_search import Source, find_source
from .conversions import CONVERSIONS
from .exceptions import Exceptions, unpack_exceptions
from .fine_conversions import FINE_CONVERSIONS
from .planes import RGB, WHOLE, YCC, Geometry, Lattice, Planes
from .upsampling import BICUBIC, COSITED, REPEATED, RULES, fits_bicubic, upsample

SAMPLINGS = {(2, 2): "4:2:0", (1, 2): "4:2:2", (2, 1): "4:4:0"}  # by steps of chroma
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
        rgb = planes.channels[0], planes.channels[1], planes.channels[2]
        source = find_source(rgb)
        if source is None:
            return None
        cb, cr = chroma_samples(rgb, source)
        height, width = rgb[0].shape
        upsampled = [upsample(c, source.lattice, source.rule, height, width) for c in (cb, cr)]
        y = source.converts.choose_luma(rgb, *upsampled)
        step = cls(source)
        channels = (y, cb, cr, *planes.channels[3:])
        found = Planes(step.geometry(planes.geometry), channels)
        restored = step.undo(found).channels[:3]
        exceptions = None
        if any(not np.array_equal(a, b) for a, b in zip(rgb, restored, strict=True)):
            exceptions = Exceptions.between(rgb, restored)
            if len(exceptions.positions) > MAX_EXCEPTIONS * height * width:
                return None
        return cls(source, exceptions, found)

    def geometry(self, before: Geometry) -> Geometry:
        """Of Y, and of Cb and Cr on their lattice."""
        chroma = (self.source.lattice,) * 2
        return replace(before, kind=YCC, lattices=(WHOLE, *chroma, *before.lattices[3:]))

    def forward(self, planes: Planes) -> Planes:
        """Y, Cb, Cr for R, G, B, alpha as it is."""
        assert self.found is not None, "a step that was read only undoes"
        return self.found

    def undo(self, planes: Planes) -> Planes:
        """R, G, B of Y, Cb, Cr, with the exceptions. Of a reduced image each pixel has the chroma
        of the sample next to it above and to the left, which may be another than the whole one's.
        """
        source, lattice, scale = self.source, self.source.lattice, planes.scale
        y, cb, cr = planes.channels[:3]
        rule, converts, near = source.rule, source.converts, False
        if scale > 1:
            step = max(1, scale // lattice.least_step)
            rows, cols = (max(1, s * step // scale) for s in (lattice.row_step, lattice.col_step))
            exact = (lattice.row_phase, lattice.col_phase, rows, cols) == (0, 0, 1, 1)
            near = not (exact and rule in (COSITED, REPEATED))
            rule, lattice, converts = REPEATED, Lattice(rows, cols), source.conversion
        cb, cr = (upsample(c, lattice, rule, *y.shape) for c in (cb, cr))
        rgb = converts.rgb(y, cb, cr)
        if self.exceptions is not None:
            self.exceptions.apply(rgb, planes.geometry.width, scale, 8, near)
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
        if self.exceptions is None:
            return fields, []
        return fields, [Section(self.tag, self.exceptions.pack())]

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
        payload, exceptions = sections.optional(cls.tag), None
        if payload is not None:
            exceptions = unpack_exceptions(payload, before.height * before.width, 3)
        return cls(Source(conversion, rule, lattice), exceptions)

    def facts(self) -> dict[str, Any]:
        """Where the picture came from, and what is left of it."""
        lattice, exceptions = self.source.lattice, self.exceptions
        return {
            "source": self.source.conversion.name,
            "chroma": SAMPLINGS[lattice.row_step, lattice.col_step],
            "phase": [lattice.row_phase, lattice.col_phase],
            "upsampling": self.source.rule,
            "exceptions": 0 if exceptions is None else len(exceptions.positions),
            "exceptions_bytes": 0 if exceptions is None else len(exceptions.pack()),
        }

    def past(self) -> str:
        """The source."""
        facts = self.facts()
        return f"{facts['source']} {facts['chroma']}"


def _applies(geometry: Geometry) -> bool:
    return geometry.kind == RGB and geometry.bits == 8 and geometry.whole
