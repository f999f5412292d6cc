"""Networks that several images of a file code with: a section of their own, and how they are fitted
to all of these together.

The section is a map of the fields, and behind it the weights. format_spec.md, 4.11.
"""

from __future__ import annotations

import io
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgpack

from ..coding.backend import Backend, Workers, can_fit, fitting_backend, numpy_backend
from ..coding.weights import pack_weights
from ..container.fields import Fields, unpack_fields
from ..container.leb128 import pack_length, read_length
from ..errors import CorruptError, LimitError, TruncatedError
from ..history.planes import Planes
from ..limits import Limits
from ..options import FitOptions
from .encode import EFFORTS, PLAIN_PASSES, TRUNKS_SHARE, choose_models, choose_rank
from .file import (
    ContextImage,
    Models,
    network_shapes,
    start_of,
    unpack_models,
    unpack_networks,
)
from .fit import BATCH, Material, Plan, fit_planes, fit_trunks
from .layout import MAX_FRAMES, Kind, Layout
from .own_prior import Prior
from .prior import is_fine
from .samples import MAX_SAMPLES, Scene
from .scans import ScanEncoder
from .step import ChannelNetworks, trunk_of
from .traversal import traverse

MAX_FIELDS = 256  # bytes
CONVERSIONS = 3
# Of the work of fitting each image alone, so much may go into networks that they share.
SHARE = 0.5
# Batches grow, which makes more of the same passes, while there are so many of them.
LARGEST_BATCH, LEAST_BATCHES = 2048, 2000

BACKENDS_KEPT = 2  # whose networks are kept: one codes, one checks that

_MAKING = threading.Lock()


@dataclass(frozen=True)
class SharedNetworks:
    """Networks for all channels of images of one kind.

    channels, alpha, conversion, frames: of the layouts that they are for, as in Layout; weights: as
    in the section `W` of a file.
    """

    channels: int
    alpha: bool
    conversion: int
    frames: int
    models: Models
    weights: bytes
    _made: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, layout: Layout, models: Models, weights: bytes) -> SharedNetworks:
        """Those for layouts like this one."""
        geometry = layout.geometry
        return cls(
            geometry.channels, geometry.alpha, layout.conversion, layout.frames, models, weights
        )

    @property
    def kinds(self) -> list[Kind]:
        """Those of all channels, in coding order."""
        colours = self.channels - self.alpha
        counts = [*range(colours), *[0] * self.alpha]
        return [Kind(n, is_fine(self.conversion, n), self.frames) for n in counts]

    def fits(self, layout: Layout) -> bool:
        """Whether they are for such a layout."""
        like = SharedNetworks.of(layout, self.models, self.weights)
        return like == self

    def pack(self) -> bytes:
        """The payload of the section."""
        fields = {"c": self.channels, "a": int(self.alpha), "y": self.conversion, "b": self.frames}
        packed = msgpack.packb(fields | self.models.fields(self.weights))
        return pack_length(len(packed)) + packed + self.weights

    @classmethod
    def unpack(cls, payload: bytes, limits: Limits) -> SharedNetworks:
        """Undoes pack. Raises a LinrError for what it does not write."""
        file = io.BytesIO(payload)
        length = read_length(file, "the fields of shared networks")
        if length > MAX_FIELDS:
            raise LimitError(f"fields of {length} bytes; at most {MAX_FIELDS} are allowed")
        packed = file.read(length)
        if len(packed) < length:
            raise TruncatedError("shared networks end within their fields")
        name = "shared networks"
        fields, weights = Fields(unpack_fields(packed, name, MAX_FIELDS), name), file.read()
        channels, alpha = fields.integer("c", 1, 4), bool(fields.integer("a", 0, 1))
        conversion = fields.integer("y", 0, CONVERSIONS - 1)
        frames = fields.integer("b", 0, MAX_FRAMES)
        models = unpack_models(fields, bool(weights))
        fields.end()
        if channels - alpha not in ((3,) if conversion else (1, 3)):
            raise CorruptError("shared networks of channels that no image has")
        if not weights and not models.prior:
            raise CorruptError("shared networks without weights")
        shared = cls(channels, alpha, conversion, frames, models, weights)
        limits.check("weights", shared.numbers, f"shared networks: {shared.numbers} weights")
        return shared

    @property
    def numbers(self) -> int:
        """How many there are in all of them."""
        return sum(shape.weights() for shape in network_shapes(self, self.models))

    def networks(
        self, layout: Layout, backend: Backend, priors: Sequence[Prior] = ()
    ) -> list[ChannelNetworks | None]:
        """Those of each channel of a layout, which are made once. Raises CorruptError for a layout
        that they are not for, and as file.start_of."""
        if not self.fits(layout):
            raise CorruptError("shared networks of other channels than those of the image")
        with _MAKING:
            networks = next((made for own, made in self._made if own is backend), None)
            if networks is None:
                networks = unpack_networks(self, self.models, self.weights, backend, priors)
                self._made[:] = [(backend, networks), *self._made[: BACKENDS_KEPT - 1]]
        return [
            its if channel.planes else None
            for its, channel in zip(networks, layout.channels, strict=True)
        ]


