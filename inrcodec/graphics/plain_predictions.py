"""Predictions of a sample from its neighbours, and from the channels before."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .plain_mixing import within

FARTHEST = 320  # from a middle that is told from farther ones
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
    """start + part / whole * way, to the nearest integer, halves away from start; start + part
    where whole is zero."""
    if not whole:
        return start + part
    times = part * way
    up = (abs(times) + abs(whole) // 2) // abs(whole)
    return start - up if (times < 0) != (whole < 0) else start + up


def first_predictions(o: Around) -> list[int]:
    """Of a sample from its channel alone; not yet within what it can be."""
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


def next_predictions(
    o: Around, known: Around, x: int, earlier: Around, y: int, error: int
) -> list[int]:
    """Of a sample from the channels before, too. known: the last of them, where the sample is x,
    and that less the gradient `error`; earlier: the one before that, or the same, where it is y."""
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


def nearness(difference: int) -> int:
    """How far a prediction is from the middle of what a bit divides: 32 steps, each way."""
    below = difference < 0
    d = -difference - 1 if below else difference
    if d < 16:
        step = d if d < 12 else 12 + (d - 12 >> 1)
    else:
        octave = d.bit_length() - 1
        step = 4 * octave - 2 + (d >> octave - 2 & 3)
    return 2 * min(step, 31) + below


_NEARNESS = np.array([nearness(d) for d in range(-FARTHEST - 1, FARTHEST + 1)])


def nearnesses(predictions: np.ndarray, middle: int, shift: int) -> np.ndarray:
    """Of predictions int64 (n,), each difference in 1 << shift."""
    farther = FARTHEST + 1
    return _NEARNESS[within(predictions - middle >> shift, -farther, FARTHEST) + farther]
