"""The fit: overfits the networks of one image in float, and hands back their integers.

The loss is the size of the file in bits: -log2 of the mixture's probability of each sample for the
trunk INRs (Salimans et al. 2017, PixelCNN++, eq. 2, to the base 2), binary cross-entropy for the
plane INRs, and the weights' own cost. Soon after QUANTISE_AT of the steps the forward pass uses the
weights as they will be stored, with straight-through gradients (Bengio et al. 2013).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..coding.backend import Backend, Workers, numpy_backend
from ..coding.weights import Tensors
from ..history.planes import Planes
from .float_networks import LN2, FloatNetwork, MixtureLoss
from .layout import Layout
from .mixture import FLOOR_BITS
from .networks import Network, Shape, Tensor
from .prior import add
from .samples import plane_samples, trunk_samples
from .step import ChannelNetworks, plane_shape, trunk_shape

BATCH, PLANE_BATCH = 2048, 8192
MIN_STEPS_PER_EPOCH = 8
# Of fits from nothing, from networks of a prior, and from wide ones, which run away sooner.
LEARNING_RATE, LEARNING_RATE_FROM_PRIOR, LEARNING_RATE_FROM_WIDE = 3e-2, 2e-2, 1e-2
WIDE = 64
RAN_AWAY = 2.0  # times the size that a fit began with, on the same samples
WARM_UP = 0.15
QUANTISE_AT = 0.5
# From then on the curvature of the size is measured, for so many steps or until then.
CURVATURE_STEPS, CURVATURE_UNTIL = 40, 0.6


@dataclass(frozen=True)
class Plan:
    """How long and how wide to fit."""

    epochs: int  # passes over the pixels for the trunk INRs
    trunk_width: int
    plane_width: int
    plane_steps: int
    form: str  # of the weights
    seed: int
    prior: list[Tensors] | None = None  # prior.prior_networks: where the fit starts, if anywhere
    rank: int = 0  # of the changes to the prior
    trunk_seconds: float = math.inf  # time for each of the two fits, if their steps take longer
    plane_seconds: float = math.inf

    def learning_rate(self, width: int) -> float:
        """Of networks of a width."""
        if self.prior is None:
            return LEARNING_RATE
        return LEARNING_RATE_FROM_WIDE if width >= WIDE else LEARNING_RATE_FROM_PRIOR


Report = Callable[[float, float], None]  # fraction of the fit, bits per sample of the last batches


def train(
    network: FloatNetwork,
    inputs: Any,
    targets: tuple[Any, ...],
    loss: Callable[..., Any],
    steps: int,
    batch: int,
    rng: torch.Generator,
    report: Report,
    *,
    learning_rate: float = LEARNING_RATE,
    seconds: float = math.inf,
) -> Tensors:
    """Fits a network and returns its integers.

    inputs: float32 (n, f) on the device; targets: tensors of n rows each; loss(outputs, *targets):
    mean bits of the samples of a batch. seconds: where the steps take longer, there are fewer of
    them, and the schedule goes by the clock. Adam (Kingma & Ba 2015) under a one-cycle rate (Smith
    & Topin 2018).
    """
    count = inputs.shape[0]
    parameters = list(network.parameters.values())
    optimiser = torch.optim.Adam(parameters, lr=learning_rate, betas=(0.9, 0.99), fused=True)
    batches = _batches((inputs, *targets), batch, rng)
    mean_bits = torch.zeros((), device=inputs.device)
    first = None
    watched = 0
    squares: dict[str, Any] = dict.fromkeys(network.names, 0.0)
    started, step, progress = time.monotonic(), 0, 0.0
    while progress < 1:
        if watched >= CURVATURE_STEPS or (watched and progress >= CURVATURE_UNTIL):
            # the variance of a batch's mean gradient is that of a sample over the batch's size
            scale = LN2**2 * min(batch, count) * count / watched
            network.quantise({name: float(s) * scale for name, s in squares.items()})
            watched = 0
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * one_cycle(progress)
        some, *wanted = next(batches)
        weights = network.weights()
        bits = loss(network(weights, some), *wanted)
        total = bits
        if network.shifts is not None and network.form == "int":
            total = bits + network.rate(weights) / count
        watching = network.shifts is None and progress >= QUANTISE_AT
        if watching:
            for name in network.names:
                weights[name].retain_grad()
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        if watching:
            watched += 1
            for name in network.names:
                squares[name] += weights[name].grad.square().mean()
        optimiser.step()
        if first is None:
            first = some, wanted, bits.detach()
        mean_bits += 0.05 * (bits.detach() - mean_bits) if step else bits.detach()
        step += 1
        progress = max(step / steps, (time.monotonic() - started) / seconds)
        if step % 32 == 0 or progress >= 1:
            report(min(progress, 1.0), float(mean_bits))
    if network.shifts is None:  # there was time for hardly any step
        network.quantise(dict.fromkeys(network.names, math.inf))
    assert first is not None
    some, wanted, before = first
    with torch.no_grad():
        after = loss(network(network.weights(), some), *wanted)
    if not float(after) <= RAN_AWAY * float(before):  # or is no number
        network.forget_changes()
    return network.tensors()


def one_cycle(progress: float) -> float:
    """The rate at a part of the fit, relative to its peak: up and down in half cosines."""
    if progress < WARM_UP:
        return 0.52 - 0.48 * math.cos(math.pi * progress / WARM_UP)
    return 0.5 + 0.5 * math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))


def _batches(
    tensors: tuple[Any, ...], batch: int, rng: torch.Generator
) -> Iterator[tuple[Any, ...]]:
    """Batches of the same rows of all tensors, for ever.

    Rows are shuffled once; each pass then cuts them at other places and takes the batches in
    another order: picking rows anew each time took a fifth of the fit.
    """
    count = tensors[0].shape[0]
    order = torch.randperm(count, generator=rng).to(tensors[0].device)
    shuffled = [tensor[order] for tensor in tensors]
    while True:
        number = max(1, count // batch)
        spare = max(0, count - number * batch)
        first = int(torch.randint(spare + 1, (1,), generator=rng))
        for n in torch.randperm(number, generator=rng).tolist():
            rows = slice(first + n * batch, first + (n + 1) * batch)
            yield tuple(tensor[rows] for tensor in shuffled)


def uniform_floor(planes: int) -> float:
    """The uniform floor's probability of one value, as mixture.py adds it."""
    return 2.0 ** -(FLOOR_BITS + planes)


