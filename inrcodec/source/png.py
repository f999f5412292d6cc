"""How the image data of a PNG are filtered, packed and cut into chunks again.

A hole reaches from the first IDAT chunk to the end of the last one; others are the bodies of PLTE
and tRNS where the picture's type has them. The recipe: `v`, the numbers
of the packing (files.packing); `f`, the filter of all rows, or a byte for each of them (none: what
the least sum of absolute differences chooses); `c`, the sizes of the IDAT chunks, [size, how many]
in their order; `z`, bytes behind the zlib stream; `b`, the row ends (row_ends.py) of all passes
whose rows do not fill their bytes, if any are not zeros.
"""

from __future__ import annotations

import struct
import zlib
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from ..coding.stored import filter_rows, scanlines, unfilter_rows
from ..errors import CorruptError
from ..files.packing import Packed, Packing, find_packing
from ..files.picture import Picture, PixelType
from ..files.png import PASSES, own_chunks
from ..limits import Limits
from .row_ends import row_ends, with_row_ends
from .skeleton import MAX_PAIRS, Found, Pack, Skeleton
from .sparse import Sparse


class _Pass(NamedTuple):
    """Rows of a pass, unfiltered bytes (H, S), the step of filters, and the bits of a row."""

    rows: np.ndarray
    step: int
    bits: int


_START = 33  # behind the header chunk
_MOST_CHUNKS = 1 << 20


def find(data: bytes, picture: Picture) -> Found | None:
    """A legal file without its image data, and the recipe for these; None where they are packed in
    a way that is not known."""
    at, first, parts = _START, 0, list[bytes]()
    own, holes = own_chunks(picture.type), list[tuple[int, int]]()
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        if name == b"IDAT":
            first = first or at
            parts.append(body)
        elif body and own.get(name.decode("ascii")) == body:
            holes.append((at + 8, size))
        elif first:
            break
        at += 12 + size
    stream, end = b"".join(parts), at
    passes = _rows(picture.cube, data)
    if passes is None:
        return None
    expected = sum(each.rows.size + len(each.rows) for each in passes)
    inflate = zlib.decompressobj()
    lines = inflate.decompress(stream, expected + 1)
    behind = inflate.unused_data
    packed = stream[: len(stream) - len(behind)]
    parts_of_lines = _split(lines, passes)
    kinds = b"".join(part[:, 0].tobytes() for part in parts_of_lines)
    recipe: dict[str, Any] = {"z": behind} if behind else {}
    ends = b"".join(
        row_ends(unfilter_rows(part, each.step), each.bits)
        for part, each in zip(parts_of_lines, passes, strict=True)
        if each.bits % 8
    )
    if any(ends):
        recipe["b"] = ends
        passes = _with_ends(passes, ends)
    if len(set(kinds)) == 1:
        recipe["f"] = kinds[0]
    elif lines != b"".join(filter_rows(each.rows, each.step).tobytes() for each in passes):
        recipe["f"] = kinds
    packing = find_packing("deflate", [(lines, packed)])
    if packing is None or len(parts) > _MOST_CHUNKS:
        return None
    sizes = [[size, len(list(run))] for size, run in groupby(map(len, parts))]
    if len(sizes) > MAX_PAIRS:
        return None
    recipe |= {"v": list(packing.variant), "c": sizes}
    known = Packed()
    known.add(packing, lines, packed)
    return Found(Sparse.of(data, [*holes, (first, end - first)]), recipe, known)


