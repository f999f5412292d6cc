"""What of a file is a stored image's: its planes' samples in one compressed stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..container.fields import Fields
from ..container.linr import DATA, Section, Sections
from ..errors import CorruptError
from ..history.planes import Geometry, Planes
from ..limits import Limits
from ..options import Reading
from .stored import compress_stored, decompress_stored, estimate_stored


@dataclass(frozen=True)
class StoredImage:
    """Planes of whole channels as stored.py packs them."""

    geometry: Geometry
    data: bytes

    number: ClassVar[int] = 0
    name: ClassVar[str] = "stored"
    tags: ClassVar[frozenset[bytes]] = frozenset({DATA})
    weights: ClassVar[bytes] = b""
    digests: ClassVar[tuple[bytes, ...]] = ()

    @classmethod
    def encode(cls, planes: Planes) -> StoredImage:
        """The stored image of planes of whole channels."""
        return cls(planes.geometry, compress_stored(planes.array(), _depth(planes.geometry)))

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """No fields; a section of data."""
        return {}, [Section(DATA, self.data)]

    @classmethod
    def unpack(
        cls, fields: Fields, sections: Sections, geometry: Geometry, limits: Limits
    ) -> StoredImage:
        """Undoes pack."""
        if not geometry.whole:
            raise CorruptError("a stored image of channels of different sizes")
        return cls(geometry, sections.one(DATA))

    def decode(self, reading: Reading) -> Planes:
        """The planes; a reduced image's are of the whole one's."""
        geometry = self.geometry
        samples = decompress_stored(self.data, geometry.shape, geometry.dtype, _depth(geometry))
        return Planes.of_array(geometry, samples).reduced(reading.scale)


def estimate(planes: Planes) -> int:
    """About how many bytes the data of a stored image would take; quick."""
    return estimate_stored(planes.array(), _depth(planes.geometry))


def _depth(geometry: Geometry) -> int:
    """To which samples of one channel are packed: 1, 2 or 4; 0 for all of their arrays' bits."""
    return geometry.bits if geometry.channels == 1 and geometry.bits in (1, 2, 4) else 0
