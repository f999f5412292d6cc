"""Colour evidence: how many decoded colours lie on either side of a bit's threshold.

Many images use few of the possible colours: 8-bit conversions, levels, scans, palettes. For a
sub-pixel whose value is known to lie in [lo, hi), the decoded pixels are counted whose value in
this channel lies in [lo, mid) and in [mid, hi): among all of them, among those that agree with this
pixel in the previous channel, and among those that agree in the previous two. Counts are exact
integers, from a cumulative table where keys are short and by binary search where they are long.
"""

from __future__ import annotations

from typing import Any

from .backend import Backend
from .tables import PROBABILITY_ONE

TABLE_BITS = 20


class Counts:
    """A multiset of keys: how many lie below a threshold."""

    def __init__(self, backend: Backend, keys: Any, bits: int) -> None:
        xp = self._xp = backend.xp
        self.keys: Any = xp.sort(keys)
        self.table: Any = None
        if bits <= TABLE_BITS:
            every = xp.arange((1 << bits) + 1, dtype=xp.int64, device=backend.device)
            self.table = xp.searchsorted(self.keys, every)
            self.keys = None

    def below(self, keys: Any) -> Any:
        """The number of keys in the set below each of some keys, int64 of the same shape."""
        if self.table is None:
            return self._xp.searchsorted(self.keys, keys)
        return self._xp.take(self.table, keys)


class Evidence:
    """The decoded colours of the earlier steps of one channel.

    own: int64 (m,) values of this channel at the decoded pixels; references: the same of up to two
    earlier channels, the nearest first; bits: planes of this channel and of each reference.
    """

    def __init__(self, backend: Backend, own: Any, references: list[Any], bits: list[int]) -> None:
        self._backend, self.bits = backend, bits
        self.sets = []
        for n in range(1 + len(references)):
            keys = self._key(references[:n], own)
            self.sets.append(Counts(backend, keys, sum(bits[: n + 1])))

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
