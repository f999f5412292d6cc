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
from .plain_mixing import (
    EVEN,
    NEARLY_ONE,
    RATES,
    Mixer,
    Tables,
    hashed,
    power_of_two,
    steps,
    within,
)

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
    before, None in the first; likely: what the gradient and the error say the sample is."""
    depth = max(bits, 8)

    def high(kept: int, *samples: int) -> int:
        """The highest bits of samples."""
        return sum(v >> depth - kept << i * max(kept, 4) for i, v in enumerate(samples))

    w, n, nw, ne, ww, nn = o.w, o.n, o.nw, o.ne, o.ww, o.nn
    base, own = hashed(before, c + 1), hashed(3, c)
    rough = hashed(9 if error is None else 10, c, (error or 0) + 65536 >> depth - 6)
    pair = hashed(base, p.w, p.n)
    first, second = (*p.refused, 0, 0)[:2]
    return (
        base,
        hashed(base, 1, p.w),
        pair,
        hashed(rough, high(4, w, n, nw, ne)),
        hashed(base, 2, p.n),
        hashed(rough, 1, high(3, w, n, nw, ne, ww, nn)),
        hashed(base, 3, first),
        hashed(own, likely, w >> 2, n >> 2),
        hashed(pair, p.nw),
        hashed(pair, 1, p.ne),
        hashed(base, 4, first, p.w),
        hashed(base, 5, coded),
        hashed(own, 1, w, n),
        hashed(rough, 2, high(5, w, n)),
        hashed(own, 2, before, likely),
        hashed(own, 3, before, w),
        hashed(own, 4, ne, nw),
        hashed(base, 6, first, second),
        hashed(pair, 2, p.nw, p.ne),
        hashed(base, 7, p.n, p.nn, p.ne),
        hashed(rough, 3, high(2, w, n, nw, ne, ww, nn, o.nne)),
        hashed(rough, 4, high(5, w, ne) | high(3, ww) << 10),
        hashed(rough, 5, high(5, n, nn)),
        hashed(rough, 6, high(5, w, ww)),
        hashed(rough, 7, high(4, w, n, ne, o.nee) | high(3, o.nne) << 16),
        hashed(own, 5, likely),
    )


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


NEARNESS = np.array([nearness(d) for d in range(-FARTHEST - 1, FARTHEST + 1)])


def history_after(history: int, bit: int) -> int:
    """Of 16 times so many zeros, and so many ones: one more; more than two others are halved."""
    counts = [history >> 4, history & 15]
    counts[bit] = min(counts[bit] + 1, 15)
    if counts[1 - bit] > 2:
        counts[1 - bit] = (counts[1 - bit] + 1) // 2
    return counts[0] << 4 | counts[1]


HISTORY_AFTER = [[history_after(history, bit) for bit in (0, 1)] for history in range(HISTORIES)]


class Line:
    """What a context knows of up to four bits of a sample, by the bits before them: the probability
    of a 1 and the history; check: of the context's hash."""

    __slots__ = ("check", "histories", "p")

    def __init__(self) -> None:
        self.empty(-1)

    def empty(self, check: int) -> None:
        """Takes it for another context."""
        self.check, self.p, self.histories = check, [32768] * 16, [0] * 16

    def move(self, inner: int, bit: int) -> None:
        """Learns a bit behind others."""
        p, history = self.p[inner], self.histories[inner]
        rate = RATE_AFTER[history]
        self.p[inner] = p + ((NEARLY_ONE * bit - p) * rate >> 16)
        self.histories[inner] = HISTORY_AFTER[history][bit]


RATE_AFTER = [int(RATES[(history >> 4) + (history & 15)]) for history in range(HISTORIES)]


