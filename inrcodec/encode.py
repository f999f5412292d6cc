"""Encoding: choose a layout, fit, quantise, code, decode again and compare."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .coding.backend import Workers, backend_for, fitting_backend, fresh_backend
from .coding.stored import compress_stored, estimate_stored
from .coding.weights import FORMS
from .container.linr import LinrFile, digest_of_members, pack, parse
from .context.encode import EPOCHS, Seal, encode_context
from .context.layout import Channel, Layout, choose_layout
from .context.prior import forget_prior
from .coordinate.encode import encode_coordinate, encode_mixture
from .coordinate.mixture import MAX_IMAGES, MAX_SETS, Member
from .coordinate.model import Coordinate
from .decode import decode_parsed, digest
from .errors import (
    ChecksumError,
    CorruptError,
    DeviceError,
    ImageError,
    OutputExistsError,
    VerificationError,
)
from .files.atomic import write_atomic
from .files.images import read_picture
from .files.picture import Picture
from .history.colour_table import Indexed, find_table, index_depth, to_indices
from .info import Decisions, PlaneStatistics, describe
from .limits import DEFAULT, Limits, check_size
from .progress import CODE, Progress

DEFAULT_EFFORT = 5
MODEL_CHOICES = ("auto", "context", "stored", "coordinate")
# A stored file of no more bytes than this is not worth a fit: networks alone take most of it.
TINY = 1024
# Stored mode is tried at once where an estimate of it is below that part of the samples' bytes,
# and not at all where the estimate is that many times what the networks take.
LIKELY_STORED, UNLIKELY_STORED = 0.25, 1.15

_BROKEN = "the encoded image does not decode to itself; please report this"


def encode(
    image: np.ndarray | Picture,
    *,
    effort: int = DEFAULT_EFFORT,
    weights: str = "int",
    device: str = "auto",
    seed: int = 0,
    threads: int | None = None,
    model: str = "auto",
    coordinate: Coordinate | None = None,
    time_limit: float | None = None,
    limits: Limits = DEFAULT,
    progress: Callable[[Progress], None] | None = None,
    report: Callable[[dict[str, Any]], None] | None = None,
    watch: Callable[[Any], None] | None = None,
) -> bytes:
    """Encodes an image without loss; the result was decoded and compared before it is returned.

    image: uint8 or uint16, (H, W) or (H, W, C) with C = 1..4 (grey, grey and alpha, RGB, RGBA); or
    a Picture, whose palette, depth and metadata are kept too (decode_picture).

    effort: 1 (fast) to 9 (small). weights: "int", "fp16" or "ternary". device: where to fit: "cpu",
    "cuda" or "auto" (CUDA where there is one). seed: makes the fit repeatable on one machine.
    threads: default all cores; does not change the result. model: "context", "stored", or "auto"
    for the smaller; or "coordinate" for the published coordinate networks, with the options
    `coordinate` (effort is not theirs). time_limit: about how many seconds to take at most; the fit
    stops in time, and the result then depends on the machine. limits: of the image, and of the
    result's decoding. progress: called now and then, from any thread, one call at a time. report:
    called at the end with what info() says of the result, the planes' bit error rates included.
    watch: told of each coordinate.fit.Step of a fit.

    An (H, W, 1) array comes back as (H, W). Raises ImageError for other arrays, LimitError for too
    large ones, DeviceError where there is no CUDA, ValueError for a bad option, VerificationError
    should the result not decode to the image.
    """
    picture = image if isinstance(image, Picture) else Picture(image)
    samples = _checked(picture.samples, limits)
    picture = replace(picture, samples=samples)
    picture.check("the image")
    for name, value, choices in (
        ("effort", effort, tuple(EPOCHS)),
        ("weights", weights, FORMS),
        ("model", model, MODEL_CHOICES),
    ):
        if value not in choices:
            raise ValueError(f"{name} is {value!r}; it can be {', '.join(map(str, choices))}")
    tell = progress or (lambda _: None)
    threads = threads or os.cpu_count() or 1
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit is {time_limit}; it can be any positive number of seconds")
    deadline = time.monotonic() + (time_limit or math.inf)
    if device != "auto":
        backend_for(device)  # which says so if there is none
    given = digest(samples)  # before anything else has seen them

    def seal(file: LinrFile) -> bytes:
        return pack(replace(file, digest=given, type=picture.type, metadata=picture.metadata))

    table = find_table(samples, picture.type) if model != "coordinate" else None
    indexed = None if table is None else Indexed(table, to_indices(samples, table))
    estimate = estimate_stored(samples, picture.type.depth)
    if indexed is not None:
        estimate = min(estimate, estimate_stored(indexed.indices, index_depth(len(indexed.table))))
    candidates: list[bytes] = []
    if model == "coordinate":
        options = coordinate or Coordinate()
        candidates.append(
            _encode_coordinate(
                samples, options, weights, seed, device, threads, deadline, tell, watch, seal
            )
        )
        if options.optimize == "size":
            candidates.append(_encode_stored(picture, indexed, seal))
    if model == "stored" or (model == "auto" and estimate < samples.nbytes * LIKELY_STORED + TINY):
        tell(Progress("store", 0.0, None))
        candidates.append(_encode_stored(picture, indexed, seal))
    if model == "context" or (
        model == "auto" and min(map(len, candidates), default=TINY + 1) > TINY
    ):
        try:
            candidates.append(
                encode_context(
                    samples, indexed, effort, weights, seed, device, threads, deadline, tell, seal
                )
            )
        except RuntimeError as error:
            if "out of memory" in str(error):  # torch has several classes for it
                raise DeviceError("the device has too little memory for this image") from error
            raise
        alone = model == "auto" and len(candidates) == 1
        if alone and estimate < len(candidates[0]) * UNLIKELY_STORED:
            candidates.append(_encode_stored(picture, indexed, seal))
    data = min(candidates, key=len)
    bpsp = 8 * len(data) / samples.size
    tell(Progress("verify", CODE, bpsp))
    facts = _verify(data, picture, threads, limits, report is not None)
    if report is not None:
        report(facts)
    tell(Progress("verify", 1.0, bpsp))
    return data


def _verify(
    data: bytes, picture: Picture, threads: int, limits: Limits, count: bool
) -> dict[str, Any]:
    """Decodes a file and compares with what was given to be encoded, of which it has the digest;
    what info() says of it, if its planes are to be counted. Raises VerificationError."""
    file = parse(data, limits)
    statistics = PlaneStatistics(file.layout) if count else None
    decisions = Decisions() if count else None
    _compare(file, picture.samples, threads, limits, statistics, decisions)
    if (file.type, file.metadata) != (picture.type, picture.metadata):
        raise VerificationError("the palette or metadata do not come back; please report this")
    return describe(file, len(data), statistics, decisions) if count else {}


def _compare(
    file: LinrFile,
    samples: np.ndarray,
    threads: int | None,
    limits: Limits,
    statistics: PlaneStatistics | None = None,
    decisions: Decisions | None = None,
    index: int = 0,
) -> None:
    """Decodes as a reader would that has nothing but the file: tables and priors are made anew. On
    the CPU wherever the fit ran, so that two devices have agreed on every bit. Raises
    VerificationError where that fails or gives other samples."""
    forget_prior()
    try:
        decoded = decode_parsed(
            file, fresh_backend(), threads, limits, statistics, decisions, index
        )
    except (CorruptError, ChecksumError) as error:
        raise VerificationError(_BROKEN) from error
    if decoded.dtype != samples.dtype or not np.array_equal(decoded, samples):
        raise VerificationError(_BROKEN)


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
    networks' weights (a mixture); decode(data, index=i) gives the i-th.

    sets: of weights, 1 to 16; other options as encode's, the layout being joint. Each image was
    decoded and compared before the file is returned. Raises as encode, and ImageError for images
    that differ in shape or type.
    """
    images = [_checked(image, limits) for image in images]
    first = images[0]
    if any(image.shape != first.shape or image.dtype != first.dtype for image in images):
        raise ImageError("images of one file have the same shape and type")
    options = coordinate or Coordinate()
    if not 1 <= sets <= MAX_SETS or not 1 <= len(images) <= MAX_IMAGES:
        raise ValueError(f"sets can be 1 to {MAX_SETS}, images 1 to {MAX_IMAGES}")
    if options.layout != "joint" or options.optimize != "ber":
        raise ValueError("images share the weights of joint networks that are fitted to BER 0")
    backend, tell = fitting_backend(device), progress or (lambda _: None)
    digests = [digest(image) for image in images]  # before anything else has seen them

    def each(step: Any) -> None:
        tell(Progress("fit", CODE * step.step / options.steps, step.loss * 8 * first.itemsize))
        if watch is not None:
            watch(step)

    with Workers(backend, threads or os.cpu_count() or 1) as workers:
        model, packed, parts = encode_mixture(
            [image.reshape(*image.shape[:2], -1) for image in images],
            options,
            weights,
            sets,
            seed=seed,
            backend=backend,
            workers=workers,
            deadline=time.monotonic() + (time_limit or math.inf),
            report=each,
        )
    members = tuple(
        Member(hashed, len(part), row) for hashed, (row, part) in zip(digests, parts, strict=True)
    )
    joined = b"".join(part for _, part in parts)
    data = pack(
        LinrFile(
            "", _plain_layout(first), digest_of_members(members), None, packed, joined,
            coordinate=model, members=members,
        )
    )  # fmt: skip
    file = parse(data, limits)
    for index, image in enumerate(images):
        tell(Progress("verify", CODE + (1 - CODE) * index / len(images), None))
        _compare(file, image, threads, limits, index=index)
    return data


