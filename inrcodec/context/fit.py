"""The fit: overfits networks to one image, or to some, in floating point, and hands back their
integers.

The loss is the size of the file in bits: -log2 of the mixture's probability of each sample for the
trunk INRs, binary cross-entropy for the plane INRs, and the weights' own cost. schedule.py has the
course of each network's fit; its steps are computed in C (compiled_fit.py) or, on CUDA or where
there is no library, in torch (float_networks.py).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from .. import kernels
from ..coding.backend import Backend, Workers, numpy_backend, require_torch
from ..coding.weights import Tensors
from .compiled_fit import CompiledFit
from .layout import Kind
from .mixture import FLOOR_BITS
from .networks import Network, Shape, Tensor
from .parameters import Parameters
from .prior import add
from .samples import MAX_SAMPLES, Scene, plane_samples, trunk_samples
from .schedule import Course, Engine, Report, Samples, best, train
from .step import ChannelNetworks, plane_shape, trunk_of

BATCH, PLANE_BATCH = 512, 4096
SEEN = 2  # samples of plane INRs for each that a step sees
# Of fits from nothing, from networks of a prior, and from wide ones, which run away sooner.
LEARNING_RATE, LEARNING_RATE_FROM_PRIOR, LEARNING_RATE_FROM_WIDE = 3e-2, 2e-2, 1e-2
WIDE = 64
# Of ternary trunk INRs: at the default effort they do best there.
LEARNING_RATE_TERNARY = 5e-3


@dataclass(frozen=True)
class Plan:
    """How long and how wide to fit."""

    passes: float  # over the samples of each trunk INR,
    steps: int  # but so many batches at least
    trunk_width: int
    plane_width: int
    plane_steps: int
    form: str  # of the weights
    seed: int
    prior: list[Tensors] | None = None  # prior.prior_networks: where the fit starts, if anywhere
    rank: int = 0  # of the changes to the prior
    tries: int = 1  # of each trunk INR
    trunk_seconds: float = math.inf  # time for each of the two fits, if their steps take longer
    plane_seconds: float = math.inf
    samples: int = MAX_SAMPLES  # of each network, of all images together
    batch: int = BATCH  # of trunk INRs

    def learning_rate(self, width: int) -> float:
        """Of networks of a width."""
        if self.prior is None:
            return LEARNING_RATE
        return LEARNING_RATE_FROM_WIDE if width >= WIDE else LEARNING_RATE_FROM_PRIOR


@dataclass(frozen=True)
class Material:
    """Images, and whose networks code them.

    kinds: of the channels that have networks; seats: per image, which of these each of its channels
    has, by the channel's index.
    """

    scenes: Sequence[Scene]
    kinds: Sequence[Kind]
    seats: Sequence[Mapping[int, int]]

    @classmethod
    def alone(cls, scene: Scene) -> Material:
        """An image that has networks of its own."""
        coded = [channel for channel in scene.layout.channels if channel.planes]
        return cls([scene], scene.layout.kinds, [{c.index: n for n, c in enumerate(coded)}])


# What a network learns from, of each image: rows, low, high and floor of schedule.Samples, or rows
# and low of those of a plane INR.
_Parts = list[tuple[np.ndarray, ...]]


def uniform_floor(planes: int) -> float:
    """The uniform floor's probability of one value, as mixture.py adds it."""
    return 2.0 ** -(FLOOR_BITS + planes)


def start_trunk(parameters: Parameters) -> None:
    """Starts a trunk INR at a mixture around the base prediction."""
    parameters.start(
        [-1.0, 0.0, 1.0, 0.0, 1.0, 2.5, 0.0, 0.0, 0.0], [0.0] * parameters.shape.inputs
    )


def start_plane(parameters: Parameters) -> None:
    """Starts a plane INR at the mixture's logit as it stands."""
    parameters.start([0.0], [1.0] + [0.0] * (parameters.shape.inputs - 1))


def _library(backend: Backend) -> kernels.Library | None:
    """What fits on a backend, if not torch."""
    return kernels.library() if backend.compiled else None


def engine_for(backend: Backend, parameters: Parameters, samples: Samples) -> Engine:
    """What fits a network to samples: in C on a CPU, else in torch. DeviceError without either."""
    library = _library(backend)
    if library is not None:
        return CompiledFit(library, parameters, samples)
    require_torch("a fit without the compiled loops")
    import torch

    from .float_networks import FloatFit

    return FloatFit.of(parameters, samples, torch.device(backend.device))


