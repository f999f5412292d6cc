"""Coefficient images, chapter 10 of format_spec.md, for the second decoder: from the page alone."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path

import numpy as np
from second_coding import (
    RangeDecoder,
    Shapes,
    Tensors,
    add_change,
    clip,
    int_weights,
    log2,
    logistic,
    low_rank,
)
from second_container import Array, Fields, Sections, check_keys, check_numbers
from second_context import context_image, read_streams
from second_jpeg import ZIGZAG, Component
from second_networks import Mixture, Network, evaluate, round_network
from second_steps import WHOLE, Lattice, Planes

FOLDER = Path(__file__).resolve().parents[1]
PLACE = {frequency: k for k, frequency in enumerate(ZIGZAG)}
GROUPS = [[1, 3, 6, 10, 15, 21, 36], [1, 3, 6, 15], [1, 3, 6, 15]]
FIRST_GROUPS = [0, 7, 11]
HALF = np.array(
    [
        [2048, 0, 0, 0, 0, 0, 0, 0],
        [1856, 835, -141, 39, 0, -26, 59, -166],
        [0, 2009, 0, 0, 0, 0, 0, -400],
        [-652, 1589, 971, -166, 0, 111, -402, -316],
        [0, 0, 1892, 0, 0, 0, -784, 0],
        [435, -708, 1453, 835, 0, -558, -602, 141],
        [0, 0, 0, 1703, 0, -1138, 0, 0],
        [-369, 558, -710, 1474, 0, -985, 294, -111],
    ]
)
OTHER_HALF = HALF * [[(-1) ** (v + u) for u in range(8)] for v in range(8)]
HERE, NEAR = [(0, 0)], [(0, -1), (0, 1), (-1, 0), (1, 0)]
DIAGONAL = [(-1, -1), (-1, 1), (1, -1), (1, 1)]
RING = [(y, x) for y in range(-2, 3) for x in range(-2, 3) if max(abs(y), abs(x)) == 2]
PAD = 2  # blocks outside the component, with zeros


def read_levels(packed: bytes, count: int) -> list[list[int]]:  # 10.1
    assert type(packed) is bytes, "levels"
    differences = np.reshape(RangeDecoder(packed).integers(64 * count), (count, 64))
    levels = differences.cumsum(axis=1)
    assert np.all(levels[:, 0] == 0), "a level of the DC coefficients"
    assert np.all((levels >= 0) & (levels <= 97)), "a level"
    return levels.tolist()


def direct_image(sections: Sections, fields: Fields, components: list[Component]) -> list[Array]:
    """The DC coefficients."""  # 10.2
    assert type(fields) is dict, "fields of the DC image"
    sizes = [(own.rows, own.cols) for own in components]
    (rows, cols), (height, width) = sizes[0], (sum(s[0] for s in sizes), max(s[1] for s in sizes))
    planes = Planes(height, width, 16, "grey", False, (WHOLE,))
    if len(sizes) == 3 and sizes[1] == sizes[2]:
        for steps in [(1, 1), (1, 2), (2, 1), (2, 2)]:
            if (steps[0] * sizes[1][0], steps[1] * sizes[1][1]) == sizes[0]:
                chroma = Lattice(*steps, 0, 0)
                planes = Planes(rows, cols, 16, "YCC", False, (WHOLE, chroma, chroma))
    parts = context_image(sections["D"], sections.get("W", [None])[0], fields, planes, 0)
    if planes.kind == "grey":
        tops = np.cumsum([0] + [size[0] for size in sizes])
        parts = [parts[0][top : top + h, :w] for top, (h, w) in zip(tops[:-1], sizes, strict=True)]
    assert all(part.min() > 0 for part in parts), "a DC coefficient of -2^15"
    return [part - 2**15 for part in parts]


def reference(coefficients: Array, other: Component, own: Component) -> Array:  # 10.3
    """ref_k(i, j), (64, rows, cols)."""
    x = np.zeros((other.rows, other.cols, 8, 8), np.int64)
    for k, (u, v) in enumerate(ZIGZAG):
        x[:, :, v, u] = np.clip(coefficients[:, :, k] * other.table[k], -(2**15), 2**15)
    down, across = other.rows == 2 * own.rows, other.cols == 2 * own.cols
    if down:
        x = HALF @ x[::2] + OTHER_HALF @ x[1::2]
    if across:
        x = x[:, ::2] @ HALF.T + x[:, 1::2] @ OTHER_HALF.T
    n, m = [(0, 22), (6, 28), (18, 28)][down + across]
    refs = [
        (x[:, :, v, u] // 2**n * (2**24 // max(1, t))) >> m
        for (u, v), t in zip(ZIGZAG, own.table, strict=True)
    ]
    return np.clip(refs, -60000, 60000)


def around(plane: Array, offsets: list[tuple[int, int]]) -> Array:
    """What a plane with its padding has at offsets from each block, (offsets, rows, cols)."""
    rows, cols = (n - 2 * PAD for n in plane.shape)
    return np.array([plane[PAD + y : PAD + y + rows, PAD + x : PAD + x + cols] for y, x in offsets])


def size_log(a: Array, w: int) -> Array:  # L of 10.4
    return log2(1 + w * np.minimum(a, 2**30 // w)) >> 1


def edge_one(n: int) -> int:  # E of 10.4
    return 256 if n else 181


@dataclass
class View:
    """What is known of a component and its references, (64, rows, cols) with their padding."""

    c: Array
    known: Array  # whether c is
    refs: list[Array]
    steps: list[int]  # s_k
    levels: list[int]

    def at(self, u: int, v: int, coefficients: Array) -> Array:
        k = PLACE.get((u, v))
        return np.zeros_like(coefficients[0]) if k is None else coefficients[k]

    def border(self, u: int | None, v: int | None, behind: bool) -> Array:
        """left_v or right_v of a v, or above_u or below_u of a u."""
        total = np.zeros_like(self.c[0])
        for n in range(8):
            place = PLACE[(n, v) if u is None else (u, n)]
            real = clip(self.c[place] * self.steps[place], -(2**15), 2**15)
            total += real * edge_one(n) * ((-1) ** n if behind else 1)
        return total

    def exponent(self, k: int) -> int:
        return min(max((self.levels[k] - 41) // 4 - 1, 0), 8)

    def inputs(self, k: int) -> Array:
        """Of all blocks, (number, rows, cols)."""
        (u, v), e, c, sizes = ZIGZAG[k], self.exponent(k), self.c, abs(self.c)
        unit = self.steps[k] * 2**e
        of_u, of_v = (2**26 // (edge_one(n) * unit) for n in (u, v))
        left, right = (self.border(None, v, behind) for behind in (False, True))
        above, below = (self.border(u, None, behind) for behind in (False, True))
        found = []
        for there, here, offset, factor in (
            (right, left, (0, -1), of_u),
            (left, right, (0, 1), (-1) ** u * of_u),
            (below, above, (-1, 0), of_v),
            (above, below, (1, 0), (-1) ** v * of_v),
        ):
            gap = around(there, [offset]) - around(here, HERE)
            found.append((gap * factor) >> 16)
        signs = np.array([(-1) ** u, (-1) ** u, (-1) ** v, (-1) ** v])[:, None, None]
        found.append(signs * around(c[k], NEAR) * 2 ** (10 - e))
        own = [(u - 1, v), (u, v - 1), (u - 1, v - 1), (u - 2, v), (u, v - 2)]
        for f in own:
            j = PLACE.get(f, 0)
            plane = around(c[j], HERE) if j else np.zeros_like(found[0])
            found.append((plane * (2**22 * self.steps[j] // unit)) >> 12)
        for f in [*own, (u + 1, v - 1), (u - 1, v + 1), (u - 2, v + 1), (u + 1, v - 2)]:
            j = PLACE.get(f, 0)
            plane = around(sizes[j], HERE) if 0 < j < k else np.zeros_like(found[0])
            found.append(size_log(plane, 16))
        recent = sizes[max(1, k - 6) : k].sum(axis=0)
        count = np.count_nonzero(c[max(1, k - 16) : k], axis=0)
        run, ended = np.zeros_like(recent), np.zeros(recent.shape, bool)
        for j in range(k - 1, max(1, k - 16) - 1, -1):
            ended |= c[j] != 0
            run += ~ended
        before = sum(
            sizes[j] for f in own[:3] if (j := PLACE.get(f, 0))
        ) + np.zeros_like(recent)  # fmt: skip
        found += [size_log(around(recent, HERE), 16), size_log(around(count, HERE), 16)]
        found += [256 * around(run, HERE)]
        found += [size_log(around(sizes[1:k].sum(axis=0), HERE), 4)]
        found += [
            size_log(around(before, NEAR + DIAGONAL), 16),
            size_log(around(sizes[k], NEAR), 16),
        ]
        for plane, offsets, w in (
            (sizes[k], NEAR, 16),
            (recent, NEAR, 16),
            (recent, DIAGONAL, 16),
            (count, NEAR + DIAGONAL, 4),
            (recent + before, RING, 4),
        ):
            found.append(size_log(around(plane, offsets).sum(axis=0, keepdims=True), w))
        log_step = int(log2(np.array(self.steps[k]))) >> 1
        firsts = 4096 * (u == 0), 4096 * (v == 0)
        for n in (512 * u, 512 * v, *firsts, log_step, 128 * self.levels[k], 512 * e):
            found.append(np.full_like(found[0], n))
        for ref in self.refs:
            found += self.reference_inputs(k, ref)
        return np.clip(np.concatenate(found), -32767, 32767)

    def reference_inputs(self, k: int, ref: Array) -> list[Array]:
        (u, v), e = ZIGZAG[k], self.exponent(k)
        p, q = (
            around((np.where(self.known, a * ref, 0) // 4).sum(axis=0), HERE + NEAR).sum(axis=0)
            for a in (self.c, ref)
        )
        slope = np.clip(1024 * p // (q + 64), -8192, 8192)[None]
        there = around(ref[k], HERE)
        found = [(256 * there) >> e, (slope * there) >> (2 + e), slope]
        for f in [(u, v), (u + 1, v), (u, v + 1), (u - 1, v), (u, v - 1)]:
            found.append(size_log(abs(around(self.at(*f, ref), HERE)), 4))
        following = abs(ref[k + 1 : k + 7]).sum(axis=0)
        found.append(size_log(around(following, HERE), 4))
        return [*found, size_log(abs(around(ref[k], NEAR)).sum(axis=0, keepdims=True), 4)]


def shapes_of(number: int) -> Shapes:  # 10.5
    i = 50 + 10 * sum(number >= 2 * first for first in FIRST_GROUPS[1:])
    shapes = {"w1": (64, i), "b1": (64,), "w2": (64, 64), "b2": (64,), "w3": (9, 64), "b3": (9,)}
    return shapes | {"bypass": (1, i)}


def network_number(r: int, k: int, step: int) -> int:
    group = FIRST_GROUPS[r] + sum(first <= k for first in GROUPS[r]) - 1
    return 2 * group + step


@cache
def prior() -> list[Tensors]:
    """Its name and digest are looked up in the specification."""
    row = r"\| 1 \| `(inrcodec/jpeg/\S+\.bin)` \| ([0-9,]+) \| `([0-9a-f]{32})` \|"
    ((name, size, digest),) = re.findall(row, (FOLDER / "format_spec.md").read_text())
    payload = (FOLDER / name).read_bytes()
    assert len(payload) == int(size.replace(",", "")), "prior"
    assert hashlib.blake2b(payload, digest_size=16).hexdigest() == digest, "prior"
    return int_weights(payload, [shapes_of(n) for n in range(30)])


def read_networks(numbers: list[int], changes: bytes | None, rank: int) -> dict[int, Network]:
    tensors = [prior()[n] for n in numbers]
    if changes is not None:
        stored = int_weights(changes, [low_rank(shapes_of(n), rank) for n in numbers])
        tensors = [add_change(*pair) for pair in zip(tensors, stored, strict=True)]
    return {n: round_network(of, False) for n, of in zip(numbers, tensors, strict=True)}


class Magnitudes:  # 10.6
    def __init__(self, y: Array, e: int) -> None:
        self.mixture = Mixture(y, np.zeros(y.shape[1:], np.int64), e - 4, 15)
        self.all = self.mixture.total * 2**19 + self.mixture.floor * 2**15

    def big_f(self, n: int, m: int) -> int:
        """Of the n-th coefficient."""
        weighted = self.mixture.weighted(np.array([m]), slice(n, n + 1))
        return int(self.mixture.floor[n] * (m + 2**14) + weighted[0])

    def decode(self, n: int, stream: RangeDecoder) -> int:
        whole, f_0, f_1 = int(self.all[n]), self.big_f(n, 0), self.big_f(n, 1)
        if not decide(stream, whole - (f_1 - f_0), f_1 - f_0):
            return 0
        negative = decide(stream, f_0, whole - f_1)

        def below(m: int) -> int:  # G
            if m == 2**14:
                return f_0 if negative else whole - f_1
            return f_0 - self.big_f(n, 1 - m) if negative else self.big_f(n, m) - f_1

        low, high, halved = 1, 2**14, False
        while low < high - 1:
            w = 1 if low < 8 else 2 ** (low.bit_length() - 3)
            if halved or low + w >= high:
                w = (high - low) // 2
            m = low + w
            if decide(stream, below(high) - below(m), below(m) - below(low)):
                low = m
            else:
                high, halved = m, True
        return -low if negative else low


def decide(stream: RangeDecoder, a: int, b: int) -> int:
    g = log2(np.array(max(a, 1))) - log2(np.array(max(b, 1)))
    p = logistic(64 * clip(g, -16384, 16383)) >> 3
    return stream.bit(min(max(int(p), 1), 65535))


def references_of(n: int, components: list[Component]) -> list[int]:  # 10.3
    first, own = components[0], components[n]
    sizes = [(of.rows, of.cols) for of in components]
    found = []
    if n and first.rows in (own.rows, 2 * own.rows) and first.cols in (own.cols, 2 * own.cols):
        found.append(0)
    if n > 1 and sizes[n - 1] == sizes[n]:
        found.append(n - 1)
    return found


def coefficient_image(
    sections: Sections, fields: Fields, components: list[Component]
) -> list[Array]:
    """(rows, cols, 64) of each component."""
    changes = sections.get("U", [None])[0]
    check_keys(fields, "lqd" + "r" * (changes is not None), "", "fields of a coefficient image")
    check_numbers([fields["q"], fields.get("r", 1)], 2, 1, 8)
    assert fields["q"] == 1, "prior"
    levels = read_levels(fields["l"], len(components))
    payloads = sections["Q"]
    assert len(payloads) == len(components), "sections of coefficients"
    uses, work = [], 0
    for n, (own, payload) in enumerate(zip(components, payloads, strict=True)):
        r, coded = len(references_of(n, components)), [k for k in range(1, 64) if levels[n][k]]
        bits = own.rows * own.cols * len(coded)
        assert bits <= 363409 * (len(payload) + 16), "more bits than the data can hold"
        numbers = {network_number(r, k, step) for k in coded for step in (0, 1)}
        uses += numbers
        counts = [sum(prod(shape) for shape in shapes_of(number).values()) for number in numbers]
        work += bits * max(counts, default=0)
    assert work <= 2**44, "multiply-adds"
    direct = direct_image(sections, fields["d"], components)
    networks = read_networks(sorted(set(uses)), changes, fields.get("r", 0))
    found: list[Array] = []
    for n, (own, payload) in enumerate(zip(components, payloads, strict=True)):
        streams = read_streams(payload)
        assert len(streams) <= 16, "streams of coefficients"
        others = references_of(n, components)
        refs = [reference(found[i], components[i], own) for i in others]
        padding = [(0, 0), (PAD, PAD), (PAD, PAD)]
        size = own.rows + 2 * PAD, own.cols + 2 * PAD
        view = View(
            np.zeros((64, *size), np.int64), np.zeros((64, *size), bool),
            [np.pad(ref, padding) for ref in refs], [max(1, t) for t in own.table], levels[n],
        )  # fmt: skip
        inside = slice(PAD, PAD + own.rows), slice(PAD, PAD + own.cols)
        view.c[0][inside], view.known[0][inside] = direct[n], True
        rows, cols = np.indices((own.rows, own.cols))
        bands = np.zeros(own.rows, np.int64)
        for s in range(len(streams)):
            bands[s * own.rows // len(streams) : (s + 1) * own.rows // len(streams)] = s
        for k in (k for k in range(1, 64) if levels[n][k]):
            for step in (0, 1):
                chosen = (rows + cols) % 2 == step
                network = networks[network_number(len(others), k, step)]
                outputs = evaluate(network, view.inputs(k)[:, chosen])
                magnitudes = Magnitudes(outputs, view.exponent(k))
                values = [
                    magnitudes.decode(at, streams[bands[row]])
                    for at, row in enumerate(rows[chosen].tolist())
                ]
                view.c[k][inside][chosen], view.known[k][inside][chosen] = values, True
        found.append(np.moveaxis(view.c[(slice(None), *inside)], 0, 2))
    return found
