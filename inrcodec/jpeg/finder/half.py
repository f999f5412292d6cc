"""The coefficients of JPEGs whose chroma has fewer samples than pixels: 4:2:0, 4:2:2 and 4:4:0.

Pixels that are not clipped tell Y and what Cb and Cr were upsampled to; least squares lead from
there to about what the samples of Cb and Cr are, and rounding their coefficients to the steps of
the table mostly to what they were. Searches correct the blocks whose pixels disagree. Luma is as
in whole.py, within what the chroma leaves to it where pixels are clipped; then these bound the
chroma in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...history.chroma_samples import estimate_chroma
from ...history.chroma_search import RGB, Source, clipped
from ...history.upsampling import TRIANGLE
from ..idct import component_samples
from ..pixels import JFIF, Frame, upsample_chroma
from ..tables import CHROMA, LUMA, likely_table, quality_of
from ..turned import Turned, in_blocks, in_plane
from .bounds import Bounds, chroma_bounds, luma_bounds, told_chroma
from .forward import blocks_of, forward
from .half_chroma import completed, rounded, searched_chroma, shown_samples, told_better, within
from .half_projection import project
from .whole import searched, solve_bounded

LUMA_TOLD = 0.4  # of the pixels of a block of luma
ROUNDS = 2  # of projections and searches
HOPELESS = 0.5  # of the MCUs are not right: another decoder's
TURNS = 2  # of chroma and luma
TOLD = 0.9  # of the pixels about a block, so that it tells the table
ALIKE = 0.1  # of the steps of Cb and Cr differ where they share a table
NOISE = 0.6  # standard deviation of estimated coefficients
END = 0.5  # mean square of what the last row is off where it ends a picture: 0.3, rounding
ZERO = 0.8  # a coefficient below is taken as zero


@dataclass(frozen=True, eq=False)
class Told:
    """What the pixels of a picture, R, G, B uint8 (H, W) each, tell.

    sure: bool (H, W), those that tell Y, Cb, Cr; made: uint8 (3, H, W), what they tell; chroma:
    float64 (2, rows, cols), about what the samples of Cb and Cr are.
    """

    sure: np.ndarray
    made: np.ndarray
    chroma: np.ndarray

    @classmethod
    def of(cls, rgb: RGB, source: Source) -> Told:
        """source: where the chroma comes from."""
        r, g, b = (c.reshape(-1) for c in rgb)
        made, exact = JFIF.preimages((r, g, b))
        sure = exact.reshape(rgb[0].shape) & ~clipped(rgb)
        return cls(sure, made.reshape(3, *sure.shape), estimate_chroma(rgb, source)[0])


@dataclass(frozen=True, eq=False)
class HalfChroma:
    """A picture, turned back, with chroma that was upsampled.

    pixels: R, G, B of frame; told, known: bool, frame's pixels that tell Y, Cb, Cr, and that are
    the picture's; made: uint8 (3, height, width), what they tell; estimates: float32 coefficients
    (rows, cols, 64) of Cb and Cr; shown: bool (rows, cols, 64), which of their samples pixels
    tell.
    """

    frame: Frame
    pixels: RGB
    known: np.ndarray
    told: np.ndarray
    made: np.ndarray
    estimates: list[np.ndarray]
    shown: np.ndarray

    @classmethod
    def of(cls, turned: Turned, told: Told, rule: str) -> HalfChroma:
        """told: of the picture as it is; rule: of upsampling."""
        undo, steps = turned.orientation.undo, (turned.mcu[0] // 8, turned.mcu[1] // 8)
        sure, planes = undo(told.sure), [undo(m) for m in told.made]
        height, width = (  # an odd last row does not tell what is behind it
            size
            + (rule == TRIANGLE and step == 2 and size % 2 == 0 < size % mcu and _goes_on(*seen))
            for size, step, mcu, seen in zip(
                turned.size,
                steps,
                turned.mcu,
                ((planes, sure), ([m.T for m in planes], sure.T)),
                strict=True,
            )
        )
        frame = Frame(height, width, turned.colour, *steps, rule)
        r, g, b = (np.ascontiguousarray(c[:height, :width]) for c in turned.samples)
        ends = [
            (before, size - before - own)
            for size, before, own in zip(
                (height, width), (turned.top, turned.left), sure.shape, strict=True
            )
        ]
        sure = np.pad(sure, ends)
        made = np.stack([np.pad(m, ends) for m in planes])
        first = turned.top // steps[0], turned.left // steps[1]
        estimates = []
        for chroma in told.chroma:
            own = undo(chroma)
            room = [
                (before, 8 * count - before - size)
                for before, count, size in zip(first, frame.blocks(1), own.shape, strict=True)
            ]
            estimates.append(forward(blocks_of(np.pad(own, room, mode="edge"))))
        known = turned.known[:height, :width]
        shown = shown_samples(frame, sure)
        return cls(frame, (r, g, b), known, sure, made, estimates, shown)

    def zeros(self) -> float:
        """The share of the chroma's coefficients that are about zero: most if its blocks begin
        where the frame has them."""
        return float(np.mean([np.abs(own[..., 1:]) < ZERO for own in self.estimates]))

    def rounded(self, tables: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The coefficients of Cb and Cr, int16 (rows, cols, 64), that are next to the estimates."""
        return [rounded(*both) for both in zip(self.estimates, tables, strict=True)]

    def tables(self, luma: np.ndarray) -> list[np.ndarray]:
        """Those of Cb and Cr, from blocks that most pixels tell; luma: the table of Y."""
        quality = quality_of(luma, LUMA)
        rows, cols = self.frame.blocks(1)
        down, across = 8 * self.frame.row_step, 8 * self.frame.col_step
        ends = [
            (0, count * step - size)
            for count, step, size in zip((rows, cols), (down, across), self.told.shape, strict=True)
        ]
        share = np.pad(self.told, ends).reshape(rows, down, cols, across).mean(axis=(1, 3))
        sure = share >= TOLD
        both = [own[sure] for own in self.estimates]
        one, other = (likely_table(own, CHROMA, NOISE, quality) for own in both)
        if (one != other).mean() > ALIKE:
            return [one, other]
        return [likely_table(np.concatenate(both), CHROMA, NOISE, quality)] * 2

    def start(self, tables: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The coefficients of Cb and Cr, int16 (rows, cols, 64), that pixels tell."""
        found = []
        for own, table, made in zip(self.estimates, tables, self.made[1:], strict=True):
            bounds = within(made, self.told)
            begun = searched_chroma(self.frame, rounded(own, table), table, bounds)
            begun = completed(self.frame, begun, own, self.shown, table, bounds)
            begun[~self.shown.any(axis=2), 1:] = 0
            found.append(begun)
        return found

    def agreeing(self, chroma: Sequence[np.ndarray], tables: Sequence[np.ndarray]) -> float:
        """The share of the pixels that tell their chroma to which coefficients lead."""
        agree = self.told.copy()
        for made, own, table in zip(self.made[1:], chroma, tables, strict=True):
            agree &= made == self.upsampled(own, table)
        return float(agree.sum() / max(1, self.told.sum()))

    def upsampled(self, coefficients: np.ndarray, table: np.ndarray) -> np.ndarray:
        """The chroma of all pixels: uint8 (height, width)."""
        rows, cols = self.frame.size(1)
        samples = component_samples(coefficients, table)[:rows, :cols]
        return upsample_chroma(self.frame, samples)

    def solve(self, chroma: Sequence[np.ndarray], tables: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The coefficients of Y, Cb and Cr, int16 (rows, cols, 64) each, from those of start()."""
        cb, cr = self._both_upsampled(chroma, tables)
        start = self.made[0].copy()
        here = tuple(c[self.free] for c in self.pixels)
        start[self.free] = JFIF.choose_luma(here, cb[self.free], cr[self.free])
        flat = self._in_blocks(self._bounds((start, cb, cr), 0))
        begun = in_blocks(self._padded(start, None)).astype(np.float32)
        solved = solve_bounded(begun, flat, tables[0]).reshape(*self.frame.blocks(0), 64)
        found = [solved, *chroma]
        if not self.free[0].size:
            return self._in_turn(found, tables)
        found = self._in_turn(self._told_by_luma(found, tables), tables)
        wrong = self._wrong_of(found, tables)
        for _ in range(ROUNDS):
            if not wrong.any() or (wrong > 0).mean() > HOPELESS:
                break
            parts = self.frame, self.pixels, self.known, self.told, self.made
            other = project(*parts, found, tables, self._of_blocks(wrong == 0))
            other = self._in_turn(self._told_by_luma(other, tables), tables)
            better = self._of_blocks(self._wrong_of(other, tables) < wrong)
            if not better[1].any():
                break
            found = [
                np.where(which[..., None], new, old)
                for which, new, old in zip(better, other, found, strict=True)
            ]
            wrong = self._wrong_of(found, tables)
        return found

    def _in_turn(
        self, begun: Sequence[np.ndarray], tables: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        """Better coefficients of Y, Cb, Cr, each searched for beside the other two."""
        found = list(begun)
        up = self._both_upsampled(found[1:], tables)
        for _ in range(TURNS):
            luma = component_samples(found[0], tables[0])[: self.frame.height, : self.frame.width]
            samples = [luma, *up]
            for component in (1, 2):
                bounds, table = self._bounds(samples, component), tables[component]
                own = found[component]
                found[component] = searched_chroma(self.frame, own, table, bounds, 1)
                samples[component] = self.upsampled(found[component], table)
            up = samples[1:]
            wrong = self.wrong(samples)
            if not wrong.any():
                break
            bad = in_blocks(self._padded(wrong, False)).any(axis=1)
            flat = Bounds(*(b[bad] for b in self._in_blocks(self._bounds(samples, 0))))
            blocks = found[0].reshape(-1, 64).copy()
            blocks[bad] = searched(blocks[bad], flat, tables[0])
            found[0] = blocks.reshape(found[0].shape)
        return found

    @cached_property
    def free(self) -> tuple[np.ndarray, ...]:
        """The rows and columns of pixels that do not tell Y, Cb, Cr."""
        return np.nonzero(self.known & ~self.told)

    def _bounds(self, samples: Sequence[np.ndarray], component: int) -> Bounds:
        """Of a component of all pixels, beside samples of the others."""
        own = self.made[component]
        least, most = np.where(self.told, own, 0), np.where(self.told, own, 255)
        r, g, b = (c[self.free] for c in self.pixels)
        here = tuple(s[self.free] for s in samples)
        if component:
            bounds = chroma_bounds((r, g, b), here, component)
        else:
            bounds = luma_bounds((r, g, b), here[1], here[2])
        least[self.free], most[self.free] = bounds
        return Bounds(least, most)

    def wrong(self, samples: Sequence[np.ndarray]) -> np.ndarray:
        """Where Y, Cb, Cr of all pixels do not lead to the picture's: bool (height, width)."""
        made = JFIF.rgb(samples[0], samples[1], samples[2])
        other = np.logical_or.reduce([a != b for a, b in zip(made, self.pixels, strict=True)])
        return np.asarray(other & self.known)

    def _told_by_luma(
        self, found: Sequence[np.ndarray], tables: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        """Coefficients with better ones of Cb and Cr: where luma's blocks are right, as far as
        pixels tell, B by itself tells Cb, and R Cr."""
        height, width = self.frame.height, self.frame.width
        luma = component_samples(found[0], tables[0])[:height, :width]
        wrong = in_blocks(self._padded(self.told & (luma != self.made[0]), False)).any(axis=1)
        sure = in_blocks(self._padded(self.told, False)).mean(axis=1) >= LUMA_TOLD
        right = np.repeat((sure & ~wrong)[:, None], 64, axis=1)
        right = in_plane(right, self.frame.blocks(0)[1])[:height, :width] & self.known
        better = [found[0]]
        for component, value in ((1, self.pixels[2]), (2, self.pixels[0])):
            bounds = told_chroma(value, luma, component)
            tells = right & (value > 0) & (value < 255) & (bounds.least == bounds.most)
            made = np.where(self.told, self.made[component], bounds.least)
            own, table = found[component], tables[component]
            better.append(told_better(self.frame, own, table, made, self.told | tells))
        return better

    def _both_upsampled(
        self, chroma: Sequence[np.ndarray], tables: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        return [self.upsampled(*both) for both in zip(chroma, tables[1:], strict=True)]

    def _wrong_of(self, found: Sequence[np.ndarray], tables: Sequence[np.ndarray]) -> np.ndarray:
        """How many pixels of each MCU coefficients do not lead to: int64 (rows, cols)."""
        height, width = self.frame.height, self.frame.width
        luma = component_samples(found[0], tables[0])[:height, :width]
        wrong = self.wrong([luma, *self._both_upsampled(found[1:], tables)])
        padded, (rows, cols) = self._padded(wrong, False), self.frame.blocks(1)
        return padded.reshape(rows, len(padded) // rows, cols, -1).sum(axis=(1, 3))

    def _of_blocks(self, mcus: np.ndarray) -> list[np.ndarray]:
        """What is of each MCU of each block of Y, Cb, Cr."""
        luma = mcus.repeat(self.frame.row_step, axis=0).repeat(self.frame.col_step, axis=1)
        return [luma, mcus, mcus]

    def _in_blocks(self, bounds: Bounds) -> Bounds:
        return Bounds(
            *(in_blocks(self._padded(b, n)) for b, n in zip(bounds, (0, 255), strict=True))
        )

    def _padded(self, plane: np.ndarray, value: int | None) -> np.ndarray:
        """A plane of all pixels as one of luma's blocks."""
        rows, cols = self.frame.blocks(0)
        ends = (0, 8 * rows - plane.shape[0]), (0, 8 * cols - plane.shape[1])
        if value is None:
            return np.pad(plane, ends, mode="edge")
        return np.pad(plane, ends, constant_values=value)


def _goes_on(made: Sequence[np.ndarray], sure: np.ndarray) -> bool:
    """Whether a picture's chroma, of pixels that are sure, was made with a sample behind its last
    row: by a triangle, whose last row is the last sample by itself otherwise."""
    if len(sure) < 3:
        return False
    where = sure[-3:].all(axis=0)
    off = [m[-1] - 1.5 * m[-2] + 0.5 * m[-3].astype(np.float64) for m in made[1:]]
    return bool(where.any() and np.mean(np.square(off)[:, where]) > END)
