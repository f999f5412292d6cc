"""A small picture of a .linr file, for file managers, of no more of the file than that takes."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from .errors import ImageError
from .files.images import as_png
from .files.metadata import TIFF, Metadata
from .files.picture import Picture
from .files.tiff_directory import Whole, read_directory
from .frames.reader import LinrFile
from .limits import DEFAULT, Limits
from .reconstruct import SCALES

# Rows and columns are left out until so many times the size is left, and averaged from there.
_GAP = 2
_ORIENTATION = 274  # the tag


def thumbnail(
    file: BinaryIO, size: int, *, threads: int | None = None, limits: Limits = DEFAULT
) -> np.ndarray:
    """The first image of a file, open at its beginning, as uint8 (H, W) or (H, W, 2..4) of at most
    `size` pixels a side; upright where the metadata say how. Samples of other depths are scaled to
    8 bits; a last channel that is no alpha is left out. Raises as decode, and ImageError for a JPEG
    whose components are no grey or RGB."""
    with LinrFile(file, threads=threads, limits=limits) as linr:
        longest = max(linr.size()[:2])
        scale = max(scale for scale in SCALES if scale == 1 or longest >= scale * size * _GAP)
        picture = linr.picture(0, None, scale)
    small = _resized(_of_8_bits(picture), size)
    return np.ascontiguousarray(_upright(small, _orientation(picture.metadata)))


def _of_8_bits(picture: Picture) -> np.ndarray:
    pixels = picture.type
    if pixels.space:
        raise ImageError("a thumbnail of a JPEG of other colours than grey and RGB")
    image = as_png(picture).array()
    if pixels.extra:
        image = image[..., :-1]
    deep = (1 << pixels.depth) - 1 if pixels.depth > 8 else np.iinfo(image.dtype).max
    top = pixels.top or deep
    if top == 255:
        return image
    return (image.astype(np.float32) * (255 / top) + 0.5).clip(0, 255).astype(np.uint8)


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    """The means of areas, no larger than the image; colours count as far as alpha shows them."""
    import cv2

    height, width = image.shape[:2]
    factor = min(1.0, size / max(height, width))
    if factor == 1.0:
        return image
    shape = max(1, round(width * factor)), max(1, round(height * factor))
    if image.ndim == 2 or image.shape[2] == 3:
        return cv2.resize(image, shape, interpolation=cv2.INTER_AREA)
    alpha = image[..., -1:].astype(np.float32)
    shown = np.concatenate([image[..., :-1] * alpha, alpha], axis=2)
    small = cv2.resize(shown, shape, interpolation=cv2.INTER_AREA)
    colours = small[..., :-1] / np.maximum(small[..., -1:], 1e-6)
    mixed = np.concatenate([colours, small[..., -1:]], axis=2)
    return (mixed + 0.5).clip(0, 255).astype(np.uint8)


def _orientation(metadata: Metadata | None) -> int:
    """EXIF's, 1 to 8; 1 where there is none."""
    if metadata is None:
        return 1
    if metadata.kind == TIFF:
        found = {tag: body for tag, _, body in metadata.tags}
        return int.from_bytes(found.get(_ORIENTATION, b"\1"), "little")
    exif = dict(metadata.chunks).get("eXIf")
    try:
        return read_directory(Whole(exif or b""), "EXIF").number(_ORIENTATION, 1)
    except ImageError:
        return 1


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image
