"""The networks and mixtures of context images, 4.7 and 4.8 of format_spec.md, and their priors, for
the second decoder: from the specification alone."""

from __future__ import annotations

import hashlib
import zlib
from functools import cache
from itertools import product
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from second_coding import (
    POWER,
    Shapes,
    Tensors,
    add_change,
    clip,
    half_weights,
    int_weights,
    logistic,
    low_rank,
)
from second_container import Array, Fields

PRIORS = {  # trunk width and BLAKE2b-128
    1: (32, "02a2082af4d8a06019bc00cc0d686b6f"),
    2: (64, "c95854d39bce8c8db9f254794508e722"),
}
ROUNDING = {  # gains of trunk and plane networks, unit, limit
    "w1": (4, 6, 8, 2**31),
    "w2": (0, 0, 8, 2**31),
    "w3": (-2, -2, 10, 2**30),
    "bypass": (-2, 0, 10, 2**30),
}


Count = tuple[int, bool, int]  # of references, whether the channel is fine, and of frames


def network_shapes(counts: list[Count], widths: list[int]) -> list[Shapes]:  # 4.7
    """Of trunk A, trunk B and plane for each."""
    networks = []
    for (r, fine, t), kind in product(counts, ("trunk A", "trunk B", "plane")):
        i, u, o = (42 + 25 * r + 16 * fine if r else 40) + 14 * t, widths[0], 9
        i, u, o = (4 + 2 * r, widths[1], 1) if kind == "plane" else (i, u, o)
        shapes = {"w1": (u, i), "b1": (u,), "w2": (u, u), "b2": (u,), "w3": (o, u), "b3": (o,)}
        networks.append(shapes | {"bypass": (1, i)})
    return networks


def prior_shapes(q: int) -> list[Shapes]:
    counts = [(r, kind == 2 and r > 0, 0) for kind in range(3) for r in range(3)]
    return network_shapes(counts, [PRIORS[q][0], 16])


@cache
def prior(q: int) -> list[Tensors]:  # 6.3
    payload = (Path(__file__).resolve().parents[1] / f"inrcodec/context/prior{q}.bin").read_bytes()
    assert hashlib.blake2b(payload, digest_size=16).hexdigest() == PRIORS[q][1], "prior"
    return int_weights(payload, prior_shapes(q))


def own_prior(digest: bytes) -> tuple[int, list[Tensors]]:  # 6.3
    """The base and the networks of the prior of that digest among those beside the golden files."""
    files = [path.read_bytes() for path in Path(__file__).parent.glob("golden/*.prior")]
    known = {hashlib.blake2b(f, digest_size=16).digest(): f for f in files}
    assert digest in known, "no such prior"
    data = known[digest]
    assert data[:9] == b"\x89LNP\r\n\x1a\n\x01", "signature and version"
    assert zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "little"), "CRC"
    base, rank, mask = data[9], data[10], int.from_bytes(data[11:15], "little")
    assert 1 <= rank <= 64, "rank"
    assert 0 < mask < 1 << 27, "networks"
    tensors = list(prior(base))
    numbers = [n for n in range(27) if mask >> n & 1]
    shapes = [low_rank(prior_shapes(base)[n], rank) for n in numbers]
    for n, change in zip(numbers, int_weights(data[15:-4], shapes), strict=True):
        tensors[n] = add_change(tensors[n], change)
    return base, tensors


def widths_of(fields: Fields) -> list[int]:
    q = fields.get("q")
    return [PRIORS[q][0], 16] if isinstance(q, int) else fields["w"]


def check_work(
    counts: list[Count], widths: list[int], planes: list[int], samples: list[int]
) -> None:
    """counts and planes are of the channels with planes, samples how many of each are computed."""
    shapes = network_shapes(counts, widths)
    numbers = [sum(prod(shape) for shape in of.values()) for of in shapes]
    work = [numbers[3 * n] + p * numbers[3 * n + 2] for n, p in enumerate(planes)]
    total = sum(number * each for number, each in zip(samples, work, strict=True))
    assert total <= 2**44, "multiply-adds"  # 7


def with_frames(network: Tensors, inputs: int) -> Tensors:  # 6.3
    """A trunk with columns of zeros at its right."""
    wide = dict(network)
    for name in ("w1", "bypass"):
        v, s = network[name]
        wide[name] = (np.pad(v, ((0, 0), (0, inputs - v.shape[1]))), s)
    return wide


