"""How a TIFF's strips or tiles are packed again.

The recipe: `v`, the numbers of the packing (files.packing); `p`, what tiles have beyond the edge of
the image: 0 zeros, 1 the last row and column again, 2 the samples in `e`, tile by tile; `b`, the
row ends (row_ends.py) of all strips or tiles, if they are not zeros.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import CorruptError
from ..files.packing import Packed, Packing, find_packing
from ..files.picture import Picture
from ..files.tiff_directory import Whole, read_directory
from ..files.tiff_layout import SCHEMES, Layout, read_layout
from ..files.tiff_samples import mirrored, place_of, raw_of, raw_piece, samples_of
from ..limits import Limits
from .row_ends import row_ends, with_row_ends
from .skeleton import Found, Pack, Skeleton, most_bytes
from .sparse import Sparse

ZEROS, REPEATED, STORED = range(3)


def find(data: bytes, layout: Layout, picture: Picture) -> Found | None:
    """A file of a layout and a picture without its pixel data, and the recipe for these; None where
    they cannot be packed to the same bytes."""
    samples = picture.cube
    if layout.compression not in SCHEMES:
        return None
    raw = [raw_piece(Whole(data), layout, piece) for piece in layout.pieces]
    recipe: dict[str, Any] = {}
    ends = _row_ends(raw, layout)
    for pads in (ZEROS, REPEATED, STORED):
        recipe = {"p": pads} if pads else {}
        if pads == STORED:
            recipe["e"] = _outsides(raw, layout)
        if any(ends):
            recipe["b"] = ends
        if all(map(bytes.__eq__, _pieces(samples, layout, recipe), raw)):
            break
    else:
        return None
    pairs, holes = [], dict[int, int]()
    for piece, part in zip(layout.pieces, raw, strict=True):
        packed = mirrored(data[piece.offset : piece.offset + piece.count], layout)
        if layout.compression == 1:
            packed = packed[: len(part)]
        pairs.append((part, packed))
        if holes.setdefault(piece.offset, len(packed)) != len(packed):
            return None
    packing = find_packing(SCHEMES[layout.compression], pairs, layout.line_bytes)
    if packing is None:
        return None
    if packing.variant:
        recipe["v"] = list(packing.variant)
    try:
        return Found(Sparse.of(data, list(holes.items())), recipe, Packed(packing, pairs))
    except ValueError:  # strips that overlap
        return None


def bodies(skeleton: Skeleton, picture: Picture, limits: Limits, pack: Pack) -> list[bytes]:
    """What stands in each hole. Raises a LinrError or ValueError where it does not fit."""
    sparse, samples, recipe = skeleton.sparse, picture.cube, skeleton.recipe
    name = "the source file"
    layout = read_layout(read_directory(sparse, name), len(sparse), name, limits)
    if (layout.height, layout.width, layout.samples) != samples.shape:
        raise CorruptError(f"{name} is of another size than the picture")
    if sum(map(layout.lines, layout.pieces)) * layout.line_bytes > most_bytes(samples.nbytes):
        raise CorruptError(f"{name} has larger tiles than such a picture needs")
    if layout.compression not in SCHEMES:
        raise CorruptError(f"{name} is compressed in a way that is not known")
    variant = recipe.get("v", [])
    packing = Packing(SCHEMES[layout.compression], tuple(variant))
    packed = {
        piece.offset: mirrored(pack(packing, raw), layout)
        for piece, raw in zip(layout.pieces, _pieces(samples, layout, recipe), strict=True)
    }
    return join(sparse, sorted(packed.items()))


def join(sparse: Sparse, parts: Sequence[tuple[int, bytes]]) -> list[bytes]:
    """Parts by their places, ascending, as the bodies of holes."""
    found, left = [], list(reversed(parts))
    for start, length in sparse.holes:
        body, at = list[bytes](), start
        while at < start + length:
            place, part = left.pop() if left else (-1, b"")
            if place != at or not part:
                raise ValueError("pixel data of other places than the holes")
            body.append(part)
            at += len(part)
        found.append(b"".join(body))
    if any(part for _, part in left):
        raise ValueError("more pixel data than holes")
    return found


def _pieces(samples: np.ndarray, layout: Layout, recipe: dict[str, Any]) -> Iterator[bytes]:
    """The bytes of each piece of an image (H, W, S), before they are packed."""
    pads, stored, ends = recipe.get("p", ZEROS), recipe.get("e", b""), recipe.get("b", b"")
    at = row = 0
    for piece in layout.pieces:
        part = samples[place_of(layout, piece)]
        short = layout.lines(piece) - part.shape[0], layout.cols - part.shape[1]
        if any(short):
            outside = np.ones((layout.lines(piece), layout.cols), dtype=bool)
            outside[: part.shape[0], : part.shape[1]] = False
            mode: Any = "edge" if pads == REPEATED else "constant"
            part = np.pad(part, ((0, short[0]), (0, short[1]), (0, 0)), mode=mode)
            if pads == STORED:
                size = int(outside.sum()) * layout.depth * part.itemsize
                given = np.frombuffer(stored[at : at + size], part.dtype.newbyteorder("<"))
                part[outside] = given.reshape(-1, layout.depth)
                at += size
        whole, lines = raw_of(part, layout), layout.lines(piece)
        if ends:
            rows = np.frombuffer(whole, np.uint8).reshape(lines, -1)
            whole = with_row_ends(rows, layout.line_bits, ends[row : row + lines]).tobytes()
        row += lines
        yield whole
    if at != len(stored) or (ends and row != len(ends)):
        raise CorruptError("the source file has more beyond the edges than its tiles")


def _row_ends(raw: Sequence[bytes], layout: Layout) -> bytes:
    """What is behind the rows of all pieces in their last bytes."""
    if not layout.line_bits % 8:
        return b""
    rows = (np.frombuffer(part, np.uint8).reshape(-1, layout.line_bytes) for part in raw)
    return b"".join(row_ends(part, layout.line_bits) for part in rows)


def _outsides(raw: Sequence[bytes], layout: Layout) -> bytes:
    """The samples of all pieces beyond the edges of the image."""
    found = []
    for piece, part in zip(layout.pieces, raw, strict=True):
        rows, cols, _ = place_of(layout, piece)
        height, width = rows.stop - rows.start, cols.stop - cols.start
        lines = layout.lines(piece)
        if (height, width) != (lines, layout.cols):
            outside = np.ones((lines, layout.cols), dtype=bool)
            outside[:height, :width] = False
            beyond = samples_of(part, layout, lines)[outside]
            found.append(beyond.astype(beyond.dtype.newbyteorder("<")).tobytes())
    return b"".join(found)
