"""What a fit optimises of one network, where it starts, and the integers that it ends with.

What is optimised is the weights of whitened inputs, (x - centre) @ basis, nearly uncorrelated (ZCA;
Bell & Sejnowski 1997): neighbours' values are so alike that Adam on the weights themselves takes
twice the steps. The engines (compiled_fit.py, float_networks.py) turn them into those of the
inputs.

With a prior, what is optimised and stored is changes to its weights, of low rank where tensors are
large (Hu et al. 2022, LoRA; for images CALLIC, 2025): a file's worth of pixels pays for a thousand
numbers rather than three thousand.
"""

from __future__ import annotations

import math

import numpy as np

from ..coding.weights import BIAS_SHIFT, HALF_SHIFT, Tensors, bias_of_half, is_bias
from .networks import BYPASS_BITS, HIDDEN_BITS, HIDDEN_CLIP, Shape, Tensor, is_factor

BYPASS_SCALE = float(1 << BYPASS_BITS)  # the bypass sees whole units
HIDDEN_LIMIT = HIDDEN_CLIP / (1 << HIDDEN_BITS)
MAX_FITTED_SHIFT = 14
WHITENING_SAMPLES, WHITENING_FLOOR = 50_000, 0.1
MAX_WEIGHT, MAX_BIAS, MAX_FACTOR = 16.0, 1024.0, 4.0


class Parameters:
    """What is optimised of a network, as it starts.

    shape, form: as in networks.py and weights.py; rows: int16 (n, f), inputs as the network has
    them; prior, rank: the changes of that rank to a prior are optimised.

    values: float32 by tensor, in the order in which they are stored; real_prior: the prior in
    float32; centre (f,), basis and inverse (f, f), float32: the whitening and what undoes it.
    """

    def __init__(
        self,
        shape: Shape,
        form: str,
        rows: np.ndarray,
        rng: np.random.Generator,
        prior: Tensors | None = None,
        rank: int = 0,
    ) -> None:
        self.shape, self.form, self.rank = shape, form, rank
        self.centre, self.basis, self._inverse = _whitening(rows, shape.input_bits)
        gains = {"w1": math.sqrt(2), "w2": math.sqrt(2), "w3": 0.3}
        if prior is not None:
            gains = {"v1": 1.0, "v2": 1.0}  # and u are zeros: so starts the product
        self.values: dict[str, np.ndarray] = {}
        for name, size in (shape.tensors() if prior is None else shape.changes(rank)).items():
            gain = gains.get(name, 0.0)
            start = rng.standard_normal(size) * gain / math.sqrt(size[-1]) if gain else 0.0
            self.values[name] = np.full(size, start, dtype=np.float32)
        self.real_prior = {
            name: np.ldexp(tensor.values.astype(np.float64), -tensor.shift).astype(np.float32)
            for name, tensor in (prior or {}).items()
        }

    def start(self, b3: list[float], bypass: list[float]) -> None:
        """Sets where the output biases and the bypass of the inputs as they are start."""
        row, biases = np.array(bypass), np.array(b3)
        self.values["bypass"][0] = row @ self._inverse
        biases[: self.shape.bypassed] += BYPASS_SCALE * (row @ self.centre)
        self.values["b3"][:] = biases

    def limit(self, name: str) -> float:
        """The largest magnitude of a stored tensor's weights."""
        return MAX_BIAS if is_bias(name) else MAX_FACTOR if is_factor(name) else MAX_WEIGHT

    def shifts(self, curvatures: dict[str, float]) -> dict[str, int]:
        """Of each tensor, the shift to round it with.

        curvatures: per tensor the mean curvature of the total size in nats. A step of sqrt(12 / h)
        balances what rounding costs the data, h step^2 / 24, against -ln(step) of the weights.
        """
        shifts = {}
        for name in self.values:
            finest = MAX_FITTED_SHIFT
            if is_bias(name):
                finest = BIAS_SHIFT
            elif is_factor(name):
                finest = MAX_FITTED_SHIFT // 2
            curvature = curvatures[name] if 12 <= curvatures[name] < math.inf else 12.0
            # the steps of factors do best half an octave larger
            shift = round(0.5 * math.log2(curvature / 12) - (0.5 if is_factor(name) else 0))
            shifts[name] = max(0, min(shift, finest))
        return shifts

    def integers(self, stored: dict[str, np.ndarray], shifts: dict[str, int]) -> Tensors:
        """The tensors of the stored form, of weights that were rounded to it."""
        result = {}
        for name in self.values:
            limit = self.limit(name)
            # a fit that ran away is still a file: gradients passed through where that rounds
            real = np.clip(np.nan_to_num(stored[name].astype(np.float64)), -limit, limit)
            shift = shifts[name] if self.form == "int" else HALF_SHIFT
            values = np.rint(np.ldexp(real, shift)).astype(np.int64)
            if self.form != "int" and is_bias(name):
                # half precision holds the bias as it is; the integers have it rounded
                result[name] = Tensor(bias_of_half(values), BIAS_SHIFT)
            else:
                result[name] = Tensor(values, shift)
        return result


def _whitening(rows: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre (f,), basis (f, f) and its inverse, both symmetric, that whiten the inputs that rows
    are in units of 2^-bits; float32."""
    count, width = rows.shape
    if count < 2:
        identity = np.eye(width, dtype=np.float32)
        return np.zeros(width, dtype=np.float32), identity, identity
    some = np.ldexp(rows[:: max(1, count // WHITENING_SAMPLES)].astype(np.float32), -bits)
    centre = some.mean(axis=0, dtype=np.float64)
    some -= centre.astype(np.float32)
    values, vectors = np.linalg.eigh((some.T @ some).astype(np.float64) / max(1, len(some) - 1))
    # Directions of little variance stay smaller than others: full whitening fits most photographs
    # as well, but hides from kodim23's chroma the large steps that its colour lattice shows in.
    values = np.clip(values, 0, None)
    roots = np.sqrt(values + WHITENING_FLOOR * max(values.mean(), 1e-6))
    basis, inverse = (vectors / roots) @ vectors.T, (vectors * roots) @ vectors.T
    return tuple(a.astype(np.float32) for a in (centre, basis, inverse))  # type: ignore[return-value]
