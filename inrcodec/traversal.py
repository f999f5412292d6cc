"""The one traversal that both encodes and decodes.

For every channel, step and plane the same loop asks the networks for a probability and hands it to
a coder: an encoder's coder takes the bit, a decoder's returns it. They cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from .backend import Backend, Workers
from .context import context_inputs, input_count, padded_lattice
from .errors import CorruptError
from .evidence import Evidence, evidence_inputs
from .layout import Channel, Layout
from .mixture import COMPONENTS, OUTPUTS, Mixture, logistic
from .networks import Network, Shape
from .pyramid import Segment, segments
from .tables import CDF_BITS, PROBABILITY_BITS, PROBABILITY_ONE, UNIT

# The plane INR is asked where the mixture's probability lies in UNDECIDED .. 65536 - UNDECIDED.
UNDECIDED = 8


def trunk_shape(references: int, width: int) -> Shape:
    """The trunk INR of a channel with that many references: context -> mixture."""
    return Shape(input_count(references), width, OUTPUTS, COMPONENTS)


def plane_shape(references: int, width: int) -> Shape:
    """The plane INR: mixture logit, plane index, evidence -> corrected logit."""
    return Shape(2 + evidence_inputs(references), width, 1, 1)


@dataclass(frozen=True)
class ChannelNetworks:
    """The networks of one channel: a trunk INR for steps A and B each, and a plane INR."""

    trunks: tuple[Network, Network]
    plane: Network


class Coder(Protocol):
    """Either end of the range coder."""

    def code(self, probabilities: np.ndarray, bits: np.ndarray | None) -> np.ndarray:
        """Bits uint8 (n,) under uint16 P(1) * 65536; bits is None for a decoder."""


# Told of every plane of every segment: channel, plane, probabilities, bits, and of the pixels whose
# bits the plane INR decided: their indices and its inputs (f, n).
Observer = Callable[[Channel, int, np.ndarray, np.ndarray, Any, Any], None]


def contexts(
    backend: Backend, layout: Layout, channel: Channel, canvas: Any, references: list[Any]
) -> Iterator[tuple[Segment, Callable[[Segment], tuple[Any, Any]], bool]]:
    """Every segment of a channel with the function that gives the base and inputs of its pieces.

    The caller writes each segment's samples into canvas before it asks for the next one. The last
    value tells whether the segment is the first of its step.
    """
    size = (layout.height, layout.width)
    before: tuple[int, int] | None = None
    own: Any = None
    around: list[Any] = []
    for segment in segments(*size):
        now = (segment.level, segment.step)
        first = now != before
        if first:
            own = padded_lattice(backend, canvas, segment.level)
            if before is None or before[0] != segment.level:
                around = [padded_lattice(backend, r, segment.level) for r in references]
            before = now

        def inputs(piece: Segment, own: Any = own, around: list[Any] = around) -> tuple[Any, Any]:
            return context_inputs(
                backend,
                piece,
                own,
                around,
                size=size,
                planes=channel.planes,
                exponent=layout.exponent,
                own_base=layout.conversion != 0,
            )

        yield segment, inputs, first


def traverse(
    backend: Backend,
    workers: Workers,
    layout: Layout,
    networks: list[ChannelNetworks | None],
    coder: Coder,
    image: np.ndarray | None = None,
    observe: Observer | None = None,
) -> np.ndarray:
    """Codes every sample of an image; returns the image, shape and dtype as in the layout.

    networks: one entry per channel in coding order, None where no plane is coded. image: the
    samples for an encoder, None for a decoder.
    """
    samples = None if image is None else image.reshape(layout.height, layout.width, -1)
    decoded = np.empty((layout.height, layout.width, len(layout.channels)), dtype=layout.dtype)
    canvases: list[Any] = []
    for channel, nets in zip(layout.channels, networks, strict=True):
        truth = None
        if samples is not None:
            truth = samples[:, :, channel.index].astype(np.int64) - channel.lowest
        canvas = backend.xp.zeros(
            (layout.height, layout.width), dtype=backend.xp.float64, device=backend.device
        )
        # a channel without planes stays zeros that nobody has touched, whatever its size
        decoded[:, :, channel.index] = channel.lowest
        if nets is not None:
            run = _Pass(backend, workers, layout, channel, nets, canvas, canvases, coder, observe)
            run.code(truth)
            values = backend.get(canvas) + channel.lowest
            if values.max() > np.iinfo(layout.dtype).max:
                raise CorruptError("a decoded sample exceeds the sample depth")
            decoded[:, :, channel.index] = values
        canvases.append(canvas)
    return decoded.reshape(layout.shape)


@dataclass
class _Pass:
    """The pass over one channel."""

    backend: Backend
    workers: Workers
    layout: Layout
    channel: Channel
    networks: ChannelNetworks
    canvas: Any
    canvases: list[Any]
    coder: Coder
    observe: Observer | None

    def code(self, truth: np.ndarray | None) -> None:
        """Codes the channel into the canvas; truth: int64 (H, W) for an encoder."""
        channel, canvas = self.channel, self.canvas
        references = [self.canvases[j] for j in channel.references]
        half = np.full(channel.planes, PROBABILITY_ONE // 2, dtype=np.uint16)
        weights = 1 << np.arange(channel.planes)[::-1]
        bits = None if truth is None else (truth[0, 0] // weights % 2).astype(np.uint8)
        bits = self.coder.code(half, bits)
        canvas[0, 0] = float(bits @ weights)
        if self.observe is not None:
            for i, plane in enumerate(reversed(range(channel.planes))):
                self.observe(channel, plane, half[i : i + 1], bits[i : i + 1], None, None)

        evidence: Evidence | None = None
        for segment, inputs, first in contexts(
            self.backend, self.layout, channel, canvas, references
        ):
            if first:
                evidence = self._evidence(segment, references)
            index = segment.image_index()
            pieces = segment.pieces(self.backend.chunk)
            chunks = self.workers.map(partial(self._chunk, inputs, references), pieces)
            assert evidence is not None
            self._code_planes(chunks, None if truth is None else truth[index].reshape(-1), evidence)
            for chunk in chunks:
                piece = chunk.piece
                values = self.backend.xp.reshape(chunk.mixture.low, (piece.rows, piece.cols))
                canvas[piece.image_index()] = values

    def _evidence(self, segment: Segment, references: list[Any]) -> Evidence:
        """The colours decoded before a step begins."""
        xp, s = self.backend.xp, 1 << segment.level
        known = [(slice(None, None, 2 * s),) * 2]
        if segment.step == 1:
            known.append((slice(s, None, 2 * s),) * 2)

        def seen(canvas: Any) -> Any:
            parts = [xp.reshape(canvas[index], (-1,)) for index in known]
            return xp.astype(xp.concat(parts), xp.int64)

        return Evidence(
            self.backend,
            seen(self.canvas),
            [seen(r) for r in references],
            [
                self.channel.planes,
                *(self.layout.channels[j].planes for j in self.channel.references),
            ],
        )

    def _chunk(
        self,
        inputs: Callable[[Segment], tuple[Any, Any]],
        references: list[Any],
        piece: Segment,
    ) -> _Chunk:
        """Runs the trunk INR over some pixels."""
        xp = self.backend.xp
        base, features = inputs(piece)
        outputs = self.networks.trunks[piece.step].run(features)
        mixture = Mixture(self.backend, outputs, base, self.channel.planes, self.layout.exponent)
        index = piece.image_index()
        here = [xp.astype(xp.reshape(r[index], (-1,)), xp.int64) for r in references]
        return _Chunk(piece, mixture, here)

    def _code_planes(
        self, chunks: list[_Chunk], truth: np.ndarray | None, evidence: Evidence
    ) -> None:
        """Codes all planes of a segment, the highest first."""
        ends = np.cumsum([chunk.piece.pixels for chunk in chunks])[:-1]
        bits: np.ndarray | None = None
        for plane in reversed(range(self.channel.planes)):
            # what the last plane's bits were is learnt in the threads that ask for the next
            known = [None] * len(chunks) if bits is None else np.split(bits, ends)
            jobs = list(zip(chunks, known, strict=True))
            answers = self.workers.map(partial(self._ask, plane, evidence), jobs)
            probabilities = np.concatenate([answer[0] for answer in answers])
            wanted = None if truth is None else ((truth >> plane) & 1).astype(np.uint8)
            bits = self.coder.code(probabilities, wanted)
            if self.observe is not None:
                for (p, *rest), b in zip(answers, np.split(bits, ends), strict=True):
                    self.observe(self.channel, plane, p, b, *rest)
        assert bits is not None
        for chunk, part in zip(chunks, np.split(bits, ends), strict=True):
            chunk.mixture.learn(0, self.backend.put(part))

    def _ask(
        self, plane: int, evidence: Evidence, job: tuple[_Chunk, np.ndarray | None]
    ) -> tuple[np.ndarray, Any, Any]:
        """Probabilities uint16 (n,) of a plane's bits, and the plane INR's pixels and inputs.

        job: some pixels, and their bits of the plane above.
        """
        chunk, bits = job
        xp, backend, mixture = self.backend.xp, self.backend, chunk.mixture
        if bits is not None:
            mixture.learn(plane + 1, backend.put(bits))
        p = mixture.split(plane)
        (index,) = xp.nonzero((p >= UNDECIDED) & (p <= PROBABILITY_ONE - UNDECIDED))
        if not index.shape[0]:
            return backend.get(p).astype(np.uint16), None, None
        low = xp.astype(xp.take(mixture.low, index), xp.int64)
        here = [xp.take(r, index) for r in chunk.references]
        logit = backend.look_up(backend.logit, xp.take(p, index))
        plane_index = xp.zeros_like(logit) + plane * UNIT
        features = xp.stack([logit, plane_index, *evidence.inputs(here, low, plane)])
        z = self.networks.plane.run(features)[0, :]
        f = xp.floor(logistic(backend, z, 10) * 0.5 ** (CDF_BITS - PROBABILITY_BITS))
        p[index] = xp.clip(f, 1, PROBABILITY_ONE - 1)
        return backend.get(p).astype(np.uint16), index, features


@dataclass(frozen=True)
class _Chunk:
    """Some pixels of a segment: their mixtures, and their values in the reference channels."""

    piece: Segment
    mixture: Mixture
    references: list[Any]
