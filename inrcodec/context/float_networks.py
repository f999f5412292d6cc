"""The engine of a fit in torch: the float twins of the integer networks, and the losses.

networks.py and mixture.py say what is computed; this is the same in floating point, differentiable,
with weights rounded as the file will hold them. kernels/context_fit.c is the same in C.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..coding.weights import is_ternary
from .mixture import COMPONENTS, MAX_LOG_SCALE, MIN_LOG_SCALE
from .networks import TENSORS, factors
from .parameters import BYPASS_SCALE, HIDDEN_LIMIT, Parameters
from .schedule import LN2, Samples

Loss = Callable[..., Any]  # mean bits of a batch of its outputs (n, o) and targets (n, 1)


class MixtureLoss(torch.autograd.Function):
    """Mean bits of samples in [low, high) under mixtures of logistics to the base 2 (Salimans et
    al. 2017, PixelCNN++, eq. 2).

    outputs (n, 9): means, log2 scales, log2 weights; low, high (n, 1): bounds relative to the base
    in units; floor: the uniform floor's probability of one value, of all or each. The gradient is
    written out, which takes a fraction of autograd's operations.
    """

    @staticmethod
    def forward(ctx: Any, outputs: Any, low: Any, high: Any, floor: Any) -> Any:
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


def trunk_loss(floor: float) -> Loss:
    """The loss of samples in [low, high), (n, 1) each, relative to the base in units; their floor
    if they do not have one each."""

    def loss(outputs: Any, low: Any, high: Any, floor: Any = floor) -> Any:
        return MixtureLoss.apply(outputs, low, high, floor)  # type: ignore[no-untyped-call]

    return loss


def plane_loss(outputs: Any, bits: Any) -> Any:
    """The loss of bits (n, 1) of 0 and 1."""
    return torch.nn.functional.binary_cross_entropy_with_logits(outputs * LN2, bits) / LN2


class FloatNetwork:
    """The float twin of networks.Network, with its weights as the file will hold them.

    like: a tensor of the device and type to compute with.
    """

    def __init__(self, parameters: Parameters, like: Any) -> None:
        self.shape, self.form = parameters.shape, parameters.form
        self.rounding = False

        def put(array: np.ndarray) -> Any:
            return torch.from_numpy(array).to(like)

        self._centre, self._basis = put(parameters.centre), put(parameters.basis)
        self.names = tuple(parameters.values)
        self.parameters = {
            name: put(value).clone().requires_grad_() for name, value in parameters.values.items()
        }
        self._prior = {name: put(value) for name, value in parameters.real_prior.items()}
        shape = self.shape
        bypassed = torch.arange(shape.outputs, device=like.device) < shape.bypassed
        self._bypassed = BYPASS_SCALE * bypassed.to(like)
        numbers: dict[str, float] = {name: n for n, name in enumerate(self.names)}
        self._group = self._each(numbers).long()
        self._counts = torch.bincount(self._group).to(like)
        self._limit = self._each({name: parameters.limit(name) for name in self.names})
        self._step = torch.zeros_like(self._limit)

    def weights(self) -> dict[str, Any]:
        """What is stored, for the inputs as they are, differentiable."""
        p = dict(self.parameters)
        if "w1" in p:
            p["w1"] = p["w1"] @ self._basis
            rows = p["w1"]
            if self.rounding and self.form == "ternary":
                # these are so far from real ones that a bias has to suit what is stored
                rows = self._half_or_ternary("w1", rows)
            p["b1"] = p["b1"] - rows @ self._centre
        else:
            p["v1"] = p["v1"] @ self._basis
            p["b1"] = p["b1"] - p["u1"] @ (p["v1"] @ self._centre)
        p["bypass"] = p["bypass"] @ self._basis
        p["b3"] = p["b3"] - self._bypassed * (p["bypass"] @ self._centre)
        return p

    def __call__(self, weights: dict[str, Any], x: Any) -> Any:
        """weights: of weights(); x (n, f): inputs in networks' units -> outputs (n, o) in units."""
        return self.run(self.whole(self.stored(weights)), x)

    def run(self, p: dict[str, Any], x: Any) -> Any:
        """Outputs with the tensors of TENSORS."""
        h = torch.addmm(p["b1"], x, p["w1"].T).clamp(0, HIDDEN_LIMIT)
        h = torch.addmm(p["b2"], h, p["w2"].T).clamp(0, HIDDEN_LIMIT)
        out = torch.addmm(p["b3"], h, p["w3"].T)
        return torch.addcmul(out, x @ p["bypass"].T, self._bypassed)

    def whole(self, stored: dict[str, Any]) -> dict[str, Any]:
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

    def stored(self, weights: dict[str, Any]) -> dict[str, Any]:
        """Tensors with the values that their stored form will have; gradients pass through."""
        if not self.rounding:
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
                stored = trits * scale.half().to(value)
            else:
                stored = value.half().to(value)
            limit = self._limit[self._group == self.names.index(name)][0]
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

    def round(self, shifts: dict[str, int]) -> None:
        """From here on the forward pass uses stored values."""
        self.rounding = True
        self._step = self._each({name: 2.0 ** -shifts[name] for name in self.names})

    @property
    def changes_a_prior(self) -> bool:
        """Whether its weights are changes to a prior's."""
        return bool(self._prior)

    def rate(self, weights: dict[str, Any]) -> Any:
        """Bits of the coded integers as a Laplace distribution per tensor has them, but for a
        constant: its gradient draws weights to 0 by 1.44 bits a mean magnitude, changes to a prior
        twice as hard."""
        sizes = self._flat(weights).abs()
        sums = torch.zeros(len(self.names), device=sizes.device, dtype=sizes.dtype)
        means = sums.index_add(0, self._group, sizes.detach()) / self._counts
        bits = (sizes / (means[self._group] + self._step / 4)).sum() / LN2
        return 2 * bits if self._prior else bits


