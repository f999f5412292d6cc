"""Colour evidence: how many decoded colours lie on either side of a bit's threshold.

Many images use few of the possible colours: 8-bit conversions, levels, scans, palettes. For a
sub-pixel whose value is known to lie in [lo, hi), the decoded pixels are counted whose value in
this channel lies in [lo, mid) and in [mid, hi): among all of them, among those that agree with
this pixel in the previous channel, and among those that agree in the previous two. Here with sorted
keys; kernels/colours.c counts the same from tables where keys are short.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ..coding.backend import Backend
from ..coding.tables import UNIT

LOG_LIMIT = 16 * UNIT
MOST = (1 << 27) - 1  # counts above are as many


def evidence_inputs(references: int) -> int:
    """How many inputs the evidence gives to the plane INR of a channel."""
    return 2 * (1 + references)


class Evidence:
    """The decoded colours of the earlier steps of one channel.

    known: the values int64 (m,) of this channel and of up to two earlier ones, the nearest first,
    where this channel is known; bits: planes of this channel and of each reference.
    """

    def __init__(self, backend: Backend, known: list[Any], bits: list[int]) -> None:
        self._backend, self._bits = backend, bits
        self._sets = [
            backend.xp.sort(self._key(known[1 : 1 + n], known[0])) for n in range(len(known))
        ]

    def _key(self, references: list[Any], own: Any) -> Any:
        """The values of a pixel in one integer, this channel's in the lowest bits."""
        key, shift = own, self._bits[0]
        for value, bits in zip(references, self._bits[1:], strict=False):
            key = key + (value << shift)
            shift += bits
        return key

    def inputs(self, references: list[Any], low: Any, plane: int) -> list[Any]:
        """What the plane INR is told: per source, log-odds of a 1 and log2 of the count.

        references: int64 (n,) values of these pixels in the earlier channels; low: int64 (n,), what
        is known of this channel. Returns evidence_inputs(len(references)) arrays int64 (n,) in
        units of 1/1024; odds are (8 n1 + 1) : (8 n0 + 1).
        """
        backend, features = self._backend, []
        xp = backend.xp
        for n, keys in enumerate(self._sets):
            key = self._key(references[:n], low)
            bounds = [xp.searchsorted(keys, key + (k << plane)) for k in range(3)]
            zeros, ones = (xp.clip(b - a, 0, MOST) for a, b in pairwise(bounds))
            odds = backend.log2(8 * ones + 1) - backend.log2(8 * zeros + 1)
            features.append(xp.clip(odds, -LOG_LIMIT, LOG_LIMIT))
            features.append(xp.clip(backend.log2(ones + zeros + 1), 0, LOG_LIMIT))
        return features
