"""What networks learn from: their inputs over an image, and what was there.

On the CPU, wherever the fit is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import kernels
from ..coding.backend import Workers, numpy_backend
from ..coding.rangecoder import Encoder
from ..history.planes import Planes
from .compiled import band_inputs, code_bands
from .layout import Layout
from .neighbours import context_inputs
from .pyramid import Grid, Unit
from .scans import ScanEncoder
from .step import NOT_ASKED, ChannelNetworks, Codes, StepJob, trunk_of
from .traversal import traverse, walk

MAX_SAMPLES = 1 << 19  # per network: beyond, a random subset is fitted
# Of large images plane INRs see some bands of rows only: rows of each, and how many of them.
BAND_ROWS, MOST_BANDS, LEAST_BANDS = 8, 128, 2
AT_ONCE = 1 << 14  # points whose inputs are made at a time

# Of some points: inputs int16 (n, f) as networks have them, and the bounds float32 (n,) of each
# sample relative to its base in units.
TrunkSamples = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Scene:
    """Planes of an image, how they are laid out, and those of the layout.frames others that it
    sees, the nearest first."""

    layout: Layout
    planes: Planes
    beside: Sequence[Planes] = ()


class _Silent:
    """Streams, and a coder, that write nothing: an image goes by as it is."""

    def streams(self, level: int) -> list[Any]:
        return [self]

    def code(self, probabilities: np.ndarray, bits: np.ndarray | None) -> np.ndarray:
        assert bits is not None
        return bits


@dataclass
class _Found:
    """What a trunk INR learns from, as it is found. count: how many samples there are already."""

    rows: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: int = 0

    @classmethod
    def of(cls, room: int, inputs: int) -> _Found:
        """With room for so many samples."""
        rows = np.empty((room, inputs), dtype=np.int16)
        return cls(rows, np.empty(room, dtype=np.float32), np.empty(room, dtype=np.float32))

    def take(self, count: int) -> slice:
        """Where so many more go."""
        self.count += count
        return slice(self.count - count, self.count)


@dataclass(frozen=True)
class _Piece:
    """Some rows of a grid; values: of its samples, int32 (n,); chosen: those to keep, if not all;
    at: where they go."""

    job: StepJob
    grid: Grid
    rows: range
    values: np.ndarray
    chosen: np.ndarray | None
    at: slice


def trunk_samples(
    workers: Workers, scene: Scene, rng: np.random.Generator, most: int = MAX_SAMPLES
) -> dict[tuple[int, int], TrunkSamples]:
    """What the trunk INRs learn from, by channel index and step; most: about how many samples of
    each, a random subset if there are more."""
    library, layout = kernels.library(), scene.layout
    found: dict[tuple[int, int], _Found] = {}
    unit = 1 << layout.exponent

    def look(job: StepJob, _: list[Any], truth: np.ndarray | None) -> None:
        assert truth is not None
        channel, step = job.channel, job.grids[0].step
        # step A has a third of the samples, step B two thirds; edges may have a few more
        size = channel.size[0] * channel.size[1] * (1, 2)[step] // 3 + 2 * sum(channel.size) + 16
        keep = most / size
        if (channel.index, step) not in found:
            room = size if keep >= 1 else most + 8 * math.isqrt(most) + 64
            inputs = trunk_of(channel.kind, 1).inputs
            found[channel.index, step] = _Found.of(room, inputs)
        into = found[channel.index, step]

        def fill(piece: _Piece) -> None:
            if library is None:
                base, inputs = _array_inputs(job, piece.grid, piece.rows)
            else:
                base, inputs = band_inputs(library, job, piece.grid, piece.rows)
            values = piece.values
            if piece.chosen is not None:
                base, inputs, values = (a[piece.chosen] for a in (base, inputs, values))
            into.rows[piece.at] = inputs
            middle = (4 * values - base).astype(np.float32) / np.float32(4)
            low, high = into.low[piece.at], into.high[piece.at]
            low[:], high[:] = (middle - 0.5) / unit, (middle + 0.5) / unit
            # the first and last values take the tails, as they do in mixture.py
            low[values == 0], high[values == (1 << channel.planes) - 1] = -1e9, 1e9

        pieces = []
        for grid in job.grids:
            at_once = max(1, AT_ONCE // grid.cols)
            for first in range(0, grid.rows, at_once):
                rows = range(first, min(first + at_once, grid.rows))
                part = grid.points(truth)[rows.start : rows.stop].reshape(-1)
                values, chosen = part.astype(np.int32) - channel.lowest, None
                count = values.size
                if keep < 1:
                    chosen = rng.random(count) < keep
                    chosen[np.cumsum(chosen) > len(into.rows) - into.count] = False
                    count = int(chosen.sum())
                pieces.append(_Piece(job, grid, rows, values, chosen, into.take(count)))
        workers.map(fill, pieces)
        _know(job, truth)

    nets: list[ChannelNetworks | None] = [None] * len(layout.channels)
    walk(layout, nets, _Silent(), look, scene.planes, beside=scene.beside)
    return {
        key: (of.rows[: of.count], of.low[: of.count], of.high[: of.count])
        for key, of in found.items()
    }


def _array_inputs(job: StepJob, grid: Grid, rows: range) -> tuple[np.ndarray, np.ndarray]:
    """compiled.band_inputs where there is no library."""
    backend = numpy_backend()
    unit = Unit(grid, rows.start, 0, len(rows), grid.cols)
    base, inputs = context_inputs(backend, unit, job.surroundings(backend))
    return base, inputs.T.astype(np.int16)


class _Asked:
    """Collects what plane INRs were asked, and the answers (an Observer); keep: what part of them,
    by channel index."""

    wants_inputs = True

    def __init__(self, rng: np.random.Generator, keep: dict[int, float]) -> None:
        self.found: dict[int, tuple[list[np.ndarray], list[np.ndarray]]] = {}
        self._rng, self._keep = rng, keep

    def __call__(self, codes: Codes) -> None:
        if codes.inputs is None:
            return
        index = codes.channel.index
        asked = codes.inputs[:, :, 0] != NOT_ASKED
        if self._keep[index] < 1:
            asked &= self._rng.random(asked.shape) < self._keep[index]
        inputs, bits = self.found.setdefault(index, ([], []))
        inputs.append(codes.inputs[asked])
        bits.append(codes.bits[asked].astype(np.float32))


def plane_samples(
    workers: Workers,
    scene: Scene,
    networks: list[ChannelNetworks | None],
    rng: np.random.Generator,
    most: int = MAX_SAMPLES,
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Per channel index, what its plane INR learns from: inputs int16 (n, f) as networks have them,
    and bits float32 (n,); a random subset of about `most` if there are more. networks: on
    numpy_backend."""
    backend, library, layout = numpy_backend(), kernels.library(), scene.layout
    numbers = {c.index: c.size[0] * c.size[1] * max(1, c.planes) for c in layout.channels}
    # of the bits of a sample about half are asked for
    part = min(1.0, 2 * most / max(numbers.values())) if library is not None else 1.0
    asked = _Asked(rng, {index: most / (number * part) for index, number in numbers.items()})

    def code(job: StepJob, streams: list[Any], truth: np.ndarray | None) -> None:
        assert library is not None
        assert truth is not None
        bands = min(max(1, job.grids[0].rows // BAND_ROWS), MOST_BANDS)
        chosen = rng.permutation(bands)[: max(LEAST_BANDS, round(bands * part))].tolist()
        coders = [Encoder() if n in chosen else None for n in range(bands)]
        code_bands(library, backend, workers, job, coders, truth, asked)
        _know(job, truth)

    if part < 1:
        walk(layout, networks, _Silent(), code, scene.planes, beside=scene.beside)
    else:
        scans = ScanEncoder(layout.geometry.height, layout.geometry.width)
        traverse(
            backend, workers, layout, networks, scans, scene.planes, asked, beside=scene.beside
        )
    found = {}
    for index, (inputs, bits) in asked.found.items():
        rows, answers = np.concatenate(inputs), np.concatenate(bits)
        if len(rows) > most + most // 8:  # bands were more than they had to be
            chosen = rng.permutation(len(rows))[:most]
            rows, answers = rows[chosen], answers[chosen]
        found[index] = rows, answers
    return found


def _know(job: StepJob, truth: np.ndarray) -> None:
    """Takes a step's samples as known."""
    for grid in job.grids:
        values = grid.points(truth).astype(np.uint16) - np.uint16(job.channel.lowest)
        job.own.phase(grid.phase)[:] = values
