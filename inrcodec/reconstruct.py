"""From a parsed file to its picture: planes, from their model -> steps undone, the last one first.

A CPU decoder imports no torch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

import numpy as np

from .contents import Contents, parse
from .errors import ChecksumError, CorruptError
from .files.picture import Picture, digest
from .history.chain import undo
from .history.planes import Planes
from .jpeg.step import Jpeg
from .limits import Limits
from .options import Reading
from .source.copy import Copy

# How many sections of data there are to read at most, for each scale; None: all.
SCALES: dict[int, int | None] = {1: None, 2: 3, 4: 2, 8: 1}


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
    which the whole ones are made. Raises as planes_of_model and samples_of."""
    return samples_of(contents, planes_of_model(contents, reading), reading)


def planes_of_model(contents: Contents, reading: Reading) -> Planes:
    """The planes that are coded, of reading.scale or, where steps need all of them, whole. Raises
    ValueError for a frame beyond its images, and as models do."""
    if not 0 <= reading.frame < contents.images:
        raise ValueError(f"frame is {reading.frame}; the file has {contents.images} frames")
    return contents.model.decode(replace(reading, scale=1) if _entire(contents) else reading)


def samples_of(
    contents: Contents, planes: Planes, reading: Reading
) -> tuple[np.ndarray, Jpeg | None]:
    """As decode_whole, of the model's planes. Raises ChecksumError where the digest of all samples
    differs, CorruptError as steps do."""
    jpeg = next((step for step in contents.steps if isinstance(step, Jpeg)), None)
    if jpeg is not None:
        jpeg = replace(jpeg, coefficients=planes.channels)
    planes = undo(contents.steps, planes)
    samples = planes.array()
    if planes.scale == 1:
        want = [contents.digest, *contents.model.digests]
        if digest(samples) != want[reading.frame + bool(contents.model.digests)]:
            raise ChecksumError("the decoded samples do not match the file's digest")
    if not contents.type.fits(samples):
        raise CorruptError("a decoded sample is beyond its depth or its palette")
    return (planes.reduced(reading.scale).array() if _entire(contents) else samples), jpeg


def _entire(contents: Contents) -> bool:
    """Whether a reduced picture takes all planes."""
    return any(step.all_data for step in contents.steps)