def encode_file(
    source: str | Path,
    target: str | Path,
    *,
    force: bool = False,
    strip: bool = False,
    **options: Any,
) -> int:
    """Encodes an image file (PNG, TIFF, PNM) into a .linr file; returns its size in bytes.

    strip: leave its metadata out. options: as encode's. Raises OutputExistsError if the target
    exists and force is False or it is the source, OSError as the file system does, and any
    LinrError of encode or images.read_picture.
    """
    if os.path.exists(target) and os.path.samefile(source, target):
        raise OutputExistsError(f"{target}: the file is the image itself")
    limits = options.get("limits", DEFAULT)
    picture = read_picture(Path(source).read_bytes(), str(source), limits)
    data = encode(replace(picture, metadata=None) if strip else picture, **options)
    write_atomic(Path(target), data, force=force)
    return len(data)


def _checked(image: np.ndarray, limits: Limits) -> np.ndarray:
    """The image in C order, without a channel axis of 1."""
    if not isinstance(image, np.ndarray) or image.dtype.newbyteorder("=") not in (
        np.uint8,
        np.uint16,
    ):
        raise ImageError("an image is a NumPy array of uint8 or uint16")
    if image.ndim not in (2, 3) or (image.ndim == 3 and not 1 <= image.shape[2] <= 4):
        raise ImageError(f"an image has shape (H, W) or (H, W, 1..4), not {image.shape}")
    check_size(image.shape[1], image.shape[0], "the image", limits)
    image = np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("="))
    return image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image


