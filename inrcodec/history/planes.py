"""Planes: what steps transform and models code, one array of samples a channel."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

GREY, RGB, YCC, INDEX, DCT = KINDS = ("grey", "rgb", "ycc", "index", "dct")


@dataclass(frozen=True)
class Lattice:
    """Where a channel's samples lie in the image: sample k of a row covers the columns
    k * col_step - col_phase and, with a step of 2, the next; rows likewise. Steps are 1 or 2,
    phases below them."""

    row_step: int = 1
    col_step: int = 1
    row_phase: int = 0
    col_phase: int = 0

    def __post_init__(self) -> None:
        for step, phase in ((self.row_step, self.row_phase), (self.col_step, self.col_phase)):
            if step not in (1, 2) or not 0 <= phase < step:
                raise ValueError(f"a lattice of step {step} and phase {phase}")

    def size(self, height: int, width: int) -> tuple[int, int]:
        """The rows and columns of samples of an image."""
        rows = -(-(height + self.row_phase) // self.row_step)
        return rows, -(-(width + self.col_phase) // self.col_step)


WHOLE = Lattice()  # a sample for each pixel


@dataclass(frozen=True)
class Blocks:
    """The DCT coefficients of a component: rows and columns of its blocks; steps: of their
    quantisation, 64 uint16, little-endian, in zigzag order."""

    rows: int
    cols: int
    steps: bytes = field(repr=False)

    def table(self) -> np.ndarray:
        """The steps, uint16 (64,)."""
        return np.frombuffer(self.steps, "<u2")


@dataclass(frozen=True)
class Geometry:
    """All about planes but their samples.

    height, width: of the image; bits: that all samples fit, 1 to 16, their arrays being uint8 up to
    8 and uint16 above; kind: of the channels that are not alpha, one of KINDS; alpha: whether the
    last channel is; lattices: one a channel, of which only those of Cb and Cr, which share theirs,
    are not whole; blocks: of DCT, of which the planes are int16 (rows, cols, 64) each, in zigzag
    order, whatever channels the image has.
    """

    height: int
    width: int
    bits: int
    kind: str
    alpha: bool
    lattices: tuple[Lattice, ...]
    blocks: tuple[Blocks, ...] = ()

    def __post_init__(self) -> None:
        first, *others = self.lattices[: len(self.lattices) - self.alpha]
        alpha = self.lattices[len(self.lattices) - self.alpha :]
        if {first, *alpha} != {WHOLE} or len(set(others)) > 1:
            raise ValueError("lattices that are not of Y and of Cb and Cr alike")

    @classmethod
    def of_picture(cls, height: int, width: int, channels: int, bits: int) -> Geometry:
        """That of a picture's samples, as they are."""
        kind, alpha = (RGB if channels > 2 else GREY), channels in (2, 4)
        return cls(height, width, bits, kind, alpha, (WHOLE,) * channels)

    @property
    def channels(self) -> int:
        """How many."""
        return len(self.lattices)

    @property
    def sample_bits(self) -> int:
        """Of the arrays: 8 or 16."""
        return 8 if self.bits <= 8 else 16

    @property
    def dtype(self) -> np.dtype:
        """Of the arrays."""
        return np.dtype(np.uint8 if self.bits <= 8 else np.uint16)

    @property
    def whole(self) -> bool:
        """Whether each channel has a sample for each pixel."""
        return all(lattice == WHOLE for lattice in self.lattices)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array of all samples, where each channel is whole: (H, W) or (H, W, C)."""
        size = (self.height, self.width)
        return size if self.channels == 1 else (*size, self.channels)


@dataclass(frozen=True)
class Planes:
    """The samples of an image, or of every `scale`-th of its rows and columns.

    channels: a 2-D array uint8 or uint16 each, of its lattice's size; of a reduced image every
    scale-th row and column of it. palette: of indices as a picture
    has them, R, G, B each, for encoders to look at.
    """

    geometry: Geometry
    channels: tuple[np.ndarray, ...]
    scale: int = 1
    palette: bytes = field(default=b"", repr=False)

    @classmethod
    def of_array(cls, geometry: Geometry, samples: np.ndarray, scale: int = 1) -> Planes:
        """The planes of whole channels in one array, (H, W) or (H, W, C)."""
        flat = samples.reshape(*samples.shape[:2], -1)
        return cls(geometry, tuple(np.moveaxis(flat, 2, 0)), scale)

    def array(self) -> np.ndarray:
        """All samples of whole channels in one array, (H, W) or (H, W, C)."""
        if len(self.channels) == 1:
            return np.ascontiguousarray(self.channels[0])
        return np.stack(self.channels, axis=-1)

    def reduced(self, scale: int) -> Planes:
        """Every scale-th row and column of a full image; scale: 1, 2, 4 or 8."""
        channels = tuple(plane[::scale, ::scale] for plane in self.channels)
        return replace(self, channels=channels, scale=scale)
