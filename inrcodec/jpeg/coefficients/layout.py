"""How coefficients are laid out for coding: components in their order, and their references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .frequencies import Frequency, direct, frequencies, level_of


@dataclass(frozen=True, eq=False)
class Component:
    """rows, cols: of its blocks; steps: of the quantisation, and levels (frequencies.py), of each
    frequency: (64,) in zigzag order; references: numbers of earlier components."""

    rows: int
    cols: int
    steps: np.ndarray
    levels: np.ndarray
    references: tuple[int, ...]

    @cached_property
    def frequencies(self) -> list[Frequency]:
        """Those that are coded, in their order."""
        return frequencies(self.steps, self.levels)

    @cached_property
    def direct(self) -> Frequency:
        """The one that is known before these: the DC coefficients'."""
        return direct(self.steps)


def lay_out(
    shapes: Sequence[tuple[int, int]], steps: Sequence[np.ndarray], levels: Sequence[np.ndarray]
) -> list[Component]:
    """The components of so many block rows and columns. A component refers to the first one, which
    has as many blocks or twice as many in each direction, and to the one before it, of as many."""
    found: list[Component] = []
    for number, (size, step, level) in enumerate(zip(shapes, steps, levels, strict=True)):
        others = []
        if number and all(a in (b, 2 * b) for a, b in zip(shapes[0], size, strict=True)):
            others.append(0)
        if number > 1 and shapes[number - 1] == size:
            others.append(number - 1)
        found.append(Component(*size, step, level, tuple(others)))
    return found


def levels_of(coefficients: np.ndarray) -> np.ndarray:
    """The levels (64,) of int16 (rows, cols, 64); 0 for DC."""
    found = np.zeros(64, np.int64)
    for place in range(1, 64):
        found[place] = level_of(np.abs(coefficients[:, :, place].astype(np.int64)))
    return found