def fit_shared(
    scenes: Sequence[Scene],
    options: FitOptions,
    report: Callable[[float, float], None] = lambda done, bits: None,
) -> SharedNetworks:
    """Networks that are fitted to some images of one kind, in about half the time that a fit to
    each alone takes; without the means to fit, or time left, the prior as it is.

    report: is told the fraction done and the bits per sample.
    """
    layout = scenes[0].layout
    effort = EFFORTS[options.effort]
    pixels = sum(s.layout.geometry.height * s.layout.geometry.width for s in scenes)
    models = choose_models(options.weights, options.effort, pixels, options.prior)
    shared = SharedNetworks.of(layout, models, b"")
    if not all(shared.fits(scene.layout) for scene in scenes):
        raise ValueError("the images are not of one kind")
    prior = start_of(shared, models, options.priors)
    left = options.deadline - time.monotonic()
    if prior is not None and (left <= 0 or not can_fit()):
        return shared
    backend = fitting_backend(options.device)
    models = replace(models, rank=choose_rank(pixels, models.trunk_width) if prior else 0)
    seats = [{c.index: n for n, c in enumerate(scene.layout.channels)} for scene in scenes]
    material = Material(scenes, shared.kinds, seats)
    passes, batch = _passes(material, models, options), BATCH
    while batch < LARGEST_BATCH and passes * min(pixels, MAX_SAMPLES) / (2 * batch) > LEAST_BATCHES:
        batch *= 2
    plan = Plan(
        passes,
        1,
        models.trunk_width,
        models.plane_width,
        math.ceil(effort.plane_steps * min(1.0, SHARE * len(scenes))),
        options.weights,
        options.seed,
        prior,
        models.rank,
        trunk_seconds=left * TRUNKS_SHARE,
        plane_seconds=left * (1 - TRUNKS_SHARE),
        samples=MAX_SAMPLES,
        batch=batch,
    )
    with Workers(backend, options.threads) as workers:
        trunks = fit_trunks(
            backend, workers, material, plan, lambda d, b: report(TRUNKS_SHARE * d, b)
        )
        planes = fit_planes(
            backend, workers, material, trunks, plan,
            lambda d, b: report(TRUNKS_SHARE + (1 - TRUNKS_SHARE) * d, b),
        )  # fmt: skip
    pairs = zip(trunks, planes, strict=True)
    weights = pack_weights(options.weights, [t for (a, b), plane in pairs for t in (a, b, plane)])
    return replace(shared, models=models, weights=weights)


def _passes(material: Material, models: Models, options: FitOptions) -> float:
    """How many passes over its samples each trunk INR has."""
    effort = EFFORTS[options.effort]
    alone, together, counts = 0.0, 0.0, dict[tuple[int, int], float]()
    for scene, seats in zip(material.scenes, material.seats, strict=True):
        geometry = scene.layout.geometry
        its = choose_models(
            options.weights, options.effort, geometry.height * geometry.width, options.prior
        )
        passes = effort.passes if its.prior else effort.passes + PLAIN_PASSES
        for channel in scene.layout.channels:
            kind = replace(channel.kind, frames=0)
            for step in (0, 1) if channel.planes else ():
                samples = channel.size[0] * channel.size[1] * (1 + step) / 3
                seen = max(passes * min(samples, MAX_SAMPLES), effort.steps * BATCH)
                alone += seen * effort.tries * trunk_of(kind, its.trunk_width).weights()
                key = seats[channel.index], step
                counts[key] = counts.get(key, 0) + samples
    largest = 1.0
    for (seat, _), samples in counts.items():
        seen = min(samples, MAX_SAMPLES)
        largest = max(largest, seen)
        together += seen * trunk_of(material.kinds[seat], models.trunk_width).weights()
    most = max(effort.passes, effort.steps * BATCH / largest)  # as of one image
    return min(most, SHARE * alone / max(together, 1.0))


def code_shared(
    planes: Planes,
    layout: Layout,
    number: int,
    shared: SharedNetworks,
    beside: Sequence[Planes],
    distances: Sequence[int],
    workers: Workers,
    priors: Sequence[Prior] = (),
) -> ContextImage:
    """Planes coded with networks that a file has under a number.

    beside: the planes of the frames that are seen, which are so many pages (distances) away.
    """
    backend = numpy_backend()
    networks = shared.networks(layout, backend, priors)
    scans = ScanEncoder(planes.geometry.height, planes.geometry.width, behind=bool(beside))
    traverse(backend, workers, layout, networks, scans, planes, beside=beside)
    payloads = tuple(scans.finish())
    return ContextImage(layout, None, b"", payloads, len(payloads), number, tuple(distances))