def start_trunk(network: FloatNetwork) -> None:
    """Starts a trunk INR at a mixture around the base prediction."""
    network.start([-1.0, 0.0, 1.0, 0.0, 1.0, 2.5, 0.0, 0.0, 0.0], [0.0] * network.shape.inputs)


def start_plane(network: FloatNetwork) -> None:
    """Starts a plane INR at the mixture's logit as it stands."""
    network.start([0.0], [1.0] + [0.0] * (network.shape.inputs - 1))


def trunk_loss(floor: float) -> Callable[[Any, Any, Any], Any]:
    """train's loss for samples in [low, high), (n, 1) each, relative to the base in units."""

    def loss(outputs: Any, low: Any, high: Any) -> Any:
        return MixtureLoss.apply(outputs, low, high, floor)  # type: ignore[no-untyped-call]

    return loss


def plane_loss(outputs: Any, bits: Any) -> Any:
    """train's loss for bits (n, 1) of 0 and 1, float32."""
    return torch.nn.functional.binary_cross_entropy_with_logits(outputs * LN2, bits) / LN2


class _Meter:
    """Turns the progress of several fits at once into that of all of them."""

    def __init__(self, workers: Workers, report: Report, weights: list[float]) -> None:
        self._workers = workers
        self._report, self._weights = report, np.array(weights) / sum(weights)
        self._done, self._bits = np.zeros(len(weights)), np.zeros(len(weights))
        self._lock = threading.Lock()

    def part(self, number: int) -> Report:
        """The report function of one of the fits."""

        def report(fraction: float, mean: float) -> None:
            if self._workers.stopping:
                raise CancelledError
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
    shapes = {i: trunk_shape(len(layout.channels[i].references), plan.trunk_width) for i in coded}
    weights = [(1.0 + step) * shapes[i].inputs for i, step in jobs]
    meter = _Meter(workers, report, weights)
    seconds = [plan.trunk_seconds * workers.threads * w / sum(weights) for w in weights]

    found = trunk_samples(layout, image, _generators(plan, 0)[1])

    def work(number: int) -> Tensors:
        position, step = jobs[number]
        torch_rng, _ = _generators(plan, 2 * position + step)
        samples = found.pop((layout.channels[position].index, step), None)
        if samples is None:
            return untrained(shapes[position], plan.rank)
        inputs, low, high = (torch.from_numpy(s).to(device) for s in samples)
        prior = plan.prior[3 * coded.index(position) + step] if plan.prior else None
        network = FloatNetwork(shapes[position], plan.form, inputs, torch_rng, prior, plan.rank)
        if not prior:
            start_trunk(network)
        loss = trunk_loss(uniform_floor(layout.channels[position].planes))
        steps, part = plan.epochs * max(MIN_STEPS_PER_EPOCH, len(low) // BATCH), meter.part(number)
        rate = plan.learning_rate(plan.trunk_width)
        options = {"learning_rate": rate, "seconds": seconds[number]}
        return train(network, inputs, (low, high), loss, steps, BATCH, torch_rng, part, **options)

    device = torch.device(backend.device)

    with _one_thread_each():
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
    """Fits the plane INR of every coded channel, given its trunk INRs; as fit_trunks."""
    networks: list[ChannelNetworks | None] = []
    shapes, coding = [], numpy_backend()
    left = iter(trunks)
    for channel in layout.channels:
        if not channel.planes:
            networks.append(None)
            continue
        references = len(channel.references)
        trunk = trunk_shape(references, plan.trunk_width)
        shape = plane_shape(references, plan.plane_width)
        shapes.append(shape)
        pair = next(left)
        if plan.prior is not None:
            at = 3 * (len(shapes) - 1)
            pair = (add(plan.prior[at], pair[0]), add(plan.prior[at + 1], pair[1]))
        a, b = (Network(trunk, t, coding) for t in pair)
        networks.append(ChannelNetworks((a, b), Network(shape, logit_itself(shape), coding)))
    coded = [c for c in layout.channels if c.planes]
    _, rng = _generators(plan, 0)
    samples = plane_samples(workers, layout, image, networks, rng)
    meter = _Meter(workers, report, [1.0] * len(coded))
    seconds = plan.plane_seconds / max(1, math.ceil(len(coded) / workers.threads))

    def work(number: int) -> Tensors:
        index, shape = coded[number].index, shapes[number]
        if index not in samples:
            return untrained(shape, plan.rank)
        torch_rng, _ = _generators(plan, number)
        inputs, bits = (torch.from_numpy(s).to(device) for s in samples[index])
        prior = plan.prior[3 * number + 2] if plan.prior else None
        network = FloatNetwork(shape, plan.form, inputs, torch_rng, prior, plan.rank)
        if not prior:
            start_plane(network)
        steps, part = plan.plane_steps, meter.part(number)
        rate = plan.learning_rate(plan.plane_width)
        options = {"learning_rate": rate, "seconds": seconds}
        return train(
            network, inputs, (bits,), plane_loss, steps, PLANE_BATCH, torch_rng, part, **options
        )

    device = torch.device(backend.device)

    with _one_thread_each():
        return workers.map(work, list(range(len(coded))))


def _generators(plan: Plan, number: int) -> tuple[torch.Generator, np.random.Generator]:
    """Generators of their own for each network, so that threads do not share one."""
    seed = np.random.SeedSequence([plan.seed, number])
    torch_rng = torch.Generator().manual_seed(int(seed.generate_state(1)[0]))
    return torch_rng, np.random.default_rng(seed)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """One thread per network: small tensors gain nothing from more, and results stay the same
    whatever the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
