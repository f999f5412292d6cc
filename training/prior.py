"""Trains a shipped prior: the networks that an encode starts from.

    python training/prior.py [--width N] [--passes N] [--plane-steps N] [--samples N] [--seed N]
                             [-o FILE] FOLDER[*TIMES] ...

The folders hold photographs and, for channels without references at least, scientific images of
more than 8 bits. They are seen in many versions (versions.py), so that the networks know more
cameras than took them; decoded JPEGs train the networks of Y, Cb, Cr. Of a photograph's versions,
as many are drawn at random as keep those of a folder at about VERSIONS; in each pass the samples of
a folder are seen so many TIMES.

The trunk networks see the samples of all versions together, pass after pass, and each version
shifts their biases as it likes. The plane networks see
what is left of a part of the versions by trunk networks that were fitted to each, as an encode
does.

Files depend on the priors in inrcodec/context: once released they never change.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from versions import Image, Make, jpegs, read_images, subsampled, versions, without_history

from inrcodec import kernels
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.weights import Tensors, is_bias, pack_weights
from inrcodec.contents import planes_of
from inrcodec.context.compiled_fit import CompiledFit, Versions
from inrcodec.context.fit import logit_itself, start_plane, start_trunk, uniform_floor
from inrcodec.context.layout import Layout, choose_layout
from inrcodec.context.neighbours import coordinates_at, input_count
from inrcodec.context.networks import Network
from inrcodec.context.parameters import Parameters
from inrcodec.context.prior import CONVERSIONS, POSITIONS, is_fine
from inrcodec.context.samples import Scene, TrunkSamples, plane_samples, trunk_samples
from inrcodec.context.schedule import Course, Samples, one_cycle, train
from inrcodec.context.step import ChannelNetworks, plane_shape, trunk_shape
from inrcodec.files.picture import Picture
from inrcodec.history.planes import Planes

PLANE_WIDTH = 16
BATCH, LEARNING_RATE = 4096, 1e-2
PLANE_EVERY = 3  # versions: to see one takes a whole traversal
VERSIONS = 700  # of the images of a folder together, at most one an image more
THREADS = 2  # each with one network's samples
# Of the shifts of biases that each version has while the trunk INRs learn.
SHIFTS_RATE, SHIFTS_PENALTY = 0.3, 0.01
FIT_BATCH, FIT_RATE, FIT_STEPS = 256, 5e-3, 24  # of the fits to single versions; steps at most
SHIFT = {True: 10, False: 12}  # of biases, and of other weights

Job = tuple[int, int]  # a trunk INR: position in the coding order, which is references, and step


@dataclass(frozen=True)
class Plan:
    """How wide and how long to train; samples: about how many per network at most."""

    width: int
    passes: int
    plane_steps: int
    samples: int
    seed: int


@dataclass(frozen=True)
class Version:
    """A version that was seen: its layout, and its planes if the plane INRs will see it too."""

    layout: Layout
    planes: Planes | None


class Pool:
    """What a trunk INR learns from: the samples of all versions in a few large arrays, as many
    small ones take up the heap for good. parts: of each version by its number, times: how often it
    counts. room: for how many samples; fine: whether of Layout's fine channels."""

    def __init__(self, position: int, room: int, fine: bool) -> None:
        self.fine = fine
        self._rows = np.empty((room, input_count(position, fine)), np.int16)
        self._bounds = np.empty((3, room), np.float32)
        self._places = coordinates_at(position, fine)
        self._count = 0
        self.parts: dict[int, slice] = {}
        self.times: dict[int, int] = {}

    def add(self, version: int, found: TrunkSamples, floor: float, times: int) -> None:
        """Adds the samples of a version, or as many as there is room for."""
        part = slice(self._count, min(self._count + len(found[0]), len(self._rows)))
        number = part.stop - part.start
        self._rows[part] = found[0][:number]
        self._rows[part, self._places] = 0  # they mean something in one image only
        low, high, floors = self._bounds
        low[part], high[part] = (bounds[:number] for bounds in found[1:])
        floors[part] = floor
        self._count = part.stop
        self.parts[version], self.times[version] = part, times

    def samples(self, rng: np.random.Generator) -> Samples:
        """All of them, in an order in which each version's are together and in random order."""
        low, high, floors = (bounds[: self._count] for bounds in self._bounds)
        order = np.arange(self._count, dtype=np.int32)
        for part in self.parts.values():
            rng.shuffle(order[part])
        return Samples(self._rows[: self._count], low, high, floors, order)


def planes_made(
    image: Image, conversion: int, rng: np.random.Generator
) -> list[Callable[[], Planes | None]]:
    """What makes the planes of an image's versions."""
    if conversion == 2:
        return list(subsampled(image, rng))

    def planes(make: Make) -> Planes | None:
        return without_history(make()) if conversion else planes_of(Picture(make()))

    return [partial(planes, make) for make in (jpegs if conversion else versions)(image, rng)]


