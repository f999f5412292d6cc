"""The one traversal that both encodes and decodes.

For every channel, step and plane the same loop asks the networks for a probability and hands it to
a coder: an encoder's coder takes the bit, a decoder's returns it. They cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..coding.backend import Backend, Workers
from ..coding.tables import PROBABILITY_ONE
from ..errors import CorruptError
from .evidence import Evidence, evidence_inputs
from .inference import ChannelNetworks, Inference, infer
from .lattice import padded_lattice
from .layout import Channel, Layout
from .mixture import COMPONENTS, OUTPUTS
from .neighbours import Surroundings, input_count
from .networks import Shape
from .pyramid import Segment, segments


def trunk_shape(references: int, width: int, wide: bool = False) -> Shape:
    """The trunk INR of a channel with that many references: context -> mixture."""
    return Shape(input_count(references, wide), width, OUTPUTS, COMPONENTS)


def plane_shape(references: int, width: int) -> Shape:
    """The plane INR: mixture logit, plane index, evidence -> corrected logit."""
    return Shape(2 + evidence_inputs(references), width, 1, 1)


class Coder(Protocol):
    """Either end of the range coder."""

    def code(self, probabilities: np.ndarray, bits: np.ndarray | None) -> np.ndarray:
        """Bits uint8 (n,) under uint16 P(1) * 65536; bits is None for a decoder."""


# Told of every plane of every segment, piece by piece: channel, plane, probabilities, bits, and of
# the pixels whose bits the plane INR decided: their indices and its inputs (f, n).
Observer = Callable[[Channel, int, np.ndarray, np.ndarray, Any, Any], None]


def steps(
    backend: Backend, channel: Channel, layout: Layout, canvas: Any, references: list[Any]
) -> Iterator[tuple[Segment, Surroundings, bool]]:
    """Every segment of a channel with what its pixels see, and whether it is the first of its step.

    The caller writes each segment's samples into canvas before it asks for the next one.
    """
    size = (layout.height, layout.width)
    before: tuple[int, int] | None = None
    around: Any = []
    seen: Surroundings | None = None
    for segment in segments(*size):
        now = (segment.level, segment.step)
        first = now != before
        if first:
            own = padded_lattice(backend, canvas, segment.level)
            if before is None or before[0] != segment.level:
                around = _padded_lattices(backend, references, segment.level)
            own_base = layout.conversion != 0
            seen = Surroundings(
                own, around, size, channel.planes, layout.exponent, own_base, layout.wide
            )
            before = now
        assert seen is not None
        yield segment, seen, first


def _padded_lattices(backend: Backend, references: list[Any], level: int) -> Any:
    """The lattices of earlier channels: a list, or one array for the compiled loops."""
    if not backend.compiled:
        return [padded_lattice(backend, r, level) for r in references]
    lattices = np.zeros((0, 1, 1), dtype=backend.sample_type)
    for k, reference in enumerate(references):
        lattice = padded_lattice(backend, reference, level)
        if not k:
            lattices = np.empty((len(references), *lattice.shape), dtype=backend.sample_type)
        lattices[k] = lattice
    return lattices


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
        truth = None if samples is None else samples[:, :, channel.index]
        canvas = backend.xp.zeros(
            (layout.height, layout.width), dtype=backend.sample_type, device=backend.device
        )
        # a channel without planes stays zeros that nobody has touched, whatever its size
        decoded[:, :, channel.index] = channel.lowest
        if nets is not None:
            run = _Pass(backend, workers, layout, channel, nets, canvas, canvases, coder, observe)
            run.code(truth)
            values = backend.get(canvas)
            if int(values.max()) + channel.lowest > np.iinfo(layout.dtype).max:
                raise CorruptError("a decoded sample exceeds the sample depth")
            decoded[:, :, channel.index] = values + channel.lowest
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
        """Codes the channel into the canvas; truth: the samples (H, W) for an encoder."""
        channel, canvas = self.channel, self.canvas
        references = [self.canvases[j] for j in channel.references]
        half = np.full(channel.planes, PROBABILITY_ONE // 2, dtype=np.uint16)
        weights = 1 << np.arange(channel.planes)[::-1]
        bits = None
        if truth is not None:
            bits = ((int(truth[0, 0]) - channel.lowest) // weights % 2).astype(np.uint8)
        bits = self.coder.code(half, bits)
        canvas[0, 0] = float(bits @ weights)
        if self.observe is not None:
            for i, plane in enumerate(reversed(range(channel.planes))):
                self.observe(channel, plane, half[i : i + 1], bits[i : i + 1], None, None)

        evidence: Evidence | None = None
        for segment, seen, first in steps(self.backend, channel, self.layout, canvas, references):
            if first:
                evidence = self._evidence(segment, references)
            assert evidence is not None
            index = segment.image_index()
            here = [r[index] for r in references]
            inference = infer(
                self.backend, self.workers, self.networks, segment, seen, here, evidence
            )
            wanted = None
            if truth is not None:
                wanted = truth[index].reshape(-1).astype(np.int64) - channel.lowest
            values = self._code_planes(inference, wanted)
            canvas[index] = self.backend.xp.reshape(values, (segment.rows, segment.cols))

    def _evidence(self, segment: Segment, references: list[Any]) -> Evidence:
        """The colours decoded before a step begins."""
        s, channels = 1 << segment.level, [self.channel]
        channels += [self.layout.channels[j] for j in self.channel.references]
        known = [(slice(None, None, 2 * s),) * 2]
        if segment.step == 1:
            known.append((slice(s, None, 2 * s),) * 2)
        canvases = [self.canvas, *references]
        values = [[canvas[index] for canvas in canvases] for index in known]
        return Evidence(self.backend, values, [channel.planes for channel in channels])

    def _code_planes(self, inference: Inference, values: np.ndarray | None) -> Any:
        """Codes all planes of a segment, the highest first; takes and returns the values (n,)."""
        bits: np.ndarray | None = None
        for plane in reversed(range(self.channel.planes)):
            asked = self.observe is not None
            probabilities, pieces = inference.probabilities(plane, bits, asked)
            wanted = None if values is None else ((values >> plane) & 1).astype(np.uint8)
            bits = self.coder.code(probabilities, wanted)
            if self.observe is not None:
                for part, index, features in pieces:
                    self.observe(
                        self.channel, plane, probabilities[part], bits[part], index, features
                    )
        assert bits is not None
        return inference.values(bits)
