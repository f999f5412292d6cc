"""What of a file of parts is neither a page's nor a part's: pages, tiles, shared networks, index.

format_spec.md, 12.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, ClassVar, NoReturn

from ..container.fields import Fields
from ..container.linr import INDEX, Section, Sections
from ..context.shared import SharedNetworks
from ..errors import CorruptError, ImageError
from ..history.planes import Geometry
from ..limits import Limits
from ..options import Reading
from .index import PageSize, first_parts, pack_index, unpack_index
from .tiles import MAX_TILE, TILE_STEP, Box, Grid

SHARED = b"N"
MAX_SHARED = 32
MAX_PAGES = 1 << 24


@dataclass(frozen=True)
class Frames:
    """The model of a file of parts.

    geometry: of the first page's samples; sizes: of each page; tile: (height, width) of tiles, None
    where each page is one; shared: sets of networks that parts use; lengths: bytes of each part,
    those of a page tile by tile.
    """

    geometry: Geometry
    sizes: tuple[PageSize, ...]
    tile: tuple[int, int] | None
    shared: tuple[SharedNetworks, ...]
    lengths: Sequence[int]

    number: ClassVar[int] = 5
    name: ClassVar[str] = "frames"
    tags: ClassVar[frozenset[bytes]] = frozenset({SHARED, INDEX})
    digests: ClassVar[tuple[bytes, ...]] = ()
    data: ClassVar[bytes] = b""

    def __post_init__(self) -> None:
        object.__setattr__(self, "lengths", array("q", self.lengths))

    @property
    def weights(self) -> bytes:
        """Of all sets."""
        return b"".join(shared.weights for shared in self.shared)

    def grid(self, page: int) -> Grid:
        """The tiles of a page."""
        size = self.sizes[page]
        return Grid(size.height, size.width, self.tile)

    @cached_property
    def first_parts(self) -> array[int]:
        """The number of each page's first part, and at last of all parts."""
        return first_parts(self.sizes, self.tile)

    @cached_property
    def _ends(self) -> array[int]:
        return array("q", accumulate(self.lengths, initial=0))

    @property
    def size(self) -> int:
        """The bytes of all parts."""
        return self._ends[-1]

    def place(self, part: int) -> tuple[int, int]:
        """Where a part begins and ends behind the index."""
        return self._ends[part], self._ends[part + 1]

    def page_of(self, part: int) -> tuple[int, Box]:
        """The page and the box in it that a part holds."""
        page = bisect_right(self.first_parts, part) - 1
        return page, self.grid(page)[part - self.first_parts[page]]

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """The numbers of pages and tiles; shared networks and the index."""
        fields: dict[str, Any] = {"p": len(self.sizes)}
        if self.tile is not None:
            fields["g"] = list(self.tile)
        differ = len(set(self.sizes)) > 1
        if differ:
            fields["v"] = 1
        index = pack_index(self.sizes if differ else (), self.lengths)
        sections = [Section(SHARED, shared.pack()) for shared in self.shared]
        return fields, [*sections, Section(INDEX, index)]

    @classmethod
    def unpack(
        cls, fields: Fields, sections: Sections, geometry: Geometry, limits: Limits
    ) -> Frames:
        """Undoes pack."""
        pages, tile = fields.integer("p", 1, MAX_PAGES), None
        limits.check("pages", pages, f"the file: {pages} pages")
        if "g" in fields:
            rows, cols = fields.integers("g", 2, TILE_STEP, MAX_TILE)
            if rows % TILE_STEP or cols % TILE_STEP:
                raise CorruptError(f"tiles of {rows} x {cols}: multiples of {TILE_STEP} are legal")
            tile = rows, cols
        several = "v" in fields and bool(fields.integer("v", 1, 1))
        packed = sections.all(SHARED)
        if len(packed) > MAX_SHARED:
            raise CorruptError(f"{len(packed)} sets of networks: {MAX_SHARED} are legal")
        shared = tuple(SharedNetworks.unpack(payload, limits) for payload in packed)
        numbers = sum(each.numbers for each in shared)
        limits.check("weights", numbers, f"shared networks: {numbers} weights")
        payload = sections.one(INDEX)
        first = PageSize(geometry.height, geometry.width, geometry.channels, geometry.sample_bits)
        sizes, lengths = unpack_index(payload, first, pages, several, tile, limits)
        return cls(geometry, sizes, tile, shared, lengths)

    def decode(self, reading: Reading) -> NoReturn:
        """Raises ImageError: its parts have planes (reader.py)."""
        raise ImageError("a file of parts has no planes of its own")
