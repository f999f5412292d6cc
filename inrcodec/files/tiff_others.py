"""Strips and tiles of TIFFs in compressions that tifffile and imagecodecs unpack."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

import numpy as np

from ..errors import ImageError
from .coded_size import SIZES
from .tiff_directory import Bytes
from .tiff_layout import OTHER_COMPRESSIONS, Layout, Piece

Unpack = Callable[[Piece], np.ndarray]


class _Stream(io.RawIOBase):
    """What is known of a file, for libraries that read files."""

    def __init__(self, file: Bytes) -> None:
        self._bytes, self._at = file, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, len(self._bytes))[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        found = self._bytes.read(self._at, len(buffer))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


def unpacking(file: Bytes, layout: Layout, name: str) -> Unpack:
    """What gives the samples of a piece: uint8 up to 8 bits, else uint16, at least (rows, cols,
    depth) of those in the image; signed ones above their least. Raises ImageError for damage, and
    so does what it gives."""
    kind = OTHER_COMPRESSIONS.get(layout.compression)
    if kind is None:
        said = f"type {layout.compression}"
        raise ImageError(f"{name}: TIFF with {said} compression is not supported")
    with _reading(kind, name):
        import tifffile

        with tifffile.TiffFile(io.BufferedReader(_Stream(file))) as tif:
            tif.filehandle.seek(layout.directory.start)
            page = tifffile.TiffPage(tif, 0)
            decode, tables = page.decode, page.jpegtables

    def unpack(piece: Piece) -> np.ndarray:
        packed = bytes(file.read(piece.offset, piece.count))
        size = SIZES[kind](packed) if kind in SIZES else (layout.cols, layout.rows, layout.depth)
        if size is None or size[0] * size[1] > layout.cols * layout.rows or size[2] > layout.depth:
            raise ImageError(f"{name}: TIFF with {kind} compression of another size than it says")
        with _reading(kind, name):
            part: Any = decode(packed, piece.number, jpegtables=tables)[0]
        rows = min(layout.rows, layout.height - piece.row)
        cols = min(layout.cols, layout.width - piece.col)
        if (
            part is None
            or part.dtype.itemsize != (1 if layout.bits <= 8 else 2)
            or part.ndim != 4
            or not (part.shape[0] == 1 and part.shape[3] == layout.depth)
            or not (part.shape[1] >= rows and part.shape[2] >= cols)
        ):
            raise ImageError(f"{name}: TIFF with {kind} compression of another shape than it says")
        part = part[0, :rows, :cols]
        if layout.signed:
            part = part.view(f"u{part.dtype.itemsize}") ^ (1 << layout.bits - 1)
        return np.asarray(part.astype(np.uint8 if layout.bits <= 8 else np.uint16, copy=False))

    return unpack


class _Quiet:
    """While any thread is in it, tifffile logs nothing."""

    def __init__(self) -> None:
        self._logger, self._lock = logging.getLogger("tifffile"), Lock()
        self._inside, self._before = 0, False

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before, self._logger.disabled = self._logger.disabled, True
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._logger.disabled = self._before


_quiet = _Quiet()


@contextlib.contextmanager
def _reading(kind: str, name: str) -> Iterator[None]:
    try:
        with _quiet:  # what tifffile logs is not for users
            yield
    except Exception as error:  # damage shows in any way that a codec has
        said = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ImageError(f"{name}: TIFF with {kind} compression cannot be read ({said})") from None
