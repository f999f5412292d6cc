"""What the network of a coefficient sees, and what of a component is known, over whole arrays.

The coefficients of a component are coded frequency by frequency in zigzag order, first those of the
blocks of even i + j (step 0), then the others (step 1), whose four nearest neighbours are known by
then. kernels/context_dct.c is the same in C.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...coding.backend import Backend, numpy_backend
from ...context.networks import Network
from .frequencies import EDGE_FIRST, EDGE_ONE, SIGNED, UNIT, Frequency
from .magnitudes import Magnitudes

PAD = 2
NEAR = ((0, -1), (0, 1), (-1, 0), (1, 0))  # left, right, above, below
AROUND = (*NEAR, (-1, -1), (-1, 1), (1, -1), (1, 1))
RING = tuple((y, x) for y in range(-2, 3) for x in range(-2, 3) if max(abs(y), abs(x)) == 2)
LIMIT = 32767
MOST_REAL = 1 << 15  # of a coefficient times its step, at borders
MOST_SLOPE = 8192


def bands(rows: int, count: int) -> list[range]:
    """The rows of each of so many bands."""
    return [range(rows * n // count, rows * (n + 1) // count) for n in range(count)]


def input_count(references: int) -> int:
    """How many inputs the networks of components with so many references have."""
    return 50 + 10 * references


class Known:
    """A component as far as it is known.

    rows, cols: of its blocks; references: int32 (64, rows, cols) each (references.py).
    values: int32 (64, rows, cols) of its coefficients, 0 where they are not known.
    """

    def __init__(self, rows: int, cols: int, references: Iterable[np.ndarray]) -> None:
        self.rows, self.cols = rows, cols
        size = rows + 2 * PAD, cols + 2 * PAD
        self._padded = np.zeros((64, *size), np.int32)
        self._edges = np.zeros((4, 8, *size), np.int64)
        around = ((0, 0), (PAD, PAD), (PAD, PAD))
        self._references = [np.pad(reference, around) for reference in references]
        self._products = [np.zeros((2, *size), np.int64) for _ in self._references]
        self._total = np.zeros(size, np.int64)

    @property
    def values(self) -> np.ndarray:
        """A view of the coefficients without what is around them."""
        return self._padded[:, PAD : PAD + self.rows, PAD : PAD + self.cols]

    def _at(self, plane: np.ndarray, offset: tuple[int, int] = (0, 0)) -> np.ndarray:
        """What a plane has at an offset from each block."""
        top, left = PAD + offset[0], PAD + offset[1]
        return plane[..., top : top + self.rows, left : left + self.cols]

    def blocks(self, step: int) -> np.ndarray:
        """bool (rows, cols): those of a step."""
        i, j = np.indices((self.rows, self.cols))
        return (i + j) % 2 == step

    def prepare(self, f: Frequency) -> None:
        """What holds for all blocks of a frequency, before its steps."""
        sizes = np.abs(self._padded[f.long_ago : f.place]).astype(np.int64)
        self._recent = sizes[f.recent - f.long_ago :].sum(axis=0)
        self._count = (sizes > 0).sum(axis=0)
        run = np.zeros(self._total.shape, np.int64)
        for each in sizes:
            run = np.where(each > 0, 0, run + 1)
        self._run = run
        nearby = [np.abs(self._padded[at]).astype(np.int64) for at in f.nearby if at >= 0]
        self._nearby = sum(nearby, np.zeros_like(run))
        if f.before:
            self._total += np.abs(self._padded[f.before])

    def learn(self, f: Frequency, step: int) -> None:
        """Takes the values of a step's blocks as known."""
        chosen = self.blocks(step)
        values = np.where(chosen, self._at(self._padded[f.place]), 0).astype(np.int64)
        real = np.clip(values * f.step, -MOST_REAL, MOST_REAL)
        of_u, of_v = (real * (EDGE_ONE if n else EDGE_FIRST) for n in (f.u, f.v))
        self._at(self._edges[0, f.v])[...] += of_u
        self._at(self._edges[1, f.v])[...] += -of_u if f.u % 2 else of_u
        self._at(self._edges[2, f.u])[...] += of_v
        self._at(self._edges[3, f.u])[...] += -of_v if f.v % 2 else of_v
        for reference, products in zip(self._references, self._products, strict=True):
            other = np.where(chosen, self._at(reference[f.place]), 0).astype(np.int64)
            self._at(products[0])[...] += values * other >> 2
            self._at(products[1])[...] += other * other >> 2

    def code(
        self,
        f: Frequency,
        step: int,
        network: Network,
        coders: Sequence[Any],
        truth: np.ndarray | None,
    ) -> None:
        """Codes a step's blocks, a band of rows under each of the coders; truth: int16 (rows, cols,
        64), or None to decode."""
        chosen, plane = self.blocks(step), self._at(self._padded[f.place])
        magnitudes = Magnitudes(numpy_backend(), network.run(self.inputs(f, step)), f.exponent)
        ends = np.cumsum(chosen.sum(axis=1))
        wanted = None if truth is None else truth[:, :, f.place][chosen].astype(np.int64)
        found = np.zeros(int(ends[-1]), np.int64)
        for rows, coder in zip(bands(self.rows, len(coders)), coders, strict=True):
            part = slice(int(ends[rows.start - 1]) if rows.start else 0, int(ends[rows.stop - 1]))
            given = None if wanted is None else wanted[part]
            if rows:
                found[part] = magnitudes.code(coder.plain, part, given)
        plane[chosen] = found

    def inputs(self, f: Frequency, step: int) -> np.ndarray:
        """int64 (inputs, n) of a step's blocks, row by row, of magnitude <= 32767."""
        backend, chosen, plane = numpy_backend(), self.blocks(step), self._padded[f.place]
        found: list[np.ndarray] = []

        def put(values: np.ndarray) -> None:
            found.append(np.clip(values[chosen], -LIMIT, LIMIT))

        def put_size(planes: np.ndarray, weight: int, offsets: Iterable[tuple[int, int]]) -> None:
            total = sum(np.abs(self._at(planes, offset)).astype(np.int64) for offset in offsets)
            found.append(_logarithm(backend, np.asarray(total)[chosen], weight))

        for side, offset in enumerate(NEAR):
            across = side < 2
            frequency, other = (f.u, f.v) if across else (f.v, f.u)
            gap = self._at(self._edges[side ^ 1, other], offset) - self._at(
                self._edges[side, other]
            )
            sign = -1 if side % 2 and frequency % 2 else 1
            put(gap * (sign * f.edge_factors[not across]) >> 16)
        for side, offset in enumerate(NEAR):
            sign = -1 if (f.u if side < 2 else f.v) % 2 else 1
            factor = sign * (UNIT << 12 >> f.exponent)
            put(self._at(plane, offset).astype(np.int64) * factor >> 12)
        nothing = np.zeros_like(plane)
        for at, factor in zip(f.own[:SIGNED], f.own_factors, strict=True):
            put(self._at(self._padded[at] if at > 0 else nothing).astype(np.int64) * factor >> 12)
        here = ((0, 0),)
        for at in f.own:
            put_size(self._padded[at] if at > 0 else nothing, 16, here)
        put_size(self._recent, 16, here)
        put_size(self._count, 16, here)
        put(256 * self._at(self._run))
        put_size(self._total, 4, here)
        for offset in AROUND:
            put_size(self._nearby, 16, (offset,))
        for offset in NEAR:
            put_size(plane, 16, (offset,))
        put_size(plane, 16, NEAR)
        put_size(self._recent, 16, NEAR)
        put_size(self._recent, 16, AROUND[len(NEAR) :])
        put_size(self._count, 4, AROUND)
        put_size(self._recent + self._nearby, 4, RING)
        for constant in (
            512 * f.u,
            512 * f.v,
            0 if f.u else 4096,
            0 if f.v else 4096,
            f.log_step,
            128 * f.level,
            512 * f.exponent,
        ):
            found.append(np.full(int(chosen.sum()), constant, np.int64))
        for reference, products in zip(self._references, self._products, strict=True):
            there = self._at(reference[f.place]).astype(np.int64)
            a, b = (sum(self._at(p, o) for o in (*here, *NEAR)) for p in products)
            # IEEE 754's division, rounded down
            slope = np.floor(np.float64(a * 1024) / np.float64(b + 64))
            slope = np.clip(slope, -MOST_SLOPE, MOST_SLOPE).astype(np.int64)
            put(there * 256 >> f.exponent)
            put(slope * there >> 2 + f.exponent)
            put(slope)
            for at in f.others:
                put_size(reference[at] if at >= 0 else nothing, 4, here)
            following = reference[f.place + 1 : f.place + 1 + f.following]
            put_size(np.abs(following).sum(axis=0), 4, here)
            put_size(reference[f.place], 4, NEAR)
        return np.stack(found)


def _logarithm(backend: Backend, sizes: np.ndarray, weight: int) -> np.ndarray:
    """512 log2(1 + weight * size), rounded down in steps."""
    return np.minimum(backend.log2(1 + weight * np.minimum(sizes, (1 << 30) // weight)) >> 1, LIMIT)