def look(images: list[Image], conversion: int, plan: Plan) -> tuple[list[Version], dict[Job, Pool]]:
    """Every version of every image, walked once: as G, R, B or grey, as Y, Cb, Cr, or as these with
    subsampled chroma."""
    drawn: list[tuple[list[Callable[[], Planes | None]], np.random.Generator]] = []
    for number, image in enumerate(images):
        rng = np.random.default_rng([plan.seed, conversion, number])
        makes = planes_made(image, conversion, rng)
        most = -(-VERSIONS // sum(other.folder == image.folder for other in images))
        if len(makes) > most:
            makes = [makes[n] for n in rng.permutation(len(makes))[:most]]
        drawn.append((makes, rng))
    colour = sum(len(d[0]) for d, i in zip(drawn, images, strict=True) if i.samples.ndim == 3)
    most = plan.samples // max(1, colour)

    def seen(number: int) -> list[tuple[Version, dict[Job, TrunkSamples]]]:
        found, (makes, rng) = [], drawn[number]
        for at, make in enumerate(makes):
            planes = make()
            if planes is not None:
                layout, kept = choose_layout(planes), (number + at) % PLANE_EVERY == 0
                references = {c.index: len(c.references) for c in layout.channels}
                parts = trunk_samples(alone, Scene(layout, planes), rng, most)
                by_job = {(references[index], step): p for (index, step), p in parts.items()}
                found.append((Version(layout, planes if kept else None), by_job))
        return found

    found: list[Version] = []
    room = sum(len(makes) for makes, _ in drawn) * (most + most // 50 + 100)
    pools = {
        (p, step): Pool(p, room, is_fine(conversion, p))
        for p in range(POSITIONS)
        for step in (0, 1)
    }
    with Workers(numpy_backend(), 1) as alone, ThreadPoolExecutor(THREADS) as threads:
        for image, some in zip(images, threads.map(seen, range(len(drawn))), strict=True):
            for version, parts in some:
                bits = {len(c.references): c.planes for c in version.layout.channels}
                for job, part in parts.items():
                    floor, times = uniform_floor(bits[job[0]]), image.folder[1]
                    pools[job].add(len(found), part, floor, times)
                found.append(version)
    return found, pools


class Learner:
    """A trunk INR that is trained, and what it learns from."""

    def __init__(self, pool: Pool, job: Job, plan: Plan) -> None:
        position, step = job
        self._plan, self._places = plan, coordinates_at(position, pool.fine)
        self._parts, self._times = pool.parts, pool.times
        self._rng = np.random.default_rng([plan.seed, position, step])
        self._samples = pool.samples(self._rng)
        shape = trunk_shape(position, plan.width, pool.fine)
        self._parameters = Parameters(shape, "int", self._samples.rows, self._rng)
        start_trunk(self._parameters)
        self._engine = self._engine_for(self._samples.order)
        self._report = reporter(f"trunk {position}{'AB'[step]}")

    def _engine_for(self, order: np.ndarray, versions: Versions | None = None) -> CompiledFit:
        """Fits the network to samples in an order."""
        library = kernels.library()
        assert library is not None
        samples = replace(self._samples, order=order)
        return CompiledFit(library, self._parameters, samples, versions)

    def learn(self) -> None:
        """Sees the samples of all versions, mixed; each version has biases of its own, and the
        network ends with their mean."""
        order = self._samples.order
        parts = [order[part] for n, part in self._parts.items() for _ in range(self._times[n])]
        mixed = self._rng.permutation(np.concatenate(parts))
        of = np.empty(len(order), dtype=np.int32)
        for number, part in enumerate(self._parts.values()):
            of[part] = number
        versions = Versions(of, len(self._parts), SHIFTS_RATE, SHIFTS_PENALTY)
        engine, count = self._engine_for(mixed, versions), len(mixed)
        steps, bits = self._plan.passes * max(1, count // BATCH), 0.0
        for step in range(steps):
            first = int(self._rng.integers(max(1, count - BATCH + 1)))
            rate = LEARNING_RATE * one_cycle(step / steps)
            bits += 0.01 * (engine.step(first, min(BATCH, count), rate, False) - bits)
            self._report(step / steps, bits)
        engine.take_mean_of_versions()
        self._engine.begin_again(engine.parameters())

    def _fit(self, number: int) -> float:
        """Fits the network to a version; the mean bits before each step."""
        part = self._parts[number]
        count = part.stop - part.start
        steps, bits = min(FIT_STEPS, count // FIT_BATCH), 0.0
        for step in range(steps):
            first = part.start + step * FIT_BATCH
            rate = FIT_RATE * one_cycle((step + 0.5) / steps)
            bits += self._engine.step(first, FIT_BATCH, rate, False) / steps
        return bits

    def tensors(self) -> Tensors:
        """The network as it is now."""
        shifts = {name: SHIFT[is_bias(name)] for name in self._parameters.values}
        self._engine.round(shifts)
        tensors = self._parameters.integers(self._engine.stored(), shifts)
        self._engine.round(None)
        for name in ("w1", "bypass"):
            tensors[name].values[:, self._places] = 0
        return tensors

    def tensors_of(self, wanted: set[int]) -> dict[int, Tensors]:
        """The network fitted to each of some versions."""
        found, start = {}, self._engine.parameters()
        for number in wanted & set(self._parts):
            self._fit(number)
            found[number] = self.tensors()
            self._engine.begin_again(start)
        return found


def trunks(
    pools: dict[Job, Pool], kept: set[int], plan: Plan
) -> dict[Job, tuple[Tensors, dict[int, Tensors]]]:
    """All trunk INRs, and as they are fitted to each of the versions kept, by number. Takes the
    pools out, as memory is short."""

    def trained(job: Job) -> tuple[Tensors, dict[int, Tensors]]:
        learner = Learner(pools.pop(job), job, plan)
        learner.learn()
        return learner.tensors(), learner.tensors_of(kept)

    # the largest first, so that no thread is left with one at the end
    jobs = [(position, step) for position in reversed(range(POSITIONS)) for step in (1, 0)]
    with ThreadPoolExecutor(THREADS) as threads:
        return dict(zip(jobs, threads.map(trained, jobs), strict=True))


def planes(
    found: list[Version], of_trunks: dict[Job, dict[int, Tensors]], conversion: int, plan: Plan
) -> list[Tensors]:
    """The plane INRs of all positions; of_trunks: the trunk INRs of each version."""
    backend, library = numpy_backend(), kernels.library()
    assert library is not None
    used = [(n, v.layout, v.planes) for n, v in enumerate(found) if v.planes is not None]

    def networks(number: int, position: int) -> ChannelNetworks:
        """Those of a channel of a version, with a plane INR that changes nothing."""
        shape = trunk_shape(position, plan.width, is_fine(conversion, position))
        plane = plane_shape(position, PLANE_WIDTH)
        a, b = (Network(shape, of_trunks[position, s][number], backend) for s in (0, 1))
        return ChannelNetworks((a, b), Network(plane, logit_itself(plane), backend))

    with Workers(backend, 1) as alone, ThreadPoolExecutor(THREADS) as threads:

        def seen(version: tuple[int, Layout, Planes]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
            number, layout, image = version
            positions = {c.index: len(c.references) for c in layout.channels if c.planes}
            coded = [
                networks(number, positions[c.index]) if c.planes else None for c in layout.channels
            ]
            rng, most = np.random.default_rng([plan.seed, number]), plan.samples // len(used)
            samples = plane_samples(alone, Scene(layout, image), coded, rng, most)
            return {positions[index]: sample for index, sample in samples.items()}

        samples = list(threads.map(seen, used))

        def trained(position: int) -> Tensors:
            parts = [sample.pop(position) for sample in samples if position in sample]
            rows, bits = (np.concatenate(p) for p in zip(*parts, strict=True))
            rng = np.random.default_rng([plan.seed, position])
            parameters = Parameters(plane_shape(position, PLANE_WIDTH), "int", rows, rng)
            start_plane(parameters)
            order = rng.permutation(len(rows)).astype(np.int32)
            engine = CompiledFit(library, parameters, Samples(rows, bits, None, 0.0, order))
            course = Course(plan.plane_steps, BATCH, LEARNING_RATE)
            return train(engine, parameters, len(rows), course, rng, reporter(f"plane {position}"))

        return list(threads.map(trained, range(POSITIONS)))


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
        found, pools = look(images, conversion, plan)
        print(f"conversion {conversion}: {len(found)} versions", file=sys.stderr, flush=True)
        kept = {number for number, version in enumerate(found) if version.planes is not None}
        trained = trunks(pools, kept, plan)
        of_versions = {job: fitted for job, (_, fitted) in trained.items()}
        corrections = planes(found, of_versions, conversion, plan)
        for position, plane in enumerate(corrections):
            pair = [trained[position, step][0] for step in (0, 1)]
            for tensors in pair:  # it must run
                shape = trunk_shape(position, plan.width, is_fine(conversion, position))
                Network(shape, tensors, numpy_backend())
            Network(plane_shape(position, PLANE_WIDTH), plane, numpy_backend())
            networks += [*pair, plane]
    return networks


def folder(text: str) -> tuple[Path, int]:
    """A folder, and how many times its samples are seen in each pass."""
    path, _, times = text.partition("*")
    return Path(path), int(times or 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=folder, nargs="+", metavar="FOLDER[*TIMES]")
    parser.add_argument("--width", type=int, default=32, help="of the trunk INRs")
    parser.add_argument("--passes", type=int, default=12)
    parser.add_argument("--plane-steps", type=int, default=6000, help="of the plane INRs")
    parser.add_argument("--samples", type=int, default=6_000_000, help="per network, about")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("prior.bin"))
    options = parser.parse_args()
    images = read_images(options.folders)
    if not any(image.photograph for image in images):
        parser.error("there is no photograph, RGB of 8 bits, in the folders")
    if kernels.library() is None:
        parser.error("the compiled loops are not there: make kernels")
    plan = Plan(options.width, options.passes, options.plane_steps, options.samples, options.seed)
    options.output.write_bytes(pack_weights("int", prior(images, plan)))


if __name__ == "__main__":
    main()