def _encode_coordinate(
    image: np.ndarray,
    options: Coordinate,
    form: str,
    seed: int,
    device: str,
    threads: int,
    deadline: float,
    tell: Callable[[Progress], None],
    watch: Callable[[Any], None] | None,
    seal: Seal,
) -> bytes:
    samples = image.reshape(*image.shape[:2], -1)
    backend = fitting_backend(device)

    def each(step: Any) -> None:
        bpsp = step.loss * 8 * image.itemsize if options.layout != "value" else None
        tell(Progress("fit", CODE * step.step / options.steps, bpsp))
        if watch is not None:
            watch(step)

    with Workers(backend, threads) as workers:
        model, weights, data = encode_coordinate(
            samples,
            options,
            form,
            seed=seed,
            backend=backend,
            workers=workers,
            deadline=deadline,
            report=each,
        )
    layout = _plain_layout(image)
    return seal(LinrFile("", layout, b"", None, weights, data, coordinate=model))


def _plain_layout(image: np.ndarray) -> Layout:
    """Of an image whose samples are coded as they are."""
    bits, count = 8 * image.itemsize, image.shape[2] if image.ndim == 3 else 1
    channels = tuple(Channel(i, 0, bits, ()) for i in range(count))
    return Layout(image.shape[0], image.shape[1], bits, channels, 0)


def _encode_stored(picture: Picture, indexed: Indexed | None, seal: Seal) -> bytes:
    """The smaller of the samples stored, and of indices into a table if there is one."""
    samples, depth = picture.samples, picture.type.depth
    file = LinrFile("", choose_layout(samples), b"", None, b"", b"")
    stored = [seal(replace(file, data=compress_stored(samples, depth)))]
    if indexed is not None:
        table, indices = indexed
        data = compress_stored(indices, index_depth(len(table)))
        stored.append(seal(replace(file, layout=choose_layout(indices), data=data, table=table)))
    return min(stored, key=len)
