"""How the strips or tiles of a TIFF's images were packed, found out piece by piece."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np

from ..errors import ImageError
from ..files.packing import Packed, Packing, find_packing
from ..files.tiff_directory import Bytes
from ..files.tiff_layout import SCHEMES, Layout, Piece
from ..files.tiff_pages import TiffPage, TiffPages, open_pages
from ..files.tiff_samples import mirrored, packed_piece, samples_of, unpacked
from ..limits import Limits
from .ahead import ahead
from .row_ends import row_ends
from .skeleton import MAX_HOLES, MAX_NUMBERS, Found
from .sparse import Sparse
from .tiff import MAX_VARIANTS, REPEATED, STORED, ZEROS, lines_of, outside_of, padded, raw_with_ends

_MORE = 1024  # bytes of a skeleton besides its literals and a recipe's bytes
_SEARCHES = 8  # for the packing of an image, each after a piece that the one before does not make

Variant = tuple[int, ...]


def find_pages(
    file: Bytes,
    pages: TiffPages,
    name: str,
    limits: Limits,
    known: Packed | None = None,
    threads: int = 1,
) -> Found | None:
    """A file without the pixel data of its images, and the recipe for these, which are compared
    with the file, all of them; None where they cannot be packed to the same bytes.

    Holds a few strips or tiles at a time. known: gets those that are packed. Raises ImageError for
    pixel data that are damaged.
    """
    try:
        sparse = Sparse.around(file, _holes(pages, len(file), limits))
        # tags can point into the pixel data, which are not there when they are read again
        if not _alike(pages, sparse, name, limits):
            return None
        room = limits.metadata - _MORE - len(sparse.literals)
        recipe = _Finder(file, known, threads, room).recipe(pages)
        if pages.stacks:
            recipe["i"] = [number for pair in pages.stacks.items() for number in pair]
            if len(recipe["i"]) > MAX_NUMBERS:
                return None
    except _Unknown:
        return None
    return Found(sparse, recipe, known or Packing.pack)


class _Unknown(Exception):
    """How a file was packed, or it needs more than a skeleton may have."""


class _Block(NamedTuple):
    """Some rows of a piece, from one up to another, unpacked and packed."""

    piece: Piece
    top: int
    bottom: int
    raw: bytes
    packed: bytes


class _Seen(NamedTuple):
    """Of a block: whether it is packed as it was thought to be; whether samples beyond the edges
    are those of ZEROS, and of REPEATED; its row ends."""

    same: bool
    zeros: bool
    repeated: bool
    ends: bytes


def _holes(pages: TiffPages, size: int, limits: Limits) -> list[tuple[int, int]]:
    """Where the pixel data are: (start, length), ascending and apart."""
    starts, lengths = array("q"), array("q")
    for page in pages:
        layout = page.layout
        if layout.compression not in SCHEMES:
            raise _Unknown
        raw = layout.compression == 1
        taken = np.tile(layout.sizes, layout.planes) if raw else layout.counts
        starts.frombytes(layout.offsets.tobytes())
        lengths.frombytes(taken.tobytes())
    pairs = np.stack([np.frombuffer(starts, np.int64), np.frombuffer(lengths, np.int64)], axis=1)
    pairs = np.unique(pairs, axis=0)  # pieces can be one
    ends = pairs.sum(axis=1)
    if pairs[:, 1].min() < 1 or np.any(pairs[1:, 0] < ends[:-1]):
        raise _Unknown
    apart = np.append(True, pairs[1:, 0] > ends[:-1])
    if apart.sum() > MAX_HOLES or size - pairs[:, 1].sum() > limits.metadata - _MORE:
        raise _Unknown
    firsts, lasts = pairs[apart, 0], ends[np.append(apart[1:], True)]
    return list(zip(firsts.tolist(), (lasts - firsts).tolist(), strict=True))


def _alike(pages: TiffPages, sparse: Sparse, name: str, limits: Limits) -> bool:
    """Whether a file has the same images, apart from their samples, without its pixel data."""
    try:
        others = open_pages(sparse, name, limits, pages.stacks)
    except ImageError:
        return False
    return len(pages) == len(others) and all(
        _same_layout(page.layout, other.layout)
        and (page.within > 0 or page.metadata == other.metadata)
        for page, other in zip(pages, others, strict=True)
    )


def _same_layout(one: Layout, other: Layout) -> bool:
    return all(
        np.array_equal(getattr(one, part.name), getattr(other, part.name))
        for part in fields(Layout)
        if part.name != "directory"
    )


class _Finder:
    """room: bytes that a recipe may have."""

    def __init__(self, file: Bytes, known: Packed | None, threads: int, room: int) -> None:
        self._file, self._known, self._threads, self._room = file, known, threads, room
        self._packings: dict[str, list[Packing]] = {"none": [Packing("none")]}
        self._outside, self._ends = bytearray(), bytearray()

    def recipe(self, pages: TiffPages) -> dict[str, Any]:
        """Raises _Unknown, and ImageError for damaged data."""
        if len(pages) > 1:
            self._seed(pages)
        variants, which, pads = dict[Variant, int](), bytearray(), bytearray()
        for page in pages:
            variant, kind = self._page(page)
            number = variants.setdefault(variant, len(variants))
            if number >= MAX_VARIANTS:
                raise _Unknown
            which.append(number)
            pads.append(kind)
            if len(self._outside) + len(self._ends) > self._room:
                raise _Unknown
        recipe: dict[str, Any] = {}
        if len(variants) > 1:
            recipe["a"] = [n for variant in variants for n in (len(variant), *variant)]
            recipe["w"] = bytes(which)
            if len(recipe["a"]) > MAX_NUMBERS:
                raise _Unknown
        elif variant:
            recipe["v"] = list(variant)
        if any(pads):
            recipe["p"] = pads[0] if len(set(pads)) == 1 else bytes(pads)
        if self._outside:
            recipe["e"] = bytes(self._outside)
        if any(self._ends):
            recipe["b"] = bytes(self._ends)
        return recipe

    def _seed(self, pages: TiffPages) -> None:
        """Find the packings of the longest pieces, which tell variants apart best."""
        longest = dict[str, tuple[int, int]]()
        for page in pages:
            count, scheme = int(page.layout.counts.max()), SCHEMES[page.layout.compression]
            if scheme != "none" and count > longest.get(scheme, (0, 0))[0]:
                longest[scheme] = count, page.number
        for _, number in longest.values():
            layout = pages[number].layout
            self._search(layout, [self._block(layout, int(layout.counts.argmax()))])

    def _search(self, layout: Layout, blocks: list[_Block]) -> Packing:
        """The packing of some blocks. Raises _Unknown."""
        scheme, pairs = SCHEMES[layout.compression], [(b.raw, b.packed) for b in blocks]
        packing = find_packing(scheme, pairs, layout.line_bytes)
        if packing is None:
            raise _Unknown
        known = self._packings.setdefault(scheme, [])
        if packing not in known:
            known.insert(0, packing)
        return packing

    def _page(self, page: TiffPage) -> tuple[Variant, int]:
        """The variant that packs an image, and its kind of pads; what else it needs is kept."""
        layout, scheme = page.layout, SCHEMES[page.layout.compression]
        padded_pieces = bool(layout.beyond.any())
        if scheme == "none" and not layout.line_bits % 8 and not padded_pieces:
            return (), ZEROS
        blocks = list[_Block]()
        if scheme != "none":
            last = len(layout.offsets) - 1
            some = [int(layout.counts.argmax()), 0, last // 2, last]
            blocks = [self._block(layout, number) for number in dict.fromkeys(some)]
        packing = self._guess(layout, blocks)
        for _ in range(_SEARCHES):
            pads, ends, other = self._looked_at(layout, packing, blocks, padded_pieces)
            if other is None:
                break
            blocks.append(other)
            packing = self._search(layout, blocks)
        else:
            raise _Unknown
        if pads == STORED:
            self._store(layout)
        self._ends += ends
        return packing.variant, pads

    def _guess(self, layout: Layout, blocks: list[_Block]) -> Packing:
        """A packing that makes some blocks, one that others have if it does."""
        for packing in self._packings.get(SCHEMES[layout.compression], []):
            if all(packing.pack(block.raw) == block.packed for block in blocks):
                return packing
        return self._search(layout, blocks)

    def _looked_at(
        self, layout: Layout, packing: Packing, proved: list[_Block], with_pads: bool
    ) -> tuple[int, bytearray, _Block | None]:
        """Look at all pieces of an image: their kind of pads, their row ends, and the first that is
        not packed so; proved: those that are."""
        numbers = {block.piece.number for block in proved}

        def look(block: _Block) -> _Seen:
            raw, lines = block.raw, block.bottom - block.top
            if block.piece.number not in numbers and packing.pack(raw) != block.packed:
                return _Seen(False, False, False, b"")
            if self._known is not None and raw is not block.packed:
                self._known.add(packing, raw, block.packed)
            ends = b""
            if layout.line_bits % 8:
                rows = np.frombuffer(raw, np.uint8).reshape(lines, -1)
                ends = row_ends(rows, layout.line_bits)
            part = samples_of(raw, layout, lines)
            if raw_with_ends(part, layout, ends) != raw:
                raise _Unknown
            if not with_pads:
                return _Seen(True, True, True, ends)
            inside = _inside(part, layout, block.piece)
            zeros, repeated = (
                np.array_equal(padded(inside, layout, lines, pads), part)
                for pads in (ZEROS, REPEATED)
            )
            return _Seen(True, zeros, repeated, ends)

        zeros = repeated = True
        found = bytearray()
        for block, seen in ahead(look, self._blocks(layout), self._threads):
            if not seen.same:
                return ZEROS, found, block
            zeros, repeated = zeros and seen.zeros, repeated and seen.repeated
            found += seen.ends
            if len(found) > self._room:
                raise _Unknown
        return ZEROS if zeros else REPEATED if repeated else STORED, found, None

    def _blocks(self, layout: Layout) -> Iterator[_Block]:
        """All of an image, in order."""
        for piece in layout.pieces:
            if layout.compression != 1:
                yield self._block(layout, piece.number)
                continue
            for top, bottom in lines_of(layout, piece):
                start, size = top * layout.line_bytes, (bottom - top) * layout.line_bytes
                raw = mirrored(bytes(self._file.read(piece.offset + start, size)), layout)
                yield _Block(piece, top, bottom, raw, raw)

    def _block(self, layout: Layout, number: int) -> _Block:
        """A whole piece."""
        piece = layout.piece(number)
        packed = packed_piece(self._file, layout, piece)
        raw = unpacked(packed, layout, piece)
        if layout.compression != 1 and len(packed) != piece.count:
            raise _Unknown  # more than any packing needs
        return _Block(piece, 0, layout.lines(piece), raw, packed)

    def _store(self, layout: Layout) -> None:
        """Keep the samples beyond the edges of an image."""
        for number in np.flatnonzero(np.tile(layout.beyond, layout.planes)):
            block = self._block(layout, int(number))
            part = samples_of(block.raw, layout, block.bottom)
            inside = _inside(part, layout, block.piece)
            beyond = part[outside_of(layout, len(part), inside)]
            self._outside += beyond.astype(beyond.dtype.newbyteorder("<")).tobytes()
            if len(self._outside) > self._room:
                raise _Unknown


def _inside(part: np.ndarray, layout: Layout, piece: Piece) -> np.ndarray:
    """The samples of a tile that are in the image."""
    return part[: layout.height - piece.row, : layout.width - piece.col]