def bodies(skeleton: Skeleton, picture: Picture, limits: Limits, pack: Pack) -> list[bytes]:
    """What stands in each hole. Raises a LinrError where it does not fit."""
    sparse, recipe = skeleton.sparse, skeleton.recipe
    passes = _rows(picture.cube, bytes(sparse.read(0, _START)))
    if passes is None:
        raise CorruptError("the source file is of another size than the picture")
    kinds, parts, at = recipe.get("f"), list[bytes](), 0
    if "b" in recipe:
        passes = _with_ends(passes, recipe["b"])
    if isinstance(kinds, bytes) and len(kinds) != sum(len(each.rows) for each in passes):
        raise CorruptError("the source file has filters of other rows")
    for rows, step, _ in passes:
        kind: int | np.ndarray | None = None
        if isinstance(kinds, bytes):
            kind = np.frombuffer(kinds, np.uint8)[at : at + len(rows)]
        elif kinds is not None:
            kind = kinds
        if kind is not None and np.max(kind) > 4:
            raise CorruptError("the source file has unknown filters")
        parts.append(filter_rows(rows, step, kind).tobytes())
        at += len(rows)
    stream = pack(Packing("deflate", tuple(recipe["v"])), b"".join(parts)) + recipe.get("z", b"")
    chunks, sizes, at = bytearray(), recipe["c"], 0
    if sum(count for _, count in sizes) > _MOST_CHUNKS or sum(
        size * count for size, count in sizes
    ) != len(stream):
        raise CorruptError("the source file has other chunks of image data")
    for size, count in sizes:
        for _ in range(count):
            tagged = b"IDAT" + stream[at : at + size]
            at += size
            chunks += struct.pack(">I", size) + tagged + struct.pack(">I", zlib.crc32(tagged))
    image, own = bytes(chunks), _own_bodies(sparse, picture.type)
    return [image if body is None else body for body in own]


def without_image(sparse: Sparse, pixels: PixelType) -> bytes:
    """A file with a chunk of a byte for its image data, and what a type has of it."""
    parts, at = list[bytes](), 0
    for (start, length), body in zip(sparse.holes, _own_bodies(sparse, pixels), strict=True):
        tagged = b"IDAT\0"
        chunk = struct.pack(">I", 1) + tagged + struct.pack(">I", zlib.crc32(tagged))
        parts += [bytes(sparse.read(at, start - at)), chunk if body is None else body]
        at = start + length
    return b"".join([*parts, bytes(sparse.read(at, len(sparse) - at))])


def _own_bodies(sparse: Sparse, pixels: PixelType) -> list[bytes | None]:
    """What a type has of each hole; None for that of the image data, which is there once."""
    own, found = own_chunks(pixels), list[bytes | None]()
    for start, length in sparse.holes:
        body = own.get(bytes(sparse.read(start - 4, 4)).decode("latin-1"))
        found.append(body if body is not None and len(body) == length else None)
    if found.count(None) != 1:
        raise CorruptError("the source file has no image data, or several")
    return found


def _rows(samples: np.ndarray, head: bytes) -> list[_Pass] | None:
    """The passes of samples (H, W, C) in a file that begins with a head; None if that is not of
    them."""
    width, height, bits, _, _, _, interlaced = struct.unpack_from(">IIBBBBB", head, 16)
    depth = bits if bits < 8 else 0
    kind = samples.dtype.itemsize * 8
    if (height, width) != samples.shape[:2] or (not depth and bits != kind):
        return None
    if depth and (samples.shape[2] != 1 or kind != 8 or bits not in (1, 2, 4)):
        return None
    found = []
    for left, top, across, down in PASSES if interlaced else ((0, 0, 1, 1),):
        part = samples[top::down, left::across]
        if part.size:
            rows, step = scanlines(part[..., 0] if depth else part, depth)
            found.append(_Pass(rows, step, part.shape[1] * depth if depth else 8 * rows.shape[1]))
    return found


def _split(lines: bytes, passes: list[_Pass]) -> list[np.ndarray]:
    """Filtered rows (H, 1 + S) of each pass."""
    found, at = list[np.ndarray](), 0
    for rows, _, _ in passes:
        size = rows.size + len(rows)
        found.append(np.frombuffer(lines, np.uint8, size, at).reshape(len(rows), -1))
        at += size
    return found


def _with_ends(passes: list[_Pass], ends: bytes) -> list[_Pass]:
    """The passes with the bits behind their rows."""
    found, at = list[_Pass](), 0
    for rows, step, bits in passes:
        if bits % 8:
            rows = with_row_ends(rows, bits, ends[at : at + len(rows)])
            at += len(rows)
        found.append(_Pass(rows, step, bits))
    return found
