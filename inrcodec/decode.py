"""Decoding: file bytes -> contents -> model -> planes -> steps, the last one first -> picture.

A CPU decoder imports no torch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from .coding.backend import backend_for
from .contents import Contents, parse
from .context.own_prior import Prior
from .errors import ChecksumError, CorruptError, LinrError, LinrWarning
from .files.atomic import status_of
from .files.images import write_picture
from .files.metadata import TIFF, Metadata
from .files.picture import Picture, digest
from .files.places import Place, extension_of, opened, refuse_same, write
from .history.chain import undo
from .jpeg.step import Jpeg
from .limits import DEFAULT, Limits
from .options import Reading
from .source.copy import Copy
from .source.restore import extensions_of, restore

# How many sections of data there are to read at most, for each scale; None: all.
SCALES: dict[int, int | None] = {1: None, 2: 3, 4: 2, 8: 1}


def decode(
    data: bytes,
    *,
    index: int = 0,
    scale: int = 1,
    device: str = "cpu",
    threads: int | None = None,
    priors: Sequence[Prior] = (),
    limits: Limits = DEFAULT,
) -> np.ndarray:
    """The image in a .linr file.

    index: which, of a file of several (info(data)["images"] of them); ValueError beyond. scale: 1,
    or 2, 4 or 8 for every scale-th row and column alone, pixel (i, j) being pixel (i * scale,
    j * scale) of the image (where chroma is subsampled, with that of a sample next to it); what is
    behind the data for these may be missing, and the digest, which is of all samples, cannot be
    checked. device: "cpu" (NumPy) or "cuda" (torch); threads: how many
    to use, default all cores. Neither changes a bit of the result. priors: those of one's own that
    the file may have been made from, beside those in the files and folders that the environment's
    INRCODEC_PRIORS names; PriorNotFoundError where its own is not there. limits: what the file may
    ask for; LimitError above.

    Returns uint8 or uint16, (H, W) for grey, (H, W, C) for 2 (grey, alpha), 3 (RGB) or 4 channels
    (RGBA); palettes as RGB or RGBA, grey of fewer bits scaled to 8, as images.read_image has them;
    of a JPEG whose colours are no grey or RGB here (CMYK, 4:1:1) its components as they are, which
    decode_picture(data).type.space tells. Of a file that is kept unread ImageError is raised.
    Raises a LinrError where the data is no whole, undamaged .linr file.
    """
    return decode_picture(
        data,
        index=index,
        scale=scale,
        device=device,
        threads=threads,
        priors=priors,
        limits=limits,
    ).array()


def imread(source: Place, **options: Any) -> np.ndarray:
    """The image in a .linr file: a path, a URL or a binary file object, as encode_file takes them.
    What asks for an `imread=` (Dask, tifffile) takes this. options: as decode's. Raises as decode,
    and OSError as the file system does."""
    with opened(source) as file:
        return decode(file.read(), **options)


def decode_picture(
    data: bytes,
    *,
    index: int = 0,
    scale: int = 1,
    device: str = "cpu",
    threads: int | None = None,
    priors: Sequence[Prior] = (),
    limits: Limits = DEFAULT,
) -> Picture:
    """The picture in a .linr file, with its palette, depth and metadata; arguments and errors are
    decode's."""
    contents = read_contents(bytes(data), scale, limits)
    return picture_of(contents, Reading(backend_for(device), threads, limits, index, scale, priors))


def read_metadata(data: bytes, *, limits: Limits = DEFAULT) -> Metadata | None:
    """The metadata in a .linr file, without decoding a pixel; None where there are none. Raises a
    LinrError as decode does for what is wrong short of the pixels."""
    return parse(bytes(data), limits).metadata


