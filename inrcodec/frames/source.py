"""Image files that are encoded frame by frame or tile by tile: of several images, or huge ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from ..files.animation import open_animation
from ..files.tiff import SIGNATURES
from ..files.tiff_directory import Bytes, Opened, Whole
from ..files.tiff_pages import open_pages
from ..limits import Limits
from ..source.restore import ELSEWISE, keep_pages
from .encode import Outer
from .pages import Page
from .tiles import Tile

AUTO = "auto"
# Pages of more pixels become tiles of so many rows and columns, if nothing else is asked for.
LARGE_PIXELS, LARGE_TILE = 1 << 25, 1024


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
    file: BinaryIO,
    name: str,
    tile: Tile | str,
    limits: Limits,
    strip: bool = False,
    threads: int = 1,
) -> Source | None:
    """The pages of an image file, of which nothing is read before it is asked for; None where it
    has one picture that is no tiles, for encode. tile: as encode_frames' or AUTO; strip: without
    what a file has besides its pages. The file then stands as before. Raises ImageError for a
    damaged file and one that pages cannot represent, LimitError for a too large one, ValueError for
    a tile that is a word but AUTO."""
    if isinstance(tile, str) and tile != AUTO:
        raise ValueError(f"tile is {tile!r}; it can be a number, two of them, None or {AUTO!r}")
    size = None if isinstance(tile, str) else tile
    start = file.tell()
    head = file.read(len(SIGNATURES[0]))
    file.seek(start)
    if head not in SIGNATURES:
        animation = open_animation(file, name, limits)
        if animation is None:
            return None
        outer = Outer(animation.metadata, animation.left_out)
        return Source(animation, Outer(bare=True) if strip else outer, size)
    whole: Bytes = Opened(file) if not start else Whole(file.read())
    pages = open_pages(whole, name, limits)
    if tile == AUTO and any(page.height * page.width > LARGE_PIXELS for page in pages):
        size = LARGE_TILE
    if len(pages) == 1 and size is None:
        file.seek(start)
        return None
    if strip:
        return Source(pages, Outer(bare=True), size)
    skeleton = keep_pages(whole, pages, name, limits, threads)
    if skeleton is None:
        return Source(pages, Outer(None, (*pages.left_out, ELSEWISE)), size)
    return Source(pages, Outer(pages[0].metadata, (), skeleton), size)
