"""The plug-in of napari (napari.yaml): .linr files as image layers, and back.

A file is a layer of (H, W) or, with rgb, (H, W, 3 or 4). A stack of files has one axis more, in
front, and so has a file of several images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .chunks import check_dtype
from .decode import decode
from .encode import encode
from .errors import ImageError
from .files.picture import Picture
from .files.places import opened, write
from .info import info

Paths = str | Sequence[str]
Layer = tuple[np.ndarray, dict[str, Any], str]


def get_reader(path: Paths) -> Callable[[Paths], list[Layer]] | None:
    """What reads a file, or a stack of files; None where one is of another kind."""
    return read_layer if all(name.endswith(".linr") for name in _names(path)) else None


def read_layer(path: Paths) -> list[Layer]:
    """The layer of a file, or of a stack of files: of uint8 or uint16, or of int8 or int16 where
    files say so; palettes as RGB, grey with alpha as RGBA. Raises OSError, a LinrError as decode
    does, and ImageError where the images of a stack are not alike."""
    names = _names(path)
    images = [_image(name) for name in names]
    first, rgb = images[0]
    for name, (image, _) in zip(names, images, strict=True):
        if (image.shape, image.dtype) != (first.shape, first.dtype):
            raise ImageError(f"{name}: not of the size and type of {names[0]}, so no stack")
    array = np.stack([image for image, _ in images]) if len(images) > 1 else first
    return [(array, {"name": Path(names[0]).stem, "rgb": rgb}, "image")]


def write_image(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Saves the data of a layer, (H, W) or RGB(A), of bool, (u)int8 or (u)int16, and no more of it
    (as napari's own writers of images do); replaces a file that is there. Raises ImageError for
    other layers, OSError as the file system does."""
    if attributes.get("multiscale"):
        raise ImageError("a .linr file holds one scale of a multiscale layer: save that as a layer")
    image = np.asarray(data)
    check_dtype(image.dtype)
    if image.ndim != 2 + bool(attributes.get("rgb")):
        raise ImageError(f"a .linr file holds one plane, (H, W) or RGB(A), and no {image.shape}")
    write(path, encode(Picture.of_numbers(image)), force=True)
    return [path]


def _names(path: Paths) -> list[str]:
    return [path] if isinstance(path, str) else list(path)


def _image(name: str) -> tuple[np.ndarray, bool]:
    """What is in a file, in colours that napari has, and whether the last axis is of those."""
    with opened(name) as file:
        data = file.read()
    count = info(data, planes=False)["frames"]
    images = np.stack([decode(data, frame=index) for index in range(count)])
    if images.ndim == 4 and images.shape[3] == 2:
        images = images[..., [0, 0, 0, 1]]
    return images[0] if count == 1 else images, images.ndim == 4
