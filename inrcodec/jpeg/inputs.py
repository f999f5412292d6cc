"""What a coefficient's network sees.

Coefficients of a component are coded frequency by frequency in zigzag order, the blocks of even
i + j first (step A), then the others (step B), whose four nearest neighbours are known by then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..coding.backend import numpy_backend
from .zigzag import PLACE, ZIGZAG

PAD = 2
NEAR = ((0, -1), (0, 1), (-1, 0), (1, 0))  # left, right, above, below
DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))
UNIT = 1024  # of signed inputs, for 2^exponent steps
LIMIT = 32767
# Edges: sums of cosines at a block's borders, in 1/256.
EDGE_ONE, EDGE_FIRST = 256, 181
MOST_VALUE = 1 << 15  # of a coefficient times its step
OWN = ((-1, 0), (0, -1), (-1, -1), (-2, 0), (0, -2), (1, -1), (-1, 1), (-2, 1), (1, -2))
SIGNED = OWN[:5]
AROUND = ((-1, 0), (0, -1), (-1, -1), (0, 0))
RECENT, LONG = 6, 16
OF_OTHERS = ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1))


def step_inputs(references: int) -> int:
    """How many there are."""
    own = 4 + 4 + len(SIGNED) + len(OWN) + 4 + 8 + 4 + 5 + 7
    return own + references * (3 + len(OF_OTHERS) + 2)


@dataclass
class Component:
    """A component's coefficients as far as they are known: values int32 (64, rows + 2 PAD, cols + 2
    PAD), steps: int (64,), of the quantisation; levels: int (64,), what is told of the size of each
    frequency's coefficients: 0 where all are 0, else 1 + log2 of the mean magnitude in quarters of
    octaves, from 1/1024 on."""

    rows: int
    cols: int
    steps: np.ndarray
    levels: np.ndarray
    values: np.ndarray = field(init=False)
    edges: np.ndarray = field(init=False)  # (4, 8, rows + 2 PAD, cols + 2 PAD)
    references: list[np.ndarray] = field(default_factory=list)  # int32 (64, padded), in its steps
    slopes: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        size = self.rows + 2 * PAD, self.cols + 2 * PAD
        self.values = np.zeros((64, *size), np.int32)
        self.edges = np.zeros((4, 8, *size), np.int32)

    def prepare(self) -> None:
        size = self.values.shape[1:]
        self.products = [np.zeros((2, *size), np.int64) for _ in self.references]

    @cached_property
    def exponents(self) -> list[int]:
        """Of the units of each frequency: about half of the mean magnitude."""
        return [max(0, (int(level) - 1 - 40) // 4 - 1) for level in self.levels]

    def at(self, plane: np.ndarray, dy: int, dx: int) -> np.ndarray:
        """A padded plane moved by an offset."""
        rows, cols = slice(PAD + dy, PAD + dy + self.rows), slice(PAD + dx, PAD + dx + self.cols)
        return plane[rows, cols]

    def learn(self, k: int, parity: np.ndarray) -> None:
        """Takes the values of a frequency where parity is as known (they are in values)."""
        u, v = ZIGZAG[k]
        step = int(self.steps[k])
        values = np.where(parity, self.at(self.values[k], 0, 0), 0)
        real = np.clip(values * step, -MOST_VALUE, MOST_VALUE)
        of_u, of_v = ((EDGE_ONE if f else EDGE_FIRST) * real for f in (u, v))
        for n, part in enumerate((of_u, -of_u if u % 2 else of_u)):
            self.at(self.edges[n, v], 0, 0)[...] += part
        for n, part in enumerate((of_v, -of_v if v % 2 else of_v)):
            self.at(self.edges[2 + n, u], 0, 0)[...] += part
        for reference, products in zip(self.references, self.products, strict=True):
            other = np.where(parity, self.at(reference[k], 0, 0), 0).astype(np.int64)
            self.at(products[0], 0, 0)[...] += values * other >> 2
            self.at(products[1], 0, 0)[...] += other * other >> 2


def log2(numbers: np.ndarray) -> np.ndarray:
    """512 log2(n)."""
    return numpy_backend().log2(numbers.astype(np.int64)) >> 1


class Sums:
    """Magnitudes summed over recent frequencies, for a component."""


def inputs_of(c: Component, k: int, step: int, parity: np.ndarray) -> np.ndarray:
    """int16 (n, inputs) of the blocks of a step."""
    u, v = ZIGZAG[k]
    q, e = int(c.steps[k]), c.exponents[k]
    found: list[np.ndarray] = []
    one = np.ones((c.rows, c.cols), np.int64)

    def pick(plane: np.ndarray) -> np.ndarray:
        return plane[parity]

    def signed(real: np.ndarray, of_step: int) -> None:
        found.append(np.clip((pick(real).astype(np.int64) * (UNIT * of_step)) // (q << e), -LIMIT, LIMIT))

    def size(total: np.ndarray, weight: int = 16) -> None:
        found.append(np.minimum(log2(1 + np.minimum(weight * pick(total).astype(np.int64), 1 << 30)), LIMIT))

    # gaps at the four borders
    for n, (dy, dx) in enumerate(NEAR):
        horizontal = n < 2
        frequency, other = (u, v) if horizontal else (v, u)
        mine = n  # edges: 0 left, 1 right, 2 top, 3 bottom
        theirs = mine ^ 1
        gap = c.at(c.edges[theirs, other], dy, dx) - c.at(c.edges[mine, other], 0, 0)
        if mine % 2 and frequency % 2:
            gap = -gap
        by = (EDGE_ONE if frequency else EDGE_FIRST) * q << e
        found.append(np.clip(pick(gap).astype(np.int64) * UNIT // by, -LIMIT, LIMIT))
    plane = c.values[k]
    for n, (dy, dx) in enumerate(NEAR):
        sign = -1 if (u if n < 2 else v) % 2 else 1
        signed(sign * c.at(plane, dy, dx), q)
    known = {o: PLACE[u + o[0], v + o[1]] for o in OWN if (u + o[0], v + o[1]) in PLACE and PLACE[u + o[0], v + o[1]] < k}
    zero = np.zeros((c.rows, c.cols), np.int64)
    for offset in SIGNED:
        at = known.get(offset)
        if at is None or at == 0:
            signed(zero, q)
        else:
            signed(c.at(c.values[at], 0, 0), int(c.steps[at]))
    for offset in OWN:
        at = known.get(offset)
        size(zero if at is None or at == 0 else abs(c.at(c.values[at], 0, 0)))
    recent = range(max(1, k - RECENT), k)
    long = range(max(1, k - LONG), k)
    mags = np.abs(c.values[max(1, k - LONG) : k + 1])
    recent_sum = mags[-1 - len(recent) : -1].sum(axis=0) if len(recent) else np.zeros_like(plane)
    long_count = (mags[:-1] > 0).sum(axis=0)
    size(c.at(recent_sum, 0, 0))
    size(c.at(long_count, 0, 0))
    run = np.zeros_like(plane)
    for n, m in enumerate(mags[:-1]):
        run = np.where(m > 0, 0, run + 1)
    found.append(256 * pick(c.at(run, 0, 0)).astype(np.int64))
    size(np.abs(c.values[1:k]).sum(axis=0, dtype=np.int64)[PAD : PAD + c.rows, PAD : PAD + c.cols] if k > 1 else zero, 4)
    # neighbours at frequencies nearby
    around = [PLACE[u + a, v + b] for a, b in AROUND if u + a >= 0 and v + b >= 0 and (a, b) != (0, 0) and PLACE[u + a, v + b] > 0]
    nearby = sum((np.abs(c.values[at]) for at in around), np.zeros_like(plane))
    for dy, dx in (*NEAR, *DIAGONAL):
        size(c.at(nearby, dy, dx))
    for dy, dx in NEAR:
        size(abs(c.at(plane, dy, dx)))
    four = sum(c.at(np.abs(plane), dy, dx) for dy, dx in NEAR)
    size(four)
    size(sum(c.at(recent_sum, dy, dx) for dy, dx in NEAR))
    size(sum(c.at(recent_sum, dy, dx) for dy, dx in DIAGONAL))
    size(sum(c.at(long_count, dy, dx) for dy, dx in (*NEAR, *DIAGONAL)), 4)
    ring = [(y, x) for y in range(-2, 3) for x in range(-2, 3) if max(abs(y), abs(x)) == 2]
    size(sum(c.at(recent_sum + nearby, dy, dx) for dy, dx in ring), 4)
    n = int(parity.sum())
    for value in (512 * u, 512 * v, 4096 * (u == 0), 4096 * (v == 0), int(log2(np.array([q]))[0]), 128 * int(c.levels[k]), 512 * e):
        found.append(np.full(n, value, np.int64))
    for reference, products in zip(c.references, c.products, strict=True):
        here = c.at(reference[k], 0, 0)
        signed(here, 1) if False else found.append(np.clip(pick(here).astype(np.int64) * UNIT // (4 << e), -LIMIT, LIMIT))
        total = [sum(c.at(products[m], dy, dx) for dy, dx in ((0, 0), *NEAR)) for m in (0, 1)]
        slope = np.clip((total[0] * 1024) // (total[1] + 64), -8192, 8192)
        found.append(np.clip(pick((slope * here).astype(np.int64)) // (4 << e), -LIMIT, LIMIT))
        found.append(np.clip(pick(slope), -LIMIT, LIMIT))
        for a, b in OF_OTHERS:
            at = PLACE.get((u + a, v + b))
            size(zero if at is None else abs(c.at(reference[at], 0, 0)), 4)
        size(np.abs(c.at(np.abs(reference[k + 1 : k + 1 + RECENT]).sum(axis=0), 0, 0)) if k < 63 else zero, 4)
        size(sum(c.at(np.abs(reference[k]), dy, dx) for dy, dx in NEAR), 4)
    return np.stack(found, axis=1).astype(np.int16)
