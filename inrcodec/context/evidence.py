"""Colour evidence: how many decoded colours lie on either side of a bit's threshold.

Many images use few of the possible colours: 8-bit conversions, levels, scans, palettes. For a
sub-pixel whose value is known to lie in [lo, hi), the decoded pixels are counted whose value in
this channel lies in [lo, mid) and in [mid, hi): among all of them, among those that agree with this
pixel in the previous channel, and among those that agree in the previous two. Counts are exact
integers, from a cumulative table where keys are short and by binary search where they are long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..coding.backend import Backend
from ..coding.tables import PROBABILITY_ONE

# Of keys of so many bits a table is kept; and where there are so many keys, of longer ones too.
TABLE_BITS = 20
MANY_KEYS, MANY_TABLE_BITS = 1 << 22, 24
STRIP = 1 << 20  # keys at a time


class Counts:
    """A multiset of keys: how many lie below a threshold.

    strips: the keys int64 (m,), in parts; number: of them all; bits: of a key.
    """

    def __init__(self, backend: Backend, strips: Iterable[Any], number: int, bits: int) -> None:
        xp = self._xp = backend.xp
        self.keys: Any = None
        self.table: Any = None
        if bits <= (MANY_TABLE_BITS if number >= MANY_KEYS else TABLE_BITS):
            self.table = xp.zeros((1 << bits) + 1, dtype=xp.int64, device=backend.device)
            for keys in strips:
                self.table[1:] += xp.bincount(keys, minlength=1 << bits)
            self.table = xp.cumulative_sum(self.table)
        else:
            self.keys = xp.empty(number, dtype=xp.int64, device=backend.device)
            done = 0
            for keys in strips:
                self.keys[done : done + keys.shape[0]] = keys
                done += keys.shape[0]
            self.keys = xp.sort(self.keys)

    def below(self, keys: Any) -> Any:
        """The number of keys in the set below each of some keys, int64 of the same shape."""
        if self.table is None:
            return self._xp.searchsorted(self.keys, keys)
        return self._xp.take(self.table, keys)


class Evidence:
    """The decoded colours of the earlier steps of one channel.

    known: of each part of the image that is known the values (rows, cols) of this channel and of up
    to two earlier ones, the nearest first; bits: planes of this channel and of each reference.
    """

    def __init__(self, backend: Backend, known: list[list[Any]], bits: list[int]) -> None:
        self._backend, self.bits = backend, bits
        self.sets = []
        number = sum(values[0].shape[0] * values[0].shape[1] for values in known)
        for n in range(len(bits)):
            keys = self._strips(known, n)
            self.sets.append(Counts(backend, keys, number, sum(bits[: n + 1])))

    def _strips(self, known: list[list[Any]], references: int) -> Iterator[Any]:
        """The keys of this channel and so many references, some rows at a time."""
        xp = self._backend.xp
        for values in known:
            rows, cols = values[0].shape
            at_once = max(1, STRIP // max(1, cols))
            for first in range(0, rows, at_once):
                own, *others = (
                    xp.astype(xp.reshape(v[first : first + at_once, :], (-1,)), xp.int64)
                    for v in values[: 1 + references]
                )
                yield self._key(others, own)

    def _key(self, references: list[Any], own: Any) -> Any:
        """The values of a pixel in one integer, this channel's in the lowest bits."""
        key, shift = own, self.bits[0]
        for value, bits in zip(references, self.bits[1:], strict=False):
            key = key + value * (1 << shift)
            shift += bits
        return key

    def inputs(self, references: list[Any], low: Any, plane: int) -> list[Any]:
        """What the plane INR is told: per source, log-odds of a 1 and log2 of the count.

        references: int64 (n,) values of these pixels in the earlier channels; low: int64 (n,), what
        is known of this channel. Returns 2 * (1 + len(references)) float64 arrays (n,) in units of
        1/1024; odds are (8 n1 + 1) : (8 n0 + 1).
        """
        xp, features = self._backend.xp, []
        for n, counts in enumerate(self.sets):
            key = self._key(references[:n], low)
            start = counts.below(key)
            middle = counts.below(key + (1 << plane))
            end = counts.below(key + (2 << plane))
            zeros = xp.astype(middle - start, xp.float64)
            ones = xp.astype(end - middle, xp.float64)
            total = zeros + ones
            p = xp.floor((ones * 8 + 1) * PROBABILITY_ONE / (total * 8 + 2))
            p = xp.clip(p, 1, PROBABILITY_ONE - 1)
            features.append(self._backend.look_up(self._backend.logit, p))
            features.append(
                self._backend.look_up(self._backend.log, xp.clip(total + 1, 1, PROBABILITY_ONE))
            )
        return features


def evidence_inputs(references: int) -> int:
    """How many inputs the evidence gives to the plane INR of a channel."""
    return 2 * (1 + references)
