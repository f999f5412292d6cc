"""Encoding decodes its own output, and compares, before anyone gets it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .coding.backend import fresh_backend
from .contents import Contents, parse
from .context.own_prior import Prior
from .context.prior import forget_prior
from .errors import ChecksumError, CorruptError, VerificationError
from .files.picture import Picture
from .info import Decisions, PlaneStatistics, describe
from .limits import Limits
from .options import FitOptions, Reading
from .reconstruct import decode_whole
from .source.skeleton import JPEG

BROKEN = "the encoded image does not decode to itself; please report this"


def verify(
    data: bytes, picture: Picture, options: FitOptions, limits: Limits, count: bool
) -> dict[str, Any]:
    """Decodes a file and compares with what was given to be encoded, of which it has the digest;
    what info() says of it, if its planes are to be counted. Raises VerificationError."""
    contents = parse(data, limits)
    statistics = PlaneStatistics(contents) if count else None
    decisions = Decisions() if count else None
    reading = Reading(
        fresh_backend(), options.threads, limits, priors=options.priors, observe=statistics,
        decided=decisions, decoded=options.decoded,
    )  # fmt: skip
    compare(contents, picture, reading)
    found = contents.type, contents.metadata, contents.source, contents.left_out
    if found != (picture.type, picture.metadata, picture.source, picture.left_out):
        raise VerificationError("the palette or metadata do not come back; please report this")
    return describe(contents, len(data), statistics, decisions) if count else {}


def compare(contents: Contents, picture: Picture, reading: Reading) -> None:
    """Decodes as a reader would that has nothing but the file: the tables of the reading's backend
    are new, and priors are read anew; but for streams that a decoder made samples of while they
    were written (graphics/follow.py). On the CPU wherever the fit ran, so that two devices have
    agreed on every bit. Raises VerificationError where that fails or gives other samples."""
    forget_prior()
    priors = tuple(Prior.read(prior.data) for prior in reading.priors)
    reading = replace(reading, priors=priors)
    try:
        decoded, jpeg = decode_whole(contents, reading)
    except (CorruptError, ChecksumError) as error:
        raise VerificationError(BROKEN) from error
    samples = picture.samples
    if decoded.dtype != samples.dtype or not np.array_equal(decoded, samples):
        raise VerificationError(BROKEN)
    if picture.source is not None and picture.source.kind == JPEG:
        assert picture.jpeg is not None
        parts = () if jpeg is None else jpeg.coefficients
        if not all(map(np.array_equal, parts, picture.jpeg.coefficients)) or not parts:
            raise VerificationError(BROKEN)
