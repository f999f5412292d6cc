"""The integer networks: two hidden ReLU layers and a linear bypass, exact on every machine.

Inputs, activations and weights have 16 bits, sums 32: processors multiply 32 to 64 of these at a
time. `row_integers` rounds each row of weights so far that its sums are proven to stay below 2^31,
once, when a network is built or read. Here the sums are held in float64, where they are exact in
any order; kernels/context_network.c is the same in 32 bits. float_networks.py has the float twin.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..coding.backend import Backend
from ..errors import CorruptError
from ..kernels.context import CompiledNetwork

UNIT_BITS, HIDDEN_BITS = 10, 8  # outputs are in units of 1/1024, hidden activations of 1/256
INPUT_CLIP = HIDDEN_CLIP = WEIGHT_CLIP = 32767
# Networks see inputs in units of 2^-INPUT_BITS: trunk INRs 1/16 of what neighbours.py has in 1/256,
# plane INRs 1/16 of logits in 1/1024.
TRUNK_INPUT_BITS, PLANE_INPUT_BITS = 12, 14
BYPASS_BITS = 4  # the bypass sees inputs without that 1/16
MAX_ROW_SHIFT = 14
TENSORS = ("w1", "b1", "w2", "b2", "w3", "b3", "bypass")
FACTORED = ("w1", "w2")  # changes to these are products of two factors
# Of sums; the last layer's and the bypass's are added up.
SUM_LIMIT, OUTPUT_LIMIT = 1 << 31, 1 << 30


def factors(name: str) -> tuple[str, str]:
    """The names of the two factors of a tensor's change."""
    return f"u{name[1:]}", f"v{name[1:]}"


def is_factor(name: str) -> bool:
    """Whether a stored tensor is one of the two factors of a change."""
    return name[0] in "uv"


@dataclass(frozen=True)
class Shape:
    """Inputs, hidden width and outputs; the bypass reaches the first `bypassed` outputs; inputs are
    in units of 2^-input_bits."""

    inputs: int
    width: int
    outputs: int
    bypassed: int
    input_bits: int

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


@dataclass(frozen=True)
class Layer:
    """outputs = (weights @ x + biases) >> shifts, by row: int64 (o, i), (o,), (o,)."""

    weights: np.ndarray
    biases: np.ndarray
    shifts: np.ndarray


def row_integers(
    w: Tensor, b: Tensor | None, fraction: int, *, unit_bits: int, limit: int = SUM_LIMIT
) -> Layer:
    """Rounds the rows of a layer to 16 bits.

    fraction: by how much the shift of sums to outputs is above that of weights; unit_bits: outputs
    are in units of 2^-unit_bits. A row's shift is the weights', MAX_ROW_SHIFT at most, plus the
    fraction, and 0 at least; it is lowered, and weights are rounded with it, halves up, until no
    weight passes WEIGHT_CLIP and sum |weight| * 32767 + |bias| stays below the limit. Raises
    CorruptError where no shift of 0 or more does.
    """
    bias_shift = 0 if b is None else b.shift
    if not 0 <= bias_shift <= UNIT_BITS:
        raise CorruptError(f"bias shift {bias_shift} is not in 0..{UNIT_BITS}")
    offsets = np.zeros(len(w.values), dtype=np.int64) if b is None else b.values
    shift = max(0, min(w.shift, MAX_ROW_SHIFT) + fraction)
    weights, biases = np.zeros_like(w.values), np.zeros_like(offsets)
    shifts = np.zeros(len(offsets), dtype=np.int64)
    left = np.ones(len(offsets), dtype=bool)
    while left.any():
        if shift < 0:
            raise CorruptError("a network's weights leave the range of 16 bits")
        rounded = _scaled(w.values, shift - fraction - w.shift, WEIGHT_CLIP + 1)
        bias = _floored(offsets, unit_bits - bias_shift + shift)
        sizes = np.abs(rounded)
        fits = sizes.max(axis=1, initial=0) <= WEIGHT_CLIP
        fits &= sizes.sum(axis=1) * INPUT_CLIP + np.abs(bias) < limit
        fits &= left
        weights[fits], biases[fits], shifts[fits] = rounded[fits], bias[fits], shift
        left &= ~fits
        shift -= 1
    return Layer(weights, biases, shifts)


def _scaled(weights: np.ndarray, bits: int, most: int) -> np.ndarray:
    """weights * 2^bits, halves up, at most `most` in magnitude."""
    if bits < 0:
        return np.clip((weights + (1 << -bits - 1)) >> -bits, -most, most)
    return np.clip(weights, -most, most) << bits


def _floored(numbers: np.ndarray, bits: int) -> np.ndarray:
    """floor(numbers * 2^bits), at most about 2^62 in magnitude."""
    if bits < 0:
        return numbers >> -bits
    most = 1 << 62 - bits
    return np.clip(numbers, -most, most) << bits


class Network:
    """A network on a backend, ready to run.

    shape: its sizes; tensors: name -> Tensor for each of TENSORS, biases with a shift of at most
    10. Raises CorruptError where a sum could leave 32 bits.

    layers: the two hidden layers, the last one and the bypass.
    """

    def __init__(self, shape: Shape, tensors: dict[str, Tensor], backend: Backend) -> None:
        self.shape = shape
        self._backend = backend
        w1, w2, w3, bypass = (tensors[n] for n in ("w1", "w2", "w3", "bypass"))
        inputs, up = shape.input_bits, HIDDEN_BITS - UNIT_BITS
        hidden = {"unit_bits": HIDDEN_BITS}
        outputs = {"unit_bits": UNIT_BITS, "limit": OUTPUT_LIMIT}
        self.layers = (
            row_integers(w1, tensors["b1"], inputs - HIDDEN_BITS, **hidden),
            row_integers(w2, tensors["b2"], 0, **hidden),
            row_integers(w3, tensors["b3"], up, **outputs),
            row_integers(bypass, None, inputs - UNIT_BITS - BYPASS_BITS, **outputs),
        )

    @cached_property
    def compiled(self) -> CompiledNetwork:
        """The network as C has it."""
        return CompiledNetwork(self.layers, self.shape.inputs, self.shape.bypassed)

    def run(self, inputs: Any) -> Any:
        """inputs int64 (f, n), of magnitude <= INPUT_CLIP -> outputs int64 (o, n).

        h = (W1 x + b1) >> s1 clipped to 0 .. HIDDEN_CLIP, again with W2, then (W3 h + b3) >> s3,
        plus bypass x >> s in the first outputs.
        """
        h = inputs
        *hidden, last, bypass = self.layers
        for layer in hidden:
            h = self._backend.xp.clip(self._apply(layer, h), 0, HIDDEN_CLIP)
        out = self._apply(last, h)
        out[: self.shape.bypassed, :] += self._apply(bypass, inputs)
        return out

    def _apply(self, layer: Layer, x: Any) -> Any:
        backend = self._backend
        xp = backend.xp
        product = xp.matmul(backend.put(layer.weights), xp.astype(x, xp.float64))
        whole = backend.whole
        total = xp.astype(product, xp.int64) + whole(layer.biases)[:, None]
        return total >> whole(layer.shifts)[:, None]
