"""Decoding: file bytes -> contents (contents.py) -> planes -> picture (reconstruct.py); of files of
parts frame by frame and tile by tile (frames/reader.py).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .contents import Contents, parse
from .context.own_prior import Prior
from .errors import LinrWarning
from .files.atomic import status_of
from .files.metadata import TIFF, Metadata
from .files.picture import Picture
from .files.places import Place, extension_of, opened, refuse_same, write
from .files.timing import repeats_of
from .frames.file import Frames
from .frames.output import Selection, file_of_frames
from .frames.reader import EachFrame, LinrFile, Region
from .limits import DEFAULT, Limits
from .source.restore import extensions_of


def decode(
    data: bytes | Place,
    *,
    frame: int | None = None,
    region: Region | None = None,
    scale: int = 1,
    device: str = "cpu",
    threads: int | None = None,
    priors: Sequence[Prior] = (),
    limits: Limits = DEFAULT,
) -> np.ndarray:
    """The image in a .linr file, or its frames.

    data: the file's bytes; or a path, a URL or a binary file object, of which no more is read than
    is asked for. frame: which, of a file of several (info(data)["frames"] of them); None: all of
    them in one array. region: (top, left, height, width) in pixels of the image, of which tiles
    that it does not touch are not decoded. scale: 1, or 2, 4 or 8 for every scale-th row and column
    of the image alone, pixel (i, j) of it being pixel (i * scale, j * scale) (where chroma is
    subsampled, with that of a sample next to it); what is behind the data for these may be missing,
    and the digest, which is of all samples, cannot be checked. ValueError for what there is not.
    device: "cpu" (NumPy), "cuda" or "cuda:N" (torch; the GPU of that number); threads: how many to
    use, default all cores. Neither changes a bit of the result. priors: those of one's own that the
    file may have been made from, beside those in the files and folders that the environment's
    INRCODEC_PRIORS names; PriorNotFoundError where its own is not there. limits: what the file may
    ask for; LimitError above.

    Returns uint8 or uint16, (H, W) for grey, (H, W, C) for 2 (grey, alpha), 3 (RGB) or 4 channels
    (RGBA), of several frames (N, H, W) or (N, H, W, C), ImageError if these differ in size or type;
    palettes as RGB or RGBA, grey of fewer bits scaled to 8, as images.read_image has them; of a
    JPEG whose colours are no grey or RGB here (CMYK, 4:1:1) its components as they are, which
    decode_picture(data).type.space tells. Of a file that is kept unread ImageError is raised.
    Raises a LinrError where the data is no whole, undamaged .linr file, OSError as the file system
    does.
    """
    with LinrFile(data, device=device, threads=threads, priors=priors, limits=limits) as file:
        if frame is None:
            return file.stack(region, scale)
        return file.array(frame, region, scale)


def frames(data: bytes | Place, **options: Any) -> Iterator[np.ndarray]:
    """The frames of a .linr file one by one, as decode has them; behind one that is damaged, which
    raises, the iterator goes on. options: as LinrFile's."""
    return EachFrame(LinrFile(data, **options))


def imread(source: Place, **options: Any) -> np.ndarray:
    """The image in a .linr file: a path, a URL or a binary file object, as encode_file takes them.
    What asks for an `imread=` (Dask, tifffile) takes this. options: as decode's. Raises as decode,
    and OSError as the file system does."""
    return decode(source, **options)


def decode_picture(
    data: bytes | Place,
    *,
    frame: int = 0,
    region: Region | None = None,
    scale: int = 1,
    device: str = "cpu",
    threads: int | None = None,
    priors: Sequence[Prior] = (),
    limits: Limits = DEFAULT,
) -> Picture:
    """The picture in a .linr file, or that of a frame, with its palette, depth and metadata;
    arguments and errors are decode's."""
    with LinrFile(data, device=device, threads=threads, priors=priors, limits=limits) as file:
        return file.picture(frame, region, scale)


def read_metadata(data: bytes | Place, *, limits: Limits = DEFAULT) -> Metadata | None:
    """The metadata in a .linr file, without decoding a pixel; None where there are none. data: as
    decode's. Raises a LinrError as decode does for what is wrong short of the pixels."""
    if isinstance(data, bytes | bytearray | memoryview):
        return parse(bytes(data), limits).metadata
    with opened(data) as file:
        return parse(file, limits).metadata


def decode_file(
    source: Place,
    target: Place,
    *,
    frame: int | None = None,
    region: Region | None = None,
    scale: int = 1,
    force: bool = False,
    extension: str | None = None,
    device: str = "cpu",
    threads: int | None = None,
    priors: Sequence[Prior] = (),
    limits: Limits = DEFAULT,
) -> None:
    """Decodes a .linr file into an image file whose extension names its type, with its metadata
    as images.write_picture has it: byte for byte the file that was encoded, where it is of that
    type and the .linr says so (info()["source"]), but for a LinrWarning where a compressor of this
    machine gives other bytes than the encoder's.

    source, target: as encode_file's. frame, region, scale, device, threads, priors, limits: as
    decode's; no more of the file is read than what is asked for needs. All of several frames go
    into a TIFF. extension: the type of what has no name, as a file object; that of the file that
    was encoded if none is given. Raises OutputExistsError if the target exists and force is False
    or it is the source, OSError as the file system does, LinrError where a URL's packages are
    missing, and any of decode or images.write_picture.
    """
    refuse_same(source, target)
    wanted = Selection(frame, region, scale)
    options: dict[str, Any] = {"device": device, "threads": threads, "priors": priors}
    with opened(source, whole=wanted.whole) as opened_file:
        status = status_of(opened_file)
        with LinrFile(opened_file, limits=limits, **options) as file:
            extension = extension or extension_of(target)
            if not extension and hasattr(target, "write"):
                extension = extension_encoded(file.contents)
            data = file_of_frames(file, extension, wanted, _warn, limits)
            write(target, data, force=force, like=status)


def extension_encoded(contents: Contents) -> str:
    """That of the file that was encoded, or of one that holds what the .linr has of it."""
    if contents.source is not None:
        return extensions_of(contents.source)[0]
    if contents.images > 1 and isinstance(contents.model, Frames):
        return ".tif" if repeats_of(contents.metadata) is None else ".png"
    of_tiff = contents.metadata is not None and contents.metadata.kind == TIFF
    return ".tif" if of_tiff or contents.type.signed or contents.type.extra else ".png"


def _warn(text: str) -> None:
    warnings.warn(text, LinrWarning, stacklevel=4)  # at the line that called decode_file
