"""The one traversal that both encodes and decodes.

For every level, channel and step the same loop asks the networks for probabilities and hands them to
a coder: an encoder's coder takes bits, a decoder's returns them. They cannot drift apart.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from .. import kernels
from ..coding.backend import Backend, Workers
from ..coding.tables import PROBABILITY_ONE
from ..errors import CorruptError
from .compiled import code_bands
from .inference import code_arrays
from .lattice import Phases
from .layout import Channel, Layout
from .pyramid import grids, lattice_size, top_level
from .step import ChannelNetworks, Codes, Observer, StepJob


class Scans(Protocol):
    """Where the streams of each level are: scans.ScanEncoder or ScanDecoder."""

    def streams(self, level: int) -> list[Any]: ...


def traverse(
    backend: Backend,
    workers: Workers,
    layout: Layout,
    networks: list[ChannelNetworks | None],
    scans: Scans,
    truth: list[np.ndarray] | None = None,
    observe: Observer | None = None,
    last_level: int = 0,
) -> list[np.ndarray]:
    """Codes the samples of an image; returns those of each channel in coding order, dtype as in the
    layout, in its own lattice.

    networks: one entry per channel in coding order, None where no plane is coded. truth: samples of
    each channel for an encoder, None for a decoder. last_level: where to stop; what is returned is
    then every 2^last_level-th sample of the image's rows and columns.
    """
    passes = [
        _Pass(layout, channel, nets, None if truth is None else truth[n])
        for n, (channel, nets) in enumerate(zip(layout.channels, networks, strict=True))
    ]
    levels = max(p.levels + p.shift for p in passes)
    first = scans.streams(max(levels - 1, 0))[0]
    for each in passes:
        each.start(first, observe)
    for level in reversed(range(last_level, levels)):
        streams = scans.streams(level)
        for each in passes:
            references = [passes[j] for j in each.channel.references]
            each.code(backend, workers, level, streams, references, observe)
    return [each.samples(layout) for each in passes]


class _Pass:
    """The pass over one channel.

    levels: of its own pyramid; shift: the image's level that its level 0 belongs to. phases: its
    lattice at its current level, if it has samples that are not all alike.
    """

    def __init__(
        self,
        layout: Layout,
        channel: Channel,
        networks: ChannelNetworks | None,
        truth: np.ndarray | None,
    ) -> None:
        self.layout, self.channel, self.networks, self.truth = layout, channel, networks, truth
        self.size = layout.size(channel)
        lattice = channel.lattice
        self.shift = 1 if lattice.row_step == lattice.col_step == 2 else 0
        self.levels = top_level(*self.size)
        self.level = self.levels
        self.phases = Phases(1, 1)

    def start(self, coder: Any, observe: Observer | None) -> None:
        """Codes sample (0, 0)."""
        channel = self.channel
        if self.networks is None:
            return
        half = np.full(channel.planes, PROBABILITY_ONE // 2, dtype=np.uint16)
        weights = 1 << np.arange(channel.planes)[::-1]
        bits = None
        if self.truth is not None:
            value = int(self.truth[0, 0]) - channel.lowest
            bits = (value // weights % 2).astype(np.uint8)
        bits = coder.code(half, bits)
        self.phases.phase(0)[0, 0] = bits @ weights
        if observe is not None:
            observe(Codes(channel, None, half[:, None], bits[:, None]))

    def code(
        self,
        backend: Backend,
        workers: Workers,
        level: int,
        streams: list[Any],
        references: list[_Pass],
        observe: Observer | None,
    ) -> None:
        """Codes what a level of the image has of this channel."""
        own_level = level - self.shift
        if not 0 <= own_level < self.levels:
            return
        size = lattice_size(*self.size, own_level)
        lattice = Phases(*size)
        lattice.phase(0)[:] = self.phases.whole()
        self.phases, self.level = lattice, own_level
        if self.networks is None:
            self.phases.pad()
            return
        library = kernels.library() if backend.compiled else None
        seen = [reference.as_seen(self, size) for reference in references]
        for step in grids(*self.size, own_level):
            if step:
                self.phases.pad()
                job = StepJob(
                    self.channel,
                    self.size,
                    self.layout.exponent,
                    self.layout.conversion != 0,
                    self.networks,
                    step,
                    self.phases,
                    seen,
                    [reference.channel.planes for reference in references],
                )
                truth = self._values(own_level)
                if library is not None:
                    code_bands(library, workers, job, streams, truth, observe)
                else:
                    code_arrays(backend, job, streams, truth, observe)
        self.phases.pad()

    def _values(self, level: int) -> np.ndarray | None:
        """The lattice of a level of what is to be coded."""
        if self.truth is None:
            return None
        return self.truth[:: 1 << level, :: 1 << level]

    def as_seen(self, other: _Pass, size: tuple[int, int]) -> Phases:
        """This channel's phases where a later one has its lattice of a size: its own where their
        points are the same, else the nearest known samples above and to the left."""
        if self.level + self.shift == other.level + other.shift and (
            self.channel.lattice == other.channel.lattice
            or size == (self.phases.height, self.phases.width)
        ):
            return self.phases
        known, maps = self.phases.whole(), []
        mine, its = self.channel.lattice, other.channel.lattice
        for n, step, phase, own_step, own_phase in (
            (0, its.row_step, its.row_phase, mine.row_step, mine.row_phase),
            (1, its.col_step, its.col_phase, mine.col_step, mine.col_phase),
        ):
            places = (np.arange(size[n]) << other.level) * step - phase  # in the image
            index = (places + own_phase) // own_step >> self.level
            maps.append(np.clip(index, 0, known.shape[n] - 1))
        view = Phases(*size)
        view.put(known[np.ix_(*maps)])
        view.pad()
        return view

    def samples(self, layout: Layout) -> np.ndarray:
        """The samples, as far as they are known."""
        if self.networks is None:
            size = lattice_size(*self.size, self.level if self.levels else 0)
            return np.full(size, self.channel.lowest, dtype=layout.dtype)
        values = self.phases.whole()
        if int(values.max()) + self.channel.lowest > np.iinfo(layout.dtype).max:
            raise CorruptError("a decoded sample exceeds the sample depth")
        return values.astype(layout.dtype) + layout.dtype.type(self.channel.lowest)
