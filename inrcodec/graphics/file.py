"""What of a file is the graphics model's: its level and bits in the header, one stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..coding.rangecoder import Decoder, Encoder
from ..container.fields import Fields
from ..container.linr import DATA, Section, Sections
from ..errors import CorruptError, UnsupportedVersionError
from ..history.planes import DCT, Geometry, Planes
from ..limits import Limits, check_bits
from ..options import Reading
from .code import code_graphics
from .levels import LEVELS

MOST_PLACES = 1 << 27  # of pixels and what is beside them: 4 bytes of memory each
BLOCK = 32  # pixels that one bit may stand for


@dataclass(frozen=True)
class GraphicsImage:
    """Planes of whole channels as the graphics model codes them; level: one of LEVELS; bits: that
    all samples have at most."""

    geometry: Geometry
    level: int
    bits: int
    data: bytes

    number: ClassVar[int] = 6
    name: ClassVar[str] = "graphics"
    tags: ClassVar[frozenset[bytes]] = frozenset({DATA})
    weights: ClassVar[bytes] = b""
    digests: ClassVar[tuple[bytes, ...]] = ()

    @classmethod
    def encode(cls, planes: Planes, level: int) -> GraphicsImage:
        """Planes coded. Raises as code_graphics."""
        samples = np.stack(planes.channels, axis=-1).astype(np.uint16)
        bits = max(1, int(samples.max()).bit_length())
        encoder = Encoder()
        code_graphics(encoder, samples, bits, level)
        return cls(planes.geometry, level, bits, encoder.finish())

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """The level and the bits; a section of data."""
        return {"l": self.level, "b": self.bits}, [Section(DATA, self.data)]

    @classmethod
    def unpack(
        cls, fields: Fields, sections: Sections, geometry: Geometry, limits: Limits
    ) -> GraphicsImage:
        """Undoes pack."""
        level = fields.integer("l", 1, 255)
        if level not in LEVELS:
            raise UnsupportedVersionError(f"level {level} of graphics needs a newer reader")
        if not allows(geometry):
            raise CorruptError("a graphics image of planes that it is not for")
        data = sections.one(DATA)
        pixels = geometry.height * geometry.width
        check_bits(-(-pixels // BLOCK) if LEVELS[level].blocks else pixels, len(data))
        return cls(geometry, level, fields.integer("b", 1, geometry.bits), data)

    def decode(self, reading: Reading) -> Planes:
        """The planes; a reduced image's are of the whole one's."""
        geometry = self.geometry
        samples = np.zeros((geometry.height, geometry.width, geometry.channels), dtype=np.uint16)
        code_graphics(Decoder(self.data), samples, self.bits, self.level)
        planes = tuple(np.moveaxis(samples.astype(geometry.dtype), 2, 0))
        return Planes(geometry, planes).reduced(reading.scale)


def allows(geometry: Geometry) -> bool:
    """Whether the model is for such planes."""
    places = (geometry.height + 3) * (geometry.width + 16)
    return geometry.whole and geometry.kind != DCT and places <= MOST_PLACES
