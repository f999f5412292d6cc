"""Samples of graphics images, section 13.7 of format_spec.md, for the second decoder: from the page
alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from second_coding import RangeDecoder, clip
from second_container import Array
from second_graphics_mixing import FULL, RATE, STRETCH, Adaptive, Mixed, hashed, size, steps
from second_graphics_pixels import Colour, Level, Near, Pixel, first_weights

ORDERS = {1: [0], 2: [1, 0], 3: [1, 0, 2], 4: [3, 1, 0, 2]}
COUNTS = [(zeros, ones) for zeros in range(16) for ones in range(16)]  # of the histories
HISTORIES = np.array([FULL * (10 * b + 3) // (10 * (a + b) + 6) for a, b in COUNTS])

Slot = list[int]  # r, and the number of the history of its zeros and ones


def counted(counts: tuple[int, int], bit: int) -> int:
    """The number of the history after a bit."""
    same, other = min(counts[bit] + 1, 15), counts[1 - bit]
    other = (other + 1) // 2 if other > 2 else other
    return 16 * other + same if bit else 16 * same + other


AFTER = [[counted(counts, bit) for counts in COUNTS] for bit in (0, 1)]
RATES = [int(RATE[sum(counts)]) for counts in COUNTS]


def half(v: int) -> int:
    return abs(v) // 2 * (1 if v > 0 else -1)


def first_predictions(x: Near, coded: int, refused: int) -> list[int]:
    """Of samples x of the channel."""
    w, n, nw, ne, ww, nn = x.w, x.n, x.nw, x.ne, x.ww, x.nn
    return [
        w, n, w + n - nw, w + ne - n, n + ne - x.nne, (w + n) >> 1, 2 * n - nn, 2 * w - ww,
        (w + ne) >> 1, nw, ne,
        (3 * (w + n) - 2 * nw) >> 2, (w + n + nw + ne) >> 2, nn, ww, coded, refused,
        (2 * w + n + ne + 2) >> 2, w + x.nee - n, x.nee, x.nww, 3 * n - 3 * nn + x.nnn,
        3 * w - 3 * ww + x.www, ne + nw - nn, w + x.nne - nn, x.nne, x.nnw, (n + ne) >> 1,
        (w + nw) >> 1, 2 * nw - x.nnww, 2 * ne - x.nnee, ne + w - nn,
    ]  # fmt: skip


def between(a: tuple[int, int], b: tuple[int, int], here: int) -> int:
    """Of the samples of two colours, in this channel and the one before, which is here."""
    d, rise, run = here - a[1], b[0] - a[0], b[1] - a[1]
    if run == 0:
        return a[0] + d
    nearest = (2 * abs(d * rise) + abs(run)) // (2 * abs(run))
    return a[0] + nearest * (1 if d * rise * run > 0 else -1)


def other_predictions(
    x: Near, y: Near, z: Near, here: tuple[int, int], plane: int, coded: Colour, flat: Colour
) -> list[int]:
    """Of samples x of the channel, y of the one before, k, and z of f; here: s_k and s_f; coded and
    flat: samples of the channel and of k."""
    w, n, nw, ne, ww, nn = x.w, x.n, x.nw, x.ne, x.ww, x.nn
    s, d, p = here[0], Near(*(here[0] - v for v in y)), Near(*zip(x, y, strict=True))
    pairs = [
        (p.w, p.n), (p.w, coded), (p.n, coded), (p.w, p.nw), (p.w, p.ne), (p.n, p.ne),
        (p.w, p.ww), (p.n, p.nn), (p.w, flat), (p.n, flat),
    ]  # fmt: skip
    return [
        w, n, w + n - nw, w + ne - n, n + ne - x.nne, (w + n) >> 1, w + d.w, n + d.n,
        w + n - nw + s - plane, ((w + n) >> 1) + s - ((y.w + y.n) >> 1), s,
        ne + d.ne, nw + d.nw, w + half(d.w), n + half(d.n),
        w + half(d.w + here[1] - z.w), n + half(d.n + here[1] - z.n),
        2 * n - nn, 2 * w - ww, (w + ne) >> 1, nw, ne,
        *(between(a, b, s) for a, b in pairs),
    ]  # fmt: skip


def pack(width: int, *values: int) -> int:
    return sum(v << width * i for i, v in enumerate(values))


@dataclass
class Channel:
    """What is known of the sample of a channel before it is decoded; bits: E."""

    u: int
    c: int
    bits: int
    before: int
    guess: int
    error: int
    near: Near  # samples

    def __post_init__(self) -> None:
        x = self.near
        slopes = abs(x.w - x.nw) + abs(x.n - x.nw) + abs(x.n - x.ne)
        self.activity = min(steps(slopes >> (self.bits - 8)), 15)
        e = abs(self.error)
        self.wrong = 1 + (e > 2) + (e > 10) if self.u else 0
        self.base = hashed(self.before, self.c + 1)

    def hashes(self, pixel: Pixel, last_coded: int) -> list[int]:
        """All of them."""
        x, e, base, before, guess = pixel.near, self.bits, self.base, self.before, self.guess
        first, second, *_ = *pixel.refused, 0, 0
        pair, own = hashed(base, x.w, x.n), hashed(3, self.c)
        rough = hashed(9 + (self.u > 0), self.c, (self.error + 65536) >> (e - 6))
        two, three, four, five = (Near(*(v >> (e - m) for v in self.near)) for m in (2, 3, 4, 5))
        s = self.near
        return [
            base,
            hashed(base, 1, x.w),
            pair,
            hashed(rough, pack(4, four.w, four.n, four.nw, four.ne)),
            hashed(base, 2, x.n),
            hashed(rough, 1, pack(4, three.w, three.n, three.nw, three.ne, three.ww, three.nn)),
            hashed(base, 3, first),
            hashed(own, guess, s.w >> 2, s.n >> 2),
            hashed(pair, x.nw),
            hashed(pair, 1, x.ne),
            hashed(base, 4, first, x.w),
            hashed(base, 5, last_coded),
            hashed(own, 1, s.w, s.n),
            hashed(rough, 2, pack(5, five.w, five.n)),
            hashed(own, 2, before, guess),
            hashed(own, 3, before, s.w),
            hashed(own, 4, s.ne, s.nw),
            hashed(base, 6, first, second),
            hashed(pair, 2, x.nw, x.ne),
            hashed(base, 7, x.n, x.nn, x.ne),
            hashed(rough, 3, pack(4, two.w, two.n, two.nw, two.ne, two.ww, two.nn, two.nne)),
            hashed(rough, 4, pack(5, five.w, five.ne, three.ww)),
            hashed(rough, 5, pack(5, five.n, five.nn)),
            hashed(rough, 6, pack(5, five.w, five.ww)),
            hashed(rough, 7, pack(4, four.w, four.n, four.ne, four.nee, three.nne)),
            hashed(own, 5, guess),
        ]


def fresh_slot() -> Slot:
    return [32768, 0]


@dataclass
class Line:
    """Slots that are fresh need not be there."""

    check: int = 0
    slots: dict[int, Slot] = field(default_factory=lambda: defaultdict(fresh_slot))


@dataclass
class Vote:
    number: int
    colour: Colour
    strength: int
    open: bool = True


def nearness(distance: int) -> int:
    """near_i."""
    d = distance if distance >= 0 else -distance - 1
    x = d.bit_length() - 1
    y = d if d < 12 else 12 + (d - 12) // 2 if d < 16 else 4 * x - 2 + (d >> (x - 2)) % 4
    return 2 * min(y, 31) + (distance < 0)


NEARNESS = np.array([nearness(distance) for distance in range(-512, 512)])  # all beyond are alike


class Samples:
    def __init__(
        self, stream: RangeDecoder, level: Level, channels: int, bits: int, pixels: int
    ) -> None:
        self.stream, self.level, self.bits = stream, level, bits
        self.order = ORDERS[channels]
        self.line_count, self.lines = size(pixels, 8, 18), defaultdict[int, Line](Line)
        n_h, n_p, n_v = level.hashes, level.predictions, level.votes
        tables = [(HISTORIES, 6)] * n_h + [(np.full(64, 2**21), 0)] * bits * n_p
        tables += [(np.full(16, 2516581), 4)] * bits * n_v
        self.adaptive = [Adaptive(tables) for _ in self.order]
        self.mixed = Mixed(first_weights("13.7", level), (6, 6))

    def decode(
        self,
        pixel: Pixel,
        colours: list[Colour],
        last_coded: int,
        flat_before: int,
        voting: list[tuple[int, int]],
    ) -> Colour:
        """The pixel's samples; colours: those of each number."""
        found, before, top = [0] * len(self.order), 0, 2**self.bits - 1
        votes = [Vote(n, colours[number], strength) for n, (number, strength) in enumerate(voting)]
        others = [colours[number] for number in pixel.near]
        coded, flat = colours[last_coded], colours[flat_before]
        refused = colours[[*pixel.refused, pixel.near.w][0]]
        for u, c in enumerate(self.order):
            x, error = Near(*(colour[c] for colour in others)), 0
            if u == 0:
                predictions = first_predictions(x, coded[c], refused[c])
            else:
                k, f = self.order[u - 1], self.order[max(u - 2, 0)]
                y, z = (Near(*(colour[of] for colour in others)) for of in (k, f))
                plane = min(max(y.w + y.n - y.nw, 0), top)
                error = found[k] - plane
                predictions = other_predictions(
                    x, y, z, (found[k], found[f]), plane, (coded[c], coded[k]), (flat[c], flat[k])
                )
            q = clip(np.array(predictions), 0, top)
            guess = int(q[8 if u else 2])
            channel = Channel(u, c, max(self.bits, 8), before, guess, error, x)
            hashes = channel.hashes(pixel, last_coded)[: self.level.hashes]
            q = q[: self.level.predictions]
            found[c] = self.decode_sample(channel, hashes, q, votes)
            before = hashed(before, found[c] + 1)
        return tuple(found)

    def decode_sample(
        self, channel: Channel, hashes: list[int], q: Array, votes: list[Vote]
    ) -> int:
        node, lines = 1, list[Line]()
        for b in range(self.bits - 1, -1, -1):
            d = (self.bits - 1 - b) % 4
            if d == 0:
                lines = [self.find(h, node, i) for i, h in enumerate(hashes)]
            slots = [line.slots[2**d + node % 2**d] for line in lines]
            bit = self.decode_bit(channel, slots, q, votes, node, b)
            node = 2 * node + bit
        return node - 2**self.bits

    def find(self, h: int, node: int, i: int) -> Line:
        g = hashed(h, (node * 0x3D4D51CB + i) % 2**32)
        line, check = self.lines[g % self.line_count], (g >> 16) + 2**16
        if line.check != check:
            line.check = check
            line.slots.clear()
        return line

    def decode_bit(
        self, channel: Channel, slots: list[Slot], q: Array, votes: list[Vote], node: int, b: int
    ) -> int:
        u, n_h, n_p, n_v = channel.u, len(slots), len(q), self.level.votes
        r, history = np.array(slots).T
        seen = history > 0
        distances = (q - (node * 2 ** (b + 1) - 2**self.bits + 2**b)) >> max(b - 7, 0)
        near = NEARNESS[512 + clip(distances, -512, 511)]
        there = [vote for vote in votes if vote.open]
        bits = np.array([vote.colour[channel.c] >> b & 1 for vote in there], np.int64)
        strengths = np.array([vote.strength for vote in there], np.int64)
        of_near, of_vote = n_h + b * n_p, n_h + self.bits * n_p + b * n_v
        tables = [*range(n_h), *range(of_near, of_near + n_p)]
        tables += [of_vote + vote.number for vote in there]
        adaptive = self.adaptive[u]
        places = adaptive.find(tables, np.concatenate([history, near, strengths]))
        logits = adaptive.logits(places)
        logits[:n_h] *= seen
        logits[n_h + n_p :] *= 2 * bits - 1
        x = np.zeros(2 * n_h + n_p + n_v + 1, np.int64)
        x[0 : 2 * n_h : 2] = seen * STRETCH[r >> 4]
        of_votes = [2 * n_h + n_p + vote.number for vote in there]
        x[[*range(1, 2 * n_h, 2), *range(2 * n_h, 2 * n_h + n_p), *of_votes]] = logits
        x[-1] = 256
        of_bit = 16 * u + b
        numbers = [
            of_bit,
            16 * of_bit + min(np.count_nonzero(seen), 15),
            1024 * u + 64 * channel.activity + 16 * channel.wrong + b,
            of_bit,
        ]
        maps = 16 * of_bit + channel.activity, hashed(channel.base, node) % 1024
        bit = self.stream.bit(self.mixed.probability(x, numbers, maps))
        self.mixed.learn(bit)
        targets = np.append(np.full(n_h + n_p, bit), bits == bit)
        adaptive.teach(places, targets, 255)
        for vote, its in zip(there, bits, strict=True):
            vote.open = its == bit
        for slot in slots:
            slot[0] += ((65535 * bit - slot[0]) * RATES[slot[1]]) >> 16
            slot[1] = AFTER[bit][slot[1]]
        return bit
