"""A .linr file as a Dask array, of which blocks are decoded as they are needed: inrcodec.dask's
from_linr, without Dask's cluster."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import dask.array
import numpy as np
from dask.tokenize import tokenize

from .context.own_prior import Prior
from .errors import ImageError
from .files.urls import is_url, local_path
from .frames.reader import LinrFile
from .frames.tiles import Box
from .limits import DEFAULT, Limits
from .reconstruct import SCALES

OPENED = 64  # files that a process keeps open


def from_linr(
    source: str | os.PathLike[str],
    *,
    frame: int | None = None,
    scale: int = 1,
    threads: int = 1,
    priors: Sequence[Prior] = (),
    limits: Limits = DEFAULT,
    name: str | None = None,
) -> Any:
    """The image in a .linr file, or its frames, as a Dask array; no pixel is decoded yet.

    source: a path or URL, which every worker can open; each process opens it once. frame, scale,
    priors, limits: as decode's. threads: of each block, as several are decoded at once. name: of
    the array in graphs; by default it tells the source, and when a local file was changed.

    Returns an array (H, W) or (H, W, C), of several frames (N, H, W) or (N, H, W, C), of decode's
    dtype. Its chunks are the tiles of the file, or whole frames: each is decoded alone, and of a
    slice no others are. Raises as decode does, ImageError where frames differ in size; later, where
    one differs in type.
    """
    array = LinrArray.of(_Opening(source, threads, tuple(priors), limits), frame, scale)
    token = name or f"from-linr-{tokenize(array)}"
    meta = np.empty((0,) * array.ndim, array.dtype)
    return dask.array.from_array(  # type: ignore[no-untyped-call]
        array, array.chunks, name=token, lock=False, fancy=False, meta=meta
    )


@dataclass(frozen=True)
class _Opening:
    """What is opened, and how; changed: when a local file was, and its size, so that another one of
    the same name is opened anew."""

    source: str | os.PathLike[str]
    threads: int
    priors: tuple[Prior, ...] = field(hash=False)
    limits: Limits
    changed: tuple[int, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        name = os.fspath(self.source)
        if not is_url(name):
            path = os.path.abspath(local_path(name))
            status = os.stat(path)
            object.__setattr__(self, "source", path)
            object.__setattr__(self, "changed", (status.st_mtime_ns, status.st_size))

    def file(self) -> LinrFile:
        """The file, open in this process."""
        return _open(self, os.getpid())


@lru_cache(OPENED)
def _open(opening: _Opening, process: int) -> LinrFile:
    """process: its number, as files of a process must not be read in one that it forks."""
    return LinrFile(
        opening.source, threads=opening.threads, priors=opening.priors, limits=opening.limits
    )


@dataclass(frozen=True)
class LinrArray:
    """What Dask cuts its blocks from. Safe for threads, and small where it is pickled."""

    opening: _Opening
    frame: int | None
    scale: int
    several: int  # whether the first axis is that of frames
    shape: tuple[int, ...]
    dtype: np.dtype
    chunks: tuple[int, ...]

    @classmethod
    def of(cls, opening: _Opening, frame: int | None, scale: int) -> LinrArray:
        """That of a file."""
        if scale not in SCALES:
            raise ValueError(f"scale is {scale}; it can be {', '.join(map(str, SCALES))}")
        file = opening.file()
        several = int(frame is None and file.frames > 1)
        if several and len({file.size(number) for number in range(file.frames)}) > 1:
            raise ImageError(
                "the frames of this file differ in size or type: name one, with frame="
            )
        first = frame or 0
        shape, dtype = file.array_like(first)
        whole, tile = file.grid(first).whole.reduced(scale), file.grid(first).size
        sides = Box(0, 0, *tile).reduced(scale)
        shape = (whole.height, whole.width, *shape[2:])
        chunks = (min(sides.height, whole.height), min(sides.width, whole.width), *shape[2:])
        if several:
            shape, chunks = (file.frames, *shape), (1, *chunks)
        return cls(opening, frame, scale, several, shape, dtype, chunks)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, key: Any) -> np.ndarray:
        """A part of the array, by slices and numbers; decodes the tiles that it touches. Raises as
        decode."""
        keys = key if isinstance(key, tuple) else (key,)
        every = (slice(None),) * (self.ndim - len(keys))
        spans = [_span(k, n) for k, n in zip((*keys, *every), self.shape, strict=True)]
        if not self.several:
            first = self.frame or 0
            spans.insert(0, _Span(range(first, first + 1), 0))
        frames, rows, cols = (span.places for span in spans[:3])
        channels = self.shape[self.several + 2 :]
        block = np.empty((len(frames), len(rows), len(cols), *channels), self.dtype)
        for number, image in zip(frames, block, strict=True):
            if image.size:
                image[...] = self._region(number, rows, cols)
        for span in spans[3:]:
            block = block[..., span.places.start : span.places.stop]
        inside = tuple(span.key for span in spans)
        return block[inside]

    def _region(self, frame: int, rows: range, cols: range) -> np.ndarray:
        """The part of a frame in some rows and columns of the array."""
        file, scale = self.opening.file(), self.scale
        size, top, left = file.size(frame), rows.start * scale, cols.start * scale
        height, width = (
            min(len(rows) * scale, size.height - top),
            min(len(cols) * scale, size.width - left),
        )
        part = file.array(frame, (top, left, height, width), scale)
        like = (len(rows), len(cols), *self.shape[self.several + 2 :])
        if (part.shape, part.dtype) != (like, self.dtype):
            raise ImageError(f"frame {frame} is of another type than the first one")
        return part


class _Span(NamedTuple):
    """Of an axis: what is decoded, and the key of what is asked for in that."""

    places: range
    key: int | slice


def _span(key: int | slice, length: int) -> _Span:
    if not isinstance(key, slice):
        place = range(length)[key]
        return _Span(range(place, place + 1), 0)
    wanted = range(length)[key]
    if not wanted:
        return _Span(range(0), slice(0, 0))
    return _Span(range(min(wanted), max(wanted) + 1), slice(None, None, wanted.step))
