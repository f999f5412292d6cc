"""Adaptive probabilities and their mixing (after Mahoney 2005), in exact integers. Logits are in
1/256 octave, -4095 to 4095; probabilities of a 1 in 1/65536, and adaptive ones in 22 bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..coding.tables import squash_table, stretch_table
from .levels import ONE

MOST = 4095  # of a logit
MOST_WEIGHT = (1 << 19) - 1  # in 1/65536
MOST_SEEN = 65535
BIAS = 256  # the input that is always the same
NEARLY_ONE = 65535  # what a 1 is, where probabilities are in 1/65536
SETS = 3
LAST_WEIGHT = 21845  # a third
RATE, LAST_RATE = 6, 1
ENTRIES = 33  # of a map, 256 apart
EVEN = 1 << 21 << 10  # an adaptive probability of 1/2 that was never taught
# How far an adaptive probability moves the n-th time: 1 / (n + 1.6), in 1/65536.
RATES = 655360 // (10 * np.arange(1024) + 16)


def hashed(h: int, *values: int) -> int:
    """A hash of 32 bits, into which each value is hashed in turn."""
    for v in values:
        h = (h ^ v) * 0x9E3779B1 & 0xFFFFFFFF
        h ^= h >> 15
    return h


def steps(v: int) -> int:
    """Values below 4 as they are, then two steps an octave."""
    if v < 4:
        return v
    octave = v.bit_length() - 1
    return 2 * octave + (v >> octave - 1 & 1)


def power_of_two(least: int, lowest: int, highest: int) -> int:
    """The least power of two that is not below `least`, but 2^lowest to 2^highest."""
    return 1 << min(max((least - 1).bit_length(), lowest), highest)


def squash(z: int) -> int:
    """The probability of a logit, 1 to 65535."""
    return int(squash_table()[z + 4096])


def within(values: np.ndarray, low: int, high: int) -> np.ndarray:
    """np.clip, which takes longer."""
    return np.minimum(np.maximum(values, low), high)


class Tables:
    """Tables of adaptive probabilities, of which an entry each has a say in a bit. fresh: uint32
    (n,) of each, 22 bits of a probability above 10 of how often it was taught."""

    def __init__(self, fresh: Sequence[np.ndarray]) -> None:
        joined = np.concatenate(fresh).astype(np.int64)
        self._p, self._taught = joined >> 10, joined & 1023
        self._starts = np.cumsum([0, *(len(table) for table in fresh[:-1])])
        self._at = self._asked = np.zeros(0, np.int64)

    def ask(self, entries: Sequence[int] | np.ndarray) -> np.ndarray:
        """Inputs of a mixer, int64 (tables + 1,): the logit of an entry of each table, 0 where that
        is -1, and BIAS."""
        places = np.asarray(entries)
        self._asked = np.flatnonzero(places >= 0)
        self._at = (self._starts + places)[self._asked]
        inputs = np.zeros(len(places) + 1, np.int64)
        inputs[self._asked] = stretch_table()[self._p[self._at] >> 10]
        inputs[-1] = BIAS
        return inputs

    def teach(self, bits: int | np.ndarray, most: int) -> None:
        """The entries that were asked last learn a bit: all the same, or by table. What was taught
        `most` times moves as far each time."""
        bits = bits if isinstance(bits, int) else bits[self._asked]
        p, taught = self._p[self._at], self._taught[self._at]
        self._p[self._at] = p + ((ONE * bits - p) * RATES[taught] >> 16)
        self._taught[self._at] = np.minimum(taught + 1, most)


class Weights:
    """Rows of weights in 1/65536, all of them `fresh` (inputs,) at first, and how often each row
    learned."""

    def __init__(self, rows: int, fresh: Sequence[int] | np.ndarray) -> None:
        self._weights = np.tile(np.array(fresh, np.int64), (rows, 1))
        self._seen = [0] * rows

    def mix(self, rows: list[int], inputs: np.ndarray) -> list[int]:
        """Logits: sums of the inputs int64 (inputs,) under each of the rows. Every product is
        divided by 256 and rounded down, and then the sum."""
        self._rows, self._inputs, self._chosen = rows, inputs, self._weights[rows]
        sums = (self._chosen * inputs >> 8).sum(axis=1)
        return [min(max(z >> 8, -MOST), MOST) for z in sums.tolist()]

    def learn(self, errors: list[int], rate: int) -> None:
        """The rows that were mixed last learn; errors: of each one's probability. The more rarely
        a row learned, the more it does."""
        moves = []
        for row, error in zip(self._rows, errors, strict=True):
            faster = 16 + 64 // (self._seen[row] // 32 + 1)
            self._seen[row] = min(self._seen[row] + 1, MOST_SEEN)
            moves.append([error * rate * faster >> 7])
        moved = self._chosen + (self._inputs * np.array(moves) + (1 << 14) >> 15)
        self._weights[self._rows] = within(moved, -MOST_WEIGHT, MOST_WEIGHT)


class _Map:
    """What a logit turned out to be worth in a context: probabilities of 33 logits, between two of
    which it lies; the nearer one learns."""

    def __init__(self, contexts: int, slowness: int) -> None:
        logits = (min(max(256 * (i - 16), -MOST), MOST) for i in range(ENTRIES))
        self._entries = [squash(z) for z in logits] * contexts
        self._slowness, self._at = slowness, 0

    def refine(self, context: int, z: int) -> int:
        low, part = divmod(z + 4096, 256)
        at = ENTRIES * context + low
        self._at = at + (part >> 7)
        return self._entries[at] * (256 - part) + self._entries[at + 1] * part >> 8

    def learn(self, bit: int) -> None:
        p = self._entries[self._at]
        self._entries[self._at] = p + (NEARLY_ONE * bit - p >> self._slowness)


class Mixer:
    """Mixes inputs by a row of weights out of each of three sets, and the three results by a row of
    a last set; two maps refine the result.

    fresh: weights (inputs,) of each row of the three at first; sets: rows of the three; last: rows
    of the last one; maps: of each how many contexts it has, and how slowly it learns.
    """

    def __init__(
        self,
        fresh: np.ndarray,
        sets: tuple[int, int, int],
        last: int,
        maps: Sequence[tuple[int, int]],
    ) -> None:
        self._starts = (0, sets[0], sets[0] + sets[1])
        self._sets = Weights(sum(sets), fresh)
        self._last = Weights(last, [LAST_WEIGHT] * SETS)
        self._maps = [_Map(*told) for told in maps]

    def predict(
        self, inputs: np.ndarray, sets: tuple[int, int, int], last: int, contexts: tuple[int, int]
    ) -> int:
        """P(1) * 65536 in 1 .. 65535. sets, last: the rows; contexts: of the maps."""
        rows = [start + row for start, row in zip(self._starts, sets, strict=True)]
        logits = self._sets.mix(rows, inputs)
        (z,) = self._last.mix([last], np.array(logits))
        one, two = (m.refine(at, z) for m, at in zip(self._maps, contexts, strict=True))
        self._mixed, self._each = squash(z), [squash(v) for v in logits]
        return min(max(2 * self._mixed + one + two >> 2, 1), NEARLY_ONE)

    def learn(self, bit: int) -> None:
        """Learns the bit that was predicted last."""
        wanted = NEARLY_ONE * bit
        self._sets.learn([wanted - p for p in self._each], RATE)
        self._last.learn([wanted - self._mixed], LAST_RATE)
        for each in self._maps:
            each.learn(bit)