class SampleBits:
    """All contexts and predictions of samples, and how what they say is mixed."""

    def __init__(
        self,
        coder: PlainEncoder | PlainDecoder,
        level: Level,
        pixels: int,
        bits: int,
        colours: Colours,
    ) -> None:
        self._coder, self._level, self._bits, self._colours = coder, level, bits, colours
        self._coded = 0
        self._lines: defaultdict[int, Line] = defaultdict(Line)
        self._line_mask = power_of_two(pixels, 8, 18) - 1
        near = np.full(CHANNELS * DEPTHS * NEARNESSES, EVEN, np.uint32)
        vote = np.full(CHANNELS * DEPTHS * SCORES, VOTE, np.uint32)
        histories = np.tile(fresh_histories(), CHANNELS)
        self._tables = Tables(
            [histories] * level.hashed + [near] * level.predicted + [vote] * level.votes
        )
        inputs = 2 * level.hashed + level.predicted + level.votes + 1
        maps = zip((1024, 1024), SLOWNESS, strict=True)
        self._mixer = Mixer(inputs, (64, 1024, 4096), 64, WEIGHT, list(maps))

    def code(self, p: Pixel, wanted: tuple[int, ...] | None) -> int:
        """Codes the samples of a pixel's colour, which an encoder knows; returns its number."""
        numbers = Around(
            p.w, p.ww, p.www, p.n, p.nn, p.nnn, p.nw, p.ne, p.nww, p.nee, p.nnw, p.nne, p.nnww,
            p.nnee, self._coded, p.flat_before, p.refused[0] if p.refused else p.w,
        )  # fmt: skip
        values = self._colours.values
        samples, before = [0] * len(values[0]), 0
        votes = {i: (values[colour], score) for i, (colour, score) in enumerate(p.votes)}
        order, most = ORDER[len(samples)], (1 << self._bits) - 1
        for turn, c in enumerate(order):
            o, error = numbers.channel(values, c), None
            if turn:
                k, f = order[turn - 1], order[max(turn - 2, 0)]
                known, earlier = numbers.channel(values, k), numbers.channel(values, f)
                error = samples[k] - min(max(known.gradient(), 0), most)
                guesses = next_predictions(o, known, samples[k], earlier, samples[f], error)
            else:
                guesses = first_predictions(o)
            guess = within(np.array(guesses[: self._level.predicted]), 0, most)
            likely = int(guess[8 if turn else 2])
            contexts = sample_contexts(p, o, self._coded, c, self._bits, before, error, likely)
            active = abs(o.w - o.nw) + abs(o.n - o.nw) + abs(o.n - o.ne)
            activity = min(steps(active >> max(self._bits - 8, 0)), 15)
            wrong = 0 if error is None else 1 + (abs(error) > 2) + (abs(error) > 10)
            voted = {i: (colour[c], score) for i, (colour, score) in votes.items()}
            sample = wanted[c] if wanted else 0
            sample = self._code(turn, contexts, guess, voted, (activity, wrong), sample)
            votes = {i: vote for i, vote in votes.items() if vote[0][c] == sample}
            samples[c], before = sample, hashed(before, sample + 1)
        self._coded = self._colours.number(tuple(samples))
        return self._coded

    def _code(
        self,
        turn: int,
        contexts: tuple[int, ...],
        guess: np.ndarray,
        votes: dict[int, tuple[int, int]],
        around: tuple[int, int],
        wanted: int,
    ) -> int:
        """Codes a sample, the turn-th of a pixel, which an encoder wants; returns it. votes:
        samples and how likely they are; around: how much the neighbours differ, and the error of
        the channel before."""
        hashed_, predicted = self._level.hashed, self._level.predicted
        node = 1  # above the bits that are known
        for b in reversed(range(self._bits)):
            row, middle = turn * DEPTHS + b, (2 * node + 1 << b) - (1 << self._bits)
            depth = (self._bits - 1 - b) % LINE_BITS
            if depth == 0:
                lines = self._find_lines(contexts, node)
            inner = 1 << depth | node & (1 << depth) - 1
            histories = np.array([line.histories[inner] for line in lines])
            seen = histories != 0
            off = within(guess - middle >> max(b - 7, 0), -FARTHEST - 1, FARTHEST)
            open_ = [
                row * SCORES + votes[i][1] if i in votes else -1 for i in range(self._level.votes)
            ]
            inputs = self._tables.ask(
                np.concatenate((
                    turn * HISTORIES + histories,
                    row * NEARNESSES + NEARNESS[off + FARTHEST + 1],
                    np.array(open_, np.int64),
                ))
            )  # fmt: skip
            inputs[:hashed_] *= seen
            for i, (sample, _) in votes.items():
                if not sample >> b & 1:
                    inputs[hashed_ + predicted + i] *= -1
            slots = stretch_table()[np.array([line.p[inner] for line in lines]) >> 4] * seen
            known = min(int(seen.sum()), 15)
            p = self._mixer.predict(
                np.concatenate((slots, inputs)),
                (row, row * 16 + known, ((turn * 16 + around[0]) * 4 + around[1]) * DEPTHS + b),
                row,
                (row * 16 + around[0], hashed(contexts[0], node) & 1023),
            )
            bit = self._coder.bit(p, wanted >> b & 1)
            self._mixer.learn(bit, RATE)
            bits = np.full(len(inputs) - 1, bit)
            for i, (sample, _) in votes.items():
                bits[hashed_ + predicted + i] = sample >> b & 1 == bit
            self._tables.teach(bits, 255)
            for line in lines:
                line.move(inner, bit)
            votes = {i: vote for i, vote in votes.items() if vote[0] >> b & 1 == bit}
            node = 2 * node + bit
        return node - (1 << self._bits)

    def _find_lines(self, contexts: tuple[int, ...], node: int) -> list[Line]:
        """The lines of contexts behind the bits that are known; two may have one, emptied."""
        lines = list[Line]()
        for i, h in enumerate(contexts[: self._level.hashed]):
            place = hashed(h, node * 0x3D4D51CB + i & 0xFFFFFFFF)
            line, check = self._lines[place & self._line_mask], place >> 16
            if line.check != check:
                line.empty(check)
            lines.append(line)
        return lines