def decode_file(
    source: Place,
    target: Place,
    *,
    force: bool = False,
    extension: str | None = None,
    scale: int = 1,
    device: str = "cpu",
    threads: int | None = None,
    priors: Sequence[Prior] = (),
    limits: Limits = DEFAULT,
) -> None:
    """Decodes a .linr file into an image file whose extension names its type, with its metadata
    as images.write_picture has it: byte for byte the file that was encoded, where it is of that
    type and the .linr says so (info()["source"]), but for a LinrWarning where a compressor of this
    machine gives other bytes than the encoder's.

    source, target: as encode_file's. extension: the type of what has no name, as a file object;
    that of the file that was encoded if none is given. scale, device, threads, priors, limits: as
    decode's; of a reduced image no more of the file is read than it needs. Raises OutputExistsError
    if the target exists and force is False or it is the source, OSError as the file system does,
    LinrError where a URL's packages are missing, and any of decode or images.write_picture.
    """
    refuse_same(source, target)
    with opened(source, whole=scale == 1) as file:
        status, contents = status_of(file), read_contents(file, scale, limits)
    extension = extension or extension_of(target)
    if not extension and hasattr(target, "write"):
        extension = extension_encoded(contents)
    reading = Reading(backend_for(device), threads, limits, scale=scale, priors=priors)
    picture = picture_of(contents, reading)
    write(target, file_of(picture, extension, _warn, limits), force=force, like=status)


def extension_encoded(contents: Contents) -> str:
    """That of the file that was encoded, or of one that holds what the .linr has of it."""
    if contents.source is not None:
        return extensions_of(contents.source)[0]
    of_tiff = contents.metadata is not None and contents.metadata.kind == TIFF
    return ".tif" if of_tiff or contents.type.signed or contents.type.extra else ".png"


def _warn(text: str) -> None:
    warnings.warn(text, LinrWarning, stacklevel=4)  # at the line that called decode_file


def file_of(
    picture: Picture, extension: str, warn: Callable[[str], None], limits: Limits = DEFAULT
) -> bytes:
    """The file of a picture: the source file itself where it has that type, else as
    images.write_picture. warn: told where the former does not come back."""
    source = picture.source
    if source is not None and extension.lower() in extensions_of(source):
        try:
            return restore(picture, limits)
        except LinrError as error:
            warn(f"{error}; picture and metadata do")
    return write_picture(picture, extension)


def read_contents(source: bytes | BinaryIO, scale: int, limits: Limits) -> Contents:
    """What a file holds, short of its pixels; of a file that is open no more is read than a picture
    of that scale needs. Raises as decode."""
    if scale not in SCALES:
        raise ValueError(f"scale is {scale}; it can be {', '.join(map(str, SCALES))}")
    return parse(source, limits, SCALES[scale])


def picture_of(contents: Contents, reading: Reading) -> Picture:
    """The picture of a parsed file. Raises as decode."""
    if isinstance(contents.model, Copy):
        return _unread(contents, contents.model)
    samples, jpeg = decode_whole(contents, reading)
    source = contents.source if reading.scale == 1 else None
    return Picture(samples, contents.type, contents.metadata, contents.left_out, source, jpeg)


def _unread(contents: Contents, model: Copy) -> Picture:
    """The picture of a file that is kept as it is."""
    nothing = np.zeros((), contents.picture.dtype)
    samples = np.broadcast_to(nothing, contents.picture.shape)
    return Picture(samples, source=contents.source, unread=model.why)


def decode_samples(contents: Contents, reading: Reading) -> np.ndarray:
    """The samples of a parsed file; as decode_whole."""
    return decode_whole(contents, reading)[0]


def decode_whole(contents: Contents, reading: Reading) -> tuple[np.ndarray, Jpeg | None]:
    """The samples of a parsed file, or of every scale-th row and column of it, and the JPEG of
    which the whole ones are made. Raises ValueError for an index beyond its images, and
    ChecksumError where the digest of all samples differs."""
    if not 0 <= reading.index < contents.images:
        raise ValueError(f"index is {reading.index}; the file has {contents.images} images")
    entire = any(step.all_data for step in contents.steps)
    planes = contents.model.decode(replace(reading, scale=1) if entire else reading)
    jpeg = next((step for step in contents.steps if isinstance(step, Jpeg)), None)
    if jpeg is not None:
        jpeg = replace(jpeg, coefficients=planes.channels)
    planes = undo(contents.steps, planes)
    samples = planes.array()
    if planes.scale == 1:
        want = [contents.digest, *contents.model.digests]
        if digest(samples) != want[reading.index + bool(contents.model.digests)]:
            raise ChecksumError("the decoded samples do not match the file's digest")
    if not contents.type.fits(samples):
        raise CorruptError("a decoded sample is beyond its depth or its palette")
    return (planes.reduced(reading.scale).array() if entire else samples), jpeg
