"""The integer networks: two hidden ReLU layers and a linear bypass, exact on every machine.

Activations are integers in units of 1/1024, weights integers times a power of two per tensor.
All are held in float64, where a matrix product is exact in any order of summation while
sum |weight| * |activation| stays below 2^53; `checked` proves that for every layer, once, when a
network is built or read. fit.py holds the float twin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..coding.backend import Backend
from ..coding.tables import UNIT
from ..errors import CorruptError
from .neighbours import INPUT_CLIP

INPUT_SHIFT = 4  # the first layer sees inputs / 16, so that they are near 1 in size
HIDDEN_CLIP = 1 << 20  # 1024 units
TENSORS = ("w1", "b1", "w2", "b2", "w3", "b3", "bypass")
FACTORED = ("w1", "w2")  # changes to these are products of two factors
EXACT = 1 << 53


def factors(name: str) -> tuple[str, str]:
    """The names of the two factors of a tensor's change."""
    return f"u{name[1:]}", f"v{name[1:]}"


def is_factor(name: str) -> bool:
    """Whether a stored tensor is one of the two factors of a change."""
    return name[0] in "uv"


@dataclass(frozen=True)
class Shape:
    """Inputs, hidden width and outputs; the bypass reaches the first `bypassed` outputs."""

    inputs: int
    width: int
    outputs: int
    bypassed: int

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight tensor, in the order in which they are stored."""
        i, w, o = self.inputs, self.width, self.outputs
        shapes = ((w, i), (w,), (w, w), (w,), (o, w), (o,), (1, i))
        return dict(zip(TENSORS, shapes, strict=True))

    def changes(self, rank: int) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor of changes to a prior: u1 @ v1 for w1 and u2 @ v2 for w2 where
        that is fewer numbers."""
        sizes: dict[str, tuple[int, ...]] = {}
        for name, size in self.tensors().items():
            if name in FACTORED and rank * sum(size) < size[0] * size[1]:
                u, v = factors(name)
                sizes |= {u: (size[0], rank), v: (rank, size[1])}
            else:
                sizes[name] = size
        return sizes

    def weights(self) -> int:
        """How many numbers the network has."""
        return sum(int(np.prod(s)) for s in self.tensors().values())


@dataclass(frozen=True)
class Tensor:
    """values (int64) * 2^-shift: a quantised weight tensor."""

    values: np.ndarray
    shift: int


class Network:
    """A network on a backend, ready to run.

    shape: its sizes; tensors: name -> Tensor for each of TENSORS, biases with a shift of at most
    10. Raises CorruptError where a sum could leave the exact range of float64.

    layers: (weights, biases, scale) of the two hidden layers, the last one and the bypass, and how
    many outputs the bypass reaches.
    """

    def __init__(self, shape: Shape, tensors: dict[str, Tensor], backend: Backend) -> None:
        self.shape = shape
        self.backend = backend
        w1, w2, w3, bypass = (tensors[n] for n in ("w1", "w2", "w3", "bypass"))
        zero = Tensor(np.zeros(1, dtype=np.int64), 0)
        self.layers = (
            self._layer(w1, tensors["b1"], INPUT_CLIP, w1.shift + INPUT_SHIFT),
            self._layer(w2, tensors["b2"], HIDDEN_CLIP, w2.shift),
            self._layer(w3, tensors["b3"], HIDDEN_CLIP, w3.shift),
            self._layer(bypass, zero, INPUT_CLIP, bypass.shift),
            shape.bypassed,
        )

    def _layer(self, w: Tensor, b: Tensor, limit: int, shift: int) -> tuple[Any, Any, float]:
        """(weights, biases, scale) with outputs = floor((weights @ x + biases) * scale)."""
        if not 0 <= b.shift <= 10:
            raise CorruptError(f"bias shift {b.shift} is not in 0..10")
        bias = b.values.astype(object) * (UNIT >> b.shift << shift)
        for row, offset in zip(w.values.tolist(), bias.tolist(), strict=True):
            if sum(map(abs, row)) * limit + abs(offset) >= EXACT:
                raise CorruptError("a network's sums leave the exact range of 53 bits")
        put = self.backend.put
        return put(w.values), put(bias.astype(np.float64)[:, None]), 0.5**shift

    def run(self, inputs: Any) -> Any:
        """inputs (f, n), integers of magnitude <= INPUT_CLIP -> outputs (o, n), integers.

        h = floor((W1 x + b1) / 2^s1) clipped to 0 .. HIDDEN_CLIP, again with W2, then
        floor((W3 h + b3) / 2^s3), plus floor(bypass x / 2^s) in the first outputs.
        """
        xp = self.backend.xp
        h = inputs
        *hidden, last, bypass, bypassed = self.layers
        for weights, bias, scale in hidden:
            h = xp.clip(xp.floor((xp.matmul(weights, h) + bias) * scale), 0, HIDDEN_CLIP)
        weights, bias, scale = last
        out = xp.floor((xp.matmul(weights, h) + bias) * scale)
        weights, _, scale = bypass
        out[:bypassed, :] += xp.floor(xp.matmul(weights, inputs) * scale)
        return out
