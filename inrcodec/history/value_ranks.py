"""Value remapping: samples as ranks among the values that their channel uses.

8 or 12 bits scaled to 16, CT through a table, masks: many images use few of the values that they
span. Ranks have no gaps and fewer planes, and the networks' unit fits them.
"""

from __future__ import annotations

import zlib

import numpy as np

from ..errors import CorruptError

# Of each channel the values in use, ascending; None: its samples are no ranks.
Values = tuple[np.ndarray | None, ...]

MAX_SHARE = 1 / 2  # of the values that a channel spans, in use
PIXELS_PER_VALUE = 8  # fewer, and gaps may be chance
STRIP = 1 << 20  # samples at a time


def find_values(image: np.ndarray) -> Values:
    """For each channel of an image, (H, W) or (H, W, C), its values if ranks may pay."""
    found: list[np.ndarray | None] = []
    samples = image.reshape(*image.shape[:2], -1)
    rows = max(1, STRIP // image.shape[1])
    for plane in np.moveaxis(samples, 2, 0):
        counts = np.zeros(1 << (8 * image.itemsize), dtype=np.int64)
        for first in range(0, len(plane), rows):
            counts += np.bincount(plane[first : first + rows].reshape(-1), minlength=len(counts))
        values = np.flatnonzero(counts)
        span = int(values[-1] - values[0]) + 1
        few = len(values) <= min(span * MAX_SHARE, plane.size / PIXELS_PER_VALUE)
        found.append(values.astype(image.dtype) if few else None)
    return tuple(found)


def to_ranks(image: np.ndarray, values: Values) -> np.ndarray:
    """The image with ranks for samples in the channels that have values."""
    result = image.copy()
    samples = result.reshape(*image.shape[:2], -1)
    for channel, used in enumerate(values):
        if used is not None:
            ranks = np.zeros(1 << (8 * image.itemsize), dtype=image.dtype)
            ranks[used] = np.arange(len(used))
            samples[:, :, channel] = ranks[samples[:, :, channel]]
    return result


def from_ranks(image: np.ndarray, values: Values) -> None:
    """Undoes to_ranks in place. Raises CorruptError for a rank that has no value."""
    samples = image.reshape(*image.shape[:2], -1)
    for channel, used in enumerate(values):
        if used is not None:
            ranks = samples[:, :, channel]
            if int(ranks.max()) >= len(used):
                raise CorruptError("a decoded rank is beyond the values in use")
            samples[:, :, channel] = used[ranks]


def pack_values(values: Values, sample_bits: int) -> bytes:
    """A byte with bit c set for each channel c that has values, then raw deflate of their maps: a
    bit for each of the 2^sample_bits samples, the lowest first, set if it is in use."""
    which, maps = 0, []
    for channel, used in enumerate(values):
        if used is not None:
            which |= 1 << channel
            bits = np.zeros(1 << sample_bits, dtype=np.uint8)
            bits[used] = 1
            maps.append(np.packbits(bits, bitorder="little").tobytes())
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    return bytes([which]) + squeeze.compress(b"".join(maps)) + squeeze.flush()


def unpack_values(payload: bytes, sample_bits: int, channels: int) -> Values:
    """Undoes pack_values; expands to 32 KiB at most. Raises CorruptError where damaged."""
    which = payload[0] if payload else 0
    if not 0 < which < 1 << channels:
        raise CorruptError("the section of values names no channels of the image")
    size = (1 << sample_bits) // 8
    expand = zlib.decompressobj(-15)
    try:
        maps = expand.decompress(payload[1:], size * which.bit_count() + 1)
    except zlib.error as error:
        raise CorruptError(f"the section of values is damaged ({error})") from None
    if not expand.eof or expand.unused_data or len(maps) != size * which.bit_count():
        raise CorruptError("the section of values does not have the size of its maps")
    found: list[np.ndarray | None] = []
    for channel in range(channels):
        if which >> channel & 1:
            bits, maps = np.frombuffer(maps[:size], dtype=np.uint8), maps[size:]
            used = np.flatnonzero(np.unpackbits(bits, bitorder="little"))
            if not used.size:
                raise CorruptError("a channel uses no values")
            found.append(used.astype(np.uint8 if sample_bits == 8 else np.uint16))
        else:
            found.append(None)
    return tuple(found)
