"""The colour of a pixel as one of the likely ones: contexts of growing size, each with the colours
that were seen in it, say which these are, and how likely."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from ..coding.plain_rangecoder import PlainDecoder, PlainEncoder
from ..coding.tables import stretch_table
from .levels import Level, fresh_states
from .plain_around import Pixel
from .plain_mixing import EVEN, Mixer, Tables, hashed, power_of_two, steps

MEMBERS = 6  # colours of a context
MOST_COUNTED = 31
MOST_LIKELY = 16
MOST_ASKED = 10
LEAST_FIRST, LEAST_NEXT = 6000, 16000  # P * 65536 of a colour that is asked for first, and later
PATTERNS = 8
MATCH_LENGTHS = 64  # that are told apart
AGREEMENTS = 9  # how many contexts agree, and how many deny, to 8 each
MOST_MATCH = 2000  # what a match says for a colour
SPEAKS_FROM = 1800  # what is added to the logit of a colour in a context, and not below 0
MAPS = ((1024, 6), (16384, 5))
# Of how often a colour was counted, and all others.
OWN_STEPS = (0, 1, 2, 3, 4, *[5] * 2, *[6] * 3, *[7] * 6, *[8] * 10, *[9] * 6)
OTHERS_STEPS = (0, 1, 2, 3, 4, 4, *[5] * 3, *[6] * 7, *[7] * 16, 8)
# Of nested contexts, by their size; 0: of others.
SIZES = (6, 8, 3, 11, 9, 1, 2, 13, 10, 12, 0, 0, 4, 5, 0, 0, 7, 0, 0, 0)


def state_of(own: int, others: int) -> int:
    """Which of fresh_states() a colour in a context has."""
    return OWN_STEPS[own] * 9 + OTHERS_STEPS[min(others, len(OTHERS_STEPS) - 1)]


def pixel_contexts(p: Pixel) -> tuple[int, ...]:
    """Hashes of what is around a pixel, the contexts of all levels."""
    two = hashed(2, p.w, p.n)
    four = hashed(two, p.nw, p.ne)
    five = hashed(four, p.ww)
    six = hashed(five, p.nn)
    eight = hashed(six, p.nee, p.nww)
    ten = hashed(eight, p.nne, p.nnw)
    twelve = hashed(ten, p.www, p.nnn)
    sixteen = hashed(twelve, p.neee, p.nwww, p.nnee, p.nnww)
    return (
        four,
        six,
        two,
        twelve,
        eight,
        hashed(1, p.w),
        hashed(3, p.n),
        hashed(sixteen, *p.far[:6], p.nnnw, p.nnne),
        ten,
        sixteen,
        hashed(4, p.w, p.ww, p.www),
        hashed(5, p.n, p.nn, p.nnn),
        hashed(two, p.nw),
        hashed(two, 6, p.ne),
        hashed(7, p.w, p.nw, p.ne),
        hashed(8, p.ne, p.n, p.nee),
        five,
        hashed(9, p.w, p.ne, p.nn),
        hashed(10, p.w, p.nee, p.nn),
        hashed(11, p.n, p.x),
    )


def likeness(p: Pixel) -> int:
    """19 bits: which of the neighbours are alike, whatever their colours."""
    pairs = (
        (p.w, p.n), (p.w, p.nw), (p.n, p.nw), (p.n, p.ne), (p.w, p.ww), (p.n, p.nn),
        (p.nw, p.ne), (p.ne, p.nee), (p.nw, p.nww),
        (p.nn, p.nne), (p.nn, p.nnw), (p.ne, p.nne), (p.nw, p.nnw), (p.ww, p.www), (p.nn, p.nnn),
        (p.w, p.ne), (p.w, p.nww), (p.ww, p.nw), (p.ww, p.nww),
    )  # fmt: skip
    return sum((one == other) << i for i, (one, other) in enumerate(pairs))


class Bucket:
    """The colours of a context, those that are counted more often first; check: of the context's
    hash, 0 where nothing is here."""

    __slots__ = ("check", "colours", "counts")

    def __init__(self) -> None:
        self.empty(0)

    def empty(self, check: int) -> None:
        """Takes it for another context."""
        self.check, self.colours, self.counts = check, list[int](), list[int]()

    def most(self) -> int:
        """How often the first colour was counted."""
        return self.counts[0] if self.counts else 0

    def count(self, colour: int) -> None:
        """Counts a colour, a new one in the place of the last; what else was seen counts less."""
        colours, counts = self.colours, self.counts
        if colour in colours:
            i = colours.index(colour)
            counts[i] = min(counts[i] + 1, MOST_COUNTED)
        else:
            i = min(len(colours), MEMBERS - 1)
            colours[i:], counts[i:] = [colour], [1]
        for j, times in enumerate(counts):
            if j != i and times > 2:
                counts[j] = (times + 1) * 3 // 4
        while i and counts[i] >= counts[i - 1]:
            counts[i - 1 : i + 1] = counts[i], counts[i - 1]
            colours[i - 1 : i + 1] = colours[i], colours[i - 1]
            i -= 1


@dataclass(slots=True)
class _Likely:
    """What speaks for a colour, and how often each context counted it."""

    score: int
    own: list[int]


class LikelyColours:
    """All contexts, and how what they say is mixed."""

    def __init__(self, coder: PlainEncoder | PlainDecoder, level: Level, pixels: int) -> None:
        self._coder, self._level = coder, level
        self._buckets: defaultdict[int, Bucket] = defaultdict(Bucket)
        self._bucket_mask = power_of_two(2 * pixels, 10, 20) - 1
        self._pattern_mask = power_of_two(pixels, 10, 16) - 1
        states = fresh_states()
        logits = stretch_table()[states >> 20]
        self._scores = np.maximum(logits + SPEAKS_FROM, 0).tolist()
        sizes = [self._pattern_mask + 1] * PATTERNS + [2 * MATCH_LENGTHS] * 2 + [AGREEMENTS**2]
        even = [np.full(size, EVEN, np.uint32) for size in sizes]
        self._tables = Tables([states] * level.contexts + even)
        self._mixer = Mixer(level.weights()[0], (512, 1024, 256), 8, MAPS)
        self._found: list[Bucket] = []

    def ask(self, p: Pixel, wanted: int | None) -> tuple[int | None, int]:
        """Codes which of the likely colours a pixel has, None for none of them, and how it was
        missed: 0 for the first, 1 for another, 2 for none. wanted: its colour, which an encoder
        knows. Fills in refused and votes."""
        hashes = pixel_contexts(p)[: self._level.contexts]
        self._found = [self._find(hashed(h, i)) for i, h in enumerate(hashes)]
        totals = [sum(bucket.counts) for bucket in self._found]
        largest = max(
            (size for total, size in zip(totals, SIZES, strict=False) if total), default=0
        )
        likely = self._gather(p, totals)
        if p.refused:  # as it is not what was expected
            _reject(likely, p.refused[0], totals)
        alike = likeness(p)
        for turn in range(MOST_ASKED):
            if not likely:
                break
            colour = _best(likely)
            probability = self._predict(p, turn, colour, likely[colour].own, totals, largest, alike)
            if probability < (LEAST_NEXT if turn else LEAST_FIRST):
                break
            bit = self._coder.bit(probability, colour == wanted)
            self._mixer.learn(bit)
            self._tables.teach(bit, 255)
            if bit:
                return colour, min(turn, 1)
            _reject(likely, colour, totals)
            p.refused = [*p.refused, colour][:2]
        p.votes = []
        while likely and len(p.votes) < self._level.votes:
            colour = _best(likely)
            p.votes.append((colour, min(likely.pop(colour).score >> 9, 15)))
        return None, 2

    def _predict(
        self,
        p: Pixel,
        turn: int,
        colour: int,
        own: list[int],
        totals: list[int],
        largest: int,
        alike: int,
    ) -> int:
        """P * 65536 that a pixel has a colour, the turn-th that is asked for. own, totals: how
        often each context counted it, and all that may yet be; largest: of SIZES, of contexts that
        have any; alike: likeness(p)."""
        counts = list(zip(own, totals, strict=True))
        agree = sum(times == total for times, total in counts if total)
        deny = sum(times == 0 for times, total in counts if total)
        near = (p.w, p.n, p.nw, p.ne, p.ww, p.nn, p.nee, p.nww, p.nne, p.nnw, p.www, p.nnn)
        like = near.index(colour) if colour in near else len(near)
        follows = (p.matched[0] == colour) + 2 * (p.matched[1] == colour)
        equal, wider = alike & 63, alike & 511
        patterns = (
            hashed(wider, like),
            hashed(1, alike & 8191, like),
            hashed(2, alike, like),
            hashed(colour, p.w, 7),
            hashed(p.missed, like, turn),
            hashed(steps(p.run) * 16 + steps(p.rise), like, equal & 15),
            hashed(colour, p.n, turn + 5),
            hashed(
                follows | steps(p.lengths[0]) << 2 | steps(p.lengths[1]) << 8,
                min(agree, 4),
                min(deny, 3),
            ),
        )
        entries = [state_of(times, total - times) if total else -1 for times, total in counts]
        entries += [hashed(h, i) & self._pattern_mask for i, h in enumerate(patterns)]
        for matched, length in zip(p.matched, p.lengths, strict=True):
            right = (matched == colour) * MATCH_LENGTHS
            entries.append(-1 if matched is None else right + min(length, MATCH_LENGTHS - 1))
        entries.append(min(agree, 8) * AGREEMENTS + min(deny, 8))
        return self._mixer.predict(
            self._tables.ask(entries),
            (
                min(turn, 7) * 64 + largest * 4 + follows,
                (turn > 0) * 512 + min(like, 7) * 64 + equal,
                (min(agree, 7) * 8 + min(deny, 7)) * 4 + min(turn, 3),
            ),
            min(turn, 7),
            (min(turn, 1) * 512 + wider, hashed(colour, p.w, p.n) & 16383),
        )

    def count(self, colour: int) -> None:
        """Counts the colour of the pixel that was asked for last, in its contexts."""
        for bucket in self._found:
            bucket.count(colour)

    def _find(self, h: int) -> Bucket:
        """The place of a context: its own, or of two that it may take the one that is worth less,
        emptied."""
        check = h >> 16 or 1
        one, other = (self._buckets[v & self._bucket_mask] for v in (h, h ^ 1))
        if one.check == check:
            return one
        if other.check == check:
            return other
        if one.check and (not other.check or other.most() < one.most()):
            one = other
        one.empty(check)
        return one

    def _gather(self, p: Pixel, totals: list[int]) -> dict[int, _Likely]:
        """The colours that any match, context or neighbour has, as far as there is room."""
        found: dict[int, _Likely] = {}

        def add(colour: int, score: int) -> _Likely | None:
            if colour not in found:
                if len(found) == MOST_LIKELY:
                    return None
                found[colour] = _Likely(0, [0] * len(totals))
            found[colour].score += score
            return found[colour]

        for matched, length in zip(p.matched, p.lengths, strict=True):
            if matched is not None:
                add(matched, 100 * length if length < 16 else MOST_MATCH)
        for i, (bucket, total) in enumerate(zip(self._found, totals, strict=True)):
            for colour, own in zip(bucket.colours, bucket.counts, strict=True):
                entry = add(colour, self._scores[state_of(own, total - own)])
                if entry is None:
                    break
                entry.own[i] = own
        for colour, score in ((p.w, 100), (p.n, 100), (p.ne, 50), (p.nw, 50)):
            add(colour, score)
        return found


def _best(likely: dict[int, _Likely]) -> int:
    """The likeliest colour, of several the first."""
    return max(likely, key=lambda colour: likely[colour].score)


def _reject(likely: dict[int, _Likely], colour: int, totals: list[int]) -> None:
    """Takes a colour out of what may yet be."""
    entry = likely.pop(colour, None)
    if entry:
        for i, own in enumerate(entry.own):
            totals[i] -= own
