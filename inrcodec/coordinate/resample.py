"""A coordinate model as the continuous picture that it is: between its pixels, beyond its bits."""

from __future__ import annotations

import os

import numpy as np

from ..coding.backend import Workers, backend_for
from ..contents import parse
from ..errors import LinrError
from ..files.picture import PixelType
from ..limits import DEFAULT, Limits, check_size
from .decode import Evaluation, check_work, read_tensors
from .file import CoordinateImage
from .model import NETWORK, TABLED
from .networks import coordinates

MAX_SCALE = 64


def resample(
    data: bytes,
    *,
    scale: int = 1,
    bits: int | None = None,
    frame: int = 0,
    device: str = "cpu",
    threads: int | None = None,
    limits: Limits = DEFAULT,
) -> np.ndarray:
    """The picture that a file's coordinate networks give by themselves. It is not the image that
    was encoded, which is what decode() returns.

    scale: samples along each side for one of the image's, from corner to corner. bits: per sample;
    more than the image has are the planes that a joint model continues to (bit-depth expansion, Han
    et al. 2025), but not on a hash grid. DINER's table has rows for the image's own pixels and bits
    alone. frame: as decode's; limits: as decode's, of pixels and work also to the picture.
    Returns uint8 or uint16, (H, W) or (H, W, C). Raises LinrError for a file of another model or
    with planes that no network codes, and as parse and decode do.
    """
    file = parse(bytes(data), limits)
    coded, picture = file.model, file.picture
    if not isinstance(coded, CoordinateImage):
        raise LinrError("only files of the coordinate model can be evaluated between the pixels")
    model = coded.model
    if file.steps:
        raise LinrError("the networks are not of the samples but of what the steps make of them")
    if any(mode != NETWORK for mode in model.modes):
        raise LinrError("some planes of the file have no network")
    extra = 0 if bits is None else bits - picture.sample_bits
    if not 1 <= scale <= MAX_SCALE or not 0 <= extra <= 16 - picture.sample_bits:
        raise ValueError(f"scale can be 1 to {MAX_SCALE}, bits can be {picture.sample_bits} to 16")
    if file.type.palette and (scale > 1 or extra):
        raise LinrError("between the indices of a palette there are no colours")
    if extra and file.type.depth:
        raise LinrError(f"the samples have {file.type.depth} bits, not those of a byte")
    if extra and model.layout != "joint":
        raise LinrError("only a joint model goes beyond the bits of its image")
    if extra and model.backbone in TABLED:
        raise LinrError("of planes beyond those of the image the tables have no rows")
    if scale > 1 and model.backbone == "diner":
        raise LinrError("between the pixels DINER's table has no rows")
    if scale > 1 and model.transform is not None and model.transform.seed is not None:
        raise LinrError("between pixels that were permuted there is no picture")
    height, width, channels = picture.height * scale, picture.width * scale, picture.channels
    if not 0 <= frame < file.images:
        raise ValueError(f"frame is {frame}; the file has {file.images} frames")
    check_size(width, height, "the picture", limits)
    check_work(model, height * width, channels, limits)
    backend = backend_for(device)
    ys, xs = coordinates(0, height, height - 1), coordinates(0, width, width - 1)
    with Workers(backend, threads or os.cpu_count() or 1) as workers:
        mixed = coded.members[frame].coefficients if coded.members else None
        tensors = read_tensors(model, channels, coded.weights, mixed)
        evaluation = Evaluation(model, tensors, picture.sample_bits, backend, workers)
        if model.transform is not None:
            samples = evaluation.values(ys, xs)
        else:
            samples = np.zeros((height, width, channels), dtype=np.int64)
            for plane in range(-extra, picture.sample_bits):
                decided = (evaluation.logits(plane, ys, xs) > 0).reshape(channels, height, width)
                samples += np.moveaxis(decided.astype(np.int64), 0, 2) << (plane + extra)
    image: np.ndarray = samples.astype(np.uint8 if picture.sample_bits + extra == 8 else np.uint16)
    return expanded(file.type, image[:, :, 0] if channels == 1 else image)


def expanded(kind: PixelType, samples: np.ndarray) -> np.ndarray:
    """What networks make of samples of a type, (H, W) or (H, W, C), as decode has such: palettes as
    colours, grey of fewer bits scaled to 8."""
    if kind.depth:  # networks go beyond
        samples = np.minimum(samples, (1 << kind.depth) - 1)
    return kind.expand(samples)
