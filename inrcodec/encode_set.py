"""Encoding several images into one file, from shared networks."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from .coding.backend import fresh_backend, require_torch
from .contents import Contents, digest_of_digests, geometry_of, pack, parse
from .coordinate.encode import encode_mixture
from .coordinate.file import CoordinateImage
from .coordinate.mixture import MAX_IMAGES, MAX_SETS, Member
from .coordinate.model import Coordinate
from .encode import checked_image, deadline_of
from .errors import ImageError
from .files.picture import PLAIN, Picture, digest
from .limits import DEFAULT, Limits
from .options import FitOptions, Reading
from .progress import CODE, Progress
from .verification import compare


def encode_set(
    images: list[np.ndarray],
    *,
    sets: int = 2,
    coordinate: Coordinate | None = None,
    weights: str = "int",
    device: str = "auto",
    seed: int = 0,
    threads: int | None = None,
    time_limit: float | None = None,
    limits: Limits = DEFAULT,
    progress: Callable[[Progress], None] | None = None,
    watch: Callable[[Any], None] | None = None,
) -> bytes:
    """Encodes several images of one shape and type into one file, from shared sets of coordinate
    networks' weights (a mixture); decode(data, frame=i) gives the i-th.

    sets: of weights, 1 to 16; other options as encode's, the layout being joint. Each image was
    decoded and compared before the file is returned. Raises as encode, and ImageError for images
    that differ in shape or type.
    """
    images = [checked_image(image, limits) for image in images]
    first = images[0]
    if any(image.shape != first.shape or image.dtype != first.dtype for image in images):
        raise ImageError("images of one file have the same shape and type")
    networks = coordinate or Coordinate()
    if not 1 <= sets <= MAX_SETS or not 1 <= len(images) <= MAX_IMAGES:
        raise ValueError(f"sets can be 1 to {MAX_SETS}, images 1 to {MAX_IMAGES}")
    if networks.layout != "joint" or networks.optimize != "ber":
        raise ValueError("images share the weights of joint networks that are fitted to BER 0")
    require_torch("the coordinate model")
    tell = progress or (lambda _: None)
    options = FitOptions(
        0, weights, device, seed, threads or os.cpu_count() or 1, deadline_of(time_limit), tell,
        watch,
    )  # fmt: skip
    digests = [digest(image) for image in images]  # before anything else has seen them
    model, packed, parts = encode_mixture(
        [image.reshape(*image.shape[:2], -1) for image in images], networks, sets, options, limits
    )
    members = tuple(
        Member(hashed, len(part), row) for hashed, (row, part) in zip(digests, parts, strict=True)
    )
    joined = b"".join(part for _, part in parts)
    channels = first.shape[2] if first.ndim == 3 else 1
    geometry = geometry_of(first.shape[0], first.shape[1], channels, 8 * first.itemsize, PLAIN)
    coded = CoordinateImage(geometry, model, packed, joined, members)
    whole = digest_of_digests(coded.digests)
    data = pack(Contents(geometry, whole, PLAIN, None, (), coded))
    contents = parse(data, limits)
    for index, image in enumerate(images):
        tell(Progress("verify", CODE + (1 - CODE) * index / len(images), None))
        compare(contents, Picture(image), Reading(fresh_backend(), options.threads, limits, index))
    return data
