"""How planes are laid out for coding: channels, their order, bit planes and references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..history.planes import RGB, WHOLE, YCC, Geometry, Lattice, Planes

MAX_EXPONENT = 8
MAX_FRAMES = 2  # that a channel sees of others
EXPONENT_SAMPLES = 1 << 22  # about so many tell the exponent of a larger image


@dataclass(frozen=True)
class Kind:
    """What the networks of a channel are made for."""

    references: int  # earlier channels that it sees,
    fine: bool  # the last of which is a Y of more samples,
    frames: int  # and itself in so many other frames


@dataclass(frozen=True)
class Channel:
    """One channel, coded as value - lowest in `planes` bit planes."""

    index: int  # in the planes
    lowest: int
    planes: int  # 0: every sample is `lowest`, and nothing is coded
    references: tuple[int, ...]  # positions in the coding order, the nearest first
    lattice: Lattice
    size: tuple[int, int]  # rows and columns of its samples
    frames: int = 0  # others that it sees itself in

    @property
    def fine(self) -> bool:
        """Whether its last reference is Y, with samples between its own, which it sees, too."""
        return bool(self.references) and self.lattice != WHOLE

    @property
    def kind(self) -> Kind:
        """That of its networks."""
        return Kind(len(self.references), self.fine, self.frames)


@dataclass(frozen=True)
class Layout:
    """Everything about planes that the models need, apart from their weights."""

    geometry: Geometry
    channels: tuple[Channel, ...]  # in coding order
    exponent: int  # the models' unit is 2^exponent sample values

    @property
    def chroma(self) -> bool:
        """Whether later channels are chroma, which is predicted from its own neighbours alone."""
        return self.geometry.kind == YCC

    @property
    def conversion(self) -> int:
        """Which networks of a prior: 0, 1 for Y, Cb, Cr, or 2 where chroma is subsampled."""
        return 0 if not self.chroma else 1 if self.geometry.whole else 2

    @property
    def frames(self) -> int:
        """How many other frames each channel sees."""
        return self.channels[0].frames

    @property
    def kinds(self) -> list[Kind]:
        """Those of the channels that are coded, in coding order."""
        return [channel.kind for channel in self.channels if channel.planes]


class Networked(Protocol):
    """What has networks: the channels of a layout that are coded, or all of a set that layouts
    share."""

    @property
    def kinds(self) -> list[Kind]: ...

    @property
    def conversion(self) -> int: ...


def lay_out(
    geometry: Geometry,
    order: tuple[int, ...],
    lowest: list[int],
    planes: list[int],
    exponent: int,
    frames: int = 0,
) -> Layout:
    """The layout of planes of a geometry; lowest and planes: in coding order; frames: how many
    others are seen, MAX_FRAMES at most."""
    lattices = [geometry.lattices[index] for index in order]
    sizes = [lattice.size(geometry.height, geometry.width) for lattice in lattices]
    channels = map(
        Channel, order, lowest, planes, references(order, geometry.alpha), lattices, sizes,
        [frames] * len(order),
    )  # fmt: skip
    return Layout(geometry, tuple(channels), exponent)


def references(order: tuple[int, ...], alpha: bool) -> list[tuple[int, ...]]:
    """For each position of a coding order, the earlier positions it refers to, nearest first.

    Colour channels refer to all earlier colour channels; alpha (the last of all) to none.
    """
    last = len(order) - 1 if alpha else None
    return [
        () if index == last else tuple(j for j in reversed(range(i)) if order[j] != last)
        for i, index in enumerate(order)
    ]


def choose_layout(planes: Planes, frames: int = 0) -> Layout:
    """The layout of planes: G, R, B, or Y, Cb, Cr, and alpha last; frames: as in lay_out."""
    geometry = planes.geometry
    natural = tuple(range(geometry.channels))
    order = (1, 0, *natural[2:]) if geometry.kind == RGB else natural
    lowest = [int(planes.channels[index].min()) for index in order]
    ranges = [int(planes.channels[i].max()) - low for i, low in zip(order, lowest, strict=True)]
    bits = [most.bit_length() for most in ranges]
    exponent = _choose_exponent(planes.channels[order[0]])
    return lay_out(geometry, order, lowest, bits, exponent, frames)


def _choose_exponent(plane: np.ndarray) -> int:
    """The power of two that brings a channel's median absolute gradient to 16 or less."""
    some = plane[:: max(1, plane.size // EXPONENT_SAMPLES)] if plane.shape[1] > 1 else plane
    steps = np.abs(np.diff(some.astype(np.int64), axis=0 if plane.shape[1] == 1 else 1))
    median = int(np.median(steps[steps > 0])) if np.any(steps) else 0
    return min(MAX_EXPONENT, max(0, median.bit_length() - 4))
