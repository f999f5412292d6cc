"""What of a file is the graphics model's: its level and bits in the header, one stream."""

from __future__ import annotations

from collections.abc import Sequence
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
from .boxes import CodedBox, pack_boxes, unpack_boxes
from .code import code_graphics
from .follow import Decoded, Stream, encode_followed
from .levels import LEVELS

BOX = b"B"
MOST_PLACES = 1 << 27  # of pixels and what is beside them: 4 bytes of memory each
BLOCK = 32  # pixels that one bit may stand for


@dataclass(frozen=True)
class GraphicsImage:
    """Planes of whole channels as the graphics model codes them.

    level: one of LEVELS; bits: that all samples have at most; constant: channels that are not
    coded, as all their samples are the same, and that sample; boxes: what other models code.
    """

    geometry: Geometry
    level: int
    bits: int
    constant: dict[int, int]
    stream: bytes
    boxes: tuple[CodedBox, ...] = ()

    number: ClassVar[int] = 6
    name: ClassVar[str] = "graphics"
    tags: ClassVar[frozenset[bytes]] = frozenset({BOX, DATA})
    digests: ClassVar[tuple[bytes, ...]] = ()

    @property
    def minor(self) -> int:
        """The lowest minor version of the format that has all of it."""
        if LEVELS[self.level].prior is not None:
            return 3
        return 2 if self.boxes else 1

    @property
    def weights(self) -> bytes:
        """What networks of boxes take."""
        return b"".join(coded.contents.model.weights for coded in self.boxes)

    @property
    def data(self) -> bytes:
        """What the pixels take."""
        return b"".join(coded.contents.model.data for coded in self.boxes) + self.stream

    @classmethod
    def encode(
        cls,
        planes: Planes,
        level: int,
        decoded: Decoded | None = None,
        boxes: Sequence[CodedBox] = (),
    ) -> GraphicsImage:
        """Planes coded, but for what boxes have (of the channels of coded_samples); decoded: where
        to put what a decoder makes of the stream meanwhile, if anywhere. Raises as
        code_graphics."""
        samples, constant = coded_samples(planes)
        bits = max(1, int(samples.max()).bit_length())
        places = tuple(coded.box for coded in boxes)
        if decoded is not None and kernels.library() is not None:
            stream = encode_followed(samples, bits, level, places, decoded)
        else:
            encoder = Encoder()
            code_graphics(encoder, samples, bits, level, places)
            stream = encoder.finish()
        return cls(planes.geometry, level, bits, constant, stream, tuple(boxes))

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """The level, the bits, constant channels and boxes; a section of each box, and of data."""
        fields: dict[str, Any] = {"l": self.level, "b": self.bits}
        if self.constant:
            fields["k"] = [number for pair in self.constant.items() for number in pair]
        if self.boxes:
            fields["r"] = pack_boxes(self.boxes)
        parts = [Section(BOX, coded.data) for coded in self.boxes]
        return fields, [*parts, Section(DATA, self.stream)]

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
        bits, constant = fields.integer("b", 1, geometry.bits), _constant(fields, geometry)
        channels = geometry.channels - len(constant)
        boxes = unpack_boxes(fields.take("r"), geometry) if "r" in fields else []
        parts = sections.all(BOX)
        if len(parts) != len(boxes):
            raise CorruptError(f"{len(parts)} parts of {len(boxes)} boxes")
        stream = sections.one(DATA)
        pixels = geometry.height * geometry.width - sum(box.height * box.width for box in boxes)
        check_bits(-(-pixels // BLOCK) if LEVELS[level].blocks else pixels, len(stream))
        work = pixels * LEVELS[level].work(channels, bits)
        limits.check("multiply_adds", work, f"decoding: {work} multiply-adds")
        coded = tuple(
            CodedBox.parse(box, part, geometry, channels, limits)
            for box, part in zip(boxes, parts, strict=True)
        )
        return cls(geometry, level, bits, constant, stream, coded)

    def decode(self, reading: Reading) -> Planes:
        """The planes; a reduced image's are of the whole one's."""
        geometry, size = self.geometry, (self.geometry.height, self.geometry.width)
        coded = [c for c in range(geometry.channels) if c not in self.constant]
        boxes = tuple(each.box for each in self.boxes)
        known = np.zeros((*size, len(coded)), dtype=np.uint16)
        for each in self.boxes:
            each.decode_to(known, self.bits, reading)
        stream = Stream(self.stream, known.shape, self.bits, self.level, boxes)
        samples = None if reading.decoded is None else reading.decoded.get(stream)
        if samples is None:
            samples = known
            code_graphics(Decoder(self.stream), samples, self.bits, self.level, boxes)
        for box in boxes:
            samples[box.slices] = known[box.slices]
        found = {c: samples[:, :, i].astype(geometry.dtype) for i, c in enumerate(coded)}
        for c, value in self.constant.items():
            found[c] = np.full(size, value, geometry.dtype)
        planes = tuple(found[c] for c in range(geometry.channels))
        return Planes(geometry, planes).reduced(reading.scale)


def coded_samples(planes: Planes) -> tuple[np.ndarray, dict[int, int]]:
    """The samples that are coded, uint16 (H, W, C), and channels that are not, with their one
    sample."""
    channels = planes.channels
    constant = {c: int(p[0, 0]) for c, p in enumerate(channels) if (p == p[0, 0]).all()}
    if len(constant) == len(channels):
        del constant[0]  # something has to be coded
    coded = [plane for c, plane in enumerate(channels) if c not in constant]
    return np.stack(coded, axis=-1).astype(np.uint16), constant


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
