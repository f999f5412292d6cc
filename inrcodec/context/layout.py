"""How an image's samples are laid out for coding: channels, their order, planes and references."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..history.planes import WHOLE, Lattice

CHANNEL_NAMES = {1: "Y", 2: "YA", 3: "RGB", 4: "RGBA"}
MAX_EXPONENT = 8


@dataclass(frozen=True)
class Channel:
    """One channel of the image, coded as value - lowest in `planes` bit planes."""

    index: int  # in the image
    lowest: int
    planes: int  # 0: every sample is `lowest`, and nothing is coded
    references: tuple[int, ...]  # positions in the coding order, the nearest first
    lattice: Lattice = WHOLE


@dataclass(frozen=True)
class Layout:
    """Everything about an image that the models need, apart from their weights."""

    height: int
    width: int
    sample_bits: int  # 8 or 16
    channels: tuple[Channel, ...]  # in coding order
    exponent: int  # the models' unit is 2^exponent sample values
    conversion: int = 0  # colour.JFIF where the coded channels 0, 1, 2 are Y, Cb, Cr

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the image array."""
        size = (self.height, self.width)
        return size if len(self.channels) == 1 else (*size, len(self.channels))

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8 if self.sample_bits == 8 else np.uint16)

    def size(self, channel: Channel) -> tuple[int, int]:
        """Rows and columns of a channel's samples."""
        return channel.lattice.size(self.height, self.width)

    def name(self, channel: Channel) -> str:
        if self.conversion and channel.index < 3:
            return ("Y", "Cb", "Cr")[channel.index]
        return CHANNEL_NAMES[len(self.channels)][channel.index]


def references(order: tuple[int, ...]) -> list[tuple[int, ...]]:
    """For each position of a coding order, the earlier positions it refers to, nearest first.

    Colour channels refer to all earlier colour channels; alpha (the last of 2 or 4) to none.
    """
    alpha = len(order) - 1 if len(order) in (2, 4) else None
    return [
        () if index == alpha else tuple(j for j in reversed(range(i)) if order[j] != alpha)
        for i, index in enumerate(order)
    ]


def choose_layout(image: np.ndarray, conversion: int = 0) -> Layout:
    """The layout of an array uint8 or uint16, (H, W) or (H, W, C): G, R, B, and alpha last.

    conversion: what the array's colour channels are, as in Layout; Y, Cb, Cr are coded in order.
    """
    samples = image.reshape(*image.shape[:2], -1)
    count = samples.shape[2]
    order = (1, 0, 2, 3)[:count] if count > 2 and not conversion else (0, 1, 2, 3)[:count]
    channels = []
    for index, refers in zip(order, references(order), strict=True):
        plane = samples[:, :, index]
        lowest, highest = int(plane.min()), int(plane.max())
        channels.append(Channel(index, lowest, (highest - lowest).bit_length(), refers))
    return Layout(
        samples.shape[0],
        samples.shape[1],
        8 * image.dtype.itemsize,
        tuple(channels),
        _choose_exponent(samples[:, :, order[0]]),
        conversion,
    )


def _choose_exponent(plane: np.ndarray) -> int:
    """The power of two that brings a channel's median absolute gradient to 16 or less."""
    steps = np.abs(np.diff(plane.astype(np.int64), axis=0 if plane.shape[1] == 1 else 1))
    median = int(np.median(steps[steps > 0])) if np.any(steps) else 0
    return min(MAX_EXPONENT, max(0, median.bit_length() - 4))
