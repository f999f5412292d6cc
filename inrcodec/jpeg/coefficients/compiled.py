"""The compiled form of inputs.py and magnitudes.py: a thread for each band of a step.

The structures are those of kernels/context_dct.h.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ...coding.backend import Workers, numpy_backend
from ...context.networks import Network
from ...kernels import Library
from ...kernels.dct import DctStruct, FrequencyStruct, StepStruct
from .frequencies import Frequency
from .inputs import PAD, bands, input_count

DECISIONS = 64  # of a coefficient at most
WORTH_THREADS = 1 << 16  # blocks


class CompiledKnown:
    """inputs.Known in C; truth has to be in C order."""

    def __init__(
        self,
        library: Library,
        workers: Workers,
        rows: int,
        cols: int,
        references: Iterable[np.ndarray],
    ) -> None:
        self.rows, self.cols = rows, cols
        self._library, self._workers = library, workers
        size = rows + 2 * PAD, cols + 2 * PAD
        around = ((0, 0), (PAD, PAD), (PAD, PAD))
        self._padded = np.zeros((64, *size), np.int32)
        self._references = [np.pad(reference, around) for reference in references]
        self._products = [np.zeros((2, *size), np.int64) for _ in self._references]
        self._edges = np.zeros((4, 8, *size), np.int32)
        self._planes = np.zeros((6, *size), np.int32)
        self._tables = numpy_backend().packed_tables
        c = self._struct = DctStruct(rows, cols, size[0] * size[1], size[1], len(self._references))
        c.values, c.edges = self._padded.ctypes.data, self._edges.ctypes.data
        for n, (other, products) in enumerate(zip(self._references, self._products, strict=True)):
            c.reference[n], c.products[n] = other.ctypes.data, products.ctypes.data
        names = ("recent", "count", "run", "total", "nearby", "ring")
        for name, plane in zip(names, self._planes, strict=True):
            setattr(c, name, plane.ctypes.data)

    @property
    def values(self) -> np.ndarray:
        """A view of the coefficients without what is around them: int32 (64, rows, cols)."""
        return self._padded[:, PAD : PAD + self.rows, PAD : PAD + self.cols]

    def prepare(self, f: Frequency) -> None:
        """As Known.prepare."""
        frequency = _frequency(f)
        where = ctypes.addressof(self._struct), ctypes.addressof(frequency)
        self._each(lambda rows: self._library.dct_prepare(*where, rows.start, rows.stop))

    def learn(self, f: Frequency, step: int) -> None:
        """As Known.learn."""
        frequency = _frequency(f)
        where = ctypes.addressof(self._struct), ctypes.addressof(frequency), step
        self._each(lambda rows: self._library.dct_learn(*where, rows.start, rows.stop))

    def inputs(self, f: Frequency, step: int) -> np.ndarray:
        """int16 (n, inputs) of a step's blocks, row by row."""
        rows = range(self.rows)
        out = np.empty((self._blocks(step, rows), input_count(len(self._references))), np.int16)
        frequency = _frequency(f)
        struct = self._step(frequency, step, rows)
        self._library.dct_inputs(ctypes.addressof(struct), out)
        return out

    def code(
        self,
        f: Frequency,
        step: int,
        network: Network,
        coders: Sequence[Any],
        truth: np.ndarray | None,
    ) -> None:
        """As Known.code."""
        frequency, compiled = _frequency(f), network.compiled

        def band(number: int) -> None:
            rows = bands(self.rows, len(coders))[number]
            struct = self._step(frequency, step, rows)
            struct.network = ctypes.addressof(compiled.struct)
            with coders[number].lent(self._blocks(step, rows) * DECISIONS) as state:
                if truth is None:
                    struct.decoder = ctypes.addressof(state)
                else:
                    struct.truth, struct.encoder = truth.ctypes.data, ctypes.addressof(state)
                if self._library.dct_code(ctypes.addressof(struct)):
                    raise MemoryError("there is no room for a step's bits")

        self._workers.map(band, list(range(len(coders))))

    def _each(self, work: Callable[[range], None]) -> None:
        """Rows, on all threads where that pays."""
        worth = self.rows * self.cols >= WORTH_THREADS
        self._workers.map(work, bands(self.rows, self._workers.threads if worth else 1))

    def _blocks(self, step: int, rows: range) -> int:
        """How many a step has in some rows."""
        return sum((self.cols + 1 - ((i + step) & 1)) // 2 for i in rows)

    def _step(self, frequency: FrequencyStruct, step: int, rows: range) -> StepStruct:
        return StepStruct(
            ctypes.addressof(self._struct), ctypes.addressof(frequency), step, rows.start,
            rows.stop, tables=self._tables.ctypes.data,
        )  # fmt: skip


@cache
def _frequency(f: Frequency) -> FrequencyStruct:
    """A frequency as C has it."""
    made = FrequencyStruct(f.place, f.u, f.v, f.step, f.exponent, f.level)
    for name, values in (
        ("own", f.own),
        ("nearby", f.nearby),
        ("others", f.others),
        ("own_factor", f.own_factors),
        ("edge_factor", f.edge_factors),
    ):
        getattr(made, name)[:] = values
    made.recent, made.long_ago, made.following = f.recent, f.long_ago, f.following
    made.before, made.log_step = f.before, f.log_step
    return made
