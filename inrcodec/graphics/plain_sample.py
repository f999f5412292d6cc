"""The samples of a colour that is none of the likely ones, bit by bit, the highest first. What was
seen in contexts, how far predictions are from the middle of what a bit divides, and likely colours
that were not asked for are mixed."""

from __future__ import annotations

from collections import defaultdict

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
from .plain_predictions import Around, first_predictions, nearnesses, next_predictions

CHANNELS, DEPTHS = 4, 16
ORDER = ((), (0,), (1, 0), (1, 0, 2), (3, 1, 0, 2))  # of channels, by their number
LINE_BITS = 4  # of a sample, that a line knows of
HISTORIES, NEARNESSES, SCORES = 256, 64, 16  # entries of the tables
VOTE = 2516581 << 10 | 4  # 0.6, as if taught four times
MAPS = ((1024, 6), (1024, 6))


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


def history_after(history: int, bit: int) -> int:
    """Of 16 times so many zeros, and so many ones: one more; more than two others are halved."""
    counts = [history >> 4, history & 15]
    counts[bit] = min(counts[bit] + 1, 15)
    if counts[1 - bit] > 2:
        counts[1 - bit] = (counts[1 - bit] + 1) // 2
    return counts[0] << 4 | counts[1]


HISTORY_AFTER = [[history_after(history, bit) for bit in (0, 1)] for history in range(HISTORIES)]
RATE_AFTER = [int(RATES[(history >> 4) + (history & 15)]) for history in range(HISTORIES)]


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
        self.p[inner] = p + ((NEARLY_ONE * bit - p) * RATE_AFTER[history] >> 16)
        self.histories[inner] = HISTORY_AFTER[history][bit]


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
        self._coded = 0  # the number of the colour that was coded last
        self._lines: defaultdict[int, Line] = defaultdict(Line)
        self._line_mask = power_of_two(pixels, 8, 18) - 1
        near = np.full(CHANNELS * DEPTHS * NEARNESSES, EVEN, np.uint32)
        vote = np.full(CHANNELS * DEPTHS * SCORES, VOTE, np.uint32)
        histories = np.tile(fresh_histories(), CHANNELS)
        self._tables = Tables(
            [histories] * level.hashed + [near] * level.predicted + [vote] * level.votes
        )
        self._mixer = Mixer(level.weights()[1], (64, 1024, 4096), 64, MAPS)

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
        samples and how likely they are, without those of which a bit was wrong; around: how much
        the neighbours differ, and how large the error was in the channel before."""
        activity, wrong = around
        hashes, first_vote = self._level.hashed, self._level.hashed + self._level.predicted
        node = 1  # above the bits that are known
        for b in reversed(range(self._bits)):
            row, middle = turn * DEPTHS + b, (2 * node + 1 << b) - (1 << self._bits)
            depth = (self._bits - 1 - b) % LINE_BITS
            if depth == 0:
                lines = self._find_lines(contexts, node)
            inner = 1 << depth | node & (1 << depth) - 1
            slots = np.array([line.p[inner] for line in lines])
            histories = np.array([line.histories[inner] for line in lines])
            seen = histories != 0
            entries = np.full(first_vote + self._level.votes, -1)
            entries[:hashes] = turn * HISTORIES + histories
            entries[hashes:first_vote] = row * NEARNESSES + nearnesses(guess, middle, max(b - 7, 0))
            for i, (_, score) in votes.items():
                entries[first_vote + i] = row * SCORES + score
            inputs = self._tables.ask(entries)
            inputs[:hashes] *= seen
            for i, (sample, _) in votes.items():
                if not sample >> b & 1:
                    inputs[first_vote + i] *= -1
            # of each hash the slot's logit and the history's
            of_hashes = np.stack((stretch_table()[slots >> 4] * seen, inputs[:hashes]), axis=1)
            p = self._mixer.predict(
                np.concatenate((of_hashes.ravel(), inputs[hashes:])),
                (
                    row,
                    row * 16 + min(int(seen.sum()), 15),
                    ((turn * 16 + activity) * 4 + wrong) * DEPTHS + b,
                ),
                row,
                (row * 16 + activity, hashed(contexts[0], node) & 1023),
            )
            bit = self._coder.bit(p, wanted >> b & 1)
            self._mixer.learn(bit)
            learned = np.full(len(entries), bit)
            for i, (sample, _) in votes.items():
                learned[first_vote + i] = sample >> b & 1 == bit  # whether it was right
            self._tables.teach(learned, 255)
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
