"""Coordinate networks in integers, the same on every machine.

Coordinates, activations and logits are integers in units of 2^-16, held in float64 where a matrix
product of them is exact; `CoordinateNetwork` checks that once. Sines, bells and GELU come out of
tables.py. LayerNorm and the bell need products below 2^53 only, one IEEE 754 division and one
square root, both rounded down. Learned tables are in encodings.py, the float twin in
float_networks.py.
"""

from __future__ import annotations

from functools import lru_cache
from math import isqrt
from typing import Any

import numpy as np

from ..coding import tables
from ..coding.backend import Backend
from ..coding.weights import Tensors
from ..context.networks import Tensor
from ..errors import CorruptError
from .encodings import encoding
from .model import FREQUENCIES, ONE_BITS, TABLED, CoordinateModel

ONE = 1 << ONE_BITS
SUM_CLIP = 1 << 24  # 256 units, of what goes into a sine or bell
CLIP = 1 << 22  # 64 units, of other activations
_TURN = tables.TURN
EXACT = 1 << 53  # sums below are exact in float64, in any order
BELL_OCTAVES = 2  # a bell of WIRE rises to 4 at most
NORM_SHIFT = 4  # layer norms see 12 fractional bits


class Tables:
    """The tables on a backend's device."""

    def __init__(self, backend: Backend) -> None:
        self.sin = backend.put(tables.sin_table())
        self.exp = backend.exp
        normal = tables.normal_table()
        self.normal = backend.put(normal)
        self.normal_slope = backend.put(np.append(np.diff(normal), 0.0))


@lru_cache(maxsize=4)
def device_tables(backend: Backend) -> Tables:
    return Tables(backend)


