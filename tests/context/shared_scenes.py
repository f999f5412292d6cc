"""Frames of one scene, and the networks that they share, for tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.weights import pack_weights
from inrcodec.context.file import ContextImage, Models, network_shapes
from inrcodec.context.fit import untrained
from inrcodec.context.layout import choose_layout
from inrcodec.context.prior import QUICK
from inrcodec.context.samples import Scene
from inrcodec.context.shared import SharedNetworks, code_shared
from inrcodec.history.planes import Planes
from inrcodec.options import FitOptions, Reading
from tests.context.forms import (
    whole_planes,
)
from tests.pictures import scene


def moving(count: int, size: int = 60, channels: int = 1) -> list[Planes]:
    """Frames of one scene, of which noise is most, and nearly the same in all."""
    rng = np.random.default_rng(5)
    disc = scene(size, size, channels, np.uint8).reshape(size, size, channels)
    still = disc // 2 + rng.integers(0, 60, (size, size, channels))
    noisy = [still + rng.integers(0, 6, still.shape) for _ in range(count)]
    return [whole_planes(frame.astype(np.uint8), 8) for frame in noisy]


def scenes_of(frames: list[Planes]) -> list[Scene]:
    """All but the first and the last, which see those beside them."""
    parts = zip(frames, frames[1:], frames[2:], strict=False)
    return [Scene(choose_layout(own, 2), own, [a, b]) for a, own, b in parts]


def options(effort: int = 2, **more: object) -> FitOptions:
    return FitOptions(effort, device="cpu", threads=2, **more)  # type: ignore[arg-type]


def shared_of(planes: Planes, frames: int = 2, models: Models | None = None) -> SharedNetworks:
    """The prior as it is, or zeros."""
    layout = choose_layout(planes, frames)
    made = models or Models.of_prior(QUICK)
    shared = SharedNetworks.of(layout, made, b"")
    if made.prior:
        return shared
    weights = pack_weights("int", [untrained(s) for s in network_shapes(shared, made)])
    return replace(shared, weights=weights)


def coded(planes: Planes, shared: SharedNetworks, beside: list[Planes]) -> ContextImage:
    layout, distances = choose_layout(planes, len(beside)), [-1, 1][: len(beside)]
    with Workers(numpy_backend(), 2) as workers:
        return code_shared(planes, layout, 0, shared, beside, distances, workers)


def reading(shared: SharedNetworks, beside: list[Planes], **more: object) -> Reading:
    return Reading(numpy_backend(), 2, shared=[shared], beside=beside, **more)  # type: ignore[arg-type]
