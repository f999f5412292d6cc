"""Likely colours of graphics images, section 13.6 of format_spec.md, for the second decoder: from
the page alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from second_coding import RangeDecoder
from second_container import Array
from second_graphics_mixing import FULL, STRETCH, Adaptive, Mixed, hashed, size, steps
from second_graphics_pixels import Level, Near, Pixel, first_weights

EXTENTS = [6, 8, 3, 11, 9, 1, 2, 13, 10, 12, 0, 0, 4, 5, 0, 0, 7, 0, 0, 0]
# The first k, or v, of each group, and what its o, or r, is.
OWN = {0: 0, 1: 2, 2: 4, 3: 6, 4: 8, 5: 11, 7: 16, 10: 24, 16: 40, 26: 60}
REST = {0: 0, 1: 2, 2: 4, 3: 6, 4: 9, 6: 14, 9: 24, 16: 44, 32: 80}


def groups(of: dict[int, int], count: int) -> list[int]:
    return [sum(first <= v for first in of) - 1 for v in range(count)]


OWN_OF, REST_OF = groups(OWN, 32), groups(REST, 6 * 31 + 1)


def state(k: int, v: int) -> int:
    return 9 * OWN_OF[k] + REST_OF[v]


def fresh(o: int, r: int) -> int:
    return FULL * (100 * o + 4) // (100 * (o + r) + 70) if o else 83886


FRESH = np.array([fresh(o, r) for o in OWN.values() for r in REST.values()])  # by state
SCORE = np.maximum(0, STRETCH[FRESH >> 10] + 1800).tolist()


def contexts(pixel: Pixel, count: int) -> list[int]:
    x = pixel.near
    w, n, nw, ne = x.w, x.n, x.nw, x.ne
    two = hashed(2, w, n)
    four = hashed(two, nw, ne)
    five = hashed(four, x.ww)
    six = hashed(five, x.nn)
    eight = hashed(six, x.nee, x.nww)
    ten = hashed(eight, x.nne, x.nnw)
    twelve = hashed(ten, x.www, x.nnn)
    sixteen = hashed(twelve, x.neee, x.nwww, x.nnee, x.nnww)
    far = [pixel.at(dy, dx) for k in (4, 5, 6) for dy, dx in ((0, -k), (-1, k))]
    return [
        four,
        six,
        two,
        twelve,
        eight,
        hashed(1, w),
        hashed(3, n),
        hashed(sixteen, *far, pixel.at(-3, -1), pixel.at(-3, 1)),
        ten,
        sixteen,
        hashed(4, w, x.ww, x.www),
        hashed(5, n, x.nn, x.nnn),
        hashed(two, nw),
        hashed(two, 6, ne),
        hashed(7, w, nw, ne),
        hashed(8, ne, n, x.nee),
        five,
        hashed(9, w, ne, x.nn),
        hashed(10, w, x.nee, x.nn),
        hashed(11, n, pixel.column),
    ][:count]


@dataclass
class Bucket:
    """members: colours and counts, those with a count alone."""

    check: int = 0
    members: list[list[int]] = field(default_factory=list)

    @property
    def lead(self) -> int:
        return self.members[0][1] if self.members else 0

    def total(self) -> int:
        return sum(k for _, k in self.members)

    def count(self, colour: int) -> None:
        x = next((x for x, member in enumerate(self.members) if member[0] == colour), None)
        if x is not None:
            self.members[x][1] = min(self.members[x][1] + 1, 31)
        else:
            x = min(len(self.members), 5)
            self.members[x:] = [[colour, 1]]
        for other, member in enumerate(self.members):
            if other != x and member[1] > 2:
                member[1] = (member[1] + 1) * 3 // 4
        while x > 0 and self.members[x][1] >= self.members[x - 1][1]:
            self.members[x - 1 : x + 1] = self.members[x], self.members[x - 1]
            x -= 1


class Candidates:
    """The list of likely colours, and what the contexts say of them."""

    def __init__(self, buckets: list[Bucket], pixel: Pixel) -> None:
        self.scores: dict[int, int] = {}  # in the order of the list
        self.own: dict[int, Array] = {}
        self.totals = np.array([bucket.total() for bucket in buckets])
        for colour, length in zip(pixel.matched, pixel.lengths, strict=True):
            if colour is not None:
                self.add(colour, 2000 if length > 15 else 100 * length)
        for i, (bucket, total) in enumerate(zip(buckets, self.totals.tolist(), strict=True)):
            for colour, k in bucket.members:
                if not self.add(colour, SCORE[state(k, total - k)]):
                    break
                self.own[colour][i] = k
        x = pixel.near
        for colour, score in ((x.w, 100), (x.n, 100), (x.ne, 50), (x.nw, 50)):
            self.add(colour, score)
        self.largest = max(e * (n > 0) for e, n in zip(EXTENTS, self.totals.tolist(), strict=False))
        for colour in pixel.refused:
            if colour in self.scores:
                self.reject(colour)

    def add(self, colour: int, score: int) -> bool:
        """Whether it was not left out."""
        if colour not in self.scores:
            if len(self.scores) == 16:
                return False
            self.scores[colour], self.own[colour] = 0, np.zeros_like(self.totals)
        self.scores[colour] += score
        return True

    def reject(self, colour: int) -> None:
        self.scores[colour] = -1
        self.totals -= self.own[colour]

    def best(self) -> int | None:
        """The colour with the greatest score, if that is 0 or more."""
        there = [colour for colour, score in self.scores.items() if score >= 0]
        return max(there, key=lambda colour: self.scores[colour], default=None)


def alike(x: Near) -> int:
    """widest."""
    pairs = [
        (x.w, x.n), (x.w, x.nw), (x.n, x.nw), (x.n, x.ne), (x.w, x.ww), (x.n, x.nn),
        (x.nw, x.ne), (x.ne, x.nee), (x.nw, x.nww), (x.nn, x.nne), (x.nn, x.nnw), (x.ne, x.nne),
        (x.nw, x.nnw), (x.ww, x.www), (x.nn, x.nnn), (x.w, x.ne), (x.w, x.nww), (x.ww, x.nw),
        (x.ww, x.nww),
    ]  # fmt: skip
    return sum((a == b) << i for i, (a, b) in enumerate(pairs))


class LikelyColours:
    def __init__(self, stream: RangeDecoder, level: Level, pixels: int) -> None:
        self.stream, self.level, n = stream, level, level.contexts
        self.bucket_count, self.buckets = size(2 * pixels, 10, 20), defaultdict[int, Bucket](Bucket)
        self.pattern_count = size(pixels, 10, 16)
        counts = [self.pattern_count] * 8 + [128] * 2 + [81]
        others = [(np.full(count, 2**21), 0) for count in counts]
        self.adaptive = Adaptive([(FRESH, 4)] * n + others)
        self.mixed = Mixed(first_weights("13.6", level), (6, 5))

    def find(self, h: int, i: int) -> Bucket:
        g = hashed(h, i)
        one, other = (self.buckets[number % self.bucket_count] for number in (g, g ^ 1))
        check = g >> 16 or 1
        if check in (one.check, other.check):
            return one if one.check == check else other
        found = other if one.check and (not other.check or other.lead < one.lead) else one
        found.check, found.members = check, []
        return found

    def ask(self, pixel: Pixel) -> tuple[int | None, int, list[tuple[int, int]]]:
        """A colour and the turn, or None and votes: colours and strengths."""
        self.found = [self.find(h, i) for i, h in enumerate(contexts(pixel, self.level.contexts))]
        candidates, votes = Candidates(self.found, pixel), list[tuple[int, int]]()
        for turn in range(10):
            colour = candidates.best()
            bit = None if colour is None else self.decide(pixel, candidates, colour, turn)
            if colour is None or bit is None:
                break
            if bit:
                return colour, turn, votes
            candidates.reject(colour)
            if len(pixel.refused) < 2:
                pixel.refused.append(colour)
        while len(votes) < self.level.votes and (colour := candidates.best()) is not None:
            votes.append((colour, min(candidates.scores.pop(colour) // 2**9, 15)))
        return None, turn, votes

    def decide(self, pixel: Pixel, candidates: Candidates, c: int, t: int) -> int | None:
        """Whether the pixel has the colour c; None if it is not asked for."""
        x, n, (first, second) = pixel.near, self.level.contexts, pixel.matched
        totals, own = candidates.totals, candidates.own[c]
        there = np.flatnonzero(totals)
        counts = [*zip(own[there].tolist(), totals[there].tolist(), strict=True)]
        agree, deny = sum(k == total for k, total in counts), sum(k == 0 for k, _ in counts)
        places = [x.w, x.n, x.nw, x.ne, x.ww, x.nn, x.nee, x.nww, x.nne, x.nnw, x.www, x.nnn]
        like = places.index(c) if c in places else 12
        follows, widest = (first == c) + 2 * (second == c), alike(x)
        equal, wider = widest % 2**6, widest % 2**9
        lengths = steps(pixel.lengths[0]) << 2 | steps(pixel.lengths[1]) << 8
        g = [
            hashed(wider, like),
            hashed(1, widest % 2**13, like),
            hashed(2, widest, like),
            hashed(c, x.w, 7),
            hashed(pixel.missed, like, t),
            hashed(16 * steps(pixel.run) + steps(pixel.rise), like, equal % 2**4),
            hashed(c, x.n, t + 5),
            hashed(follows | lengths, min(agree, 4), min(deny, 3)),
        ]
        matched = [m for m, colour in enumerate(pixel.matched) if colour is not None]
        asked = [*there.tolist(), *range(n, n + 8), *(n + 8 + m for m in matched), n + 10]
        entries = [state(k, total - k) for k, total in counts]
        entries += [hashed(h, i) % self.pattern_count for i, h in enumerate(g)]
        entries += [64 * (pixel.matched[m] == c) + min(pixel.lengths[m], 63) for m in matched]
        places = self.adaptive.find(asked, [*entries, 9 * min(agree, 8) + min(deny, 8)])
        inputs = np.zeros(n + 12, np.int64)
        inputs[asked] = self.adaptive.logits(places)
        inputs[-1] = 256
        later = 512 * (t > 0)
        numbers = [
            64 * min(t, 7) + 4 * candidates.largest + follows,
            later + 64 * min(like, 7) + equal,
            32 * min(agree, 7) + 4 * min(deny, 7) + min(t, 3),
            min(t, 7),
        ]
        p = self.mixed.probability(inputs, numbers, (later + wider, hashed(c, x.w, x.n) % 16384))
        if p < (16000 if t else 6000):
            return None
        bit = self.stream.bit(p)
        self.mixed.learn(bit)
        self.adaptive.teach(places, bit, 255)
        return bit

    def count(self, colour: int) -> None:
        """The pixel that was asked about last has this one."""
        for bucket in self.found:
            bucket.count(colour)
