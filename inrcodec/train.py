"""Training a prior of one's own: images -> what an encode makes of them -> context/learn.py."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from .coding.backend import backend_for
from .contents import parse, planes_of
from .context.file import ContextImage
from .context.learn import learn
from .context.own_prior import Prior
from .context.samples import Scene
from .encode import encode, pixels_alone
from .errors import ImageError
from .files.picture import Picture
from .limits import DEFAULT, Limits
from .options import LEAST_EFFORT, FitOptions
from .progress import Progress

# So many images are enough, and so many rows and columns of each, from its middle.
MOST_IMAGES, MOST_ROWS = 256, 768
LOOK = 0.3  # of the time goes by until all images were seen, roughly


def train(
    images: Iterable[np.ndarray | Picture],
    *,
    device: str = "auto",
    seed: int = 0,
    threads: int | None = None,
    limits: Limits = DEFAULT,
    progress: Callable[[Progress], None] | None = None,
) -> Prior:
    """A prior for images of one kind (an instrument, a camera, a collection), learnt from some of
    them, 256 at most; its `data` are the bytes of its file. encode(image, prior=prior) at effort 1
    then takes it as it is, higher efforts fit from there.

    images: as encode takes them; those that would be coded as JPEGs, or be stored, have no use for
    a prior, and are passed over. device: where to fit, "cpu" (which needs no torch), "cuda",
    "cuda:N" or "auto" (CUDA where there is one). seed: makes the training repeatable on one
    machine. threads: default all cores. progress: as encode's.

    Raises ImageError where no image is left, DeviceError as encode does, and any LinrError that
    encode raises for an image.
    """
    tell = progress or (lambda _: None)
    options = FitOptions(LEAST_EFFORT, "int", device, seed, threads or os.cpu_count() or 1)
    if device != "auto":
        backend_for(device)  # which says so if there is none
    found: list[Scene] = []
    seen = 0
    for image in images:
        coded = _coded(image, options, limits)
        seen += 1
        found += [] if coded is None else [coded]
        if len(found) == MOST_IMAGES:
            break
        tell(Progress("look", LOOK * (1 - 1 / (1 + seen / 32)), None))
    if not found:
        given = f", as all {seen} were JPEGs or flat graphics" if seen else ""
        raise ImageError(f"no image to learn from{given}")

    def fitting(done: Progress) -> None:
        tell(replace(done, fraction=LOOK + (1 - LOOK) * done.fraction))

    return learn(found, replace(options, tell=fitting))


def _coded(image: np.ndarray | Picture, options: FitOptions, limits: Limits) -> Scene | None:
    """What an encode makes of the middle of an image, where that is for networks."""
    if not isinstance(image, np.ndarray | Picture):
        raise ImageError(f"an image is a NumPy array or a Picture, not {type(image).__name__}")
    picture = image if isinstance(image, Picture) else Picture(image)
    if picture.unread or picture.type.space:
        return None
    picture = pixels_alone(picture)
    height, width = picture.samples.shape[:2]
    rows, cols = (slice(max(0, n - MOST_ROWS) // 2, (n + MOST_ROWS) // 2) for n in (height, width))
    samples = np.ascontiguousarray(picture.samples[rows, cols])
    picture = Picture(samples, picture.type)
    data = encode(
        picture, effort=LEAST_EFFORT, device="cpu", threads=options.threads, limits=limits
    )
    contents = parse(data, limits)
    if not isinstance(contents.model, ContextImage):
        return None
    planes = planes_of(picture)
    for step in contents.steps:
        planes = step.forward(planes)
    return Scene(contents.model.layout, planes)
