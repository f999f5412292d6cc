"""The compiled form of inference.py and evidence.py: a thread for each band of a step.

The structures are those of kernels/context.h.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ..coding.backend import Backend, Workers, numpy_backend
from ..kernels import Library
from ..kernels.context import INT, PTR, BandStruct, ColoursStruct
from .evidence import evidence_inputs
from .lattice import Phases
from .pyramid import Grid, Unit
from .step import Codes, Observer, StepJob, trunk_of

TABLE, RUNS, KEYS = range(3)
# Of keys of so many bits counts are kept for each; of longer ones whose references' part has so
# many, where each such part starts; else the keys themselves are sorted.
TABLE_BITS, RUN_BITS = 17, 20
WORTH_THREADS = 1 << 15  # known samples: fewer are counted sooner than threads have begun


class _Evidence:
    """The colours that are known before a step."""

    def __init__(self, library: Library, workers: Workers, job: StepJob) -> None:
        self._library, self._job, self._kept = library, job, list[np.ndarray]()
        bits = [job.channel.planes, *job.reference_bits]
        sources = [bits[: n + 1] for n in range(len(bits))]
        known = sum(job.own.phase(number).size for number in job.known)
        made = (
            workers.map(self._colours, sources)
            if known >= WORTH_THREADS
            else map(self._colours, sources)
        )
        self.struct = (ColoursStruct * len(bits))(*made)

    def _parts(self, sources: int) -> list[list[np.ndarray]]:
        """Of each known phase the values of this channel and so many references."""
        job = self._job
        lattices: list[Phases] = [job.own, *job.references][: sources + 1]
        return [[lattice.phase(number) for lattice in lattices] for number in job.known]

    def _colours(self, bits: list[int]) -> ColoursStruct:
        """Those of this channel and len(bits) - 1 references."""
        library, sources = self._library, len(bits) - 1
        parts = self._parts(sources)
        number = sum(part[0].size for part in parts)
        if sum(bits) <= TABLE_BITS and sources < 2:
            counts = np.zeros((1 << sum(bits)) + 1, dtype=np.int32)
            for own, *other in parts:
                address = other[0].ctypes.data if other else None
                library.count_colours(
                    own.ctypes.data, address, *own.shape, own.strides[0] // 2, bits[0], counts
                )
            library.add_up(counts, counts.size)
            self._kept.append(counts)
            return ColoursStruct(TABLE, number, counts.ctypes.data, None, None)
        if sum(bits[1:]) <= RUN_BITS:
            starts, values = self._runs(parts, bits, number)
            self._kept += [starts, values]
            return ColoursStruct(RUNS, number, starts.ctypes.data, values.ctypes.data, None)
        keys = np.zeros(number, dtype=np.uint64)
        done = 0
        for part in parts:
            shift, some = 0, keys[done : done + part[0].size]
            for value, width in zip(part, bits, strict=True):
                some |= value.reshape(-1).astype(np.uint64) << np.uint64(shift)
                shift += width
            done += some.size
        keys.sort()
        self._kept.append(keys)
        return ColoursStruct(KEYS, number, None, None, keys.ctypes.data)

    def _runs(
        self, parts: list[list[np.ndarray]], bits: list[int], number: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where each prefix starts, and the values of this channel, sorted within each."""
        library = self._library
        by_value = np.zeros((1 << bits[0]) + 1, dtype=np.int32)
        sorted_values = np.empty(number, dtype=np.uint16)
        prefixes = np.empty(number, dtype=np.uint32)
        for own, *_ in parts:
            stride = own.strides[0] // 2
            library.count_colours(own.ctypes.data, None, *own.shape, stride, 0, by_value)
        library.add_up(by_value, by_value.size)
        starts = np.zeros((1 << sum(bits[1:])) + 1, dtype=np.int32)
        for own, near, *far in parts:
            others = near.ctypes.data, far[0].ctypes.data if far else None
            size = *own.shape, own.strides[0] // 2, bits[1]
            library.count_colours(*others, *size, starts)
            library.order_colours(
                own.ctypes.data, *others, *size, by_value, prefixes, sorted_values
            )
        library.add_up(starts, starts.size)
        values = np.empty(number, dtype=np.uint16)
        library.group_colours(prefixes, sorted_values, number, starts[:-1].copy(), values)
        return starts, values


