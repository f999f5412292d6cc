"""The plug-in of napari (napari.yaml): .linr files as image layers, and back.

A file is a layer of (H, W) or, with rgb, (H, W, 3 or 4). A stack of files has one axis more, in
front, and so has a file of several frames. Where Dask is installed, frames and tiles are decoded as
they are looked at.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .chunks import check_dtype
from .encode import encode
from .errors import ImageError
from .files.picture import PLAIN, Picture
from .files.places import write
from .frames.encode import encode_frames
from .frames.reader import LinrFile
from .reconstruct import SCALES

LARGE = 4096  # rows or columns of tiles from which on a layer has several scales

Paths = str | Sequence[str]
Layer = tuple[Any, dict[str, Any], str]
_Like = tuple[tuple[int, ...], np.dtype]  # shape and dtype of arrays


def get_reader(path: Paths) -> Callable[[Paths], list[Layer]] | None:
    """What reads a file, or a stack of files; None where one is of another kind."""
    return read_layers if all(name.endswith(".linr") for name in _names(path)) else None


def read_layers(path: Paths) -> list[Layer]:
    """The layers of a file, one for all frames that are alike, or the layer of a stack of files: of
    uint8 or uint16, or of int8 or int16 where files say so; palettes as RGB, grey with alpha as
    RGBA. Raises OSError, a LinrError as decode does, and ImageError where the files of a stack are
    not alike."""
    names = _names(path)
    if len(names) == 1:
        return _layers_of(names[0])
    kinds = [_kinds(name) for name in names]
    (like, frames), *others = kinds[0].items()
    for name, kind in zip(names, kinds, strict=True):
        if others or kind != kinds[0]:
            raise ImageError(f"{name}: not of the size and type of {names[0]}, so no stack")
    images = [_data(name, frames, len(frames)) for name in names]
    return [_layer(_stacked(images), like, Path(names[0]).stem)]


def _layers_of(name: str) -> list[Layer]:
    """The layers of a file; those of several are called after their first frames."""
    kinds, stem = _kinds(name), Path(name).stem
    count = sum(map(len, kinds.values()))
    found = []
    with LinrFile(name) as file:
        tiles = file.tile is not None
        if count == 1 and not tiles:
            return [_layer(file.array(), next(iter(kinds)), stem)]
    for like, frames in kinds.items():
        called = stem if len(kinds) == 1 else f"{stem} {frames[0]}"
        if tiles and max(like[0][:2]) > LARGE and _has_dask():
            levels = [_layer(_data(name, frames, count, s), like, called) for s in SCALES]
            _, facts, kind = levels[0]
            found.append(([level[0] for level in levels], facts | {"multiscale": True}, kind))
        else:
            found.append(_layer(_data(name, frames, count), like, called))
    return found


def _layer(data: Any, like: _Like, name: str) -> Layer:
    """A layer of arrays, in colours that napari has."""
    rgb = len(like[0]) == 3
    if rgb and like[0][2] == 2:
        data = data[..., [0, 0, 0, 1]]
    return data, {"name": name, "rgb": rgb}, "image"


def _kinds(name: str) -> dict[_Like, list[int]]:
    """The frames of a file, by shape and dtype."""
    found: dict[_Like, list[int]] = {}
    with LinrFile(name) as file:
        # what is said of all frames is not looked for in each
        said = file.contents.type != PLAIN and len({*map(file.size, range(file.frames))}) == 1
        for frame in range(file.frames):
            like = next(iter(found)) if said and found else file.array_like(frame)
            found.setdefault(like, []).append(frame)
    return found


def _data(name: str, frames: list[int], count: int, scale: int = 1) -> Any:
    """Some frames of a file of `count`, in one array; by Dask, if it is there."""
    if not _has_dask():
        with LinrFile(name) as file:
            return _stacked([file.array(frame, None, scale) for frame in frames])
    from .dask_arrays import from_linr

    if len(frames) == count:
        return from_linr(name, scale=scale)
    return _stacked([from_linr(name, frame=frame, scale=scale) for frame in frames])


def _stacked(images: list[Any]) -> Any:
    """Several arrays along an axis in front; one as it is."""
    if len(images) == 1:
        return images[0]
    if all(isinstance(image, np.ndarray) for image in images):
        return np.stack(images)
    import dask.array

    return dask.array.stack(images)  # type: ignore[no-untyped-call]


def _has_dask() -> bool:
    return importlib.util.find_spec("dask") is not None


def write_image(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Saves the data of a layer, (H, W) or RGB(A), or with an axis of frames in front, of bool,
    (u)int8 or (u)int16, and no more of it (as napari's own writers of images do); replaces a file
    that is there. Frames of an array that is not in memory are computed one by one. Raises
    ImageError for other layers, OSError as the file system does."""
    if attributes.get("multiscale"):
        raise ImageError("a .linr file holds one scale of a multiscale layer: save that as a layer")
    axes = data.ndim - 2 - bool(attributes.get("rgb"))
    check_dtype(data.dtype)
    if axes not in (0, 1) or 0 in data.shape:
        raise ImageError(f"a .linr file holds planes, (H, W) or RGB(A), and no {data.shape}")
    if not axes:
        write(path, encode(Picture.of_numbers(np.asarray(data))), force=True)
        return [path]

    def frames() -> Iterator[Picture]:
        for image in data:
            yield Picture.of_numbers(np.asarray(image))

    some = list(frames()) if isinstance(data, np.ndarray) else frames()
    write(path, encode_frames(some), force=True)
    return [path]


def _names(path: Paths) -> list[str]:
    return [path] if isinstance(path, str) else list(path)
