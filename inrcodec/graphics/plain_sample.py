"""The samples of a colour that is none of the likely ones, bit by bit, the highest first. What was
seen in contexts, how far predictions are from what a bit divides, and likely colours that were not
asked for are mixed."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from ..coding.plain_rangecoder import PlainDecoder, PlainEncoder
from ..coding.tables import stretch_table
from .levels import Level, fresh_histories
from .plain_around import Colours, Pixel
from .plain_mixing import EVEN, NEARLY_ONE, RATES, Mixer, Tables, hashed, power_of_two, steps, within

CHANNELS, DEPTHS = 4, 16
ORDER = ((), (0,), (1, 0), (1, 0, 2), (3, 1, 0, 2))  # of channels, by their number
LINE_BITS = 4  # of a sample, that a line knows of
HISTORIES, NEARNESSES, SCORES = 256, 64, 16  # entries of the tables
FARTHEST = 320  # from a middle that is told from farther ones
VOTE = 2516581 << 10 | 4  # 0.6, as if taught four times
WEIGHT = 3932  # 0.06
RATE, SLOWNESS = 6, (6, 6)
PAIRS = (
    ("w", "n"), ("w", "coded"), ("n", "coded"), ("w", "nw"), ("w", "ne"),
    ("n", "ne"), ("w", "ww"), ("n", "nn"), ("w", "flat"), ("n", "flat"),
)  # fmt: skip


class Around(NamedTuple):
    """Colours by their numbers, or samples of them in a channel: of neighbours, the colour coded
    last, that of the flat area before the last, and one that this pixel does not have."""

    w: int
    ww: int
    www: int
    n: int
    nn: int
    nnn: int
    nw: int
    ne: int
    nww: int
    nee: int
    nnw: int
    nne: int
    nnww: int
    nnee: int
    coded: int
    flat: int
    refused: int

    def channel(self, values: list[tuple[int, ...]], c: int) -> Around:
        """Of colours, their samples in a channel."""
        return Around(*(values[number][c] for number in self))

    def gradient(self) -> int:
        """What a plane through three neighbours has here."""
        return self.w + self.n - self.nw


def half(v: int) -> int:
    """v / 2, towards zero."""
    return v + (v < 0) >> 1


def moved(start: int, part: int, whole: int, way: int) -> int:
    """start + part / whole * way, to the nearest integer and of two away from start; start + part
    where whole is zero."""
    if not whole:
        return start + part
    times = part * way
    up = (abs(times) + abs(whole) // 2) // abs(whole)
    return start - up if (times < 0) != (whole < 0) else start + up


def first_predictions(o: Around) -> list[int]:
    """Of a sample from its channel alone."""
    w, n, nw, ne, nn, ww = o.w, o.n, o.nw, o.ne, o.nn, o.ww
    return [
        w,
        n,
        w + n - nw,
        w + ne - n,
        n + ne - o.nne,
        w + n >> 1,
        2 * n - nn,
        2 * w - ww,
        w + ne >> 1,
        nw,
        ne,
        3 * (w + n) - 2 * nw >> 2,
        w + n + nw + ne >> 2,
        nn,
        ww,
        o.coded,
        o.refused,
        2 * w + n + ne + 2 >> 2,
        w + o.nee - n,
        o.nee,
        o.nww,
        3 * n - 3 * nn + o.nnn,
        3 * w - 3 * ww + o.www,
        ne + nw - nn,
        w + o.nne - nn,
        o.nne,
        o.nnw,
        n + ne >> 1,
        w + nw >> 1,
        2 * nw - o.nnww,
        2 * ne - o.nnee,
        ne + w - nn,
    ]


def next_predictions(o: Around, known: Around, x: int, earlier: Around, y: int, error: int) -> list:
    """And with the channels before. known: the last of them, where the sample is x and its error of
    the gradient `error`; earlier: the one before that, or the same, where it is y."""
    w, n, nw, ne = o.w, o.n, o.nw, o.ne
    return [
        w,
        n,
        o.gradient(),
        w + ne - n,
        n + ne - o.nne,
        w + n >> 1,
        w + x - known.w,
        n + x - known.n,
        o.gradient() + error,
        (w + n >> 1) + x - (known.w + known.n >> 1),
        x,
        ne + x - known.ne,
        nw + x - known.nw,
        w + half(x - known.w),
        n + half(x - known.n),
        w + half(x - known.w + y - earlier.w),
        n + half(x - known.n + y - earlier.n),
        2 * n - o.nn,
        2 * w - o.ww,
        w + ne >> 1,
        nw,
        ne,
        *(
            # what the difference of two colours in one channel says of the other
            moved(
                getattr(o, p), x - getattr(known, p),
                getattr(known, q) - getattr(known, p), getattr(o, q) - getattr(o, p),
            )
            for p, q in PAIRS
        ),
    ]  # fmt: skip


def sample_contexts(
    p: Pixel, o: Around, coded: int, c: int, bits: int, before: int, error: int | None, likely: int
) -> tuple[int, ...]:
    """Hashes of what is around a sample, the contexts of all levels. coded: the colour that was
    coded last; before: a hash of this pixel's samples before; error: of the gradient in the channel
    before, None in the first; likely: the gradient here, or what the error says it should be."""

    def rough(salt: tuple[int, ...], *told: tuple[int, int]) -> int:
        """Of the error, and neighbours: samples and how many of their highest bits."""
        high = (v >> max(bits, 8) - kept for v, kept in told)
        return hashed(few, *salt, sum(v << shift for v, shift in zip(high, shifts(told))))

    depth = max(bits, 8)
    base, own = hashed(before, c + 1), hashed(3, c)
    pair = hashed(base, p.w, p.n)
    few = hashed(9 if error is None else 10, c, (error or 0) + 65536 >> depth - 6)
    raise NotImplementedError