def _band(tables: np.ndarray, job: StepJob, grid: Grid, rows: range) -> BandStruct:
    """What the loops need to see of a band's surroundings; tables: Backend.packed_tables. All that
    it points to has to be kept by the caller."""
    own = job.own.planes
    seen, between = (
        [phases.planes.ctypes.data for phases in each]
        for each in ([*job.references, *job.frames], job.between)
    )
    return BandStruct(
        grid.row, grid.col, grid.cols, rows.start, rows.stop, grid.level, *job.channel.size,
        job.channel.planes, job.exponent, job.own_base, len(job.references), len(job.frames),
        job.channel.fine, (INT * 2)(*job.reference_bits), own.ctypes.data, (PTR * 4)(*seen),
        (PTR * 3)(*between),
        own.strides[0] // 2, own.strides[1] // 2, tables=tables.ctypes.data,
    )  # fmt: skip


def code_bands(
    library: Library,
    backend: Backend,
    workers: Workers,
    job: StepJob,
    streams: list[Any],
    truth: np.ndarray | None,
    observe: Observer | None,
) -> None:
    """inference.code_arrays in C; its arguments, but that bands without a stream are left out."""
    assert job.networks is not None
    evidence, tables = _Evidence(library, workers, job), backend.packed_tables
    trunk, plane = job.networks.trunks[job.grids[0].step], job.networks.plane

    def code(number: int) -> list[Codes]:
        coder, told = streams[number], list[Codes]()
        if coder is None:
            return told
        for grid in job.grids:
            rows = grid.band(number, len(streams))
            if not rows:
                continue
            band = _band(tables, job, grid, rows)
            band.trunk = ctypes.addressof(trunk.compiled.struct)
            band.plane = ctypes.addressof(plane.compiled.struct)
            band.colours = ctypes.addressof(evidence.struct)
            codes = _codes(job, grid, rows, observe)
            if codes is not None:
                band.probabilities = codes.probabilities.ctypes.data
                band.bits = codes.bits.ctypes.data
                band.inputs = None if codes.inputs is None else codes.inputs.ctypes.data
                told.append(codes)
            with coder.lent(len(rows) * grid.cols * job.channel.planes) as state:
                if truth is None:
                    band.decoder = ctypes.addressof(state)
                else:
                    part = grid.points(truth)[rows.start : rows.stop]
                    wanted = part.astype(np.uint16) - np.uint16(job.channel.lowest)
                    band.truth, band.encoder = wanted.ctypes.data, ctypes.addressof(state)
                if library.code_band(ctypes.addressof(band)):
                    raise MemoryError("there is no memory for a band")
        return told

    for told in workers.map(code, list(range(len(streams)))):
        for codes in told:
            assert observe is not None
            observe(codes)


def _codes(job: StepJob, grid: Grid, rows: range, observe: Observer | None) -> Codes | None:
    """What an observer is to be told of a band."""
    if observe is None:
        return None
    unit = Unit(grid, rows.start, 0, len(rows), grid.cols)
    size = job.channel.planes, unit.samples
    inputs = None
    if observe.wants_inputs:
        inputs = np.zeros((*size, 2 + evidence_inputs(len(job.references))), dtype=np.int16)
    return Codes(
        job.channel, unit, np.empty(size, dtype=np.uint16), np.empty(size, dtype=np.uint8), inputs
    )


def band_inputs(
    library: Library, job: StepJob, grid: Grid, rows: range
) -> tuple[np.ndarray, np.ndarray]:
    """neighbours.context_inputs of some rows of a grid in C: base int32 (n,) and inputs int16
    (n, f)."""
    samples = len(rows) * grid.cols
    base = np.empty(samples, dtype=np.int32)
    inputs = np.empty((samples, trunk_of(job.channel.kind, 1).inputs), dtype=np.int16)
    tables = numpy_backend().packed_tables
    band = _band(tables, job, grid, rows)
    if library.band_inputs(ctypes.addressof(band), base, inputs):
        raise MemoryError("there is no memory for a band")
    return base, inputs