def coordinates(first: int, count: int, last: int) -> np.ndarray:
    """Positions first .. first + count - 1 of 0 .. last as -1 .. 1, float64 integers (count,)."""
    if last < 1:
        return np.zeros(count)
    positions = np.arange(first, first + count, dtype=np.int64)
    return (positions * (2 * ONE) // last - ONE).astype(np.float64)


def grid(backend: Backend, ys: np.ndarray, xs: np.ndarray) -> Any:
    """The coordinates y and x of all pairs in row-major order, (2, len(ys) * len(xs))."""
    y = np.repeat(ys, len(xs))
    return backend.put(np.stack([y, np.tile(xs, len(ys))]))


def network_inputs(backend: Backend, model: CoordinateModel, positions: Any) -> Any:
    """A network's inputs (f, n) for coordinates (2 or 3, n); of one with learned tables, which has
    its inputs from these, the coordinates."""
    if model.backbone not in FREQUENCIES:
        return positions
    xp, sin = backend.xp, device_tables(backend).sin
    rows = []
    for c in range(model.coordinates):
        at = positions[c, :]
        rows.append(at)
        for k in range(model.constants[0]):
            phase = xp.floor(at * (0.5 * (1 << k)))  # 2^k pi c, of turns of 2 pi
            rows.append(_sine(backend, sin, phase))
            rows.append(_sine(backend, sin, phase + _TURN // 4))
    return xp.stack(rows)


def _sine(backend: Backend, table: Any, phase: Any) -> Any:
    """2^16 sin of integer phases in 2^-16 turns."""
    return backend.look_up(table, phase - backend.xp.floor(phase * (1 / _TURN)) * _TURN)


class CoordinateNetwork:
    """A network on a backend, ready to run. Raises CorruptError where a sum could leave the exact
    range of float64."""

    def __init__(self, model: CoordinateModel, tensors: Tensors, backend: Backend) -> None:
        self._model, self._backend = model, backend
        self._encoding = encoding(model, tensors, backend)
        self._layers = []
        for layer in range(1, model.depth + 2):
            weights, bias = tensors[f"w{layer}"], tensors.get(f"b{layer}")
            values = weights.values
            if model.backbone == "wire":
                values = _complex(values, first=layer == 1, last=layer > model.depth)
            limit = ONE if self._bounded(layer) else CLIP
            self._layers.append(self._layer(values, weights.shift, bias, limit))

    def _bounded(self, layer: int) -> bool:
        """Whether what a layer sees is in -1 .. 1."""
        if layer == 1:
            return self._model.backbone not in ("pe-gelu", *TABLED)
        return self._model.backbone in ("siren", "finer", "gauss", "diner")

    def _layer(
        self, values: np.ndarray, shift: int, bias: Tensor | None, limit: int
    ) -> tuple[Any, Any, float]:
        offset = np.zeros(len(values), dtype=object)
        if bias is not None:
            if bias.shift > shift + ONE_BITS:
                raise CorruptError("a bias is finer than the sums that it is added to")
            offset = bias.values.astype(object) << (shift + ONE_BITS - bias.shift)
        sums = np.abs(values).sum(axis=1).tolist()
        if any(s * limit + abs(b) >= EXACT for s, b in zip(sums, offset.tolist(), strict=True)):
            raise CorruptError("a network's sums leave the exact range of 53 bits")
        put = self._backend.put
        return put(values), put(offset.astype(np.float64)[:, None]), 0.5**shift

    def run(self, inputs: Any) -> Any:
        """inputs (f, n) of network_inputs -> logits (channels, n), integers in units of 2^-16."""
        xp, h = self._backend.xp, inputs
        if self._encoding is not None:
            h = self._encoding(h)
        for number, (weights, bias, scale) in enumerate(self._layers, 1):
            if self._model.backbone == "pe-gelu":
                h = self._norm(h)
            h = xp.floor((xp.matmul(weights, h) + bias) * scale)
            if number <= self._model.depth:
                h = self._activate(h)
        return h

    def _norm(self, h: Any) -> Any:
        """A layer norm without weights: mean 0 and variance 1 over the units."""
        xp, n = self._backend.xp, h.shape[0]
        h = xp.floor(h * 0.5**NORM_SHIFT)
        count = self._backend.put(np.array([n]))  # torch multiplies by 1 / n for a number on CUDA
        d = h - xp.floor(xp.sum(h, axis=0) / count)
        spread = xp.floor(xp.sqrt(xp.sum(d * d, axis=0)))
        spread = xp.where(spread < 1, xp.ones_like(spread), spread)
        return xp.floor(d * isqrt(n << (2 * ONE_BITS)) / spread)

    def _activate(self, z: Any) -> Any:
        backend, kind, constants = self._backend, self._model.backbone, self._model.constants
        xp, lookup = backend.xp, device_tables(backend)
        if kind in ("pe-relu", "hash-grid"):
            return xp.clip(z, 0, CLIP)
        if kind == "pe-gelu":
            return self._gelu(xp.clip(z, -CLIP, CLIP), lookup)
        z = xp.clip(z, -SUM_CLIP, SUM_CLIP)
        if kind == "finer":
            z = xp.floor((xp.abs(z) + ONE) * z * (1 / ONE))
        if kind in ("siren", "finer", "diner"):
            return _sine(backend, lookup.sin, xp.floor(z * constants[0] * (1 / ONE)))
        if kind == "gauss":
            return self._bell(self._octaves(z * z, constants[0]), lookup)
        half = z.shape[0] // 2
        real, imaginary = z[:half, :], z[half:, :]
        turns, square, growth = constants
        decay = self._octaves(real * real + imaginary * imaginary, square)
        size = self._bell(decay + xp.floor(imaginary * growth * 2.0**-6), lookup)
        phase = xp.floor(real * turns * (1 / ONE))
        waves = [_sine(backend, lookup.sin, p) for p in (phase + _TURN // 4, phase)]
        return xp.concat([xp.floor(size * w * (1 / ONE)) for w in waves])

    def _octaves(self, squares: Any, constant: int) -> Any:
        """-log2 of exp(-s^2 squares) in units of 2^-16: squares in units of 2^-32."""
        xp = self._backend.xp
        return xp.floor(xp.floor(squares * (1 / ONE)) * constant * 2.0**-6)

    def _bell(self, octaves: Any, lookup: Tables) -> Any:
        """2^16 times 2^(-octaves / 2^16), linear between the entries of exp_table, where one is
        2^20."""
        xp, backend = self._backend.xp, self._backend
        step = ONE // tables.UNIT
        at = xp.clip(octaves + BELL_OCTAVES * ONE, 0, tables.EXP_TOP * ONE - 1)
        cell = xp.floor(at * (1 / step))
        high, low = (backend.look_up(lookup.exp, cell + n) for n in (0, 1))
        size = high - xp.floor((high - low) * (at - cell * step) * (1 / step))
        return xp.floor(size * 2.0 ** (ONE_BITS + BELL_OCTAVES - tables.EXP_TOP))

    def _gelu(self, z: Any, lookup: Tables) -> Any:
        """z times the normal distribution's P(X < z), linear between the table's entries."""
        xp, backend = self._backend.xp, self._backend
        step, half = ONE // tables.NORMAL_STEPS, tables.NORMAL_RANGE * tables.NORMAL_STEPS
        top = tables.NORMAL_RANGE * ONE
        inner = xp.clip(z, -top, top - 1)
        cell = xp.floor(inner * (1 / step))
        rest = inner - cell * step
        low = backend.look_up(lookup.normal, cell + half)
        slope = backend.look_up(lookup.normal_slope, cell + half)
        p = low + xp.floor(slope * rest * (1 / step))
        return xp.floor(z * p * 0.5**tables.NORMAL_BITS)


def _complex(values: np.ndarray, *, first: bool, last: bool) -> np.ndarray:
    """The real matrix of complex weights, whose real parts are the upper half of the rows. The
    first layer's inputs are real; of the last one's outputs only the real parts count."""
    if first:
        return values
    real, imaginary = np.split(values, 2)
    upper = np.hstack([real, -imaginary])
    return upper if last else np.vstack([upper, np.hstack([imaginary, real])])
