"""The images of a TIFF file, of which any part can be read without the others.

A file is a chain of directories, each of one image or of several (tiff_stack.py). All directories
are read and checked when it is opened; of the samples nothing is, before it is asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from threading import Lock
from typing import NamedTuple, overload

import numpy as np

from ..errors import ImageError
from ..limits import DEFAULT, Limits
from . import tiff_stack as stack
from .metadata import Metadata
from .picture import PixelType
from .tiff_directory import Bytes, directories, has_directory, read_directory
from .tiff_layout import DEPTH, SCHEMES, Layout, Piece, read_layout
from .tiff_others import Unpack, unpacking
from .tiff_samples import packed_piece, place_of, raw_part, samples_of, unpacked
from .tiff_tags import left_out_of, tags_of, type_of

CACHE_BYTES = 1 << 26  # of unpacked strips and tiles, for all pages of a file
_BLOCK_BYTES = 1 << 20  # of rows that are held where they are not packed
_PAGES_HELD, _PIECES_HELD = 1024, 1 << 18  # of pages that were asked for last


class _Origin:
    """What a directory says of all images that it stands for."""

    def __init__(self, layout: Layout, images: int, name: str) -> None:
        self.layout = layout
        self.type: PixelType = type_of(layout, name)
        self._stride = stack.stride_of(layout) if images > 1 else 0

    def layout_of(self, number: int) -> Layout:
        if self.layout.slices > 1:
            return self.layout.slice(number)
        return self.layout.shifted(number * self._stride) if number else self.layout


class TiffPage:
    """An image of a file. number: from 0 on; within: which of its directory's it is; layout: how it
    lies in the file."""

    def __init__(self, pages: TiffPages, number: int, within: int, origin: _Origin) -> None:
        self.number, self.within, self.layout = number, within, origin.layout_of(within)
        self._pages, self._origin = pages, origin

    @property
    def height(self) -> int:
        return self.layout.height

    @property
    def width(self) -> int:
        return self.layout.width

    @property
    def channels(self) -> int:
        return self.layout.samples

    @property
    def bits(self) -> int:
        """8 or 16, of the arrays."""
        return 8 if self.layout.bits <= 8 else 16

    @property
    def type(self) -> PixelType:
        """What its samples stand for."""
        return self._origin.type

    @property
    def metadata(self) -> Metadata | None:
        """What the tags of its directory say besides how the image is stored."""
        return tags_of(self.layout.directory)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Nothing by itself: that of the file has all (TiffPages)."""
        return ()

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """The samples of a part of the image: uint8 or uint16, (height, width) or (height, width,
        2..4). Unpacks the strips or tiles that it touches, but for those that it did lately.

        Raises ImageError where the file is damaged, and ValueError for a part that it has not.
        """
        layout = self.layout
        if not (0 <= top < top + height <= self.height and 0 <= left < left + width <= self.width):
            raise ValueError(f"rows {top} + {height}, columns {left} + {width} are not in the page")
        image = np.empty((height, width, layout.samples), f"u{self.bits // 8}")
        for piece in layout.touched(top, left, height, width):
            rows, cols, planes = place_of(layout, piece)
            rows = slice(max(rows.start, top), min(rows.stop, top + height))
            cols = slice(max(cols.start, left), min(cols.stop, left + width))
            part = self._pages.part(
                self,
                piece,
                range(rows.start - piece.row, rows.stop - piece.row),
                range(cols.start - piece.col, cols.stop - piece.col),
            )
            inside = slice(rows.start - top, rows.stop - top)
            image[inside, cols.start - left : cols.stop - left, planes] = part
        return image[..., 0] if layout.samples == 1 else image

    @cached_property
    def unpack(self) -> Unpack:
        """Of compressions that are not ours."""
        return unpacking(self._pages.file, self.layout, self._pages.name_of(self.number))


