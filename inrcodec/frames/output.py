"""From frames to image files: the source file itself, put together piece by piece, or a new one,
without all samples in memory."""

from __future__ import annotations

import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import BinaryIO, NamedTuple

import numpy as np

from ..errors import ImageError, LinrError
from ..files.apng import write_apng
from ..files.atomic import Data
from ..files.images import write_picture
from ..files.metadata import TIFF as TAGS
from ..files.metadata import for_kind
from ..files.tiff_write import PageToWrite, write_tiff_pages
from ..files.timing import repeats_of
from ..limits import DEFAULT, Limits
from ..source.restore import extensions_of, file_of
from ..source.skeleton import TIFF
from ..source.tiff import restored_chunks
from .reader import LinrFile, Region

PIECE = 1 << 20  # bytes at a time
SPOOLED = 1 << 26  # bytes that are held before they go to a temporary file
BANDS_KEPT = 2
LARGE_PIXELS = 1 << 25  # of a picture that is written without being held
TIFF_EXTENSIONS = (".tif", ".tiff")


class Selection(NamedTuple):
    """What of a file is wanted: a frame or, None, all; a region of it; every scale-th row and
    column."""

    frame: int | None = None
    region: Region | None = None
    scale: int = 1

    @property
    def whole(self) -> bool:
        """Whether it is all pixels of its frames."""
        return self.region is None and self.scale == 1


class Rows:
    """Rows of frames, of which those of the last tiles that were decoded are kept."""

    def __init__(self, file: LinrFile) -> None:
        self._file = file
        self._kept: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    def __call__(self, frame: int, top: int, bottom: int) -> np.ndarray:
        """Samples of some rows of a frame, (rows, W) or (rows, W, C)."""
        height = self._file.grid(frame).size[0]
        found, at = list[np.ndarray](), top
        while at < bottom:
            band = at // height
            end = min(bottom, (band + 1) * height)
            found.append(self._band(frame, band)[at - band * height : end - band * height])
            at = end
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _band(self, frame: int, band: int) -> np.ndarray:
        """The rows of tiles that are beside each other."""
        if (frame, band) not in self._kept:
            grid = self._file.grid(frame)
            top = band * grid.size[0]
            height = min(grid.size[0], grid.height - top)
            region = top, 0, height, grid.width
            self._kept[frame, band] = self._file.picture(frame, region).samples
            if len(self._kept) > BANDS_KEPT:
                self._kept.popitem(last=False)
        return self._kept[frame, band]


def shown_as_animation(file: LinrFile) -> bool:
    """Whether frames are those of an animation, which an APNG holds."""
    return file.frames > 1 and repeats_of(file.contents.metadata) is not None


def comes_back(file: LinrFile, extension: str, wanted: Selection) -> bool:
    """Whether what is wanted is the file that was encoded, of a type of this extension."""
    source = file.contents.source
    all_frames = wanted.frame is None or file.frames == 1
    named = source is not None and extension.lower() in extensions_of(source)
    return named and all_frames and wanted.whole


def file_of_frames(
    file: LinrFile,
    extension: str,
    wanted: Selection,
    warn: Callable[[str], None],
    limits: Limits = DEFAULT,
) -> Data:
    """An image file of what is wanted: the source file itself, where that is it; else, of several
    frames, a TIFF, and of one as images.write_picture has it. warn: told where the source file does
    not come back. Raises ImageError where the kind of file cannot hold it, else as LinrFile."""
    size, several = file.size(wanted.frame or 0), file.frames > 1 and wanted.frame is None
    large = wanted.whole and size.height * size.width > LARGE_PIXELS and file.tile is not None
    source = file.contents.source
    if comes_back(file, extension, wanted) and source is not None:
        if source.kind != TIFF:
            return file_of(file.picture(0), extension, warn, limits)
        try:
            same = replace(limits, pages=file.frames)  # and no more
            threads = file.reading.threads or os.cpu_count() or 1
            return spooled(restored_chunks(source, Rows(file), same, threads))
        except LinrError as error:
            warn(f"{error}; picture and metadata do")
    if several and extension.lower() == ".png" and shown_as_animation(file) and wanted.whole:
        return write_apng(file.picture(frame) for frame in range(file.frames))
    if several or (large and extension.lower() in TIFF_EXTENSIONS):
        if extension.lower() not in TIFF_EXTENSIONS:
            raise ImageError(
                f"{file.frames} frames: {extension} holds one, which frame (--frame) names; or .tif"
            )
        return spooled(_new_tiff(file, wanted))
    picture = file.picture(wanted.frame or 0, wanted.region, wanted.scale)
    return write_picture(picture, extension)


def _new_tiff(file: LinrFile, wanted: Selection) -> Callable[[BinaryIO], None]:
    """What writes a TIFF of frames."""
    frames = range(file.frames) if wanted.frame is None else [wanted.frame]
    rows, pages = Rows(file), list[PageToWrite]()

    @lru_cache(1)
    def part(frame: int) -> np.ndarray:
        return file.picture(frame, wanted.region, wanted.scale).samples

    def of_part(frame: int, top: int, bottom: int) -> np.ndarray:
        return part(frame)[top:bottom]

    for frame in frames:
        head, size = file.facts(frame), file.size(frame)
        height, width = size.height, size.width
        metadata = for_kind(head.metadata, TAGS) if head.metadata else None
        if not wanted.whole:
            box = file.box(frame, wanted.region, wanted.scale).reduced(wanted.scale)
            height, width, metadata = box.height, box.width, None
        of = partial(rows if wanted.whole else of_part, frame)
        pages.append(PageToWrite(height, width, size.channels, size.bits, of, head.type, metadata))
    return lambda target: write_tiff_pages(target, pages)


def spooled(made: Iterable[bytes] | Callable[[BinaryIO], None]) -> Iterator[bytes]:
    """Bytes that are all made before the first is given, without being held: nothing is written of
    what fails."""
    spool = tempfile.SpooledTemporaryFile(SPOOLED)  # noqa: SIM115, closed behind the last piece
    try:
        if callable(made):
            made(spool)  # type: ignore[arg-type]
        else:
            spool.writelines(made)
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    return _pieces(spool)  # type: ignore[arg-type]


def _pieces(spool: BinaryIO) -> Iterator[bytes]:
    with spool:
        while piece := spool.read(PIECE):
            yield piece
