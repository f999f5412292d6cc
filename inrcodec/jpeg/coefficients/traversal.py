"""The one traversal of a picture's coefficients that both encodes and decodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ... import kernels
from ...coding.backend import Workers
from ...context.networks import Network
from .compiled import CompiledKnown
from .frequencies import STEPS, Frequency, network_number
from .inputs import Known
from .layout import Component
from .references import reference

# A step of a frequency of a component, by its number, as far as it is known.
Visit = Callable[[int, "Known | CompiledKnown", Frequency, int], None]


def walk(
    workers: Workers,
    components: Sequence[Component],
    direct: Sequence[np.ndarray],
    visit: Visit,
    truth: Sequence[np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Goes over all steps in the order of coding, and returns the coefficients, int16 (rows, cols,
    64) of each component in zigzag order. direct: their DC coefficients, int (rows, cols). visit:
    puts a step's values where they are known, unless they are those of truth, as returned."""
    library, found = kernels.library(), list[np.ndarray]()
    for number, (c, dc) in enumerate(zip(components, direct, strict=True)):
        size = c.rows, c.cols
        seen = [reference(found[n], components[n].steps, size, c.steps) for n in c.references]
        known: Known | CompiledKnown
        if library is None:
            known = Known(*size, seen)
        else:
            known = CompiledKnown(library, workers, *size, seen)
        known.values[0] = dc
        for step in range(STEPS):
            known.learn(c.direct, step)
        for frequency in c.frequencies:
            known.prepare(frequency)
            for step in range(STEPS):
                visit(number, known, frequency, step)
                if truth is not None:
                    i, j = np.ogrid[: c.rows, : c.cols]
                    own, given = known.values[frequency.place], truth[number]
                    np.copyto(own, given[:, :, frequency.place], where=(i + j) % 2 == step)
                known.learn(frequency, step)
        found.append(np.ascontiguousarray(np.moveaxis(known.values, 0, 2)).astype(np.int16))
    return found


def traverse(
    workers: Workers,
    components: Sequence[Component],
    direct: Sequence[np.ndarray],
    networks: Mapping[int, Network],
    streams: Sequence[Sequence[Any]],
    truth: Sequence[np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Codes coefficients, and returns them, as walk does. networks: by their numbers
    (frequencies.network_number); streams: of each component, a coder for each band of rows."""
    given = None if truth is None else [np.ascontiguousarray(part) for part in truth]

    def visit(number: int, known: Known | CompiledKnown, f: Frequency, step: int) -> None:
        network = networks[network_number(len(components[number].references), f.place, step)]
        known.code(f, step, network, streams[number], None if given is None else given[number])

    return walk(workers, components, direct, visit)


def used_networks(components: Sequence[Component]) -> list[int]:
    """The numbers of the networks that components need, ascending."""
    return sorted(set(_numbers(components)))


def _numbers(components: Sequence[Component]) -> Iterator[int]:
    for c in components:
        for f in c.frequencies:
            for step in range(STEPS):
                yield network_number(len(c.references), f.place, step)
