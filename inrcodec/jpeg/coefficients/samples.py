"""What the networks of coefficients learn from: their inputs over a picture, and what was there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...coding.backend import Workers
from .compiled import CompiledKnown
from .frequencies import STEPS, Frequency, network_number
from .inputs import Known
from .layout import Component
from .magnitudes import FINER
from .traversal import walk

# Inputs int16 (n, f), and the bounds float32 (n,) of each coefficient in units.
CoefficientSamples = tuple[np.ndarray, np.ndarray, np.ndarray]


def coefficient_samples(
    workers: Workers,
    components: Sequence[Component],
    coefficients: Sequence[np.ndarray],
    rng: np.random.Generator,
    most: int,
) -> dict[int, CoefficientSamples]:
    """By the number of each network: about `most` samples at most, a random subset if there are
    more. coefficients: int16 (rows, cols, 64) each."""
    found: dict[int, list[CoefficientSamples]] = {}
    counts = sample_counts(components)

    def look(number: int, known: Known | CompiledKnown, f: Frequency, step: int) -> None:
        network = network_number(len(components[number].references), f.place, step)
        rows, cols = coefficients[number].shape[:2]
        i, j = np.ogrid[:rows, :cols]
        values = coefficients[number][:, :, f.place][(i + j) % 2 == step].astype(np.float32)
        inputs = known.inputs(f, step)
        if isinstance(known, Known):
            inputs = inputs.T.astype(np.int16)
        if counts[network] > most:
            chosen = rng.random(len(values)) < most / counts[network]
            inputs, values = inputs[chosen], values[chosen]
        unit = np.float32(2.0 ** (f.exponent - FINER))
        low, high = (values - np.float32(0.5)) / unit, (values + np.float32(0.5)) / unit
        found.setdefault(network, []).append((inputs, low, high))

    walk(workers, components, [c[:, :, 0] for c in coefficients], look, coefficients)
    joined = {}
    for network, parts in found.items():
        rows, low, high = (np.concatenate(part) for part in zip(*parts, strict=True))
        joined[network] = np.ascontiguousarray(rows), low, high
    return joined


def sample_counts(components: Sequence[Component]) -> dict[int, int]:
    """About how many samples there are of each network that components use."""
    counts: dict[int, int] = {}
    for c in components:
        for f in c.frequencies:
            for step in range(STEPS):
                network = network_number(len(c.references), f.place, step)
                counts[network] = counts.get(network, 0) + (c.rows * c.cols + 1) // 2
    return counts
