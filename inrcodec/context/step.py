"""What is coded at a time: a step of a level of one channel; and what observers are told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..coding.backend import Backend
from ..coding.tables import UNIT
from .evidence import evidence_inputs
from .lattice import Phases
from .layout import Channel, Kind
from .mixture import COMPONENTS, OUTPUTS
from .neighbours import Surroundings, input_count
from .networks import PLANE_INPUT_BITS, TRUNK_INPUT_BITS, Network, Shape
from .pyramid import Grid, Unit

# The plane INR is asked where the mixture's log-odds are at most that, in units of 1/1024.
UNDECIDED = 13 * UNIT
NOT_ASKED = -32768  # in place of the first input where it was not


def trunk_shape(references: int, width: int, fine: bool = False, frames: int = 0) -> Shape:
    """The trunk INR of a channel with that many references, fine or not, that sees so many frames:
    context -> mixture."""
    inputs = input_count(references, fine, frames)
    return Shape(inputs, width, OUTPUTS, COMPONENTS, TRUNK_INPUT_BITS)


def trunk_of(kind: Kind, width: int) -> Shape:
    """The trunk INR of a channel of a kind."""
    return trunk_shape(kind.references, width, kind.fine, kind.frames)


def plane_shape(references: int, width: int) -> Shape:
    """The plane INR: mixture logit, plane index, evidence -> corrected logit."""
    return Shape(2 + evidence_inputs(references), width, 1, 1, PLANE_INPUT_BITS)


class Coder(Protocol):
    """Either end of the range coder."""

    def code(self, probabilities: np.ndarray, bits: np.ndarray | None) -> np.ndarray:
        """Bits uint8 (n,) under uint16 P(1) * 65536; bits is None for a decoder."""


@dataclass(frozen=True)
class ChannelNetworks:
    """The networks of one channel: a trunk INR for steps A and B each, and a plane INR."""

    trunks: tuple[Network, Network]
    plane: Network


@dataclass(frozen=True)
class Codes:
    """What was coded of a unit, for observers.

    probabilities: uint16 (planes, n), P(1) * 65536, the highest plane first; bits: uint8 (planes,
    n); inputs: int16 (planes, n, m) of the plane INR, the first NOT_ASKED where it was not asked,
    if they were wanted. unit: None of sample (0, 0).
    """

    channel: Channel
    unit: Unit | None
    probabilities: np.ndarray
    bits: np.ndarray
    inputs: np.ndarray | None = None


class Observer(Protocol):
    """Told of all that is coded; wants_inputs: whether of the plane INR's inputs, too."""

    wants_inputs: bool

    def __call__(self, codes: Codes) -> None: ...


@dataclass
class StepJob:
    """A step of a level of one channel. own is coded; references are whole, the nearest first;
    between, of a fine channel, is what the last one has half a lattice step to the right, below,
    and both; frames are the channel in other frames, whole."""

    channel: Channel
    exponent: int
    own_base: bool
    networks: ChannelNetworks | None  # of a step that is to be coded
    grids: list[Grid]
    own: Phases
    references: list[Phases]
    between: list[Phases]
    reference_bits: list[int]
    frames: list[Phases]

    def surroundings(self, backend: Backend) -> Surroundings:
        """What its points see, on a backend's device."""
        own, references, between, frames = (
            [backend.whole(phases.planes) for phases in each]
            for each in ([self.own], self.references, self.between, self.frames)
        )
        channel = self.channel
        return Surroundings(
            own[0], references, between, frames, channel.size, channel.planes, self.exponent,
            self.own_base,
        )  # fmt: skip

    @property
    def known(self) -> list[int]:
        """The phases of this channel that are known before the step."""
        return [0] if self.grids[0].step == 0 else [0, 3]
