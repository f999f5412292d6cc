"""Files whose pixels are not read: they are kept as they are, in the place of a source file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np

from ..container.fields import Fields
from ..container.linr import Section, Sections
from ..errors import CorruptError, ImageError
from ..files.coded_size import jpeg_size
from ..files.jpeg import SIGNATURE
from ..files.picture import Picture
from ..history.planes import Geometry
from ..limits import Limits, check_size
from ..options import Reading
from .skeleton import JPEG, Skeleton, digest_of
from .sparse import Sparse

_MOST_WHY = 200  # characters


@dataclass(frozen=True)
class Copy:
    """The model of no planes; why: in words."""

    geometry: Geometry
    why: str

    number: ClassVar[int] = 4
    name: ClassVar[str] = "copy"
    tags: ClassVar[frozenset[bytes]] = frozenset()
    digests: ClassVar[tuple[bytes, ...]] = ()
    weights: ClassVar[bytes] = b""
    data: ClassVar[bytes] = b""

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """Why there are no planes."""
        return {"w": self.why}, []

    @classmethod
    def unpack(cls, fields: Fields, sections: Sections, geometry: Geometry, limits: Limits) -> Copy:
        """Undoes pack."""
        why = fields.take("w")
        if not isinstance(why, str) or not 1 <= len(why) <= _MOST_WHY:
            raise CorruptError("a copy of a file that does not say why")
        return cls(geometry, why)

    def decode(self, reading: Reading) -> NoReturn:
        """Raises ImageError."""
        raise ImageError(unread(self.why))


def unread(why: str) -> str:
    """What is said of a file that has no pixels."""
    return f"the pixels of this file are not read ({why}): it holds the file itself alone"


def copy_of(data: bytes, name: str, error: ImageError, limits: Limits) -> Picture:
    """A file that is not read, and why not, as a picture whose samples are not known. Raises the
    error where the file does not even tell its size, or is no JPEG."""
    size = jpeg_size(data) if data.startswith(SIGNATURE) else None
    if size is None or not 1 <= size.channels <= 4 or len(data) + 1024 >= limits.metadata:
        raise error
    check_size(size.width, size.height, name, limits)
    shape = (size.height, size.width, size.channels)
    samples = np.broadcast_to(np.zeros((), np.uint8), shape[: 2 + (size.channels > 1)])
    whole = Skeleton(JPEG, digest_of(data), Sparse(len(data), (), data), {})
    why = str(error).removeprefix(f"{name}: ")[:_MOST_WHY]
    return Picture(samples, source=whole, unread=why)
