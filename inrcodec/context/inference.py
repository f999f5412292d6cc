"""Inference over a segment: probabilities of its bits, plane by plane, from a channel's networks.

The same integers twice: with whole arrays through the array API, which is what runs on CUDA, and in
compiled loops (kernels.py) for the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from ..coding.backend import Backend, Workers
from ..coding.tables import CDF_BITS, PROBABILITY_BITS, PROBABILITY_ONE, UNIT
from .evidence import Evidence
from .mixture import Mixture, logistic
from .neighbours import (
    FAR_OFFSETS,
    OWN_OFFSETS,
    REFERENCE_OFFSETS,
    Surroundings,
    context_inputs,
    input_count,
)
from .networks import Network
from .pyramid import Segment
from .windows import statistics_count

# The plane INR is asked where the mixture's probability lies in UNDECIDED .. 65536 - UNDECIDED.
UNDECIDED = 8
PADDING = 136  # columns


@dataclass(frozen=True)
class ChannelNetworks:
    """The networks of one channel: a trunk INR for steps A and B each, and a plane INR."""

    trunks: tuple[Network, Network]
    plane: Network


# A piece of a segment, which of its pixels the plane INR was asked about, and its inputs (f, n).
Asked = tuple[slice, Any, Any]


class Inference(Protocol):
    """What is known of the n pixels of a segment."""

    def probabilities(
        self, plane: int, bits: np.ndarray | None, record: bool
    ) -> tuple[np.ndarray, list[Asked]]:
        """uint16 (n,) P(1) * 65536 of a plane's bits, 1 .. 65535. bits: uint8 (n,) of the plane
        above, None for the top plane. record: whether the list is wanted, too."""

    def values(self, bits: np.ndarray) -> Any:
        """The samples float64 (n,), given the bits of plane 0."""


def infer(
    backend: Backend,
    workers: Workers,
    networks: ChannelNetworks,
    segment: Segment,
    seen: Surroundings,
    here: list[Any],
    evidence: Evidence,
) -> Inference:
    """Begins with a segment. here: the pixels' samples in the reference channels, (rows, cols)."""
    kind: Callable[..., Inference] = CompiledInference if backend.compiled else ArrayInference
    return kind(backend, workers, networks, segment, seen, here, evidence)


class ArrayInference:
    """Inference with whole arrays, in pieces of backend.chunk pixels."""

    def __init__(
        self,
        backend: Backend,
        workers: Workers,
        networks: ChannelNetworks,
        segment: Segment,
        seen: Surroundings,
        here: list[Any],
        evidence: Evidence,
    ) -> None:
        self._backend, self._workers = backend, workers
        self._networks, self._evidence = networks, evidence
        pieces = segment.pieces(backend.chunk)
        self._mixtures = workers.map(partial(self._mixture, seen), pieces)
        ends = np.cumsum([0, *(piece.pixels for piece in pieces)]).tolist()
        self._parts = [slice(*pair) for pair in pairwise(ends)]
        xp = backend.xp
        self._here = [xp.astype(xp.reshape(r, (-1,)), xp.int64) for r in here]

    def _mixture(self, seen: Surroundings, piece: Segment) -> Mixture:
        """Runs the trunk INR over some pixels."""
        base, inputs = context_inputs(self._backend, piece, seen)
        outputs = self._networks.trunks[piece.step].run(inputs)
        return Mixture(self._backend, outputs, base, seen.planes, seen.exponent)

    def probabilities(
        self, plane: int, bits: np.ndarray | None, record: bool
    ) -> tuple[np.ndarray, list[Asked]]:
        jobs = [
            (mixture, part, None if bits is None else bits[part])
            for mixture, part in zip(self._mixtures, self._parts, strict=True)
        ]
        # what the last plane's bits were is learnt in the threads that ask for the next
        answers = self._workers.map(partial(self._ask, plane), jobs)
        asked = [(part, *rest) for part, (_, *rest) in zip(self._parts, answers, strict=True)]
        return np.concatenate([answer[0] for answer in answers]), asked

    def _ask(
        self, plane: int, job: tuple[Mixture, slice, np.ndarray | None]
    ) -> tuple[np.ndarray, Any, Any]:
        """Probabilities of some pixels' bits, and the plane INR's pixels and inputs."""
        mixture, part, bits = job
        xp, backend = self._backend.xp, self._backend
        if bits is not None:
            mixture.learn(plane + 1, backend.put(bits))
        p = mixture.split(plane)
        (index,) = xp.nonzero((p >= UNDECIDED) & (p <= PROBABILITY_ONE - UNDECIDED))
        if not index.shape[0]:
            return backend.get(p).astype(np.uint16), None, None
        low = xp.astype(xp.take(mixture.low, index), xp.int64)
        here = [xp.take(r[part], index) for r in self._here]
        logit = backend.look_up(backend.logit, xp.take(p, index))
        plane_index = xp.zeros_like(logit) + plane * UNIT
        features = xp.stack([logit, plane_index, *self._evidence.inputs(here, low, plane)])
        z = self._networks.plane.run(features)[0, :]
        f = xp.floor(logistic(backend, z, 10) * 0.5 ** (CDF_BITS - PROBABILITY_BITS))
        p[index] = xp.clip(f, 1, PROBABILITY_ONE - 1)
        return backend.get(p).astype(np.uint16), index, features

    def values(self, bits: np.ndarray) -> Any:
        for mixture, part in zip(self._mixtures, self._parts, strict=True):
            mixture.learn(0, self._backend.put(bits[part]))
        return self._backend.xp.concat([mixture.low for mixture in self._mixtures])