class _StoppedError(Exception):
    """A fit that nobody waits for any more ends."""


class Meter:
    """Turns the progress of several fits at once into that of all of them; weights: what each takes
    of the time."""

    def __init__(self, workers: Workers, report: Report, weights: list[float]) -> None:
        self._workers = workers
        self._report, self._weights = report, np.array(weights) / sum(weights)
        self._done, self._bits = np.zeros(len(weights)), np.zeros(len(weights))
        self._lock = threading.Lock()

    def part(self, number: int) -> Report:
        """The report function of one of the fits."""

        def report(fraction: float, mean: float) -> None:
            if self._workers.stopping:
                raise _StoppedError
            with self._lock:
                self._done[number], self._bits[number] = fraction, mean
                begun = self._weights * (self._done > 0)
                self._report(
                    float(self._weights @ self._done), float(begun @ self._bits / begun.sum())
                )

        return report


def untrained(shape: Shape, rank: int = 0) -> Tensors:
    """The tensors of a network of zeros, or of changes of a rank that change nothing."""
    sizes = shape.changes(rank) if rank else shape.tensors()
    return {name: Tensor(np.zeros(size, dtype=np.int64), 0) for name, size in sizes.items()}


def logit_itself(shape: Shape) -> Tensors:
    """A plane INR that hands the mixture's logit on."""
    tensors = untrained(shape)
    tensors["bypass"].values[0, 0] = 1
    return tensors


def fit_trunks(
    backend: Backend, workers: Workers, material: Material, plan: Plan, report: Report
) -> list[tuple[Tensors, Tensors]]:
    """Fits the trunk INRs of steps A and B of every channel that has networks; what it returns are
    changes to the plan's prior if it has one.

    Runs on CUDA if the backend is there, else on the CPU, one network a thread. report is called
    with the fraction done and the bits per sample so far.
    """
    shapes = [trunk_of(kind, plan.trunk_width) for kind in material.kinds]
    found = _trunk_parts(workers, material, plan)
    # the largest first, so that no thread is left with one at the end
    jobs = [(seat, step) for step in (1, 0) for seat in reversed(range(len(shapes)))]
    weights = [float(_count(found[job]) * shapes[job[0]].inputs + 1) for job in jobs]
    meter = Meter(workers, report, weights)
    seconds = [plan.trunk_seconds * workers.threads * w / sum(weights) for w in weights]

    def work(number: int) -> Tensors:
        seat, step = job = jobs[number]
        rng = _generator(plan, "trunk", 2 * seat + step)
        parts = found.pop(job)
        if not parts:
            return untrained(shapes[seat], plan.rank)
        rows, low, high, floor = map(_joined, zip(*parts, strict=True))
        prior = plan.prior[3 * seat + step] if plan.prior else None
        steps = max(round(plan.passes * len(rows) / plan.batch), plan.steps)
        rate = plan.learning_rate(plan.trunk_width)
        if plan.form == "ternary":
            rate = LEARNING_RATE_TERNARY
        course = Course(steps, plan.batch, rate, seconds[number], plan.tries)

        def start() -> tuple[Engine, Parameters]:
            parameters = Parameters(shapes[seat], plan.form, rows, rng, prior, plan.rank)
            if not prior:
                start_trunk(parameters)
            order = _order(len(rows), rng)
            same = float(floor[0]) if np.all(floor == floor[0]) else floor
            return engine_for(
                backend, parameters, Samples(rows, low, high, same, order)
            ), parameters

        return best(start, len(rows), course, rng, meter.part(number))

    with one_thread_each(backend):
        fitted = dict(zip(jobs, workers.map(work, list(range(len(jobs)))), strict=True))
    return [(fitted[seat, 0], fitted[seat, 1]) for seat in range(len(shapes))]


