"""What of a file is the graphics model's: its level and bits in the header, one stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import kernels
from ..coding.rangecoder import Decoder, Encoder
from ..container.fields import Fields
from ..container.linr import DATA, Section, Sections
from ..errors import CorruptError, UnsupportedVersionError
from ..history.planes import DCT, Geometry, Planes
from ..limits import Limits, check_bits
from ..options import Reading
from .code import code_graphics
from .follow import Decoded, Stream, encode_followed
from .levels import LEVELS

MOST_PLACES = 1 << 27  # of pixels and what is beside them: 4 bytes of memory each
BLOCK = 32  # pixels that one bit may stand for


@dataclass(frozen=True)
class GraphicsImage:
    """Planes of whole channels as the graphics model codes them.

    level: one of LEVELS; bits: that all samples have at most; constant: channels that are not
    coded, as all their samples are the same, and that sample.
    """

    geometry: Geometry
    level: int
    bits: int
    constant: dict[int, int]
    data: bytes

    number: ClassVar[int] = 6
    name: ClassVar[str] = "graphics"
    tags: ClassVar[frozenset[bytes]] = frozenset({DATA})
    weights: ClassVar[bytes] = b""
    digests: ClassVar[tuple[bytes, ...]] = ()

    @classmethod
    def encode(cls, planes: Planes, level: int, decoded: Decoded | None = None) -> GraphicsImage:
        """Planes coded; decoded: where to put what a decoder makes of them meanwhile, if anywhere.
        Raises as code_graphics."""
        channels = planes.channels
        constant = {c: int(p[0, 0]) for c, p in enumerate(channels) if (p == p[0, 0]).all()}
        if len(constant) == len(channels):
            del constant[0]  # something has to be coded
        coded = [plane for c, plane in enumerate(channels) if c not in constant]
        samples = np.stack(coded, axis=-1).astype(np.uint16)
        bits = max(1, int(samples.max()).bit_length())
        if decoded is not None and kernels.library() is not None:
            data = encode_followed(samples, bits, level, decoded)
        else:
            encoder = Encoder()
            code_graphics(encoder, samples, bits, level)
            data = encoder.finish()
        return cls(planes.geometry, level, bits, constant, data)

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """The level, the bits and constant channels; a section of data."""
        fields: dict[str, Any] = {"l": self.level, "b": self.bits}
        if self.constant:
            fields["k"] = [number for pair in self.constant.items() for number in pair]
        return fields, [Section(DATA, self.data)]

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
        bits, constant = fields.integer("b", 1, geometry.bits), _constant(fields, geometry)
        work = pixels * LEVELS[level].work(geometry.channels - len(constant), bits)
        limits.check("multiply_adds", work, f"decoding: {work} multiply-adds")
        return cls(geometry, level, bits, constant, data)

    def decode(self, reading: Reading) -> Planes:
        """The planes; a reduced image's are of the whole one's."""
        geometry, size = self.geometry, (self.geometry.height, self.geometry.width)
        coded = [c for c in range(geometry.channels) if c not in self.constant]
        stream = Stream(self.data, (*size, len(coded)), self.bits, self.level)
        samples = None if reading.decoded is None else reading.decoded.get(stream)
        if samples is None:
            samples = np.zeros(stream.shape, dtype=np.uint16)
            code_graphics(Decoder(self.data), samples, self.bits, self.level)
        found = {c: samples[:, :, i].astype(geometry.dtype) for i, c in enumerate(coded)}
        for c, value in self.constant.items():
            found[c] = np.full(size, value, geometry.dtype)
        planes = tuple(found[c] for c in range(geometry.channels))
        return Planes(geometry, planes).reduced(reading.scale)


def _constant(fields: Fields, geometry: Geometry) -> dict[int, int]:
    """Channels that are not coded, with their samples."""
    if "k" not in fields:
        return {}
    listed = fields.take("k")
    most = 2 * (geometry.channels - 1)
    if not isinstance(listed, list) or not 2 <= len(listed) <= most or len(listed) % 2:
        raise CorruptError("the constant channels are not pairs of a channel and its sample")
    if not all(type(number) is int and number >= 0 for number in listed):
        raise CorruptError("the constant channels are not numbers")
    channels, values = listed[::2], listed[1::2]
    if sorted(set(channels)) != channels or channels[-1] >= geometry.channels:
        raise CorruptError("the constant channels are not in order, or there are not so many")
    if max(values) >> geometry.bits:
        raise CorruptError("a constant channel of a sample beyond its bits")
    return dict(zip(channels, values, strict=True))


def allows(geometry: Geometry) -> bool:
    """Whether the model is for such planes."""
    places = (geometry.height + 3) * (geometry.width + 16)
    return geometry.whole and geometry.kind != DCT and places <= MOST_PLACES