_RING = np.array(REFERENCE_OFFSETS)
_OFFSETS = {
    (step, wide): (np.array(own[:4]), np.array([*own[4:], *(farther if wide else ())]), _RING)
    for step, (own, farther) in enumerate(zip(OWN_OFFSETS, FAR_OFFSETS, strict=True))
    for wide in (False, True)
}
_NO_BITS, _NO_KEYS = np.zeros(0, dtype=np.uint8), np.zeros(0, dtype=np.int64)


def _of_piece(piece: Segment, seen: Surroundings, backend: Backend) -> tuple[Any, ...]:
    """What the kernels need of a piece: lattices, offsets, numbers, tables, options, statistics."""
    p = piece
    numbers = np.array([p.row, p.col, p.rows, p.cols, p.level, seen.planes, seen.exponent])
    count = statistics_count(len(seen.references)) if seen.wide else 0
    statistics = np.empty((count, piece.pixels))
    lattices = seen.own, seen.references
    if count:
        from .window_loops import window_rows

        window_rows(*lattices, numbers, p.step, backend.log, statistics)
    offsets = _OFFSETS[p.step, seen.wide]
    return *lattices, offsets, numbers, np.array(seen.size), backend.log, seen.own_base, statistics


def inputs_of(backend: Backend, piece: Segment, seen: Surroundings) -> tuple[Any, Any]:
    """context.context_inputs, by the loops where the backend has them."""
    if not backend.compiled:
        return context_inputs(backend, piece, seen)
    from .loops import context_rows

    base = np.empty(piece.pixels)
    inputs = np.empty((input_count(len(seen.references), seen.wide), piece.pixels))
    context_rows(*_of_piece(piece, seen, backend), base, inputs)
    return base, inputs


class CompiledInference:
    """Inference in compiled loops."""

    def __init__(
        self,
        backend: Backend,
        workers: Workers,
        networks: ChannelNetworks,
        segment: Segment,
        seen: Surroundings,
        here: list[Any],
        evidence: Evidence,
    ) -> None:
        from .loops import trunk_rows

        self._backend, self._workers, self._plane = backend, workers, networks.plane.layers
        self._top, self._exponent = seen.planes - 1, seen.exponent
        n = self._pixels = segment.pixels
        # rows a power of two apart would share a few lines of the cache
        padded = n + PADDING
        self._state = np.empty((14, padded))
        self._keys = np.empty((2, padded), dtype=np.int64)
        # always three, as each other number would be compiled again
        missing = (_NO_KEYS,) * (3 - len(evidence.sets))
        keys = (_NO_KEYS if counts.keys is None else counts.keys for counts in evidence.sets)
        tables = (_NO_KEYS if counts.table is None else counts.table for counts in evidence.sets)
        self._sets, self._tables = (*keys, *missing), (*tables, *missing)
        self._bounds = np.zeros((3, 2, padded), dtype=np.int64)
        for bounds, found in zip(self._bounds, self._sets, strict=True):
            bounds[1] = found.size
        bits = np.array([*evidence.bits, 0, 0][:3])
        layers = networks.trunks[segment.step].layers

        def run(piece: Segment) -> None:
            first = (piece.row - segment.row) // 2 * segment.cols
            of_piece = _of_piece(piece, seen, backend)
            trunk_rows(*of_piece, layers, backend.exp, bits, first, self._state, self._keys)

        workers.map(run, segment.pieces(backend.chunk))
        self._parts = [
            slice(first, min(first + backend.chunk, n)) for first in range(0, n, backend.chunk)
        ]

    def probabilities(
        self, plane: int, bits: np.ndarray | None, record: bool
    ) -> tuple[np.ndarray, list[Asked]]:
        from .loops import ask_range

        backend = self._backend
        above = _NO_BITS if bits is None else bits
        result = np.empty(self._pixels, dtype=np.uint16)

        def ask(part: slice) -> Asked:
            size = part.stop - part.start if record else 0
            index = np.empty(size, dtype=np.int64)
            features = np.empty((self._plane[0][0].shape[1], size))
            count = ask_range(
                part.start, part.stop, plane, self._top, UNDECIDED, above, self._state,
                self._keys, self._bounds, self._exponent, self._sets, self._tables, self._plane,
                backend.whole_cdf, backend.log, backend.logit, result, index, features,
            )  # fmt: skip
            return (
                (part, index[:count] - part.start, features[:, :count])
                if count
                else (part, None, None)
            )

        asked = self._workers.map(ask, self._parts)
        return result, asked

    def values(self, bits: np.ndarray) -> Any:
        return self._state[13, : self._pixels] + bits
