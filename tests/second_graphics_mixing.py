"""What graphics images decide with, section 13.2 of format_spec.md, for the second decoder: from
the page alone."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from second_coding import clip, pow_table
from second_container import Array

POW8 = pow_table(8)
FULL = 2**22 - 1


def squash_entry(z: int) -> int:
    q = POW8[abs(z) % 256] >> (abs(z) // 256)
    return min(max((2**64 if z >= 0 else q) * 2**16 // (2**64 + q), 1), 65535)


SQUASH = {z: squash_entry(z) for z in range(-4096, 4096)}
STRETCH = np.searchsorted([*SQUASH.values()], 16 * np.arange(4096) + 8) - 4096
RATE = 655360 // (10 * np.arange(1024) + 16)
MAP = [SQUASH[min(max(256 * (k - 16), -4095), 4095)] for k in range(33)]


def hashed(a: int, *others: int) -> int:  # H
    for b in others:
        x = ((a ^ b) * 0x9E3779B1) % 2**32
        a = x ^ (x >> 15)
    return a


def steps(v: int) -> int:
    e = v.bit_length() - 1
    return v if v < 4 else 2 * e + (v >> (e - 1)) % 2


def size(v: int, least: int, most: int) -> int:
    return 2 ** min(max((v - 1).bit_length(), least), most)


class Adaptive:
    """Tables of adaptive probabilities, one behind the other, from their p and n at first."""

    def __init__(self, tables: list[tuple[Array, int]]) -> None:
        sizes = [len(p) for p, _ in tables]
        self.starts = np.cumsum([0, *sizes])
        self.p = np.concatenate([p for p, _ in tables])
        self.n = np.repeat([n for _, n in tables], sizes)

    def find(self, tables: list[int], entries: list[int]) -> Array:
        """Places of entries in tables, of which none is twice."""
        return self.starts[tables] + entries

    def logits(self, places: Array) -> Array:
        return STRETCH[self.p[places] >> 10]

    def teach(self, places: Array, bits: int | Array, most: int) -> None:
        p, n = self.p[places], self.n[places]
        self.p[places] = p + (((FULL * bits - p) * RATE[n]) >> 16)
        self.n[places] = np.minimum(n + 1, most)


class Weights:
    """A set of weights."""

    def __init__(self, first: list[int]) -> None:
        self.w, self.t = np.array(first), 0

    def dot(self, x: Array) -> int:
        return min(max(int(((self.w * x) >> 8).sum()) >> 8, -4095), 4095)

    def learn(self, x: Array, error: int, rate: int) -> None:
        step = (error * rate * (16 + 64 // (self.t // 32 + 1))) >> 7
        self.t = min(self.t + 1, 65535)
        self.w = clip(self.w + ((x * step + 2**14) >> 15), -524287, 524287)


class Mixed:
    """Mixed decisions: a mixer with these weights at first, and two maps."""

    def __init__(self, first: list[int], slowness: tuple[int, int]) -> None:
        self.three = [defaultdict[int, Weights](lambda: Weights(first)) for _ in range(3)]
        self.last = defaultdict[int, Weights](lambda: Weights([21845] * 3))
        self.maps = [defaultdict[int, list[int]](MAP.copy) for _ in range(2)]
        self.slowness = slowness

    def probability(self, x: Array, numbers: list[int], contexts: tuple[int, int]) -> int:
        """Of a 1: numbers in the four tables, contexts of the maps."""
        sets = [table[number] for table, number in zip(self.three, numbers, strict=False)]
        dots, last = np.array([of.dot(x) for of in sets]), self.last[numbers[3]]
        z = last.dot(dots)
        self.asked = [*((of, x, dot, 6) for of, dot in zip(sets, dots.tolist(), strict=True))]
        self.asked += [(last, dots, z, 1)]
        (k, f), p = divmod(z + 4096, 256), 2 * SQUASH[z]
        self.entries = []
        for of, context, slowness in zip(self.maps, contexts, self.slowness, strict=True):
            e = of[context]
            p += (e[k] * (256 - f) + e[k + 1] * f) >> 8
            self.entries.append((e, k + (f >= 128), slowness))
        return min(max(p >> 2, 1), 65535)

    def learn(self, bit: int) -> None:
        """About the decision that probability was asked about last."""
        for weights, x, z, rate in self.asked:
            weights.learn(x, 65535 * bit - SQUASH[z], rate)
        for e, k, slowness in self.entries:
            e[k] += (65535 * bit - e[k]) >> slowness
