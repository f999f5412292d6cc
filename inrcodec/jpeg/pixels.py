"""From a JPEG's coefficients to its pixels, as libjpeg-turbo's defaults have it.

libjpeg 6b, mozjpeg, OpenCV and Pillow (which brings libjpeg-turbo) lead to the same pixels. Others,
measured with builds of jpeglib: IJG's libjpeg 7 to 9f upsample chroma by the DCT, and so agree on
4:4:4 only; chroma that is subsampled down only (4:4:0) is repeated by libjpeg 6b, libjpeg-turbo 1.2
to 2.0 and mozjpeg 1 to 3, and filtered, as here, by libjpeg-turbo 2.1 and mozjpeg 4 and later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..history.conversions import CONVERSIONS
from ..history.planes import Lattice
from ..history.upsampling import REPEATED, TRIANGLE, upsample
from .idct import component_samples

GREY, YCC, RGB = COLOURS = ("grey", "ycc", "rgb")
JFIF = CONVERSIONS[0]
LEAST_TRIANGLE = 3  # samples across of chroma that is filtered across


@dataclass(frozen=True)
class Frame:
    """What a JPEG's components make: width, height: its pixels; colour: one of COLOURS; row_step,
    col_step: pixels for each sample of Cb and Cr, 1 or 2; rule: TRIANGLE or REPEATED."""

    height: int
    width: int
    colour: str
    row_step: int = 1
    col_step: int = 1
    rule: str = TRIANGLE

    def __post_init__(self) -> None:
        steps = {self.row_step, self.col_step}
        if min(self.height, self.width) < 1 or self.colour not in COLOURS:
            raise ValueError("a frame without pixels, or of an unknown colour")
        if not steps <= ({1, 2} if self.colour == YCC else {1}):
            raise ValueError("only Cb and Cr are subsampled, by 2")
        if self.rule not in (TRIANGLE, REPEATED):
            raise ValueError(f"no rule {self.rule}")

    @property
    def components(self) -> int:
        """How many."""
        return 1 if self.colour == GREY else 3

    def size(self, component: int) -> tuple[int, int]:
        """The rows and columns of samples of a component that pixels are made of."""
        if component == 0:
            return self.height, self.width
        return -(-self.height // self.row_step), -(-self.width // self.col_step)

    def blocks(self, component: int) -> tuple[int, int]:
        """The rows and columns of blocks of a component, padded to whole MCUs (T.81, A.2)."""
        down, across = 8 * self.row_step, 8 * self.col_step
        rows, cols = -(-self.height // down), -(-self.width // across)
        return (rows * self.row_step, cols * self.col_step) if component == 0 else (rows, cols)


def decode(
    frame: Frame, coefficients: Sequence[np.ndarray], tables: Sequence[np.ndarray]
) -> np.ndarray:
    """The pixels, uint8 (H, W) of GREY, else (H, W, 3), of quantised coefficients, an array int16
    (rows, cols, 64) for each component, and quantisation tables, uint16 (64,) each, all in zigzag
    order. Of frame.blocks at least; what is beyond the frame is not looked at."""
    parts = []
    for number, (own, table) in enumerate(zip(coefficients, tables, strict=True)):
        rows, cols = frame.size(number)
        needed = own[: -(-rows // 8), : -(-cols // 8)]
        parts.append(component_samples(needed, table)[:rows, :cols])
    return convert(frame, parts)


def convert(frame: Frame, samples: Sequence[np.ndarray]) -> np.ndarray:
    """The pixels of components' samples, uint8 of frame.size each."""
    if frame.colour == GREY:
        return np.ascontiguousarray(samples[0])
    if frame.colour == RGB:
        return np.stack(list(samples), axis=-1)
    cb, cr = (upsample_chroma(frame, s) for s in samples[1:])
    return np.stack(JFIF.rgb(samples[0], cb, cr), axis=-1)


def upsample_chroma(frame: Frame, samples: np.ndarray) -> np.ndarray:
    """Samples of Cb or Cr for each pixel: jdsample.c."""
    if frame.row_step == frame.col_step == 1:
        return samples
    # filters across need a sample between the ends
    narrow = frame.col_step == 2 and samples.shape[1] < LEAST_TRIANGLE
    lattice = Lattice(frame.row_step, frame.col_step)
    return upsample(samples, lattice, REPEATED if narrow else frame.rule, frame.height, frame.width)
