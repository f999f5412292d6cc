"""The pixels of a picture, in raster order: in flat areas a decision a block, or one each;
elsewhere one of the likely colours, or its samples.

The definition of what kernels/graphics*.c do, bit for bit, and what runs where they are not
compiled. Its parts: plain_around.py, what is known of a pixel; plain_matches.py, where the picture
was like this before; plain_expected.py, decisions about what is expected; plain_pixel.py, the
likely colours; plain_sample.py and plain_predictions.py, the samples of others; plain_mixing.py,
probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..coding.plain_rangecoder import PlainDecoder, PlainEncoder
from ..errors import LimitError
from .boxes import Box
from .levels import Level
from .plain_around import MARGIN, PAD, Colours, Pixel
from .plain_expected import Expectations
from .plain_matches import BLOCK, Match, match_keys
from .plain_mixing import power_of_two
from .plain_pixel import LikelyColours
from .plain_sample import SampleBits

MOST_PIXELS = 1 << 16
MOST_COUNTED = 255  # pixels of one colour in a row or column


def code_plain(
    coder: PlainEncoder | PlainDecoder,
    samples: np.ndarray,
    bits: int,
    level: Level,
    boxes: Sequence[Box] = (),
) -> None:
    """Codes samples uint16 (H, W, C), C 1 to 4, all below 2^bits, bits 1 to 16; a decoder writes
    them there, but for those in boxes, which are there. Raises LimitError for more than
    MOST_PIXELS."""
    height, width, _ = samples.shape
    if height * width > MOST_PIXELS:
        raise LimitError(
            f"graphics: {width} x {height} pixels; without the compiled loops at most"
            f" {MOST_PIXELS} are coded"
        )
    traversal = _Traversal(coder, samples, bits, level, boxes)
    for y in range(height):
        traversal.code_row(y)


class _Traversal:
    """A picture and what is known of it, while it is coded row by row."""

    def __init__(
        self,
        coder: PlainEncoder | PlainDecoder,
        samples: np.ndarray,
        bits: int,
        level: Level,
        boxes: Sequence[Box],
    ) -> None:
        height, width, channels = samples.shape
        self._known = np.zeros((height, width), bool)
        for top, left, rows, cols in boxes:
            self._known[top : top + rows, left : left + cols] = True
        self._samples, self._level = samples, level
        self._decodes = isinstance(coder, PlainDecoder)
        self._colours = Colours(channels)
        # numbers of colours, with margins
        self._width, self._stride = width, width + 2 * PAD
        self._pixels = [0] * ((height + MARGIN) * self._stride)
        entries = power_of_two(height * width, 10, 20)
        self._matches = [Match(self._pixels, width, entries) for _ in range(2)]
        self._expectations = Expectations(coder, level)
        self._likely = LikelyColours(coder, level, height * width)
        self._bits = SampleBits(coder, level, height * width, bits, self._colours)
        # By column: of the two rows above how many pixels have one colour, from there on to the
        # east; how many to the north were as the one above them; how pixels were missed.
        self._ahead = [list(range(width, 0, -1)) for _ in range(2)]
        self._rises, self._misses = [0] * width, [0] * width
        self._flat_colour = self._flat_before = 0

    def code_row(self, y: int) -> None:
        """Codes a row behind those above it."""
        pixels, width = self._pixels, self._width
        start = (MARGIN + y) * self._stride + PAD
        pixels[start - PAD : start] = [pixels[start - self._stride]] * PAD
        x = run = 0
        above_west = 0  # how the pixel to the north-west was missed
        while x < width:
            p = self._pixel(x, start + x, run, above_west)
            if self._known[y, x]:
                above_west, self._misses[x] = self._misses[x], 0
                for match in self._matches:
                    match.end(p)
                run = self._go_on(p, self._colours.number(tuple(self._samples[y, x].tolist())))
                x += 1
                continue
            free = not self._known[y, x : x + BLOCK].any()
            if free and self._is_block(p) and self._expectations.block_goes_on(p, self._same(y, x)):
                after = x + BLOCK
                pixels[start + x : start + after] = [p.w] * BLOCK
                self._samples[y, x:after] = self._samples[y, x - 1]
                self._rises[x:after] = [min(v + 1, MOST_COUNTED) for v in self._rises[x:after]]
                self._misses[x:after] = [0] * BLOCK
                for match in self._matches:
                    match.leap(p)
                x, run, above_west = after, min(run + BLOCK, MOST_COUNTED), 0
                continue
            above_west = self._misses[x]
            colour, self._misses[x] = self._code_pixel(p, self._wanted(y, x))
            self._samples[y, x] = self._colours.values[colour]
            for match in self._matches:
                match.follow(p, colour)
            run = self._go_on(p, colour)
            x += 1
        self._end_row(start)

    def _go_on(self, p: Pixel, colour: int) -> int:
        """Goes on behind a pixel of a colour; how many there are of it."""
        self._pixels[p.at] = colour
        self._rises[p.x] = min(p.rise + 1, MOST_COUNTED) if colour == p.n else 0
        return min(p.run + 1, MOST_COUNTED) if colour == p.w else 0

    def _pixel(self, x: int, at: int, run: int, above_west: int) -> Pixel:
        """What is known of a pixel."""
        p = Pixel(x=x, at=at, run=run, rise=self._rises[x], above=self._ahead[0][x])
        p.flat_before = self._flat_before
        p.look_around(self._pixels, self._stride)
        west = self._misses[x - 1] if x else 0
        above_east = self._misses[x + 1] if x + 1 < self._width else 0
        p.missed = west * 27 + self._misses[x] * 9 + above_west * 3 + above_east
        keys = (None, None) if p.is_even() else match_keys(p)
        for match, key in zip(self._matches, keys, strict=True):
            match.look(p, key)
        p.matched = [self._pixels[match.place] if match.place else None for match in self._matches]
        p.lengths = [match.length for match in self._matches]
        return p

    def _is_block(self, p: Pixel) -> bool:
        """Whether a flat area may go on over a block: the rows above do, and what is followed, as
        far as it is known."""
        if not self._level.blocks or p.x < 2 or not p.is_even():
            return False
        if self._ahead[0][p.x - 2] < BLOCK + 5 or self._ahead[1][p.x - 1] < BLOCK + 3:
            return False
        followed = (
            self._pixels[match.place : min(match.place + BLOCK, p.at)]
            for match in self._matches
            if match.place
        )
        return all(colour == p.w for colours in followed for colour in colours)

    def _same(self, y: int, x: int) -> bool:
        """Whether all of a block's pixels are as the one before it, which an encoder knows."""
        row = self._samples[y, x - 1 : x + BLOCK]
        return not self._decodes and bool((row == row[0]).all())

    def _wanted(self, y: int, x: int) -> tuple[int, ...] | None:
        """The samples of a pixel, which an encoder knows."""
        return None if self._decodes else tuple(self._samples[y, x].tolist())

    def _code_pixel(self, p: Pixel, samples: tuple[int, ...] | None) -> tuple[int, int]:
        """Codes a pixel; the number of its colour, and how it was missed: 0 for what was expected
        or the likeliest colour, 1 for another, 2 for none of them."""
        wanted = None if samples is None else self._colours.number(samples)
        small, large = p.matched
        if p.is_even() and small in (None, p.w) and large in (None, p.w):
            if self._expectations.flat_goes_on(p, wanted == p.w):
                if p.w != self._flat_colour:
                    self._flat_before, self._flat_colour = self._flat_colour, p.w
                return p.w, 0
            p.refused = [p.w]
        elif large is not None and small == large and p.lengths[1] >= self._level.sure:
            if self._expectations.match_goes_on(p, large, wanted == large):
                return large, 0
            p.refused = [large]
        colour, missed = self._likely.ask(p, wanted)
        if colour is None:
            colour = self._bits.code(p, samples)
        self._likely.count(colour)
        return colour, missed

    def _end_row(self, start: int) -> None:
        """Repeats its ends beside it, and counts what is ahead in it."""
        end = start + self._width
        row = self._pixels[start:end]
        ahead = [1] * self._width
        for x in reversed(range(self._width - 1)):
            if row[x] == row[x + 1]:
                ahead[x] = ahead[x + 1] + 1
        self._ahead = [ahead, self._ahead[0]]
        self._pixels[start - PAD : start] = row[:1] * PAD
        self._pixels[end : end + PAD] = row[-1:] * PAD
        for match in self._matches:
            match.restart()
