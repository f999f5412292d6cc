"""Encoding: picture -> planes -> chains of steps -> models -> the smallest file, decoded again and
compared before it is named."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from .candidates import MODEL_CHOICES, Wanted, tried
from .coding.backend import backend_for, can_fit, fresh_backend, require_torch
from .coding.stored_file import StoredImage
from .coding.weights import FORMS
from .contents import Contents, Model, pack, parse, planes_of
from .context.encode import EFFORTS
from .context.own_prior import Prior
from .coordinate.encode import encode_coordinate
from .coordinate.model import Coordinate
from .coordinate.resample import expanded
from .errors import ImageError, LinrError, LinrWarning, VerificationError
from .files.images import read_picture
from .files.picture import PLAIN, Picture, PixelType, digest
from .files.places import Place
from .files.timing import still
from .history.chain import Chain
from .info import describe
from .jpeg.step import Jpeg
from .limits import DEFAULT, Limits, check_size
from .options import LEAST_EFFORT, FitOptions, Reading, default_effort
from .progress import CODE, Progress
from .reconstruct import picture_of
from .source.copy import Copy, copy_of
from .source.restore import CHANGED, OF_COEFFICIENTS, keep, metadata_of, restore
from .source.skeleton import JPEG, Skeleton
from .verification import BROKEN, verify

# The search for a history takes so long a sample at worst, and half of a time limit at most.
SEARCH_SECONDS = 3e-6
TIMES = "when and how long it is shown as a frame of an animation"


def encode(
    image: np.ndarray | Picture,
    *,
    effort: int | None = None,
    weights: str = "int",
    device: str = "auto",
    seed: int = 0,
    threads: int | None = None,
    model: str = "auto",
    coordinate: Coordinate | None = None,
    time_limit: float | None = None,
    history: bool = True,
    prior: Prior | bytes | Place | None = None,
    tile: int | tuple[int, int] | None = None,
    limits: Limits = DEFAULT,
    progress: Callable[[Progress], None] | None = None,
    report: Callable[[dict[str, Any]], None] | None = None,
    watch: Callable[[Any], None] | None = None,
) -> bytes:
    """Encodes an image without loss; the result was decoded and compared before it is returned.

    image: uint8 or uint16, (H, W) or (H, W, C) with C = 1..4 (grey, grey and alpha, RGB, RGBA); or
    a Picture, whose palette, depth and metadata are kept too (decode_picture).

    effort: 1 (fast) to 9 (small), default 5; without the compiled loops and torch, of which fits
    need one, 1 without its fit, of which a LinrWarning tells. weights: "int", "fp16" or "ternary".
    device: where to fit: "cpu", "cuda", "cuda:N" for the GPU of that number, or "auto" (CUDA where
    there is one). seed: makes the fit repeatable on one machine. threads: default all cores; does
    not change the result. model: "context", "graphics" for colours that repeat, "stored", or "auto"
    for the one that does best; or "coordinate" for the published coordinate networks, with the
    options `coordinate` (effort is not theirs). time_limit: about how many seconds to take at most;
    the fit stops in time, and the result then depends on the machine.
    history: whether to look for what the image came from (Photo CD, video, JPEG, fewer pixels) and
    to code that; under a time limit that the search could take half of it is not looked for.
    prior: one of one's own (train), its bytes, or its file, a path or URL, that networks start
    from; at effort 1 they are taken as it has them. Who decodes needs it, too; JPEGs, graphics
    and stored images have none. tile: height and width of tiles that decode alone (decode's
    region), multiples of 16, or one number for both; not for the coordinate model. limits: of the
    image, and of the result's decoding. progress: called now and then, from any thread, one call at
    a time. report: called at the end with what info() says of the result, the planes' bit error
    rates included. watch: told of each coordinate.fit.Step of a fit.

    An (H, W, 1) array comes back as (H, W). Raises ImageError for other arrays, LimitError for too
    large ones, DeviceError where there is no CUDA or no torch and the options need it, ValueError
    for a bad option, VerificationError should the result not decode to the image.
    """
    picture = image if isinstance(image, Picture) else Picture(image)
    if still(picture.metadata) != picture.metadata:
        picture = replace(
            picture, metadata=still(picture.metadata), left_out=(*picture.left_out, TIMES)
        )
        _warn(f"left out is {TIMES}")
    if picture.unread:
        return _copied(picture, limits, report)
    chosen: dict[str, Any] = {
        "effort": effort, "weights": weights, "device": device, "seed": seed, "threads": threads,
        "model": model, "time_limit": time_limit, "history": history, "prior": prior,
        "progress": progress,
    }  # fmt: skip
    if tile is None or picture.source is not None:  # else it can be a memory map
        picture = replace(picture, samples=checked_image(picture.samples, limits))
        picture.check("the image")
        given = digest(picture.samples)  # before anything else has seen them
    if picture.source is not None:
        picture = _with_source(picture, picture.source, given, limits)
    if picture.jpeg is not None and not _is_of(picture, picture.jpeg):
        picture = replace(picture, jpeg=None)
    if picture.jpeg is not None and (tile is not None or model not in ("auto", "context")):
        pixels = pixels_alone(picture)
        if pixels.left_out != picture.left_out:
            _warn(f"left out is {pixels.left_out[-1]}")
        picture = pixels
    if tile is not None:
        from .frames.tiled import encode_tiled  # which builds on this

        return encode_tiled(picture, tile, limits=limits, report=report, **chosen)
    options, wanted = options_of(samples=picture.samples.size, watch=watch, **chosen)
    options = replace(options, decoded={})
    tell = options.tell
    plain = Chain((), planes_of(picture))

    def seal(chain: Chain, coded: Model) -> bytes:
        return pack(
            Contents(
                plain.planes.geometry,
                given,
                picture.type,
                picture.metadata,
                chain.steps,
                coded,
                picture.left_out,
                picture.source,
            )
        )

    candidates: list[bytes] = []
    if model == "coordinate":
        networks = coordinate or Coordinate()
        if watch is not None:
            options = replace(options, watch=_expanding(watch, picture.type))
        candidates.append(seal(plain, encode_coordinate(plain.planes, networks, options, limits)))
        if networks.optimize == "size":
            candidates.append(seal(plain, StoredImage.encode(plain.planes)))
    else:
        candidates += tried(plain, picture, options, wanted, seal)
    data = min(candidates, key=len)
    bpsp = 8 * len(data) / picture.samples.size
    tell(Progress("verify", CODE, bpsp))
    facts = verify(data, picture, options, limits, report is not None)
    if report is not None:
        report(facts)
    tell(Progress("verify", 1.0, bpsp))
    return data


def _expanding(watch: Callable[[Any], None], kind: PixelType) -> Callable[[Any], None]:
    """A watch of steps whose pictures are of samples, for one of pictures as decode has them."""

    def told(step: Any) -> None:
        watch(replace(step, pictures=lambda: [expanded(kind, p) for p in step.pictures()]))

    return told


def options_of(
    *,
    samples: int = 0,
    effort: int | None = None,
    weights: str = "int",
    device: str = "auto",
    seed: int = 0,
    threads: int | None = None,
    model: str = "auto",
    time_limit: float | None = None,
    history: bool = True,
    prior: Prior | bytes | Place | None = None,
    progress: Callable[[Progress], None] | None = None,
    watch: Callable[[Any], None] | None = None,
) -> tuple[FitOptions, Wanted]:
    """The options of an encode of so many samples, checked. Raises as encode."""
    for name, value, choices in (
        ("effort", effort, (None, *EFFORTS)),
        ("weights", weights, FORMS),
        ("model", model, MODEL_CHOICES),
    ):
        if value not in choices:
            raise ValueError(f"{name} is {value!r}; it can be {', '.join(map(str, choices))}")
    if prior is not None and (weights != "int" or model not in ("auto", "context")):
        raise ValueError("a prior is for context images with int weights")
    if prior is not None and not isinstance(prior, Prior):
        prior = Prior.read(prior)
    if effort is None:
        told = partial(warnings.warn, category=LinrWarning, stacklevel=4)
        effort = default_effort(told) if model in ("auto", "context") else LEAST_EFFORT
    options = FitOptions(
        effort, weights, device, seed, threads or os.cpu_count() or 1, deadline_of(time_limit),
        progress or (lambda _: None), watch, prior,
    )  # fmt: skip
    if model == "coordinate":
        require_torch("the coordinate model")
    elif model != "stored" and not can_fit() and (effort, weights) != (LEAST_EFFORT, "int"):
        require_torch(f"effort {effort} with weights {weights}, without the compiled loops,")
    if device != "auto":
        backend_for(device)  # which says so if there is none
    if time_limit is not None and samples * SEARCH_SECONDS > time_limit / 2:
        history = False
    return options, Wanted(model, history)


def _copied(
    picture: Picture, limits: Limits, report: Callable[[dict[str, Any]], None] | None
) -> bytes:
    """The file of a picture whose samples are not known, of its source alone."""
    source = picture.source
    if source is None or source.sparse.holes:
        raise ImageError("a picture without samples or a file")
    geometry = planes_of(picture).geometry
    model = Copy(geometry, picture.unread)
    data = pack(Contents(geometry, source.digest, PLAIN, None, (), model, (), source))
    contents = parse(data, limits)
    again = picture_of(contents, Reading(fresh_backend()))
    if again.source != source or restore(again, limits) != restore(picture, limits):
        raise VerificationError(BROKEN)
    if report is not None:
        report(describe(contents, len(data)))
    return data


def _with_source(picture: Picture, source: Skeleton, given: bytes, limits: Limits) -> Picture:
    """A picture whose source file comes back and has its type and metadata, or without it; given:
    the digest of the samples."""
    try:
        same = source.verified == (given, picture.type)
        if not same:
            again = read_picture(restore(picture, limits), "the source file", limits)
            # of a JPEG, coefficients come back, whatever the samples are
            same = again.type == picture.type and np.array_equal(again.samples, picture.samples)
        if same and metadata_of(source, picture.type) == picture.metadata:
            return picture
    except LinrError:
        pass  # samples, or what is read of the file, are others by now
    _warn(f"left out is {CHANGED}")
    return replace(picture, source=None, left_out=(*picture.left_out, CHANGED))


def pixels_alone(picture: Picture) -> Picture:
    """The picture of a JPEG without its coefficients, so that the file does not come back."""
    if picture.type.space:
        raise ImageError("nothing but its coefficients holds the colours of this JPEG")
    if picture.source is None or picture.source.kind != JPEG:
        return replace(picture, jpeg=None)
    left_out = (*picture.left_out, OF_COEFFICIENTS)
    return replace(picture, jpeg=None, source=None, left_out=left_out)


def _is_of(picture: Picture, jpeg: Jpeg) -> bool:
    """Whether a picture's samples are what the coefficients of a JPEG lead to."""
    size = picture.samples.shape[:2]
    if picture.source is not None and picture.source.kind == JPEG:
        return True  # which was verified
    return np.array_equal(jpeg.pixels(jpeg.coefficients, size), picture.samples)


