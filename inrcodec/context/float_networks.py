"""The float twins of the integer networks, and the loss of the mixtures; torch only.

networks.py and mixture.py say what is computed; this is the same in float32, differentiable, with
weights rounded as the file will hold them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from ..coding.weights import BIAS_SHIFT, HALF_SHIFT, Tensors, bias_of_half, is_bias, is_ternary
from .mixture import COMPONENTS, MAX_LOG_SCALE, MIN_LOG_SCALE
from .networks import (
    BYPASS_BITS,
    HIDDEN_BITS,
    HIDDEN_CLIP,
    TENSORS,
    Shape,
    Tensor,
    factors,
    is_factor,
)

LN2 = math.log(2)
BYPASS_SCALE = float(1 << BYPASS_BITS)  # the bypass sees whole units
HIDDEN_LIMIT = HIDDEN_CLIP / (1 << HIDDEN_BITS)
MAX_FITTED_SHIFT = 14
WHITENING_SAMPLES, WHITENING_FLOOR = 50_000, 0.1
MAX_WEIGHT, MAX_BIAS, MAX_FACTOR = 16.0, 1024.0, 4.0


class MixtureLoss(torch.autograd.Function):
    """Mean bits of samples in [low, high) under mixtures of logistics to the base 2.

    outputs (n, 9): means, log2 scales, log2 weights; low, high (n, 1): bounds relative to the base
    in units; floor: the uniform floor's probability of one value. The gradient is written out,
    which takes a fraction of autograd's operations.
    """

    @staticmethod
    def forward(ctx: Any, outputs: Any, low: Any, high: Any, floor: float) -> Any:
        mean, log_scale, log_weight = outputs.split(COMPONENTS, 1)
        rate = torch.exp2(-log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE)).mul_(LN2)
        weight = torch.exp2(log_weight - log_weight.amax(1, keepdim=True))
        weight /= weight.sum(1, keepdim=True)
        z = torch.cat([low - mean, high - mean], 1) * torch.cat([rate, rate], 1)
        f = torch.sigmoid(z)
        slopes = f * (1 - f)
        f_low, f_high = f[:, :COMPONENTS], f[:, COMPONENTS:]
        part = weight * (f_high - f_low)
        p = part.sum(1, keepdim=True)
        mixed = p + floor
        common = weight * (-1 / (LN2 * len(outputs)) / mixed)
        differences = slopes[:, :COMPONENTS] - slopes[:, COMPONENTS:]
        z *= slopes
        z_differences = z[:, :COMPONENTS] - z[:, COMPONENTS:]
        ctx.save_for_backward(
            torch.cat(
                [
                    common * rate * differences,
                    common * z_differences * LN2,
                    common * (f_high - f_low - p) * LN2,
                ],
                1,
            )
        )
        return -torch.log2(mixed).mean()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0], None, None, None


class FloatNetwork:
    """The float twin of networks.Network, with its weights as the file will hold them.

    What is optimised is the weights of whitened inputs, (x - centre) @ basis, nearly uncorrelated
    (ZCA; Bell & Sejnowski 1997): neighbours' values are so alike that Adam on the weights
    themselves takes twice the steps. weights() turns them into those of the inputs.

    With a prior, what is optimised and stored is changes to its weights, of low rank where tensors
    are large (Hu et al. 2022, LoRA; for images CALLIC, 2025): a file's worth of pixels pays for a
    thousand numbers rather than three thousand.

    inputs: float32 (n, f) on the device; shape, form: as in networks.py and weights.py; rank: of
    the changes to the prior.
    """

    def __init__(
        self,
        shape: Shape,
        form: str,
        inputs: Any,
        rng: torch.Generator,
        prior: Tensors | None = None,
        rank: int = 0,
    ) -> None:
        self.shape, self.form = shape, form
        self.shifts: dict[str, int] | None = None
        self._centre, self._basis, self._inverse = _whitening(inputs)
        sizes = shape.tensors() if prior is None else shape.changes(rank)
        gains = {"w1": math.sqrt(2), "w2": math.sqrt(2), "w3": 0.3}
        if prior is not None:
            gains = {"v1": 1.0, "v2": 1.0, "v3": 1.0}  # and u are zeros: so starts the product
        self.names, self.parameters = tuple(sizes), {}
        for name, size in sizes.items():
            value = torch.zeros(size)
            if name in gains:
                value = torch.randn(size, generator=rng) * gains[name] / math.sqrt(size[1])
            self.parameters[name] = value.to(inputs.device).requires_grad_()
        like = self.parameters["bypass"]
        self._prior: dict[str, Any] = {}
        if prior is not None:
            for name, tensor in prior.items():
                real = np.ldexp(tensor.values.astype(np.float64), -tensor.shift)
                self._prior[name] = torch.from_numpy(real).to(like)
        self._bypassed = BYPASS_SCALE * (torch.arange(shape.outputs) < shape.bypassed).to(like)
        numbers: dict[str, float] = {name: n for n, name in enumerate(self.names)}
        self._group = self._each(numbers).long()
        self._counts = torch.bincount(self._group).to(like)

    def start(self, b3: list[float], bypass: list[float]) -> None:
        """Sets where weights() starts for the output biases and the bypass."""
        like = self.parameters["bypass"]
        with torch.no_grad():
            rows = torch.tensor([bypass], device=like.device)
            like.copy_(rows @ self._inverse)
            biases = torch.tensor(b3, device=like.device)
            biases[: self.shape.bypassed] += BYPASS_SCALE * (rows @ self._centre)
            self.parameters["b3"].copy_(biases)

    def forget_changes(self) -> None:
        """Goes back to the prior, if there is one."""
        if self._prior:
            with torch.no_grad():
                for parameter in self.parameters.values():
                    parameter.zero_()

    def weights(self) -> dict[str, Any]:
        """What is stored, for the inputs as they are, differentiable."""
        p = dict(self.parameters)
        if "w1" in p:
            p["w1"] = p["w1"] @ self._basis
            p["b1"] = p["b1"] - p["w1"] @ self._centre
        else:
            p["v1"] = p["v1"] @ self._basis
            p["b1"] = p["b1"] - p["u1"] @ (p["v1"] @ self._centre)
        p["bypass"] = p["bypass"] @ self._basis
        p["b3"] = p["b3"] - self._bypassed * (p["bypass"] @ self._centre)
        return p

    def __call__(self, weights: dict[str, Any], x: Any) -> Any:
        """weights: of weights(); x (n, f): inputs in networks' units -> outputs (n, o) in units."""
        return self._run(self._whole(self._stored(weights)), x)

    def _run(self, p: dict[str, Any], x: Any) -> Any:
        h = torch.addmm(p["b1"], x, p["w1"].T).clamp(0, HIDDEN_LIMIT)
        h = torch.addmm(p["b2"], h, p["w2"].T).clamp(0, HIDDEN_LIMIT)
        out = torch.addmm(p["b3"], h, p["w3"].T)
        return torch.addcmul(out, x @ p["bypass"].T, self._bypassed)

    def _whole(self, stored: dict[str, Any]) -> dict[str, Any]:
        """The tensors that what is stored stands for, as prior.add has them."""
        if not self._prior:
            return stored
        whole = {}
        for name in TENSORS:
            change = stored.get(name)
            if change is None:
                u, v = factors(name)
                change = stored[u] @ stored[v]
            whole[name] = self._prior[name] + change
        return whole

    def _stored(self, weights: dict[str, Any]) -> dict[str, Any]:
        """Tensors with the values that their stored form will have; gradients pass through."""
        if self.shifts is None:
            return weights
        if self.form != "int":
            return {name: self._half_or_ternary(name, weights[name]) for name in self.names}
        flat = self._flat(weights)
        with torch.no_grad():
            stored = torch.round(flat / self._step) * self._step
            difference = stored.clamp(-self._limit, self._limit) - flat
        parts = (flat + difference).split([weights[name].numel() for name in self.names])
        return {
            name: part.view_as(weights[name]) for name, part in zip(self.names, parts, strict=True)
        }

    def _half_or_ternary(self, name: str, value: Any) -> Any:
        with torch.no_grad():
            if self.form == "ternary" and is_ternary(name):
                scale = value.abs().mean(1, keepdim=True).clamp(min=2.0**-14)
                trits = torch.clamp(torch.round(value / scale), -1, 1)
                stored = trits * scale.half().float()
            else:
                stored = value.half().float()
            limit = _limit(name)
            difference = stored.clamp(-limit, limit) - value
        return value + difference

    def _flat(self, weights: dict[str, Any]) -> Any:
        """All tensors in one vector, as a few large operations take less time than many small."""
        return torch.cat([weights[name].reshape(-1) for name in self.names])

    def _each(self, numbers: dict[str, float]) -> Any:
        """A vector like _flat's with the number of its tensor at each weight."""
        like = self.parameters
        return torch.cat(
            [torch.full_like(like[n].detach(), v).view(-1) for n, v in numbers.items()]
        )

    def quantise(self, fisher: dict[str, float]) -> None:
        """From here on the forward pass uses stored values.

        fisher: per tensor the mean curvature of the total size in nats. A step of sqrt(12 / h)
        balances what rounding costs the data, h step^2 / 24, against -ln(step) of the weights.
        """
        self.shifts = {}
        for name in self.names:
            finest = MAX_FITTED_SHIFT
            if is_bias(name):
                finest = BIAS_SHIFT
            elif is_factor(name):
                finest = MAX_FITTED_SHIFT // 2
            curvature = fisher[name] if 12 <= fisher[name] < math.inf else 12.0
            # the steps of factors do best half an octave larger
            shift = round(0.5 * math.log2(curvature / 12) - (0.5 if is_factor(name) else 0))
            self.shifts[name] = max(0, min(shift, finest))
        self._step = self._each({name: 2.0 ** -self.shifts[name] for name in self.names})
        self._limit = self._each({name: _limit(name) for name in self.names})

    def rate(self, weights: dict[str, Any]) -> Any:
        """Bits of the coded integers as a Laplace distribution per tensor has them, but for a
        constant: its gradient draws weights to 0 by 1.44 bits a mean magnitude, changes to a prior
        twice as hard."""
        sizes = self._flat(weights).abs()
        sums = torch.zeros(len(self.names), device=sizes.device)
        means = sums.index_add(0, self._group, sizes.detach()) / self._counts
        bits = (sizes / (means[self._group] + self._step / 4)).sum() / LN2
        return 2 * bits if self._prior else bits

    def tensors(self) -> Tensors:
        """The integers of the stored form."""
        assert self.shifts is not None
        weights, result = self._stored(self.weights()), {}
        for name in self.names:
            stored = weights[name].detach().cpu().numpy().astype(np.float64)
            # a fit that ran away is still a file: gradients passed through where that rounds
            stored = np.clip(np.nan_to_num(stored), -_limit(name), _limit(name))
            shift = self.shifts[name] if self.form == "int" else HALF_SHIFT
            values = np.rint(np.ldexp(stored, shift)).astype(np.int64)
            if self.form != "int" and is_bias(name):
                # half precision holds the bias as it is; the integers have it rounded
                result[name] = Tensor(bias_of_half(values), BIAS_SHIFT)
            else:
                result[name] = Tensor(values, shift)
        return result


def _limit(name: str) -> float:
    """The largest magnitude of a stored tensor's weights."""
    return MAX_BIAS if is_bias(name) else MAX_FACTOR if is_factor(name) else MAX_WEIGHT


def _whitening(inputs: Any) -> tuple[Any, Any, Any]:
    """Centre (f,), basis (f, f) and its inverse, both symmetric, that whiten inputs (n, f)."""
    count, width = inputs.shape
    if count < 2:
        identity = torch.eye(width).to(inputs)
        return torch.zeros(width).to(inputs), identity, identity
    some = inputs[:: max(1, count // WHITENING_SAMPLES)].double().cpu()
    values, vectors = torch.linalg.eigh(torch.cov(some.T))
    # Directions of little variance stay smaller than others: full whitening fits most photographs
    # as well, but hides from kodim23's chroma the large steps that its colour lattice shows in.
    roots = (values.clamp(min=0) + WHITENING_FLOOR * values.mean().clamp(min=1e-6)).sqrt()
    basis, inverse = (vectors / roots) @ vectors.T, (vectors * roots) @ vectors.T
    return some.mean(0).to(inputs), basis.to(inputs), inverse.to(inputs)