def _trunk_parts(workers: Workers, material: Material, plan: Plan) -> dict[tuple[int, int], _Parts]:
    """What trunk INRs learn from, by seat and step."""
    most = max(1, plan.samples // len(material.scenes))
    found: dict[tuple[int, int], _Parts] = {
        (seat, step): [] for seat in range(len(material.kinds)) for step in (0, 1)
    }
    for at, (scene, seats) in enumerate(zip(material.scenes, material.seats, strict=True)):
        rng = _generator(plan, "samples", 2 * at)
        planes = {channel.index: channel.planes for channel in scene.layout.channels}
        for (index, step), part in trunk_samples(workers, scene, rng, most).items():
            floor = np.full(len(part[0]), uniform_floor(planes[index]), dtype=np.float32)
            if len(floor):
                found[seats[index], step].append((*part, floor))
    return found


def fit_planes(
    backend: Backend,
    workers: Workers,
    material: Material,
    trunks: list[tuple[Tensors, Tensors]],
    plan: Plan,
    report: Report,
) -> list[Tensors]:
    """Fits the plane INR of every channel that has networks, given its trunk INRs; as fit_trunks.
    Where the plan has no steps for them those of a prior stay as they are."""
    kinds = material.kinds
    shapes = [plane_shape(kind.references, plan.plane_width) for kind in kinds]
    if plan.prior is not None and not plan.plane_steps:
        return [untrained(shape, plan.rank) for shape in shapes]
    found = _plane_parts(workers, material, _with_logits(material, trunks, plan), plan)
    meter = Meter(workers, report, [_count(parts) + 1.0 for parts in found])
    seconds = plan.plane_seconds / max(1, math.ceil(len(kinds) / workers.threads))

    def work(seat: int) -> Tensors:
        parts, shape = found[seat], shapes[seat]
        if not parts:
            return untrained(shape, plan.rank)
        rng = _generator(plan, "plane", seat)
        rows, bits = map(_joined, zip(*parts, strict=True))
        parts.clear()
        prior = plan.prior[3 * seat + 2] if plan.prior else None
        parameters = Parameters(shape, plan.form, rows, rng, prior, plan.rank)
        if not prior:
            start_plane(parameters)
        samples = Samples(rows, bits, None, 0.0, _order(len(rows), rng))
        engine = engine_for(backend, parameters, samples)
        rate = plan.learning_rate(plan.plane_width)
        course = Course(plan.plane_steps, PLANE_BATCH, rate, seconds)
        return train(engine, parameters, len(rows), course, rng, meter.part(seat))

    with one_thread_each(backend):
        return workers.map(work, list(range(len(kinds))))


def _with_logits(
    material: Material, trunks: list[tuple[Tensors, Tensors]], plan: Plan
) -> list[ChannelNetworks]:
    """Networks of each seat with these trunk INRs, whose plane INRs hand the logit on."""
    networks, coding = [], numpy_backend()
    for seat, kind in enumerate(material.kinds):
        pair, trunk = trunks[seat], trunk_of(kind, plan.trunk_width)
        if plan.prior is not None:
            a, b = plan.prior[3 * seat : 3 * seat + 2]
            pair = add(a, pair[0]), add(b, pair[1])
        plane = plane_shape(kind.references, plan.plane_width)
        one, other = (Network(trunk, tensors, coding) for tensors in pair)
        networks.append(ChannelNetworks((one, other), Network(plane, logit_itself(plane), coding)))
    return networks


def _plane_parts(
    workers: Workers, material: Material, networks: list[ChannelNetworks], plan: Plan
) -> list[_Parts]:
    """What plane INRs learn from, by seat."""
    most = min(plan.samples, SEEN * PLANE_BATCH * plan.plane_steps)
    most = max(1, most // len(material.scenes))
    found: list[_Parts] = [[] for _ in material.kinds]
    for at, (scene, seats) in enumerate(zip(material.scenes, material.seats, strict=True)):
        rng = _generator(plan, "samples", 2 * at + 1)
        its = [networks[seats[c.index]] if c.planes else None for c in scene.layout.channels]
        for index, part in plane_samples(workers, scene, its, rng, most).items():
            if len(part[0]):
                found[seats[index]].append(part)
    return found


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """One array of all; of one, itself."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _count(parts: _Parts) -> int:
    """Of samples."""
    return sum(len(part[0]) for part in parts)


def _generator(plan: Plan, what: str, number: int) -> np.random.Generator:
    """A generator of its own for each network, so that threads do not share one."""
    return np.random.default_rng([plan.seed, *what.encode(), number])


def _order(count: int, rng: np.random.Generator) -> np.ndarray:
    """int32 (count,): a random order."""
    return rng.permutation(count).astype(np.int32)


@contextmanager
def one_thread_each(backend: Backend) -> Iterator[None]:
    """One thread per network: small tensors gain nothing from more, and results stay the same
    whatever the number of threads."""
    if _library(backend):
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
