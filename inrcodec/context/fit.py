"""The fit: overfits the networks of one image in floating point, and hands back their integers.

The loss is the size of the file in bits: -log2 of the mixture's probability of each sample for the
trunk INRs, binary cross-entropy for the plane INRs, and the weights' own cost. schedule.py has the
course of each network's fit; its steps are computed in C (compiled_fit.py) or, on CUDA or where
there is no library, in torch (float_networks.py).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from .. import kernels
from ..coding.backend import Backend, Workers, numpy_backend, require_torch
from ..coding.weights import Tensors
from ..history.planes import Planes
from .compiled_fit import CompiledFit
from .layout import Layout
from .mixture import FLOOR_BITS
from .networks import Network, Shape, Tensor
from .parameters import Parameters
from .prior import add
from .samples import MAX_SAMPLES, plane_samples, trunk_samples
from .schedule import Course, Engine, Report, Samples, best, train
from .step import ChannelNetworks, plane_shape, trunk_of

BATCH, PLANE_BATCH = 512, 4096
SEEN = 2  # samples of plane INRs for each that a step sees
# Of fits from nothing, from networks of a prior, and from wide ones, which run away sooner.
LEARNING_RATE, LEARNING_RATE_FROM_PRIOR, LEARNING_RATE_FROM_WIDE = 3e-2, 2e-2, 1e-2
WIDE = 64


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

    def learning_rate(self, width: int) -> float:
        """Of networks of a width."""
        if self.prior is None:
            return LEARNING_RATE
        return LEARNING_RATE_FROM_WIDE if width >= WIDE else LEARNING_RATE_FROM_PRIOR


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
    backend: Backend,
    workers: Workers,
    layout: Layout,
    image: Planes,
    plan: Plan,
    report: Report,
) -> list[tuple[Tensors, Tensors]]:
    """Fits the trunk INRs of steps A and B of every coded channel, in coding order; what it returns
    are changes to the plan's prior if it has one.

    image: the planes. Runs on CUDA if the backend is there, else on the CPU, one network a thread.
    report is called with the fraction done and the bits per sample so far.
    """
    coded = [i for i, c in enumerate(layout.channels) if c.planes]
    # the largest first, so that no thread is left with one at the end
    jobs = [(i, step) for step in (1, 0) for i in reversed(coded)]
    shapes = {i: trunk_of(layout.channels[i], plan.trunk_width) for i in coded}
    weights = [(1.0 + step) * shapes[i].inputs for i, step in jobs]
    meter = Meter(workers, report, weights)
    seconds = [plan.trunk_seconds * workers.threads * w / sum(weights) for w in weights]

    found = trunk_samples(workers, layout, image, _generator(plan, "samples", 0))

    def work(number: int) -> Tensors:
        position, step = jobs[number]
        rng = _generator(plan, "trunk", 2 * position + step)
        samples = found.pop((layout.channels[position].index, step), None)
        if samples is None:
            return untrained(shapes[position], plan.rank)
        rows, low, high = samples
        prior = plan.prior[3 * coded.index(position) + step] if plan.prior else None
        floor = uniform_floor(layout.channels[position].planes)
        steps = max(round(plan.passes * len(rows) / BATCH), plan.steps)
        rate = plan.learning_rate(plan.trunk_width)
        course = Course(steps, BATCH, rate, seconds[number], plan.tries)

        def start() -> tuple[Engine, Parameters]:
            parameters = Parameters(shapes[position], plan.form, rows, rng, prior, plan.rank)
            if not prior:
                start_trunk(parameters)
            order = _order(len(rows), rng)
            return engine_for(
                backend, parameters, Samples(rows, low, high, floor, order)
            ), parameters

        return best(start, len(rows), course, rng, meter.part(number))

    with one_thread_each(backend):
        fitted = dict(zip(jobs, workers.map(work, list(range(len(jobs)))), strict=True))
    return [(fitted[i, 0], fitted[i, 1]) for i in coded]


def fit_planes(
    backend: Backend,
    workers: Workers,
    layout: Layout,
    image: Planes,
    trunks: list[tuple[Tensors, Tensors]],
    plan: Plan,
    report: Report,
) -> list[Tensors]:
    """Fits the plane INR of every coded channel, given its trunk INRs; as fit_trunks. Where the
    plan has no steps for them those of a prior stay as they are."""
    networks: list[ChannelNetworks | None] = []
    shapes, coding = [], numpy_backend()
    left = iter(trunks)
    for channel in layout.channels:
        if not channel.planes:
            networks.append(None)
            continue
        references = len(channel.references)
        trunk = trunk_of(channel, plan.trunk_width)
        shape = plane_shape(references, plan.plane_width)
        shapes.append(shape)
        pair = next(left)
        if plan.prior is not None:
            at = 3 * (len(shapes) - 1)
            pair = (add(plan.prior[at], pair[0]), add(plan.prior[at + 1], pair[1]))
        a, b = (Network(trunk, t, coding) for t in pair)
        networks.append(ChannelNetworks((a, b), Network(shape, logit_itself(shape), coding)))
    if plan.prior is not None and not plan.plane_steps:
        return [untrained(shape, plan.rank) for shape in shapes]
    coded = [c for c in layout.channels if c.planes]
    rng = _generator(plan, "samples", 1)
    most = min(MAX_SAMPLES, SEEN * PLANE_BATCH * plan.plane_steps)
    found = plane_samples(workers, layout, image, networks, rng, most)
    meter = Meter(workers, report, [1.0] * len(coded))
    seconds = plan.plane_seconds / max(1, math.ceil(len(coded) / workers.threads))

    def work(number: int) -> Tensors:
        index, shape = coded[number].index, shapes[number]
        if index not in found:
            return untrained(shape, plan.rank)
        rng = _generator(plan, "plane", number)
        rows, bits = found.pop(index)
        prior = plan.prior[3 * number + 2] if plan.prior else None
        parameters = Parameters(shape, plan.form, rows, rng, prior, plan.rank)
        if not prior:
            start_plane(parameters)
        samples = Samples(rows, bits, None, 0.0, _order(len(rows), rng))
        engine = engine_for(backend, parameters, samples)
        rate = plan.learning_rate(plan.plane_width)
        course = Course(plan.plane_steps, PLANE_BATCH, rate, seconds)
        return train(engine, parameters, len(rows), course, rng, meter.part(number))

    with one_thread_each(backend):
        return workers.map(work, list(range(len(coded))))


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