def _warn(text: str) -> None:
    warnings.warn(text, LinrWarning, stacklevel=4)  # at the line that called encode


def deadline_of(time_limit: float | None) -> float:
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit is {time_limit}; it can be any positive number of seconds")
    return time.monotonic() + (time_limit or math.inf)


def source_picture(
    data: bytes, name: str, limits: Limits = DEFAULT, strip: bool = False
) -> Picture:
    """The picture of an image file with all that is needed to put the file together again; or,
    stripped, the picture alone. Raises as images.read_picture."""
    try:
        picture = read_picture(data, name, limits)
    except ImageError as error:
        if strip:
            raise
        return copy_of(data, name, error, limits)
    if strip and picture.type.space:
        raise ImageError(f"{name}: nothing but the file itself holds the colours of this JPEG")
    if strip:
        return replace(picture, metadata=None, left_out=())
    return keep(data, picture, name, limits)


def checked_image(image: np.ndarray, limits: Limits) -> np.ndarray:
    """The image in C order, without a channel axis of 1."""
    if not isinstance(image, np.ndarray) or image.dtype.newbyteorder("=") not in (
        np.uint8,
        np.uint16,
    ):
        kind = getattr(image, "dtype", type(image).__name__)
        raise ImageError(f"an image is a NumPy array of uint8 or uint16, not {kind}")
    if image.ndim not in (2, 3) or (image.ndim == 3 and not 1 <= image.shape[2] <= 4):
        hint = "; encode_frames takes stacks" if image.ndim > 2 else ""
        raise ImageError(f"an image has shape (H, W) or (H, W, 1..4), not {image.shape}{hint}")
    check_size(image.shape[1], image.shape[0], "the image", limits)
    image = np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("="))
    return image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image
