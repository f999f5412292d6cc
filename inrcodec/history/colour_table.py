"""Few colours: an image as indices into a table of those that it uses.

Graphics, screenshots and palettes: one channel of few planes instead of three or four. Indices go
by brightness, so that neighbours in the picture are neighbours among the indices.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np

from ..errors import CorruptError
from ..files.picture import PixelType

MAX_COLOURS = 256
SAMPLE = 1 << 15  # pixels that tell whether there are too many
STRIP = 1 << 20  # pixels at a time
BRIGHTNESS = np.array([299, 587, 114])


class Indexed(NamedTuple):
    """An image of few colours: the table (n, C), and for each pixel its row in it, uint8 (H, W)."""

    table: np.ndarray
    indices: np.ndarray


def find_table(samples: np.ndarray, pixels: PixelType) -> np.ndarray | None:
    """The colours of an image, (n, C) of its dtype, the darkest first, if there are few; of a
    palette's indices, (n, 1), those in use by their colours' brightness. None where it is of no
    use: for grey, many colours, indices that are in order."""
    if samples.ndim == 2 and not pixels.palette:
        return None  # remapping.py is for those
    flat = samples.reshape(-1, 1 if samples.ndim == 2 else samples.shape[2])
    some = flat[:: max(1, len(flat) // SAMPLE)]
    if len(np.unique(_joined(some))) > MAX_COLOURS:
        return None
    found = np.zeros(0, dtype=np.uint64)
    for first in range(0, len(flat), STRIP):
        found = np.union1d(found, _joined(flat[first : first + STRIP]))
        if len(found) > MAX_COLOURS:
            return None
    shifts = 8 * samples.itemsize * np.arange(flat.shape[1])
    colours = (found[:, None] >> shifts.astype(np.uint64)).astype(samples.dtype)
    shown = colours
    if pixels.palette:
        palette = np.frombuffer(pixels.palette, dtype=np.uint8).reshape(-1, 3)
        shown = palette[colours[:, 0]]
    brightness = shown[:, :3].astype(np.int64)
    keys = [brightness @ BRIGHTNESS] if shown.shape[1] > 2 else [brightness[:, 0]]
    if shown.shape[1] in (2, 4):
        keys.append(shown[:, -1].astype(np.int64))  # the most transparent first
    table = colours[np.lexsort(keys)]
    if pixels.palette and np.array_equal(table[:, 0], np.arange(len(table))):
        return None
    return table


def to_indices(samples: np.ndarray, table: np.ndarray) -> np.ndarray:
    """For each pixel the row of the table that is its colour: uint8 (H, W)."""
    height, width = samples.shape[:2]
    flat = samples.reshape(height * width, -1)
    keys = _joined(table)
    order = np.argsort(keys)
    indices = np.empty(len(flat), dtype=np.uint8)
    for first in range(0, len(flat), STRIP):
        part = flat[first : first + STRIP]
        indices[first : first + STRIP] = order[np.searchsorted(keys[order], _joined(part))]
    return indices.reshape(height, width)


def from_indices(indices: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Undoes to_indices: (H, W) or (H, W, C). Raises CorruptError for an index beyond the table."""
    if int(indices.max()) >= len(table):
        raise CorruptError("a decoded index is beyond the table of colours")
    samples = table[indices]
    return samples[:, :, 0] if table.shape[1] == 1 else samples


def index_depth(colours: int) -> int:
    """The bits of indices into a table where they are stored: 1, 2 or 4; 0 for 8."""
    return 1 if colours <= 2 else 2 if colours <= 4 else 4 if colours <= 16 else 0


def pack_table(table: np.ndarray) -> bytes:
    """Raw deflate of the colours' samples, channel by channel, 16 bits in little-endian bytes."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    planar = np.ascontiguousarray(table.T, dtype=table.dtype.newbyteorder("<"))
    return squeeze.compress(planar.tobytes()) + squeeze.flush()


def unpack_table(payload: bytes, sample_bits: int, channels: int) -> np.ndarray:
    """Undoes pack_table. Raises CorruptError where damaged; expands to 2 KiB at most."""
    size = sample_bits // 8 * channels
    expand = zlib.decompressobj(-15)
    try:
        raw = expand.decompress(payload, MAX_COLOURS * size + 1)
    except zlib.error as error:
        raise CorruptError(f"the table of colours is damaged ({error})") from None
    legal = 0 < len(raw) <= MAX_COLOURS * size and len(raw) % size == 0
    if not expand.eof or expand.unused_data or not legal:
        raise CorruptError("the table of colours does not have the size of 1 to 256 of them")
    planar = np.frombuffer(raw, dtype=f"<u{sample_bits // 8}").reshape(channels, -1)
    return np.ascontiguousarray(planar.T, dtype=np.uint8 if sample_bits == 8 else np.uint16)


def _joined(colours: np.ndarray) -> np.ndarray:
    """Each colour, (n, C), as one number: uint64 (n,)."""
    joined = np.zeros(len(colours), dtype=np.uint64)
    for channel in range(colours.shape[1]):
        shift = np.uint64(8 * colours.itemsize * channel)
        joined |= colours[:, channel].astype(np.uint64) << shift
    return joined
