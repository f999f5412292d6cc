"""The course of a fit, whatever engine computes its steps.

Adam (Kingma & Ba 2015) under a one-cycle rate (Smith & Topin 2018). Soon after ROUND_AT of the
steps the forward pass uses the weights as they will be stored, with straight-through gradients
(Bengio et al. 2013).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ..coding.weights import Tensors, pack_weights
from .parameters import Parameters

LN2 = math.log(2)
RAN_AWAY = 2.0  # times the size that a fit began with, on the same samples
WARM_UP = 0.15
ROUND_AT = 0.5
# From then on the curvature of the size is measured, for so many steps or until then.
CURVATURE_STEPS, CURVATURE_UNTIL = 40, 0.6

Report = Callable[[float, float], None]  # fraction of the fit, bits per sample of the last batches


@dataclass(frozen=True)
class Samples:
    """What a network learns from.

    rows: int16 (n, f), inputs as it has them. low, high: float32 (n,), the bounds of samples
    relative to their base in units, of a trunk INR; of a plane INR low is the bits, 0 or 1, and
    there is no high. floor: the uniform floor's probability of one value, or float32 (n,) of each
    sample's. order: int32 (n,) of a
    permutation: batches are runs of it.
    """

    rows: np.ndarray
    low: np.ndarray
    high: np.ndarray | None
    floor: float | np.ndarray
    order: np.ndarray


class Engine(Protocol):
    """What computes the steps of one network's fit."""

    def step(self, first: int, count: int, rate: float, watch: bool) -> Any:
        """Learns from the samples first .. first + count - 1 of the order at a rate; their mean
        bits before that, a number on the engine's device. watch: adds the squares of the slopes to
        squares()."""

    def bits(self, first: int, count: int) -> float:
        """Mean bits of samples as the weights are."""

    def squares(self) -> dict[str, float]:
        """Of each tensor, the mean squares of its slopes, summed over the steps watched."""

    def round(self, shifts: dict[str, int]) -> None:
        """From here on the forward pass uses weights rounded as they will be stored."""

    def forget_changes(self) -> None:
        """Goes back to the prior, if there is one."""

    def stored(self) -> dict[str, np.ndarray]:
        """The tensors, rounded as they will be stored."""


@dataclass(frozen=True)
class Course:
    """How long to fit a network. seconds: where the steps take longer, there are fewer of them, and
    the schedule goes by the clock. tries: how many fits that differ by chance, each in its share of
    the seconds."""

    steps: int
    batch: int
    learning_rate: float
    seconds: float = math.inf
    tries: int = 1


def train(
    engine: Engine,
    parameters: Parameters,
    count: int,
    course: Course,
    rng: np.random.Generator,
    report: Report,
) -> Tensors:
    """Fits a network to `count` samples, and returns its integers; those it starts with, or none of
    its changes to a prior, where there is no sample."""
    if not count:
        engine.forget_changes()
        shifts = parameters.shifts(dict.fromkeys(parameters.values, math.inf))
        engine.round(shifts)
        report(1.0, 0.0)
        return parameters.integers(engine.stored(), shifts)
    batches = _batches(count, course.batch, rng)
    mean_bits: Any = None
    first = None
    rounded: dict[str, int] | None = None
    watched = 0
    started, step, progress = time.monotonic(), 0, 0.0
    while progress < 1:
        if watched >= CURVATURE_STEPS or (watched and progress >= CURVATURE_UNTIL):
            # the variance of a batch's mean gradient is that of a sample over the batch's size
            scale = LN2**2 * min(course.batch, count) * count / watched
            rounded = parameters.shifts({n: s * scale for n, s in engine.squares().items()})
            engine.round(rounded)
            watched = 0
        rows = next(batches)
        watching = rounded is None and progress >= ROUND_AT
        bits = engine.step(*rows, course.learning_rate * one_cycle(progress), watching)
        watched += watching
        if first is None:
            first, mean_bits = (rows, bits), bits
        mean_bits = mean_bits + 0.05 * (bits - mean_bits)
        step += 1
        progress = max(step / course.steps, (time.monotonic() - started) / course.seconds)
        if step % 32 == 0 or progress >= 1:
            report(min(progress, 1.0), float(mean_bits))
    if rounded is None:  # there was time for hardly any step
        rounded = parameters.shifts(dict.fromkeys(parameters.values, math.inf))
        engine.round(rounded)
    assert first is not None
    rows, before = first
    if not engine.bits(*rows) <= RAN_AWAY * float(before):  # or is no number
        engine.forget_changes()
    return parameters.integers(engine.stored(), rounded)


def best(
    start: Callable[[], tuple[Engine, Parameters]],
    count: int,
    course: Course,
    rng: np.random.Generator,
    report: Report,
) -> Tensors:
    """The best of the course's tries to fit a network to `count` samples: the integers that make
    for the least bits, samples and weights together. start: makes an engine anew."""
    found: list[tuple[float, Tensors]] = []
    share = replace(course, seconds=course.seconds / course.tries)
    for number in range(course.tries):
        engine, parameters = start()

        def part(done: float, bits: float, before: int = number) -> None:
            report((before + done) / course.tries, bits)

        tensors = train(engine, parameters, count, share, rng, part)
        if course.tries == 1 or not count:
            return tensors
        bits = engine.bits(0, count) * count + 8 * len(pack_weights(parameters.form, [tensors]))
        found.append((bits, tensors))
    return min(found, key=lambda each: each[0])[1]


def one_cycle(progress: float) -> float:
    """The rate at a part of the fit, relative to its peak: up and down in half cosines."""
    if progress < WARM_UP:
        return 0.52 - 0.48 * math.cos(math.pi * progress / WARM_UP)
    return 0.5 + 0.5 * math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))


def _batches(count: int, batch: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Batches, (first, count) in the order of the samples, for ever: each pass cuts it at other
    places, and takes the batches in another order."""
    while True:
        number = max(1, count // batch)
        spare = max(0, count - number * batch)
        first = int(rng.integers(spare + 1))
        for n in rng.permutation(number).tolist():
            yield first + n * batch, min(batch, count)
