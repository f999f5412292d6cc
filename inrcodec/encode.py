"""Encoding: choose a layout, fit, quantise, code, decode again and compare."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .atomic import write_atomic
from .backend import Backend, Workers, backend_for
from .colour import JFIF, find_jfif, jfif_to_rgb, pack_exceptions
from .container import LinrFile, Models, digest_of_members, pack, parse
from .coordinate.encode import encode_coordinate, encode_mixture
from .coordinate.mixture import MAX_IMAGES, MAX_SETS, Member
from .coordinate.model import Coordinate
from .decode import decode_parsed, digest, read_networks
from .errors import DeviceError, ImageError, OutputExistsError, VerificationError
from .images import read_image
from .info import Decisions, PlaneStatistics, describe
from .layout import Channel, Layout, choose_layout
from .limits import check_size
from .prior import MAX_RANK, NEWEST, PLANE_WIDTH, TRUNK_WIDTH, is_wide, prior_networks
from .rangecoder import Encoder
from .remapping import Values, find_values, to_ranks
from .stored import compress_stored, estimate_stored
from .traversal import traverse
from .weights import FORMS, pack_weights

# Passes over the pixels by effort: each level about doubles the time.
EPOCHS = {1: 0, 2: 2, 3: 5, 4: 12, 5: 28, 6: 45, 7: 70, 8: 100, 9: 140}
MIN_EPOCHS = 2  # where there is no prior
DEFAULT_EFFORT = 5
PLANE_STEPS = (60, 10, 2000)  # batches for the plane INRs: at least, per epoch, at most
MODEL_CHOICES = ("auto", "context", "stored", "coordinate")
# Under a time limit: passes over the image that come after the fit, the trunks' share of the fit.
AFTER_FIT, TRUNKS_SHARE, MIN_SECONDS = 3.5, 0.85, 0.5
PLAIN_WIDTH = 16  # of networks without a prior
# So many pixels pay for each rank of the changes to a prior, up to a rank; from there on for all.
PIXELS_PER_RANK, SMALL_RANKS = 60_000, 5
# A stored file of no more bytes than this is not worth a fit: networks alone take most of it.
TINY = 1024
# Stored mode is tried at once where an estimate of it is below that part of the samples' bytes,
# and not at all where the estimate is that many times what the networks take.
LIKELY_STORED, UNLIKELY_STORED = 0.25, 1.15
# What part of an encode's time the stages take, roughly.
FIT_TRUNKS, FIT_PLANES, CODE = 0.8, 0.92, 0.96


@dataclass(frozen=True)
class Progress:
    """How far an encode is: stage, fraction of the whole, the loss in bits per sub-pixel."""

    stage: str
    fraction: float
    bpsp: float | None


def encode(
    image: np.ndarray,
    *,
    effort: int = DEFAULT_EFFORT,
    weights: str = "int",
    device: str = "auto",
    seed: int = 0,
    threads: int | None = None,
    model: str = "auto",
    coordinate: Coordinate | None = None,
    time_limit: float | None = None,
    progress: Callable[[Progress], None] | None = None,
    report: Callable[[dict[str, Any]], None] | None = None,
    watch: Callable[[Any], None] | None = None,
) -> bytes:
    """Encodes an image without loss; the result was decoded and compared before it is returned.

    image: uint8 or uint16, (H, W) or (H, W, C) with C = 1..4 (grey, grey and alpha, RGB, RGBA).
    effort: 1 (fast) to 9 (small). weights: "int", "fp16" or "ternary". device: where to fit: "cpu",
    "cuda" or "auto" (CUDA where there is one). seed: makes the fit repeatable on one machine.
    threads: default all cores; does not change the result. model: "context", "stored", or "auto"
    for the smaller; or "coordinate" for the published coordinate networks, with the options
    `coordinate` (effort is not theirs). time_limit: about how many seconds to take at most; the fit
    stops in time, and the result then depends on the machine. progress: called now and then, from
    any thread, one call at a time. report: called at the end with what info() says of the result,
    the planes' bit error rates included. watch: told of each coordinate.fit.Step of a fit.

    An (H, W, 1) array comes back as (H, W). Raises ImageError for other arrays, LimitError for too
    large ones, DeviceError where there is no CUDA, ValueError for a bad option, VerificationError
    should the result not decode to the image.
    """
    image = _checked(image)
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

    candidates, estimate = [], estimate_stored(image)
    if model == "coordinate":
        options = coordinate or Coordinate()
        candidates.append(
            _encode_coordinate(
                image, options, weights, seed, device, threads, deadline, tell, watch
            )
        )
        if options.optimize == "size":
            candidates.append(_encode_stored(image))
    if model == "stored" or (model == "auto" and estimate < image.nbytes * LIKELY_STORED + TINY):
        tell(Progress("store", 0.0, None))
        candidates.append(_encode_stored(image))
    if model == "context" or (
        model == "auto" and min(map(len, candidates), default=TINY + 1) > TINY
    ):
        try:
            candidates.append(
                _encode_context(image, effort, weights, seed, device, threads, deadline, tell)
            )
        except RuntimeError as error:
            if "out of memory" in str(error):  # torch has several classes for it
                raise DeviceError("the device has too little memory for this image") from error
            raise
        alone = model == "auto" and len(candidates) == 1
        if alone and estimate < len(candidates[0]) * UNLIKELY_STORED:
            candidates.append(_encode_stored(image))
    data = min(candidates, key=len)
    bpsp = 8 * len(data) / image.size
    tell(Progress("verify", CODE, bpsp))
    file = parse(data)
    statistics, decisions = None, None
    if report is not None:
        statistics, decisions = PlaneStatistics(file.layout), Decisions()
    # on the CPU wherever the fit ran, so that two devices have agreed on every bit
    decoded = decode_parsed(file, backend_for("cpu"), threads, statistics, decisions)
    if decoded.dtype != image.dtype or not np.array_equal(decoded, image):
        raise VerificationError("the encoded image does not decode to itself; please report this")
    if report is not None:
        report(describe(file, len(data), statistics, decisions))
    tell(Progress("verify", 1.0, bpsp))
    return data


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
    progress: Callable[[Progress], None] | None = None,
    watch: Callable[[Any], None] | None = None,
) -> bytes:
    """Encodes several images of one shape and type into one file, from shared sets of coordinate
    networks' weights (a mixture); decode(data, index=i) gives the i-th.

    sets: of weights, 1 to 16; other options as encode's, the layout being joint. Each image was
    decoded and compared before the file is returned. Raises as encode, and ImageError for images
    that differ in shape or type.
    """
    images = [_checked(image) for image in images]
    first = images[0]
    if any(image.shape != first.shape or image.dtype != first.dtype for image in images):
        raise ImageError("images of one file have the same shape and type")
    options = coordinate or Coordinate()
    if not 1 <= sets <= MAX_SETS or not 1 <= len(images) <= MAX_IMAGES:
        raise ValueError(f"sets can be 1 to {MAX_SETS}, images 1 to {MAX_IMAGES}")
    if options.layout != "joint" or options.optimize != "ber":
        raise ValueError("images share the weights of joint networks that are fitted to BER 0")
    backend, tell = _fitting_backend(device), progress or (lambda _: None)

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
        Member(digest(image), len(part), row)
        for image, (row, part) in zip(images, parts, strict=True)
    )
    joined = b"".join(part for _, part in parts)
    data = pack(
        LinrFile(
            "", _plain_layout(first), digest_of_members(members), None, packed, joined,
            coordinate=model, members=members,
        )
    )  # fmt: skip
    file = parse(data)
    for index, image in enumerate(images):
        tell(Progress("verify", CODE + (1 - CODE) * index / len(images), None))
        decoded = decode_parsed(file, backend_for("cpu"), threads, index=index)
        if not np.array_equal(decoded, image):
            raise VerificationError("the encoded images do not decode to themselves")
    return data


def encode_file(
    source: str | Path, target: str | Path, *, force: bool = False, **options: Any
) -> int:
    """Encodes an image file (PNG, TIFF, PNM) into a .linr file; returns its size in bytes.

    options: as encode's. Raises OutputExistsError if the target exists and force is False or it is
    the source, OSError as the file system does, and any LinrError of encode or images.read_image.
    """
    if os.path.exists(target) and os.path.samefile(source, target):
        raise OutputExistsError(f"{target}: the file is the image itself")
    image = read_image(Path(source).read_bytes(), str(source))
    data = encode(image, **options)
    write_atomic(Path(target), data, force=force)
    return len(data)


def _checked(image: np.ndarray) -> np.ndarray:
    """The image in C order, without a channel axis of 1."""
    if not isinstance(image, np.ndarray) or image.dtype.newbyteorder("=") not in (
        np.uint8,
        np.uint16,
    ):
        raise ImageError("an image is a NumPy array of uint8 or uint16")
    if image.ndim not in (2, 3) or (image.ndim == 3 and not 1 <= image.shape[2] <= 4):
        raise ImageError(f"an image has shape (H, W) or (H, W, 1..4), not {image.shape}")
    check_size(image.shape[1], image.shape[0], "the image")
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
) -> bytes:
    samples = image.reshape(*image.shape[:2], -1)
    backend = _fitting_backend(device)

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
    return pack(LinrFile("", layout, digest(image), None, weights, data, coordinate=model))


def _plain_layout(image: np.ndarray) -> Layout:
    """Of an image whose samples are coded as they are."""
    bits, count = 8 * image.itemsize, image.shape[2] if image.ndim == 3 else 1
    channels = tuple(Channel(i, 0, bits, ()) for i in range(count))
    return Layout(image.shape[0], image.shape[1], bits, channels, 0)


def _fitting_backend(device: str) -> Backend:
    if device == "auto":
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
    return backend_for(device)


def _encode_stored(image: np.ndarray) -> bytes:
    layout = choose_layout(image)
    file = LinrFile("", layout, digest(image), None, b"", compress_stored(image))
    return pack(file)


@dataclass(frozen=True)
class Coded:
    """An image as the networks see it: the layout, the samples there, and what leads back."""

    layout: Layout
    samples: np.ndarray  # shape and dtype as the image's
    exceptions: bytes = b""  # to the layout's colour conversion
    values: Values = ()  # of which the samples are ranks


def representations(image: np.ndarray, wide: bool = False) -> list[Coded]:
    """The ways to code an image: without its colour history, and as ranks if they may pay."""
    planes, values = find_jfif(image), find_values(image)
    if planes is None:
        found = [Coded(choose_layout(image, wide=wide), image)]
    else:
        exceptions = pack_exceptions(image[:, :, :3], jfif_to_rgb(planes[:, :, :3]))
        found = [Coded(choose_layout(planes, JFIF, wide), planes, exceptions)]
    if any(used is not None for used in values):
        ranks = to_ranks(image, values)
        found.append(Coded(choose_layout(ranks, wide=wide), ranks, values=values))
    return found


def choose_rank(pixels: int) -> int:
    """The rank of an image's changes to the prior."""
    rank = max(1, pixels // PIXELS_PER_RANK)
    return rank if rank <= SMALL_RANKS else MAX_RANK


def _encode_context(
    image: np.ndarray,
    effort: int,
    form: str,
    seed: int,
    device: str,
    threads: int,
    deadline: float,
    tell: Callable[[Progress], None],
) -> bytes:
    models = Models(form, PLAIN_WIDTH, PLAIN_WIDTH)
    if form == "int":
        models = Models(form, TRUNK_WIDTH, PLANE_WIDTH, NEWEST)
    ways = representations(image, is_wide(models.prior))
    epochs = EPOCHS[effort] if models.prior else max(EPOCHS[effort], MIN_EPOCHS)
    # whether there is a CUDA device is torch's to say, which takes longer than effort 1 does
    backend = _fitting_backend("cpu" if device == "auto" and not epochs else device)
    size: float | None = None

    def fitting(fraction: float, bpsp: float) -> None:
        nonlocal size
        size = bpsp
        tell(Progress("fit", FIT_TRUNKS * fraction, bpsp))

    def correcting(fraction: float, _: float) -> None:
        tell(Progress("fit", FIT_TRUNKS + (FIT_PLANES - FIT_TRUNKS) * fraction, size))

    def file(way: Coded, models: Models, weights: bytes) -> bytes:
        # coded with the weights that a decoder will read, not with those that were packed
        networks = read_networks(way.layout, models, weights, backend)
        encoder = Encoder()
        traverse(backend, workers, way.layout, networks, encoder, way.samples)
        data, hashed = encoder.finish(), digest(image)
        return pack(
            LinrFile("", way.layout, hashed, models, weights, data, way.exceptions, way.values)
        )

    with Workers(backend, threads) as workers:
        candidates, reserve, way = [], 0.0, ways[-1]
        if models.prior:
            # a fit may lose, where the image is small; and the prior knows which way to go
            started = time.monotonic()
            unchanged = [file(way, models, b"") for way in ways]
            candidates = [min(unchanged, key=len)]
            way = ways[unchanged.index(candidates[0])]
            reserve = AFTER_FIT * (time.monotonic() - started)
        layout = way.layout
        samples = way.samples.reshape(layout.height, layout.width, -1)
        prior = prior_networks(layout, models.prior) if models.prior else None
        rank = choose_rank(layout.height * layout.width) if prior else 0
        left = deadline - time.monotonic() - reserve
        if epochs and (left > 0 or not candidates):
            # torch is for encoders that fit
            from .fit import Plan, fit_planes, fit_trunks

            plan = Plan(
                epochs,
                models.trunk_width,
                models.plane_width,
                min(PLANE_STEPS[0] + PLANE_STEPS[1] * epochs, PLANE_STEPS[2]),
                form,
                seed,
                prior,
                rank,
                max(left, MIN_SECONDS) * TRUNKS_SHARE,
                max(left, MIN_SECONDS) * (1 - TRUNKS_SHARE),
            )
            trunks = fit_trunks(backend, workers, layout, samples, plan, fitting)
            planes = fit_planes(backend, workers, layout, samples, trunks, plan, correcting)
            pairs = zip(trunks, planes, strict=True)
            tensors = [tensor for (a, b), plane in pairs for tensor in (a, b, plane)]
            tell(Progress("code", FIT_PLANES, size))
            candidates.append(file(way, replace(models, rank=rank), pack_weights(form, tensors)))
    return min(candidates, key=len)
