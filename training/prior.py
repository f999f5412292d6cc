"""Trains a shipped prior: the networks that an encode starts from, and effort 1 uses as they are.

    python training/prior.py [--width N] [--passes N] [--samples N] [--seed N] [-o FILE] FOLDER ...

The folders hold photographs and, for channels without references at least, scientific images of
more than 8 bits. They are seen in many versions (versions.py), so that the networks know more
cameras than took them; decoded JPEGs train the networks of Y, Cb, Cr. Of a photograph's versions,
as many are drawn at random as keep all of them below VERSIONS.

Files depend on the priors in inrcodec/context: once released they never change.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from versions import Image, Make, jpegs, read_images, versions, without_history

from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.weights import BIAS_SHIFT, Tensors, pack_weights
from inrcodec.contents import planes_of
from inrcodec.context.fit import (
    MIN_STEPS_PER_EPOCH,
    logit_itself,
    plane_loss,
    start_plane,
    start_trunk,
    train,
    uniform_floor,
)
from inrcodec.context.float_networks import WHITENING_SAMPLES, FloatNetwork, MixtureLoss
from inrcodec.context.layout import Layout, choose_layout
from inrcodec.context.neighbours import coordinates_at, input_count
from inrcodec.context.networks import TRUNK_INPUT_BITS, Network, Shape, Tensor
from inrcodec.context.prior import CONVERSIONS, POSITIONS
from inrcodec.context.samples import TrunkSamples, plane_samples, trunk_samples
from inrcodec.context.step import ChannelNetworks, plane_shape, trunk_shape
from inrcodec.files.picture import Picture
from inrcodec.history.planes import Planes

PLANE_WIDTH = 16
BATCH = 8192
PLANE_STEPS = 375  # per pass of the trunks
PLANE_EVERY = 3  # versions: to see one takes a whole traversal
VERSIONS = 1500  # of all images together, at most one an image more
THREADS = 2  # each with a copy of one network's samples
# What versions have of their own, at what part of the learning rate, and what the square costs.
BIASES = ("b1", "b2", "b3")
VERSIONS_RATE, VERSIONS_PENALTY = 0.3, 0.01
INPUT_SCALE = 1 << TRUNK_INPUT_BITS

Job = tuple[int, int]  # a trunk INR: position in the coding order, which is references, and step


@dataclass(frozen=True)
class Plan:
    """How wide and how long to train; samples: about how many per network at most."""

    width: int
    passes: int
    samples: int
    seed: int


@dataclass(frozen=True)
class Version:
    """A version that was seen: its layout, and its planes if the plane INRs will see it too."""

    layout: Layout
    planes: Planes | None


class Samples:
    """What a trunk INR learns from: int16 inputs as networks have them, and float32 low and high of
    samples.TrunkSamples and the uniform floor's probability of one value.

    All versions are in a few large arrays, as many small ones take up the heap for good. versions:
    their numbers; the last column of the inputs counts these. room: for how many samples.
    """

    def __init__(self, position: int, room: int) -> None:
        self._inputs = np.empty((room, input_count(position) + 1), np.int16)
        self._targets = np.empty((3, room, 1), np.float32)
        self._count = 0
        self.versions: list[int] = []

    def add(self, version: int, found: TrunkSamples, floor: float) -> None:
        """Adds the samples of a version, or as many as there is room for."""
        rows = slice(self._count, self._count + len(found[0]))
        inputs = self._inputs[rows]
        inputs[:, :-1] = found[0][: len(inputs)] * INPUT_SCALE  # which are whole numbers again
        inputs[:, -1] = len(self.versions)
        low, high, floors = self._targets
        low[rows], high[rows] = (bounds[: len(inputs)] for bounds in found[1:])
        floors[rows] = floor
        self._count += len(inputs)
        self.versions.append(version)

    def tensors(self) -> list[Any]:
        """Inputs (n, f + 1), low, high and floor (n, 1)."""
        return [torch.from_numpy(a[: self._count]) for a in (self._inputs, *self._targets)]


def look(
    images: list[Image], conversion: int, plan: Plan
) -> tuple[list[Version], dict[Job, Samples]]:
    """Every version of every image, walked once, as G, R, B or grey, or as Y, Cb, Cr."""
    drawn: list[tuple[list[Make], np.random.Generator]] = []
    for number, image in enumerate(images):
        rng = np.random.default_rng([plan.seed, conversion, number])
        makes = (jpegs if conversion else versions)(image, rng)
        most = -(-VERSIONS // len(images))
        if len(makes) > most:
            makes = [makes[n] for n in rng.permutation(len(makes))[:most]]
        drawn.append((makes, rng))
    colour = sum(len(d[0]) for d, i in zip(drawn, images, strict=True) if i.samples.ndim == 3)
    most = plan.samples // max(1, colour)

    def seen(number: int) -> list[tuple[Version, dict[Job, TrunkSamples]]]:
        found, (makes, rng) = [], drawn[number]
        for at, make in enumerate(makes):
            made = make()
            planes = without_history(made) if conversion else planes_of(Picture(made))
            if planes is not None:
                layout, kept = choose_layout(planes), (number + at) % PLANE_EVERY == 0
                references = {c.index: len(c.references) for c in layout.channels}
                parts = trunk_samples(layout, planes, rng, most)
                by_job = {(references[index], step): p for (index, step), p in parts.items()}
                found.append((Version(layout, planes if kept else None), by_job))
        return found

    found: list[Version] = []
    room = sum(len(makes) for makes, _ in drawn) * (most + most // 50 + 100)
    samples = {(p, step): Samples(p, room) for p in range(POSITIONS) for step in (0, 1)}
    with ThreadPoolExecutor(THREADS) as pool:
        for some in pool.map(seen, range(len(drawn))):
            for version, parts in some:
                bits = {len(c.references): c.planes for c in version.layout.channels}
                for job, part in parts.items():
                    samples[job].add(len(found), part, uniform_floor(bits[job[0]]))
                found.append(version)
    return found, samples


class OfVersions(FloatNetwork):
    """The float twin with changes to the biases for each version, as the fit to an image will
    change them: so the weights learn what all cameras share and how they differ (shift modulations;
    Dupont et al. 2022, "From data to functa", section 3).

    inputs, x: int16, as Samples has them: the last column is the version's row in the changes.
    """

    def __init__(self, shape: Shape, inputs: Any, rng: torch.Generator, versions: int) -> None:
        some = inputs[:: max(1, len(inputs) // WHITENING_SAMPLES), :-1]
        super().__init__(shape, "int", some.float() / INPUT_SCALE, rng)
        for name in BIASES:
            size = versions, self.parameters[name].shape[0]
            self.parameters[f"of {name}"] = torch.zeros(size).requires_grad_()

    def _of_versions(self, name: str) -> Any:
        return VERSIONS_RATE * self.parameters[f"of {name}"]

    def __call__(self, weights: dict[str, Any], x: Any) -> Any:
        p, version = self._whole(self._stored(weights)), x[:, -1].long()
        shifted = {name: p[name] + self._of_versions(name)[version] for name in BIASES}
        return self._run({**p, **shifted}, x[:, :-1].float() / INPUT_SCALE)

    def spread(self) -> Any:
        """Mean over the versions of the sum of the squares of their changes."""
        return sum(self._of_versions(name).square().sum(1).mean() for name in BIASES)

    def tensors(self) -> Tensors:
        """Those of the mean over the versions."""
        with torch.no_grad():
            for name in BIASES:
                mean = self.parameters[f"of {name}"].mean(0)
                self.parameters[name] += VERSIONS_RATE * mean
                self.parameters[f"of {name}"] -= mean
        return super().tensors()

    def tensors_of(self, tensors: Tensors) -> list[Tensors]:
        """Those of each version, after tensors() gave those of the mean."""
        found = [dict(tensors) for _ in range(len(self.parameters["of b1"]))]
        for name in BIASES:
            mean = np.ldexp(tensors[name].values.astype(np.float64), -tensors[name].shift)
            biases = mean + self._of_versions(name).detach().numpy()
            for of_version, values in zip(found, biases, strict=True):
                stored = np.rint(np.ldexp(values, BIAS_SHIFT)).astype(np.int64)
                of_version[name] = Tensor(stored, BIAS_SHIFT)
        return found


def trunk(samples: Samples, job: Job, plan: Plan) -> tuple[Tensors, list[Tensors]]:
    """A trunk INR, and as each version changes it."""
    position, step = job
    rng = torch.Generator().manual_seed(plan.seed)
    inputs, *targets = samples.tensors()
    places = coordinates_at(position)
    inputs[:, places] = 0  # they mean something in one image only
    shape = trunk_shape(position, plan.width)
    network = OfVersions(shape, inputs, rng, len(samples.versions))
    start_trunk(network)

    def loss(outputs: Any, low: Any, high: Any, floor: Any) -> Any:
        bits = MixtureLoss.apply(outputs, low, high, floor)  # type: ignore[no-untyped-call]
        return bits + VERSIONS_PENALTY * network.spread()

    steps = plan.passes * max(MIN_STEPS_PER_EPOCH, len(inputs) // BATCH)
    report = reporter(f"trunk {position}{'AB'[step]}")
    tensors = train(network, inputs, tuple(targets), loss, steps, BATCH, rng, report)
    for name in ("w1", "bypass"):
        tensors[name].values[:, places] = 0
    return tensors, network.tensors_of(tensors)


def trunks(
    samples: dict[Job, Samples], plan: Plan
) -> dict[Job, tuple[Tensors, dict[int, Tensors]]]:
    """All trunk INRs, and as each version, by its number, changes them. Takes the samples out, as
    memory is short."""

    def fitted(job: Job) -> tuple[Tensors, dict[int, Tensors]]:
        of_job = samples.pop(job)
        tensors, of_versions = trunk(of_job, job, plan)
        return tensors, dict(zip(of_job.versions, of_versions, strict=True))

    # the largest first, so that no thread is left with one at the end
    jobs = [(position, step) for position in reversed(range(POSITIONS)) for step in (1, 0)]
    with ThreadPoolExecutor(THREADS) as pool:
        return dict(zip(jobs, pool.map(fitted, jobs), strict=True))


def planes(
    found: list[Version], of_trunks: dict[Job, dict[int, Tensors]], plan: Plan
) -> list[Tensors]:
    """The plane INRs of all positions; of_trunks: the trunk INRs of each version."""
    backend = numpy_backend()
    used = [(n, v.layout, v.planes) for n, v in enumerate(found) if v.planes is not None]

    def networks(number: int, position: int) -> ChannelNetworks:
        """Those of a channel of a version, with a plane INR that changes nothing."""
        shape, plane = trunk_shape(position, plan.width), plane_shape(position, PLANE_WIDTH)
        a, b = (Network(shape, of_trunks[position, s][number], backend) for s in (0, 1))
        return ChannelNetworks((a, b), Network(plane, logit_itself(plane), backend))

    with Workers(backend, 1) as alone, ThreadPoolExecutor(THREADS) as pool:

        def seen(version: tuple[int, Layout, Planes]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
            number, layout, image = version
            positions = {c.index: len(c.references) for c in layout.channels if c.planes}
            coded = [
                networks(number, positions[c.index]) if c.planes else None for c in layout.channels
            ]
            rng, most = np.random.default_rng([plan.seed, number]), plan.samples // len(used)
            samples = plane_samples(alone, layout, image, coded, rng, most)
            return {positions[index]: sample for index, sample in samples.items()}

        samples = list(pool.map(seen, used))

        def fitted(position: int) -> Tensors:
            parts = [sample.pop(position) for sample in samples if position in sample]
            inputs, bits = (torch.from_numpy(np.concatenate(p)) for p in zip(*parts, strict=True))
            rng = torch.Generator().manual_seed(plan.seed + position)
            network = FloatNetwork(plane_shape(position, PLANE_WIDTH), "int", inputs, rng)
            start_plane(network)
            steps, report = PLANE_STEPS * plan.passes, reporter(f"plane {position}")
            return train(network, inputs, (bits,), plane_loss, steps, BATCH, rng, report)

        return list(pool.map(fitted, range(POSITIONS)))


def reporter(name: str) -> Callable[[float, float], None]:
    """A report function for train that prints to stderr now and then."""
    last = [time.monotonic()]

    def report(fraction: float, bits: float) -> None:
        if time.monotonic() - last[0] > 20 or fraction == 1:
            last[0] = time.monotonic()
            print(f"{name}: {fraction:.0%}, {bits:.4f} bpsp", file=sys.stderr, flush=True)

    return report


def prior(images: list[Image], plan: Plan) -> list[Tensors]:
    """The networks of a prior in the order of context/prior.py. Needs photographs."""
    networks = []
    for conversion in range(CONVERSIONS):
        found, samples = look(images, conversion, plan)
        print(f"conversion {conversion}: {len(found)} versions", file=sys.stderr, flush=True)
        fitted = trunks(samples, plan)
        of_versions = {job: changed for job, (_, changed) in fitted.items()}
        corrections = planes(found, of_versions, plan)
        for position, plane in enumerate(corrections):
            pair = [fitted[position, step][0] for step in (0, 1)]
            for tensors in pair:  # it must run
                Network(trunk_shape(position, plan.width), tensors, numpy_backend())
            Network(plane_shape(position, PLANE_WIDTH), plane, numpy_backend())
            networks += [*pair, plane]
    return networks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--width", type=int, default=32, help="of the trunk INRs")
    parser.add_argument("--passes", type=int, default=16)
    parser.add_argument("--samples", type=int, default=6_000_000, help="per network, about")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("prior.bin"))
    options = parser.parse_args()
    images = read_images(options.folders)
    if not any(image.photograph for image in images):
        parser.error("there is no photograph, RGB of 8 bits, in the folders")
    torch.set_num_threads(1)
    plan = Plan(options.width, options.passes, options.samples, options.seed)
    options.output.write_bytes(pack_weights("int", prior(images, plan)))


if __name__ == "__main__":
    main()
