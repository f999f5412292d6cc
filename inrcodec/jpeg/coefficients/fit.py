"""The fit of the coefficients' networks to a picture, from a prior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...coding.backend import Backend, Workers
from ...coding.weights import Tensors, pack_weights
from ...context.fit import engine_for, one_thread_each, uniform_floor, untrained
from ...context.parameters import Parameters
from ...context.schedule import Course, Engine, Report, Samples, best
from .layout import Component
from .magnitudes import VALUE_BITS
from .prior import network_shape, prior_networks
from .samples import coefficient_samples, sample_counts
from .traversal import used_networks

BATCH, LEAST_STEPS, LEAST_SAMPLES = 512, 60, 256


@dataclass(frozen=True)
class Plan:
    """How to fit: about how many samples of each network, how many times each is seen, at what
    rate; of how many fits the best is taken; the rank of the changes to a prior; seconds: at
    most."""

    samples: int
    passes: float
    rate: float
    tries: int
    rank: int
    seed: int
    prior: int
    seconds: float


def start_mixture(parameters: Parameters) -> None:
    """Starts a network at a mixture around 0."""
    biases = [0.0, 0.0, 0.0, 2.0, 4.0, 6.0, 0.0, 0.0, 0.0]
    parameters.start(biases, [0.0] * parameters.shape.inputs)


def fit_networks(
    backend: Backend,
    workers: Workers,
    components: Sequence[Component],
    coefficients: Sequence[np.ndarray],
    plan: Plan,
    report: Report,
) -> bytes:
    """Fits the networks that components use, and returns their changes to the prior, packed; of
    those where these take more than they save, none. Nothing where no network has any."""
    numbers, prior = used_networks(components), prior_networks(plan.prior)
    rng = np.random.default_rng([plan.seed, *b"coefficients"])
    found = coefficient_samples(workers, components, coefficients, rng, plan.samples)
    totals = sample_counts(components)
    done = [0.0]

    def work(number: int) -> Tensors | None:
        rows, low, high = found.pop(number)
        count, own = len(rows), np.random.default_rng([plan.seed, number])
        if count < LEAST_SAMPLES:
            return None
        order = own.permutation(count).astype(np.int32)
        samples = Samples(rows, low, high, uniform_floor(VALUE_BITS), order)
        engines: list[Engine] = []

        def start() -> tuple[Engine, Parameters]:
            shape = network_shape(number)
            parameters = Parameters(shape, "int", rows, own, prior[number], plan.rank)
            engines.append(engine_for(backend, parameters, samples))
            return engines[-1], parameters

        before = start()[0].bits(0, count)
        steps = max(LEAST_STEPS, round(plan.passes * count / BATCH))
        seconds = plan.seconds * workers.threads / len(numbers)
        course = Course(steps, BATCH, plan.rate, seconds, plan.tries)
        tensors = best(start, count, course, own, lambda *_: None)
        saved = (before - min(e.bits(0, count) for e in engines[1:])) * totals[number]
        done[0] += 1
        report(done[0] / len(numbers), before)
        return tensors if saved > 8 * len(pack_weights("int", [tensors])) else None

    with one_thread_each(backend):
        tensors = workers.map(work, numbers)
    if all(each is None for each in tensors):
        return b""
    shapes = [network_shape(number) for number in numbers]
    kept = [
        each or untrained(shape, plan.rank) for each, shape in zip(tensors, shapes, strict=True)
    ]
    return pack_weights("int", kept)
