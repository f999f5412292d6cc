"""TIFF files of several images, as tifffile and Pillow write them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from tests.pictures import scene


def grey(count: int = 5, height: int = 20, width: int = 33) -> np.ndarray:
    return np.stack([scene(height, width, 1, np.uint16, n).squeeze() for n in range(count)])


def colour(count: int = 4, height: int = 21, width: int = 34) -> np.ndarray:
    return np.stack([scene(height, width, 3, np.uint8, n) for n in range(count)])


def saved(images: np.ndarray, **options: Any) -> bytes:
    """One series, by tifffile."""
    file = io.BytesIO()
    tifffile.imwrite(file, images, **options)
    return file.getvalue()


def mixed() -> tuple[bytes, list[np.ndarray]]:
    """Pages of many sizes, types and packings, and their samples."""
    some, others, file = grey(), colour(), io.BytesIO()
    ways: list[tuple[np.ndarray, dict[str, Any]]] = [
        (some[0], {"compression": "zlib"}),
        (others[0], {"compression": "lzw", "photometric": "rgb"}),
        (some[1][:7, :11] >> 4, {}),
        (some[2], {"compression": "zlib", "compressionargs": {"level": 9}, "predictor": True}),
        (others[1], {"compression": "packbits", "photometric": "rgb", "tile": (16, 16)}),
        (some[3] > 30000, {}),
        (others[2][..., 0].astype(np.int8), {"compression": "lzw"}),
    ]
    with tifffile.TiffWriter(file) as writer:
        for image, options in ways:
            writer.write(image, **{"photometric": "minisblack", **options})
    arrays = [image for image, _ in ways]
    arrays[5] = arrays[5].astype(np.uint8)
    arrays[6] = arrays[6].view(np.uint8) ^ 128
    return file.getvalue(), arrays


def by_pillow(images: Sequence[np.ndarray], compression: str | None) -> bytes:
    first, *others = map(Image.fromarray, images)
    file = io.BytesIO()
    first.save(file, "TIFF", save_all=True, append_images=others, compression=compression)
    return file.getvalue()


GREY_WAYS: list[dict[str, Any]] = [
    {},
    {"imagej": True},
    {"imagej": True, "truncate": True},
    {"truncate": True},
    {"truncate": True, "byteorder": ">"},
    {"ome": True},
    {"bigtiff": True},
    {"compression": "zlib", "predictor": True},
    {"compression": "lzw", "rowsperstrip": 7},
    {"compression": "packbits"},
    {"tile": (16, 32)},
    {"tile": (32, 48), "compression": "zlib", "bigtiff": True},
    {"volumetric": True},
    {"volumetric": True, "compression": "zlib"},
    {"volumetric": True, "rowsperstrip": 7},
    {"volumetric": True, "tile": (1, 16, 16), "compression": "lzw"},
]
COLOUR_WAYS: list[dict[str, Any]] = [
    {},
    {"imagej": True},
    {"truncate": True},
    {"compression": "zlib", "rowsperstrip": 9},
    {"planarconfig": "separate"},
    {"planarconfig": "separate", "truncate": True},
    {"planarconfig": "separate", "compression": "zlib", "tile": (16, 16)},
]
WAYS = [(1, way) for way in GREY_WAYS] + [(3, way) for way in COLOUR_WAYS]
# of which the samples are read, but how they are packed is not known
FOREIGN: list[dict[str, Any]] = [
    {"compression": "zstd", "predictor": True, "tile": (16, 16)},
    {"compression": "lzma", "rowsperstrip": 7},
    {"compression": "jpeg2000"},
]


def written(channels: int, way: dict[str, Any]) -> tuple[bytes, np.ndarray]:
    """A file, and its images."""
    if channels == 1:
        images = grey()
        return saved(images, **{"photometric": "minisblack", **way}), images
    images = given = colour()
    if "planarconfig" in way:
        given = np.moveaxis(images, 3, 1)
    return saved(given, photometric="rgb", **way), images
