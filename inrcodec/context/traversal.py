"""The one traversal that both encodes and decodes.

For every level, channel and step the same loop asks the networks for probabilities and hands them
to a coder: an encoder's coder takes bits, a decoder's returns them. They cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from .. import kernels
from ..coding.backend import Backend, Workers
from ..coding.tables import PROBABILITY_ONE
from ..errors import CorruptError
from ..history.planes import Lattice, Planes
from .compiled import code_bands
from .inference import code_arrays
from .lattice import Phases
from .layout import Channel, Layout
from .neighbours import ODD
from .pyramid import grids, lattice_size, top_level
from .step import ChannelNetworks, Codes, Observer, StepJob


class Scans(Protocol):
    """Where the streams of each level are: scans.ScanEncoder or ScanDecoder."""

    def streams(self, level: int) -> list[Any]: ...


# Codes a step into its own phases: the job, the level's streams, the level's samples if they are
# known.
CodeStep = Callable[[StepJob, list[Any], np.ndarray | None], None]


def traverse(
    backend: Backend,
    workers: Workers,
    layout: Layout,
    networks: list[ChannelNetworks | None],
    scans: Scans,
    truth: Planes | None = None,
    observe: Observer | None = None,
    scale: int = 1,
    beside: Sequence[Planes] = (),
) -> Planes:
    """Codes planes, and returns them.

    networks: one entry per channel in coding order, None where no plane is coded. truth: the planes
    for an encoder, None for a decoder. scale: 1, 2, 4 or 8; where to stop, what is returned is of
    that scale. beside: the planes of layout.frames other frames, the nearest first, of the same
    geometry and scale. Raises CorruptError where a decoded value is none of the planes'.
    """
    library = kernels.library() if backend.compiled else None

    def code(job: StepJob, streams: list[Any], known: np.ndarray | None) -> None:
        if library is None:
            code_arrays(backend, job, streams, known, observe)
        else:
            code_bands(library, backend, workers, job, streams, known, observe)

    return walk(layout, networks, scans, code, truth, observe, scale, beside)


def walk(
    layout: Layout,
    networks: list[ChannelNetworks | None],
    scans: Scans,
    code: CodeStep,
    truth: Planes | None = None,
    observe: Observer | None = None,
    scale: int = 1,
    beside: Sequence[Planes] = (),
) -> Planes:
    """The order of traverse, whatever is done in each step; the networks are for that to use."""
    if len(beside) != layout.frames:
        raise ValueError(f"{len(beside)} frames beside one that sees {layout.frames}")
    passes = [
        _Pass(
            layout, channel, nets, None if truth is None else truth.channels[channel.index],
            [planes.channels[channel.index] for planes in beside], scale,
        )
        for channel, nets in zip(layout.channels, networks, strict=True)
    ]  # fmt: skip
    levels = levels_of(layout)
    first = scans.streams(max(levels - 1, 0))[0]
    for each in passes:
        each.start(first, observe)
    for level in reversed(range(scale.bit_length() - 1, levels)):
        streams = scans.streams(level)
        for each in passes:
            each.code(level, streams, [passes[j] for j in each.channel.references], code)
    coded = {each.channel.index: each.samples(layout.geometry.dtype) for each in passes}
    return Planes(layout.geometry, tuple(coded[index] for index in range(len(coded))), scale)


def levels_of(layout: Layout) -> int:
    """How many levels there are in all."""
    return max(top_level(*channel.size) for channel in layout.channels)


def reduced_size(channel: Channel, scale: int) -> tuple[int, int]:
    """Rows and columns of a channel of planes of a scale."""
    return lattice_size(*channel.size, scale.bit_length() - 1)


class _Pass:
    """The pass over one channel.

    levels: of its own pyramid, of which the image's others are beyond. phases: its lattice at its
    current level, if it has samples that are not all alike.
    """

    def __init__(
        self,
        layout: Layout,
        channel: Channel,
        networks: ChannelNetworks | None,
        truth: np.ndarray | None,
        frames: list[np.ndarray],
        scale: int,
    ) -> None:
        self.layout, self.channel, self.networks, self.truth = layout, channel, networks, truth
        self._frames, self._scale = frames, scale
        self.size = channel.size
        self.levels = top_level(*self.size)
        self.level = self.levels
        self.phases = Phases(1, 1)
        self._beside: tuple[Lattice, int, list[Phases]] | None = None

    def start(self, coder: Any, observe: Observer | None) -> None:
        """Codes sample (0, 0)."""
        channel = self.channel
        if not channel.planes:
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

    def code(self, level: int, streams: list[Any], references: list[_Pass], code: CodeStep) -> None:
        """Codes what a level of the image has of this channel."""
        if level >= self.levels:
            return
        size = lattice_size(*self.size, level)
        self.level = level
        if self.channel.planes:
            lattice = Phases(*size)
            lattice.phase(0)[:] = self.phases.whole()
            self.phases = lattice
            bits = [reference.channel.planes for reference in references]
            seen, between = [reference.as_seen(size) for reference in references], list[Phases]()
            frames = [self._frame(samples, size) for samples in self._frames]
            if self.channel.fine:
                seen[-1], *between = references[-1].beside(self.channel.lattice, size)
            for grid in grids(*self.size, level):
                if grid:
                    self.phases.pad()
                    layout = self.layout
                    job = StepJob(
                        self.channel, layout.exponent, layout.chroma, self.networks, grid,
                        self.phases, seen, between, bits, frames,
                    )  # fmt: skip
                    code(job, streams, self._values(level))
            self.phases.pad()

    def _values(self, level: int) -> np.ndarray | None:
        """The lattice of a level of what is to be coded."""
        if self.truth is None:
            return None
        return self.truth[:: 1 << level, :: 1 << level]

    def _frame(self, samples: np.ndarray, size: tuple[int, int]) -> Phases:
        """The current level, of a size, of this channel in another frame."""
        step = (1 << self.level) // self._scale
        values = samples[::step, ::step].astype(np.int32) - self.channel.lowest
        phases = Phases(*size)
        phases.put(np.clip(values, 0, None))
        phases.pad()
        return phases

    def as_seen(self, size: tuple[int, int]) -> Phases:
        """The phases, of a size, that a later channel of the same lattice sees."""
        return self.phases if self.channel.planes else Phases(*size)  # of zeros

    def beside(self, lattice: Lattice, size: tuple[int, int]) -> list[Phases]:
        """What a fine channel of a lattice, which has a size at this level, sees of this one, Y:
        its samples where the channel's own are (or the next above and to the left), and half a
        lattice step to the right, below, and both."""
        if self._beside is None or self._beside[:2] != (lattice, self.level):
            known, found = self.phases.whole(), []
            for odd in ((0, 0), *ODD):
                maps = []
                for n, step, phase in (
                    (0, lattice.row_step, lattice.row_phase),
                    (1, lattice.col_step, lattice.col_phase),
                ):
                    halves = 2 * np.arange(size[n]) + odd[n] << self.level
                    index = (halves * step >> 1) - phase >> self.level
                    maps.append(np.clip(index, 0, known.shape[n] - 1))
                phases = Phases(*size)
                phases.put(known[np.ix_(*maps)])
                phases.pad()
                found.append(phases)
            self._beside = lattice, self.level, found
        return self._beside[2]

    def samples(self, dtype: np.dtype) -> np.ndarray:
        """The samples, as far as they are known."""
        lowest = self.channel.lowest
        if not self.channel.planes:
            return np.full(lattice_size(*self.size, self.level), lowest, dtype=dtype)
        values = self.phases.whole()
        if int(values.max()) + lowest > np.iinfo(dtype).max:
            raise CorruptError("a decoded sample exceeds the sample depth")
        return values.astype(dtype) + dtype.type(lowest)