class FloatFit:
    """A schedule.Engine in torch: a network, the samples that it learns from and its optimiser.

    batches: of a slice of the samples' order, the inputs as the network takes them and the loss's
    targets.
    """

    def __init__(
        self, network: FloatNetwork, batches: Callable[[slice], tuple[Any, ...]], loss: Loss, n: int
    ) -> None:
        self.network, self._batches, self._loss, self._count = network, batches, loss, n
        self._squares: dict[str, Any] = dict.fromkeys(network.names, 0.0)
        parameters = list(network.parameters.values())
        self._optimiser = torch.optim.Adam(parameters, betas=(0.9, 0.99), fused=True)

    @classmethod
    def of(cls, parameters: Parameters, samples: Samples, device: Any) -> FloatFit:
        """The fit of a network to samples on a device."""
        like = torch.zeros((), device=device)
        # rows are shuffled once: picking them anew each time took a fifth of the fit
        rows = torch.from_numpy(samples.rows[samples.order]).to(like)
        inputs = rows * 2.0**-parameters.shape.input_bits
        bounds, floor = [samples.low, samples.high], samples.floor
        if isinstance(floor, np.ndarray):
            bounds, floor = [*bounds, floor], 0.0
        targets = [
            torch.from_numpy(b[samples.order])[:, None].to(like) for b in bounds if b is not None
        ]
        loss = plane_loss if samples.high is None else trunk_loss(floor)

        def batches(some: slice) -> tuple[Any, ...]:
            return inputs[some], *(target[some] for target in targets)

        return cls(FloatNetwork(parameters, like), batches, loss, len(samples.order))

    def step(self, first: int, count: int, rate: float, watch: bool) -> Any:
        """As Engine.step."""
        network = self.network
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        inputs, *targets = self._batches(slice(first, first + count))
        weights = network.weights()
        if watch:
            # of what is stored, whatever else that was computed from
            weights = {name: weight.clone() for name, weight in weights.items()}
            for weight in weights.values():
                weight.retain_grad()
        bits = self._loss(network(weights, inputs), *targets)
        total = bits
        if network.rounding and network.form == "int":
            total = bits + network.rate(weights) / self._count
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()
        if watch:
            for name in network.names:
                self._squares[name] += weights[name].grad.square().mean()
        self._optimiser.step()
        return bits.detach()

    def bits(self, first: int, count: int) -> float:
        """As Engine.bits."""
        inputs, *targets = self._batches(slice(first, first + count))
        with torch.no_grad():
            return float(self._loss(self.network(self.network.weights(), inputs), *targets))

    def squares(self) -> dict[str, float]:
        """As Engine.squares."""
        return {name: float(square) for name, square in self._squares.items()}

    def round(self, shifts: dict[str, int]) -> None:
        """As Engine.round."""
        self.network.round(shifts)

    def forget_changes(self) -> None:
        """As Engine.forget_changes."""
        if self.network.changes_a_prior:
            with torch.no_grad():
                for parameter in self.network.parameters.values():
                    parameter.zero_()

    def stored(self) -> dict[str, np.ndarray]:
        """As Engine.stored."""
        with torch.no_grad():
            stored = self.network.stored(self.network.weights())
            return {name: value.cpu().numpy() for name, value in stored.items()}
