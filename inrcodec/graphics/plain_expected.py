"""Decisions about what is expected, under few contexts: one for a pixel, or for a block of them."""

from __future__ import annotations

import numpy as np

from ..coding.plain_rangecoder import PlainDecoder, PlainEncoder
from .levels import Level
from .plain_around import Pixel
from .plain_matches import BLOCK
from .plain_mixing import NEARLY_ONE, Tables, Weights, hashed, squash, steps

CONTEXTS = 5
ENTRIES = 4096  # of a context's table
RATE = 2
# Rows of weights: of flat areas from 0 on, of matches and of blocks.
ROWS, OF_MATCHES, OF_BLOCKS = 36, 24, 32
# Fresh probabilities: 0.999 and 0.9775, as if taught twice.
LIKELY, LESS_LIKELY = 4190303 << 10 | 2, 4100000 << 10 | 2


def _tables(fresh: int) -> Tables:
    return Tables([np.full(ENTRIES, fresh, np.uint32)] * CONTEXTS)


class Expectations:
    """Each method codes whether something is so, which an encoder knows, and returns it."""

    def __init__(self, coder: PlainEncoder | PlainDecoder, level: Level) -> None:
        self._coder = coder
        self._weights = Weights(ROWS, level.weights()[2])
        self._flat, self._block, self._match = map(_tables, (LIKELY, LESS_LIKELY, LESS_LIKELY))

    def flat_goes_on(self, p: Pixel, wanted: bool) -> bool:
        """Whether a pixel of a flat area has its colour, that to the west."""
        if p.above < 3:
            wide = 0
        elif p.above < 9:
            wide = p.above - 3
        else:
            wide = 6 if p.above < 16 else 7
        matches = p.counted_matches()
        contexts = (
            hashed(steps(p.run) * 16 + steps(p.rise), wide),
            p.w,
            hashed(1, p.w, wide * 2 + (p.nnn == p.w)),
            hashed(2, (steps(p.lengths[1]) * 3 + matches) * 8 + wide),
            hashed(3, p.w, p.x),
        )
        return self._code(self._flat, contexts, wide * 3 + matches, wanted)

    def block_goes_on(self, p: Pixel, wanted: bool) -> bool:
        """Whether all pixels of a block have the colour of the flat area."""
        rise, run, matches = steps(p.rise), steps(p.run), p.counted_matches()
        contexts = (
            hashed(1, rise * 16 + run),
            hashed(2, p.w),
            hashed(3, rise, steps(min(p.above - BLOCK, 255))),
            hashed(4, matches, steps(p.lengths[1])),
            hashed(5, p.w, rise),
        )
        return self._code(self._block, contexts, OF_BLOCKS + matches, wanted)

    def match_goes_on(self, p: Pixel, expected: int, wanted: bool) -> bool:
        """Whether a pixel has the colour that both places have that are followed."""
        alike = (
            expected == p.w, expected == p.n, expected == p.ne, expected == p.nw,
            p.w == p.n, p.n == p.ne, p.w == p.nw,
        )  # fmt: skip
        like = sum(same << i for i, same in enumerate(alike))
        step = steps(p.lengths[1])  # 8 at least: level.sure
        contexts = (
            steps(p.lengths[0]) * 16 + step,
            hashed(1, expected),
            hashed(2, expected, p.w, p.n),
            hashed(3, like, step),
            hashed(4, like, p.missed),
        )
        return self._code(self._match, contexts, OF_MATCHES + min(step - 8, 7), wanted)

    def _code(self, tables: Tables, contexts: tuple[int, ...], row: int, wanted: bool) -> bool:
        inputs = tables.ask([hashed(h, i) % ENTRIES for i, h in enumerate(contexts)])
        p = squash(self._weights.mix([row], inputs)[0])
        bit = self._coder.bit(p, wanted)
        self._weights.learn([NEARLY_ONE * bit - p], RATE)
        tables.teach(bit, 1023)
        return bool(bit)
