"""How the image data of a PNG are filtered, packed and cut into chunks again.

One hole reaches from the first IDAT chunk to the end of the last one. The recipe: `v`, the numbers
of the packing (files.packing); `f`, the filter of all rows, or a byte for each of them (none: what
the least sum of absolute differences chooses); `c`, the sizes of the IDAT chunks, [size, how many]
in their order; `z`, bytes behind the zlib stream.
"""

from __future__ import annotations

import struct
import zlib
from itertools import groupby
from typing import Any

import numpy as np

from ..coding.stored import filter_rows, scanlines
from ..errors import CorruptError
from ..files.packing import Packing, find_packing
from ..files.png import PASSES
from ..limits import Limits
from .skeleton import MAX_PAIRS
from .sparse import Sparse

_START = 33  # behind the header chunk
_MOST_CHUNKS = 1 << 20


def find(data: bytes, samples: np.ndarray) -> tuple[Sparse, dict[str, Any]] | None:
    """A legal file without its image data, and the recipe for these; None where they are packed in
    a way that is not known."""
    at, first, parts = _START, 0, list[bytes]()
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] == b"IDAT":
            first = first or at
            parts.append(data[at + 8 : at + 8 + size])
        elif first:
            break
        at += 12 + size
    stream, end = b"".join(parts), at
    passes = _rows(samples, data)
    if passes is None:
        return None
    expected = sum(rows.size + len(rows) for rows, _ in passes)
    inflate = zlib.decompressobj()
    lines = inflate.decompress(stream, expected + 1)
    behind = inflate.unused_data
    packed = stream[: len(stream) - len(behind)]
    kinds = _filters(lines, passes)
    recipe: dict[str, Any] = {"z": behind} if behind else {}
    least = b"".join(filter_rows(rows, step).tobytes() for rows, step in passes)
    if len(set(kinds)) == 1:
        recipe["f"] = kinds[0]
    elif least != lines:
        recipe["f"] = kinds
    packing = find_packing("deflate", [(lines, packed)])
    if packing is None or len(parts) > _MOST_CHUNKS:
        return None
    sizes = [[size, len(list(run))] for size, run in groupby(map(len, parts))]
    if len(sizes) > MAX_PAIRS:
        return None
    recipe |= {"v": list(packing.variant), "c": sizes}
    return Sparse.of(data, [(first, end - first)]), recipe


def bodies(
    sparse: Sparse, samples: np.ndarray, recipe: dict[str, Any], limits: Limits
) -> list[bytes]:
    """What stands in the hole. Raises a LinrError where it does not fit."""
    passes = _rows(samples, bytes(sparse.read(0, _START)))
    if passes is None:
        raise CorruptError("the source file is of another size than the picture")
    kinds, parts, at = recipe.get("f"), list[bytes](), 0
    if isinstance(kinds, bytes) and len(kinds) != sum(len(rows) for rows, _ in passes):
        raise CorruptError("the source file has filters of other rows")
    for rows, step in passes:
        kind: int | np.ndarray | None = None
        if isinstance(kinds, bytes):
            kind = np.frombuffer(kinds, np.uint8)[at : at + len(rows)]
        elif kinds is not None:
            kind = kinds
        if kind is not None and np.max(kind) > 4:
            raise CorruptError("the source file has unknown filters")
        parts.append(filter_rows(rows, step, kind).tobytes())
        at += len(rows)
    stream = Packing("deflate", tuple(recipe["v"])).pack(b"".join(parts)) + recipe.get("z", b"")
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
    return [bytes(chunks)]


def _rows(samples: np.ndarray, head: bytes) -> list[tuple[np.ndarray, int]] | None:
    """The rows of each pass, unfiltered bytes (H, S), and the step of filters, of samples (H, W, C)
    in a file that begins with a head; None if that is not of them."""
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
            found.append(scanlines(part[..., 0] if depth else part, depth))
    return found


def _filters(lines: bytes, passes: list[tuple[np.ndarray, int]]) -> bytes:
    """The filter byte of each row."""
    found, at = list[bytes](), 0
    for rows, _ in passes:
        each = 1 + rows.shape[1]
        found.append(lines[at : at + each * len(rows) : each])
        at += each * len(rows)
    return b"".join(found)
