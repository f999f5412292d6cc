"""Colour history: integer colour conversions that an image has been through, undone exactly.

Many PNGs were JPEGs once. A JPEG decoder's YCbCr -> RGB reaches a quarter of the RGB cube only;
where (all but) every pixel lies in that quarter, Y, Cb and Cr are coded, and converted again.
"""

from __future__ import annotations

import numpy as np

from ..errors import CorruptError

JFIF = 1  # JFIF 1.02's conversion in the 16-bit fixed point of libjpeg
RADIUS = 4  # how far from the float conversion a preimage is looked for
PIXELS, SAMPLE = 1 << 16, 4096  # pixels and colours that decide whether a search is worth it
STRIP = 1 << 20  # pixels at a time
MAX_EXCEPTIONS = 1 / 1024  # of the pixels


def jfif_to_rgb(planes: np.ndarray) -> np.ndarray:
    """Y, Cb, Cr to R, G, B, as libjpeg does it; integers 0 .. 255 (H, W, 3), to uint8."""
    rgb = np.empty(planes.shape, dtype=np.uint8)
    for rows in _strips(planes):
        rgb[rows] = _converted(planes[rows])
    return rgb


def _strips(image: np.ndarray) -> list[slice]:
    """The rows of an image in strips, so that 8 bytes for each sample do not matter."""
    at_once = max(1, STRIP // image.shape[1])
    return [slice(first, first + at_once) for first in range(0, image.shape[0], at_once)]


def _converted(planes: np.ndarray) -> np.ndarray:
    """jfif_to_rgb of colours (..., 3), to int64."""
    y, cb, cr = np.moveaxis(planes.astype(np.int64), -1, 0)
    cb, cr = cb - 128, cr - 128
    r = y + ((91881 * cr + 32768) >> 16)
    g = y + ((-22554 * cb - 46802 * cr + 32768) >> 16)
    b = y + ((116130 * cb + 32768) >> 16)
    return np.clip(np.stack([r, g, b], axis=-1), 0, 255)


def find_jfif(image: np.ndarray) -> np.ndarray | None:
    """Y, Cb, Cr for the R, G, B of an image uint8 (H, W, 3 or 4), alpha as it is, if it has a JPEG
    past; else None. A pixel without a preimage gets the values of a nearby colour."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] < 3:
        return None
    pixels = image.reshape(-1, image.shape[2])
    some = np.unique(_keys(pixels[:: max(1, len(pixels) // PIXELS)]))
    if len(some) > SAMPLE:
        sample = _colours(some[:: len(some) // SAMPLE])
        if _preimages(sample, 1)[1].mean() < 0.75:
            return None
    strips = _strips(image)
    keys = np.unique(np.concatenate([np.unique(_keys(image[rows])) for rows in strips]))
    planes, found = _preimages(_colours(keys), RADIUS)
    result, missing = image.copy(), 0
    for rows in strips:
        where = np.searchsorted(keys, _keys(image[rows]))
        result[rows, :, :3] = planes[where]
        missing += np.count_nonzero(~found[where])
    if missing > MAX_EXCEPTIONS * len(pixels) or len(keys) < 64:
        return None  # of so few colours any could pass by chance
    return result


def _keys(image: np.ndarray) -> np.ndarray:
    """Colours (..., 3 or 4) as integers, without alpha."""
    return np.asarray(image[..., :3].astype(np.int64) @ (1 << np.array([16, 8, 0])))


def _colours(keys: np.ndarray) -> np.ndarray:
    """R, G, B (n, 3) of _keys (n,)."""
    return np.stack([keys >> 16, keys >> 8 & 255, keys & 255], axis=-1)


def _preimages(rgb: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """For colours (n, 3) the nearest Y, Cb, Cr (n, 3) that converts to each, and whether one does.

    Colours at the edge of the cube have several; the one nearest to the colour's own conversion
    keeps the planes smooth.
    """
    matrix = np.array(
        [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    )
    start = np.clip(np.rint(rgb @ matrix.T + [0, 128, 128]), 0, 255).astype(np.int64)
    planes, found = start.copy(), np.zeros(len(rgb), dtype=bool)
    axis = np.arange(-radius, radius + 1)
    offsets = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    for offset in offsets[np.argsort((offsets**2).sum(axis=1), kind="stable")]:
        left = np.flatnonzero(~found)
        if not left.size:
            break
        tried = np.clip(start[left] + offset, 0, 255)
        right = (_converted(tried) == rgb[left]).all(axis=1)
        planes[left[right]], found[left[right]] = tried[right], True
    return planes, found


def pack_exceptions(image: np.ndarray, restored: np.ndarray) -> bytes:
    """The pixels of an RGB image uint8 (H, W, 3) where the converted planes give other colours: a
    flat position in 4 bytes, little-endian, and R, G, B each, in order of position."""
    wrong = np.flatnonzero((image != restored).any(axis=-1))
    colours = image.reshape(-1, 3)[wrong]
    return np.hstack([wrong.astype("<u4")[:, None].view(np.uint8), colours]).tobytes()


def apply_exceptions(image: np.ndarray, exceptions: bytes) -> None:
    """Puts pack_exceptions' colours into an RGB image uint8 (H, W, 3); CorruptError if damaged."""
    if len(exceptions) % 7:
        raise CorruptError("the section of colour exceptions is not a list of 7-byte records")
    records = np.frombuffer(exceptions, dtype=np.uint8).reshape(-1, 7)
    positions = np.ascontiguousarray(records[:, :4]).view("<u4")[:, 0].astype(np.int64)
    if np.any(np.diff(positions) <= 0) or np.any(positions >= image.shape[0] * image.shape[1]):
        raise CorruptError("the positions of colour exceptions are not ascending pixels")
    image.reshape(-1, 3)[positions] = records[:, 4:]
