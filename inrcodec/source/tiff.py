"""How the strips or tiles of a TIFF's images are packed again.

The recipe: `v`, the numbers of the packing (files.packing) of all images; or `a`, several such
variants, each behind how many numbers it has, and `w`, a byte for each image, which of them is its
own. `p`, what tiles have beyond the edge of the image: 0 zeros, 1 the last row and column again,
2 the samples in `e`, image by image, tile by tile; a number for all images or a byte for each. `b`,
the row ends (row_ends.py) of all strips or tiles, if they are not zeros. `i`, numbers of
directories that stand for several images, one behind the other, each followed by how many.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import ChecksumError, CorruptError
from ..files.packing import Packing
from ..files.picture import Picture
from ..files.tiff_layout import SCHEMES, Layout, Piece
from ..files.tiff_pages import TiffPage, TiffPages, open_pages
from ..files.tiff_samples import mirrored, place_of, raw_of
from ..limits import Limits
from .ahead import ahead
from .row_ends import with_row_ends
from .skeleton import DIGEST_BYTES, Pack, Skeleton, most_bytes

ZEROS, REPEATED, STORED = range(3)
MAX_VARIANTS = 256
_NAME = "the source file"
_BAND_BYTES = 1 << 20  # of rows that are asked for at once, at least one strip or row of tiles

# The samples of some rows of an image, from one up to another: (rows, W) or (rows, W, C).
Rows = Callable[[int, int, int], np.ndarray]


def pages_of(skeleton: Skeleton, limits: Limits) -> TiffPages:
    """The images of a source file, with zeros for their samples, in its order. Raises a LinrError
    where it has none."""
    numbers = skeleton.recipe.get("i", [])
    stacks = dict(zip(numbers[::2], numbers[1::2], strict=False))
    if len(numbers) != 2 * len(stacks) or min(stacks.values(), default=2) < 2:
        raise CorruptError(f"{_NAME} has images that are not said where")
    pages = open_pages(skeleton.sparse, _NAME, limits, stacks)
    if pages.stacks != stacks:
        raise CorruptError(f"{_NAME} has images that are not said where")
    return pages


def restored_chunks(
    skeleton: Skeleton, rows: Rows, limits: Limits, threads: int = 1
) -> Iterator[bytes]:
    """The source file of some images, in pieces, in its order.

    rows(image, top, bottom): the samples of rows of an image, uint8 or uint16, asked for in the
    order of the file, a few strips or a row of tiles at a time, by one thread. Raises CorruptError
    where the file does not go together, and, at its end, ChecksumError where it is another one.
    """
    yield from _chunks(skeleton, pages_of(skeleton, limits), rows, Packing.pack, threads)


def restored(skeleton: Skeleton, picture: Picture, limits: Limits, pack: Pack) -> bytes:
    """The source file of a single picture; raises as restored_chunks."""
    pages, samples = pages_of(skeleton, limits), picture.cube
    shape = pages[0].height, pages[0].width, pages[0].channels
    if len(pages) > 1 or shape != samples.shape:
        raise CorruptError(f"{_NAME} is of another size than the picture")
    return b"".join(_chunks(skeleton, pages, lambda _, top, bottom: samples[top:bottom], pack, 1))


def _chunks(
    skeleton: Skeleton, pages: TiffPages, rows: Rows, pack: Pack, threads: int
) -> Iterator[bytes]:
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    try:
        recipe = Recipe.of(skeleton.recipe, len(pages))
        for chunk in skeleton.sparse.filled_by(_parts(pages, recipe, rows, pack, threads)):
            digest.update(chunk)
            yield chunk
    except (ValueError, struct.error, zlib.error) as error:
        raise CorruptError(f"{_NAME} does not go together ({error})") from error
    if digest.digest() != skeleton.digest:
        raise ChecksumError(f"{_NAME} does not come back byte for byte")


class Recipe(NamedTuple):
    """variants: of packings; which: of them an image's own, none if there is one; pads: of all
    images or each; outside: samples in tiles beyond the edges; ends: of rows."""

    variants: Sequence[tuple[int, ...]]
    which: bytes
    pads: int | bytes
    outside: bytes
    ends: bytes

    @classmethod
    def of(cls, recipe: dict[str, Any], images: int) -> Recipe:
        """Raises CorruptError for a recipe that says nothing of so many images."""
        variants, numbers = [tuple(recipe.get("v", ()))], recipe.get("a", [])
        which, pads = recipe.get("w", b""), recipe.get("p", ZEROS)
        if "a" in recipe or "w" in recipe:
            variants, at = [], 0
            while at < len(numbers):
                end = at + 1 + numbers[at]
                variants.append(tuple(numbers[at + 1 : end]))
                at = end
            each = len(which) == images and max(which) < len(variants) <= MAX_VARIANTS
            if "v" in recipe or at != len(numbers) or not each:
                raise CorruptError(f"{_NAME} is packed in ways that are not said")
        known = pads <= STORED if isinstance(pads, int) else len(pads) == images
        if not known or (isinstance(pads, bytes) and max(pads) > STORED):
            raise CorruptError(f"{_NAME} has tiles with edges of other kinds")
        return cls(variants, which, pads, recipe.get("e", b""), recipe.get("b", b""))

    def packing(self, page: TiffPage) -> Packing:
        variant = self.variants[self.which[page.number] if self.which else 0]
        return Packing(SCHEMES[page.layout.compression], variant)

    def pads_of(self, page: TiffPage) -> int:
        return self.pads if isinstance(self.pads, int) else self.pads[page.number]


def lines_of(layout: Layout, piece: Piece) -> Iterator[tuple[int, int]]:
    """The rows of a piece, from one up to another, that are made at once: all that are packed, few
    of a strip that is not."""
    lines = layout.lines(piece)
    several = layout.compression == 1 and not layout.tiled
    step = max(1, _BAND_BYTES // layout.line_bytes) if several else lines
    return ((top, min(top + step, lines)) for top in range(0, lines, step))


def outside_of(layout: Layout, lines: int, inside: np.ndarray) -> np.ndarray:
    """Where so many rows of a piece have samples beyond the edges of the image: bool (lines,
    cols)."""
    outside = np.ones((lines, layout.cols), dtype=bool)
    outside[: inside.shape[0], : inside.shape[1]] = False
    return outside


def padded(
    inside: np.ndarray, layout: Layout, lines: int, pads: int, outside: bytes | memoryview = b""
) -> np.ndarray:
    """Samples of a piece (lines, cols, depth) from those in the image."""
    short = lines - inside.shape[0], layout.cols - inside.shape[1]
    if not any(short):
        return inside
    mode: Any = "edge" if pads == REPEATED else "constant"
    part = np.pad(inside, ((0, short[0]), (0, short[1]), (0, 0)), mode=mode)
    if pads == STORED:
        where = outside_of(layout, lines, inside)
        kind = part.dtype.newbyteorder("<")
        given = np.frombuffer(outside, kind, int(where.sum()) * layout.depth)
        part[where] = given.reshape(-1, layout.depth)
    return part


def raw_with_ends(part: np.ndarray, layout: Layout, ends: bytes) -> bytes:
    """The bytes of samples of a piece, before they are packed; ends: of its rows, if any are not
    zeros."""
    whole = raw_of(part, layout)
    if not ends:
        return whole
    rows = np.frombuffer(whole, np.uint8).reshape(len(part), -1)
    return with_row_ends(rows, layout.line_bits, ends).tobytes()


class _Part(NamedTuple):
    """Some rows of a strip or tile, before they are packed, and where they are in the file then."""

    place: int
    layout: Layout
    packing: Packing
    raw: bytes


def _parts(
    pages: TiffPages, recipe: Recipe, rows: Rows, pack: Pack, threads: int
) -> Iterator[tuple[int, bytes]]:
    """What stands in the holes, each part with its place in the file."""

    def packed(part: _Part) -> bytes:
        return mirrored(pack(part.packing, part.raw), part.layout)

    for part, body in ahead(packed, _raw_parts(pages, recipe, rows), threads):
        yield part.place, body


def _raw_parts(pages: TiffPages, recipe: Recipe, rows: Rows) -> Iterator[_Part]:
    """In the order of the file."""
    band, outside = _Band(rows), memoryview(recipe.outside)
    for image, number, before, above in _table(pages, recipe):
        page = pages[image]
        layout, packing, pads = page.layout, recipe.packing(page), recipe.pads_of(page)
        piece = layout.piece(number)
        _, cols, planes = place_of(layout, piece)
        for top, bottom in lines_of(layout, piece):
            inside = min(bottom, layout.height - piece.row)
            samples = band.read(page, piece.row + top, piece.row + inside)[:, cols, planes]
            part = padded(samples, layout, bottom - top, pads, outside[before:])
            ends = b""
            if recipe.ends and layout.line_bits % 8:
                ends = recipe.ends[above + top : above + bottom]
            raw = raw_with_ends(part, layout, ends)
            yield _Part(piece.offset + top * layout.line_bytes, layout, packing, raw)


def _table(pages: TiffPages, recipe: Recipe) -> Iterator[tuple[int, int, int, int]]:
    """Of the strips or tiles of all images, in the order of their offsets and each once: image,
    number, and where its samples beyond the edges and its row ends begin."""
    columns = offsets, images, numbers, befores, aboves = [array("q") for _ in range(5)]
    before = above = size = samples = 0
    for page in pages:
        layout = page.layout
        if layout.compression not in SCHEMES:
            raise CorruptError(f"{_NAME} is compressed in a way that is not known")
        size += int(layout.sizes.sum()) * layout.planes
        samples += layout.height * layout.width * layout.samples * page.bits // 8
        if size > most_bytes(samples):
            raise CorruptError(f"{_NAME} has larger tiles than such a picture needs")
        count = len(layout.offsets)
        stored = np.zeros(count, np.int64)
        if recipe.pads_of(page) == STORED:
            stored = np.tile(layout.beyond, layout.planes) * layout.depth * page.bits // 8
        lines = np.tile(layout.sizes // layout.line_bytes, layout.planes)
        lines *= bool(recipe.ends and layout.line_bits % 8)
        for column, values in zip(
            columns,
            (
                layout.offsets,
                np.full(count, page.number),
                np.arange(count),
                before + np.cumsum(stored) - stored,
                above + np.cumsum(lines) - lines,
            ),
            strict=True,
        ):
            column.frombytes(values.tobytes())
        before, above = before + int(stored.sum()), above + int(lines.sum())
    if before != len(recipe.outside) or above != len(recipe.ends):
        raise CorruptError(f"{_NAME} has more beyond the edges than its tiles")
    last = -1
    for at in np.argsort(np.frombuffer(offsets, np.int64), kind="stable"):
        if offsets[at] != last:
            last = offsets[at]
            yield images[at], numbers[at], befores[at], aboves[at]


class _Band:
    """The rows of an image that were asked for last."""

    def __init__(self, rows: Rows) -> None:
        self._rows, self._of, self._samples = rows, (-1, 0, 0), np.empty(0)

    def read(self, page: TiffPage, top: int, bottom: int) -> np.ndarray:
        """(rows, W, C). Raises CorruptError where others are given."""
        image, first, last = self._of
        if image != page.number or not first <= top < bottom <= last:
            bits, shape = page.bits, (page.width, page.channels)
            enough = _BAND_BYTES * 8 // (bits * page.width * page.channels)
            first, last = top, min(max(bottom, top + enough), page.height)
            found = self._rows(page.number, first, last)
            given = found[..., None] if found.ndim == 2 else found
            if given.shape != (last - first, *shape) or found.dtype != f"u{bits // 8}":
                raise CorruptError(f"{_NAME} is of another size than the picture")
            self._of, self._samples = (page.number, first, last), given
        return self._samples[top - first : bottom - first]
