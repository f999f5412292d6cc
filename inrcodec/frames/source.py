"""Image files that are encoded frame by frame or tile by tile: of several images, or huge ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from ..files.animation import open_animation
from ..files.tiff import SIGNATURES
from ..files.tiff_directory import Bytes, Opened, Whole
from ..files.tiff_pages import TiffPages, open_pages
from ..limits import Limits
from ..source.restore import ELSEWISE
from ..source.skeleton import DIGEST_BYTES, TIFF, Skeleton
from ..source.tiff_find import find_pages
from .encode import Outer, Tile
from .pages import Page, size_of

AUTO = "auto"
# Pages of more pixels become tiles of so many rows and columns, if nothing else is asked for.
LARGE_PIXELS, LARGE_TILE = 1 << 25, 1024
_PIECE = 1 << 20  # bytes


@dataclass(frozen=True)
class Source:
    """What is encoded of a file: pages, what the file has besides, and its tiles."""

    pages: Sequence[Page]
    outer: Outer
    tile: tuple[int, int] | int | None
    unread: ClassVar[str] = ""  # all are read

    @property
    def left_out(self) -> tuple[str, ...]:
        """What of the file it has not, in words."""
        return self.outer.left_out


def open_source(
    file: BinaryIO, name: str, tile: Tile | str, limits: Limits, strip: bool = False
) -> Source | None:
    """The pages of an image file, of which nothing is read before it is asked for; None where it
    has one picture that is no tiles, for encode. tile: as encode_frames' or AUTO; strip: without
    what a file has besides its pages. The file stands as before. Raises ImageError for a damaged
    file and one that pages cannot represent, LimitError for a too large one."""
    start = file.tell()
    head = file.read(len(SIGNATURES[0]))
    file.seek(start)
    if head not in SIGNATURES:
        animation = open_animation(file, name, limits)
        if animation is None:
            return None
        outer = Outer(animation.metadata, animation.left_out)
        return Source(
            animation, Outer(bare=True) if strip else outer, None if tile == AUTO else tile
        )
    whole: Bytes = Opened(file) if not start else Whole(file.read())
    file.seek(start)
    pages = open_pages(whole, name, limits)
    large = any(page.height * page.width > LARGE_PIXELS for page in pages)
    if tile == AUTO:
        tile = LARGE_TILE if large else None
    assert not isinstance(tile, str)
    if len(pages) == 1 and tile is None:
        return None
    outer = Outer(bare=True) if strip else _outer(whole, pages, name, limits)
    return Source(pages, outer, tile)


def _outer(file: Bytes, pages: TiffPages, name: str, limits: Limits) -> Outer:
    """What a TIFF file has besides its pages."""
    found = find_pages(file, pages, name, limits)
    if found is not None:
        skeleton = Skeleton(TIFF, _digest(file), found.sparse, found.recipe)
        if skeleton.fits(sum(size_of(page).bytes for page in pages)):
            return Outer(pages[0].metadata, (), skeleton)
    return Outer(None, (*pages.left_out, ELSEWISE))


def _digest(file: Bytes) -> bytes:
    """BLAKE2b-128 of a file."""
    found = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for start in range(0, len(file), _PIECE):
        found.update(file.read(start, _PIECE))
    return found.digest()


def digest_of_file(file: BinaryIO) -> bytes:
    """BLAKE2b-128 of an open file, from its beginning."""
    return _digest(Opened(file))