class TiffPages(Sequence[TiffPage]):
    """The images of a file, in its order. left_out: what of the file they do not have, in words;
    stacks: as of open_pages."""

    def __init__(
        self,
        file: Bytes,
        name: str,
        limits: Limits,
        starts: Sequence[int],
        images: Sequence[int],
        left_out: tuple[str, ...],
    ) -> None:
        """starts: of the directories; images: how many each stands for."""
        self.file, self.name, self.left_out = file, name, left_out
        self.stacks: dict[int, int] = {}
        self._limits, self._starts = limits, starts
        self._ends = np.cumsum(images).tolist()
        self._origin: tuple[int, _Origin | None] = -1, None
        self._pieces = 0  # of the pages that are held
        self._held, self._lock = OrderedDict[int, TiffPage](), Lock()
        self._parts, self._bytes = OrderedDict[tuple[int, int, int], np.ndarray](), 0

    @property
    def pages(self) -> Sequence[TiffPage]:
        return self

    def __len__(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, number: int) -> TiffPage: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[TiffPage]: ...

    def __getitem__(self, number: int | slice) -> TiffPage | Sequence[TiffPage]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        number = range(len(self))[number]
        with self._lock:
            if number in self._held:
                self._held.move_to_end(number)
                return self._held[number]
        at = bisect_right(self._ends, number)
        first = self._ends[at - 1] if at else 0
        held, origin = self._origin
        if held != at or origin is None:
            name = self.name_of(number)
            directory = read_directory(self.file, name, self._starts[at])
            layout = read_layout(directory, len(self.file), name, self._limits)
            origin = _Origin(layout, self._ends[at] - first, name)
        page = TiffPage(self, number, number - first, origin)
        with self._lock:
            self._origin = at, origin
            if number in self._held:  # another thread was faster
                return self._held[number]
            self._held[number] = page
            self._pieces += len(page.layout.offsets)
            while len(self._held) > 1 and (
                len(self._held) > _PAGES_HELD or self._pieces > _PIECES_HELD
            ):
                self._pieces -= len(self._held.popitem(last=False)[1].layout.offsets)
        return page

    def name_of(self, number: int) -> str:
        """What errors call an image."""
        return _called(self.name, number, len(self) > 1)

    def part(self, page: TiffPage, piece: Piece, rows: range, cols: range) -> np.ndarray:
        """The samples of some rows and columns of a piece: (rows, cols, depth)."""
        layout, name = page.layout, self.name_of(page.number)
        if layout.compression != 1:
            part = self._unpacked(page, piece, name)
            return part[rows.start : rows.stop, cols.start : cols.stop]
        wide = len(rows) * layout.line_bytes > CACHE_BYTES // 2
        if wide or len(cols) == layout.cols or layout.tiled:
            return raw_part(self.file, layout, piece, rows, cols, name)
        # a few columns: those beside them are likely to be asked for next
        step = max(1, _BLOCK_BYTES // layout.line_bytes)
        parts = list[np.ndarray]()
        for top in range(rows.start - rows.start % step, rows.stop, step):
            block = range(top, min(top + step, layout.lines(piece)))

            def unpack(block: range = block) -> np.ndarray:
                every = range(layout.cols)
                return raw_part(self.file, layout, piece, block, every, name)

            part = self._held_part((page.number, piece.number, top), unpack)
            inside = slice(max(rows.start - top, 0), rows.stop - top)
            parts.append(part[inside, cols.start : cols.stop])
        return np.concatenate(parts)

    def _unpacked(self, page: TiffPage, piece: Piece, name: str) -> np.ndarray:
        """A whole piece, (lines, cols, depth) or what of these is in the image."""
        layout = page.layout

        def unpack() -> np.ndarray:
            if layout.compression not in SCHEMES:
                return page.unpack(piece)
            raw = unpacked(packed_piece(self.file, layout, piece), layout, piece, name)
            return samples_of(raw, layout, layout.lines(piece))

        return self._held_part((page.number, piece.number, 0), unpack)

    def _held_part(self, key: tuple[int, int, int], unpack: Callable[[], np.ndarray]) -> np.ndarray:
        """What was unpacked lately, or is now: a piece of a page, or rows of it from one on."""
        with self._lock:
            if key in self._parts:
                self._parts.move_to_end(key)
                return self._parts[key]
        part = unpack()
        with self._lock:
            if key not in self._parts and part.nbytes <= CACHE_BYTES:
                self._parts[key] = part
                self._bytes += part.nbytes
            while self._bytes > CACHE_BYTES:
                self._bytes -= self._parts.popitem(last=False)[1].nbytes
        return part


def open_pages(
    file: Bytes, name: str, limits: Limits = DEFAULT, stacks: Mapping[int, int] | None = None
) -> TiffPages:
    """The images of a TIFF. stacks: how many images directories stand for, by their numbers, of
    those of more than one, the bytes of which lie behind one another; found out if not given.

    Raises ImageError, with `name` and the page in front, for a damaged file and for images that
    pictures cannot represent exactly, and LimitError for more than limits.pages of them, or one
    above limits.pixels.
    """
    starts, counts, found = list[int](), list[int](), dict[int, _Stack]()
    left_out, places, used, pieces = dict[str, None](), {len(file)}, 8, 0
    for number, directory in enumerate(directories(file, name, limits)):
        called = _called(name, number, number > 0 or has_directory(file, directory))
        layout = read_layout(directory, len(file), called, limits)
        type_of(layout, called)
        pieces += len(layout.offsets)
        if pieces > len(file):
            raise ImageError(f"{name}: damaged TIFF, of more strips or tiles than bytes")
        first, stride = int(layout.offsets.min()), 0
        said = [stacks[number]] if stacks and number in stacks else []
        if stacks is None and layout.slices == 1:
            said = stack.told(directory, layout)
        if said:
            stride = stack.stride_of(layout)
            if not stride and (stacks or directory.number(DEPTH, 1) > 1):
                raise ImageError(f"{called}: TIFF of several images in one, which are packed")
        if stride:
            found[number] = _Stack(first, stride, said)
            places.update(field.place for field in directory.fields if field.size > 8)
        starts.append(directory.start)
        counts.append(layout.slices)
        places |= {directory.start, first}
        left_out |= dict.fromkeys(left_out_of(directory))
        used += int(layout.counts.sum()) + sum(field.size for field in directory.fields)
        used += 56 + 20 * len(directory.fields)
    ordered = sorted(places) if stacks is None else [len(file)]
    for number, (first, stride, said) in found.items():
        room = (ordered[bisect_right(ordered, first)] - first) // stride
        # what is not in the file cannot be lost
        counts[number] = next((count for count in said if count <= room), 1)
        used += (counts[number] - 1) * stride
    if stacks and any(count != counts[n] for n, count in stacks.items() if n in found):
        raise ImageError(f"{name}: truncated TIFF of several images in one")
    limits.check("pages", sum(counts), f"{name}: {sum(counts)} images")
    if len(file) > used:
        left_out[f"about {len(file) - used} bytes that no tag points to"] = None
    pages = TiffPages(file, name, limits, starts, counts, tuple(left_out))
    pages.stacks = {number: counts[number] for number in found if counts[number] > 1}
    return pages


class _Stack(NamedTuple):
    """A directory that may stand for several images: where the first one is, how many bytes each
    takes, and how many there may be."""

    first: int
    stride: int
    said: list[int]


def _called(name: str, number: int, several: bool) -> str:
    return f"{name}: page {number + 1}" if several else name