def read_networks(
    payload: bytes | None, counts: list[Count], fields: Fields, kind: int
) -> list[list[Network]]:
    """For each channel trunk A, trunk B and plane; counts are of the channels; kind: of a prior's
    networks."""
    q, widths = fields.get("q"), widths_of(fields)
    shapes = network_shapes(counts, widths)
    assert sum(prod(shape) for of in shapes for shape in of.values()) <= 2**24, "numbers"
    if q is not None:
        base, start = own_prior(q) if isinstance(q, bytes) else (q, prior(q))
        assert widths == [PRIORS[base][0], 16], "widths of the prior"
        tensors = [network for r, *_ in counts for network in start[9 * kind + 3 * r :][:3]]
        tensors = [with_frames(*p) for p in zip(tensors, [s["w1"][1] for s in shapes], strict=True)]
        if payload is not None:
            changes = int_weights(payload, [low_rank(of, fields["r"]) for of in shapes])
            tensors = [add_change(*pair) for pair in zip(tensors, changes, strict=True)]
    else:
        assert payload is not None, "weights"
        f = fields["f"]
        tensors = half_weights(payload, shapes, f == 2) if f else int_weights(payload, shapes)
    rounded = [round_network(of, n % 3 == 2) for n, of in enumerate(tensors)]
    return [rounded[n : n + 3] for n in range(0, len(rounded), 3)]


class Layer(NamedTuple):
    weights: Array  # (outputs, inputs), as float64: their sums with inputs are below 2^31
    biases: Array
    shifts: Array  # of each row


Network = dict[str, Layer]


def round_network(tensors: Tensors, plane: bool) -> Network:
    network = {}
    for name, (*gains, unit, limit) in ROUNDING.items():
        w, s = tensors[name]
        b, sb = tensors.get("b" + name[1], (np.zeros(len(w), object), 0))
        assert sb <= 10, "shift of a bias"
        gain = gains[plane]
        rows = []
        for v, bias in zip(w, b, strict=True):
            for t in range(max(0, min(s, 14) + gain), -1, -1):
                row, row_bias = nearest(v, t - gain - s), bias * 2**unit * 2**t >> sb
                sizes = abs(row)
                if max(sizes) <= 32767 and 32767 * sum(sizes) + abs(row_bias) < limit:
                    rows.append((row, row_bias, t))
                    break
            else:
                raise AssertionError("weights that 16 bits do not hold")
        weights, *others = (np.array(part, np.int64) for part in zip(*rows, strict=True))
        network[name] = Layer(weights.astype(np.float64), *others)
    return network


def nearest(v: Array, n: int) -> Array:
    """floor(v * 2^n + 1/2)."""
    return v * 2**n if n >= 0 else (v + 2 ** (-n - 1)) >> -n


def apply(layer: Layer, x: Array) -> Array:
    sums = (layer.weights @ x.astype(np.float64)).astype(np.int64)
    return (sums + layer.biases[:, None]) >> layer.shifts[:, None]


def evaluate(network: Network, x: Array) -> Array:
    """The outputs, (number, points), of inputs alike."""
    h1 = clip(apply(network["w1"], x), 0, 32767)
    h2 = clip(apply(network["w2"], h1), 0, 32767)
    y = apply(network["w3"], h2)
    y[:3] += apply(network["bypass"], x)  # a plane network's only one as well
    return y


class Mixture:  # 4.8
    def __init__(self, y: Array, base: Array, exponent: int, planes: int) -> None:
        self.exponent, self.planes = exponent, planes
        self.mean = clip(y[0:3], -(2**26), 2**26) + base * 2 ** (8 - exponent)
        j = clip(y[3:6], -6144, 10240) + 6144
        scale = 2.0 ** (-11 - (j >> 10))
        self.rate = (POWER[j % 1024] * scale).astype(np.float32)  # exactly
        logs = clip(y[6:9], -(2**26), 2**26)
        below = np.minimum(logs.max(axis=0) - logs, 10240)
        self.weight = POWER[below % 1024] >> (13 + (below >> 10))
        self.total = self.weight.sum(axis=0)
        self.floor = np.maximum(1, (32 * self.total) >> planes)

    def weighted(self, m: Array, of: slice = slice(None)) -> Array:
        """The sum of weight_i * LOGISTIC(z_i(m)), of some of the mixtures."""
        exact = (2 * m - 1) * 2 ** (9 - self.exponent) - self.mean[:, of]
        product = exact.astype(np.float32) * self.rate[:, of]
        z = clip(product, -1048576, 1048575).astype(np.int64)
        return (self.weight[:, of] * logistic(z)).sum(axis=0)

    def big_f(self, m: Array) -> Array:
        parts = self.weighted(m)
        parts = np.where(m == 2**self.planes, self.total * 2**19, parts)
        return np.where(m == 0, 0, self.floor * m + parts)
