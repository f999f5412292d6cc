"""Learning a prior of one's own from alike images: the changes to a shipped prior's networks that
suit all of them, fitted as an encode fits those of one image.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..coding.backend import Backend, Workers, can_fit, fitting_backend, numpy_backend
from ..coding.weights import Tensors
from ..errors import DeviceError
from ..history.planes import Planes
from ..options import FitOptions
from ..progress import Progress
from .fit import Meter, engine_for, one_thread_each, uniform_floor
from .layout import Layout
from .networks import Network
from .own_prior import Prior
from .parameters import Parameters
from .prior import THOROUGH, add, all_networks, numbers_of, shapes_of
from .samples import plane_samples, trunk_samples
from .schedule import Course, Samples, train
from .step import ChannelNetworks

BASE, RANK = THOROUGH, 16
# Of each network: about so many samples of all images together, which it sees so many times, in
# batches of so many, and in so many of these at least.
SAMPLES, PASSES, BATCH, LEAST_STEPS = 1 << 20, 20, 2048, 500
LEARNING_RATE = 1e-2
PLANE, NETWORKS_OF_CHANNEL = 2, 3  # trunk A, trunk B and plane INR are 0, 1 and 2 of a channel's
TRUNKS = 0.9  # of the time is theirs, roughly


# What an encode makes of an image: planes, and how they are laid out.
Image = tuple[Layout, Planes]

# What a network learns from, of each image: rows, low, high and floor of schedule.Samples, or rows
# and low of those of a plane INR.
_Parts = list[tuple[np.ndarray, ...]]


def learn(images: Sequence[Image], options: FitOptions) -> Prior:
    """A prior that was learnt from images; options: device, seed, threads and tell count. On the
    CPU it needs no torch. Raises DeviceError where there is nothing to fit with."""
    if not can_fit():
        raise DeviceError("to learn a prior needs the compiled loops, or torch")
    backend = fitting_backend(options.device)
    learner = _Learner(images, options, backend)
    with Workers(backend, options.threads) as workers, one_thread_each(backend):
        trunks = learner.fit(workers, learner.trunks(workers), 0.0, TRUNKS)
        planes = learner.fit(workers, learner.planes(workers, trunks), TRUNKS, 1.0)
    return Prior.of(BASE, RANK, {**trunks, **planes})


class _Learner:
    """Collects what the networks of a prior see of the images, and fits them to it."""

    def __init__(self, images: Sequence[Image], options: FitOptions, backend: Backend) -> None:
        self._images, self._options, self._backend = images, options, backend
        self._most = max(1, SAMPLES // len(images))
        self._shapes, self._start = shapes_of(BASE), all_networks(BASE)

    def trunks(self, workers: Workers) -> dict[int, _Parts]:
        """What trunk INRs learn from, by their number in a prior."""
        found: dict[int, _Parts] = {}
        for at, (layout, planes) in enumerate(self._images):
            coded, rng = _coded(layout), self._generator("trunks", at)
            samples = trunk_samples(workers, layout, planes, rng, self._most)
            for (index, step), (rows, low, high) in samples.items():
                number, bits = coded[index]
                floor = np.full(len(rows), uniform_floor(bits), dtype=np.float32)
                found.setdefault(number + step, []).append((rows, low, high, floor))
        return found

    def planes(self, workers: Workers, trunks: dict[int, Tensors]) -> dict[int, _Parts]:
        """What plane INRs learn from, behind trunk INRs with such changes."""
        changed = {n: add(self._start[n], changes) for n, changes in trunks.items()}
        found: dict[int, _Parts] = {}
        for at, (layout, planes) in enumerate(self._images):
            coded, rng = _coded(layout), self._generator("planes", at)
            networks: list[ChannelNetworks | None] = []
            for channel in layout.channels:
                number = coded[channel.index][0] if channel.planes else None
                networks.append(None if number is None else self._networks(number, changed))
            samples = plane_samples(workers, layout, planes, networks, rng, self._most)
            for index, (rows, bits) in samples.items():
                found.setdefault(coded[index][0] + PLANE, []).append((rows, bits))
        return found

    def fit(
        self, workers: Workers, found: dict[int, _Parts], begin: float, end: float
    ) -> dict[int, Tensors]:
        """The changes to networks, by number, fitted to what is found for them, which is taken out.
        begin, end: of the whole, for the progress."""
        numbers = sorted(found, reverse=True)  # those of the last channels have the most inputs
        sizes = [float(sum(len(part[0]) for part in found[number])) for number in numbers]

        def report(fraction: float, bits: float) -> None:
            self._options.tell(Progress("fit", begin + (end - begin) * fraction, bits))

        meter = Meter(workers, report, sizes)

        def work(at: int) -> Tensors:
            number, rng = numbers[at], self._generator("fit", numbers[at])
            rows, low, *rest = map(np.concatenate, zip(*found.pop(number), strict=True))
            high, floor = rest or (None, 0.0)
            start, shape = self._start[number], self._shapes[number]
            parameters = Parameters(shape, "int", rows, rng, start, RANK)
            order = rng.permutation(len(rows)).astype(np.int32)
            engine = engine_for(self._backend, parameters, Samples(rows, low, high, floor, order))
            steps = max(LEAST_STEPS, round(PASSES * len(rows) / BATCH))
            course = Course(steps, BATCH, LEARNING_RATE)
            return train(engine, parameters, len(rows), course, rng, meter.part(at))

        return dict(zip(numbers, workers.map(work, list(range(len(numbers)))), strict=True))

    def _networks(self, number: int, changed: dict[int, Tensors]) -> ChannelNetworks:
        """Those of a channel, from its trunk A's number on."""
        a, b, plane = (
            Network(self._shapes[n], changed.get(n, self._start[n]), numpy_backend())
            for n in range(number, number + NETWORKS_OF_CHANNEL)
        )
        return ChannelNetworks((a, b), plane)

    def _generator(self, what: str, number: int) -> np.random.Generator:
        return np.random.default_rng([self._options.seed, *what.encode(), number])


def _coded(layout: Layout) -> dict[int, tuple[int, int]]:
    """Of each channel that is coded, by its index: the number of its trunk A, and its planes."""
    coded = [channel for channel in layout.channels if channel.planes]
    numbers = numbers_of(layout)[::NETWORKS_OF_CHANNEL]
    return {c.index: (number, c.planes) for c, number in zip(coded, numbers, strict=True)}
