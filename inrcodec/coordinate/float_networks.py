"""Coordinate networks in float, as they are fitted: the twin of networks.py, all planes at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from ..coding.weights import HALF_SHIFT, MAX_SHIFT, Tensors
from ..context.networks import Tensor
from .float_encodings import float_encoding
from .mixture import COEFFICIENT_BITS, MAX_COEFFICIENT
from .model import TABLED, Coordinate, CoordinateModel
from .networks import BELL_OCTAVES

TABLE_BOUND = 1e-4  # tables start from -1e-4 .. 1e-4, as both that have some do
MAX_VALUE = (1 << 20) - 1  # of a stored integer


class FloatNetworks:
    """The networks of a model in float32, one for each plane, or one for all.

    parameters: name -> (networks, *shape). coefficients: None, or float (images, networks): the
    parameters are then weight sets, all but the first 0 to begin with, and each image's network is
    a mixture of them. Starts as SIREN does (Sitzmann et al. 2020, 3.2), with FINER's first biases
    from -k .. k (Liu et al. 2024), or as He et al. 2015 for the others.
    """

    def __init__(
        self, model: CoordinateModel, options: Coordinate, channels: int, device: Any,
        rng: torch.Generator, coefficients: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.model = model
        self.coefficients: Any = None
        if coefficients is not None:
            self.coefficients = torch.from_numpy(coefficients).float().to(device)
        count = model.networks()
        self.parameters: dict[str, Any] = {}
        for name, size in model.sizes(channels).items():
            layer = int(name[1:])
            uniform = torch.rand((count, *size), generator=rng) * 2 - 1
            if coefficients is not None:
                uniform[1:] = 0
            if name[0] == "t":
                bound = TABLE_BOUND
            elif name[0] == "w":
                bound = self._bound(layer, size[1], options)
            elif layer == 1 and model.backbone == "finer":
                bound = options.bias_range
            else:
                bound = 1 / math.sqrt(model.sizes(channels)[f"w{layer}"][1])
            self.parameters[name] = (uniform * bound).to(device).requires_grad_()
        self._constants = options.omega, options.activation_scale
        self.shifts: dict[str, Any] | None = None  # of the int form, once it is quantised

    def _bound(self, layer: int, fan_in: int, options: Coordinate) -> float:
        kind = self.model.backbone
        if kind in ("siren", "finer", "wire", "diner"):
            return 1 / fan_in if layer == 1 else math.sqrt(6 / fan_in) / options.omega
        return math.sqrt({"pe-relu": 6, "hash-grid": 6, "pe-gelu": 3, "gauss": 1}[kind] / fan_in)

    @property
    def rounds(self) -> bool:
        """Whether the forward pass has the weights as they will be stored."""
        return self.model.form != "int" or self.shifts is not None

    def stored(self) -> dict[str, Any]:
        """The weights as they will be stored; gradients pass through."""
        if not self.rounds:
            return self.parameters
        result = {}
        for name, value in self.parameters.items():
            with torch.no_grad():
                rounded = self._rounded(name, value)
            result[name] = value + (rounded - value).detach()
        return result

    def _rounded(self, name: str, value: Any) -> Any:
        if self.model.form == "int":
            assert self.shifts is not None
            step = 2.0 ** -self.shifts[name].view(-1, *[1] * (value.ndim - 1))
            return torch.clamp(torch.round(value / step), -MAX_VALUE, MAX_VALUE) * step
        if self.model.form == "ternary" and name[0] == "w":
            scale = value.abs().mean(-1, keepdim=True).clamp(min=2.0**-14)
            return torch.clamp(torch.round(value / scale), -1, 1) * scale.half().float()
        return value.half().float()

    def __call__(self, weights: dict[str, Any], inputs: Any) -> Any:
        """weights: of stored(); inputs (networks or 1, n, f) in units -> outputs (networks or
        images, n, channels)."""
        model, h = self.model, inputs
        if self.coefficients is not None:
            weights = {n: torch.tensordot(self.coefficients, w, 1) for n, w in weights.items()}
        if model.backbone in TABLED:
            h = float_encoding(model, weights, h)
        for layer in range(1, model.depth + 2):
            w, b = weights[f"w{layer}"], weights.get(f"b{layer}")
            if model.backbone == "wire":
                w = _complex(w, first=layer == 1, last=layer > model.depth)
            elif model.backbone == "pe-gelu":
                h = torch.nn.functional.layer_norm(h, h.shape[-1:], eps=1e-7)
            w = w.transpose(1, 2)
            if h.shape[0] != w.shape[0]:
                h = h.expand(w.shape[0], -1, -1)
            h = torch.bmm(h, w) if b is None else torch.baddbmm(b[:, None, :], h, w)
            if layer <= model.depth:
                h = self._activate(h)
        return h

    def _activate(self, z: Any) -> Any:
        kind, (omega, scale) = self.model.backbone, self._constants
        if kind in ("siren", "diner"):
            return torch.sin(omega * z)
        if kind == "finer":
            return torch.sin(omega * (z.detach().abs() + 1) * z)
        if kind == "gauss":
            return torch.exp(-((scale * z) ** 2))
        if kind in ("pe-relu", "hash-grid"):
            return torch.relu(z)
        if kind == "pe-gelu":
            return torch.nn.functional.gelu(z)
        real, imaginary = z.chunk(2, -1)
        octaves = (omega * imaginary + scale**2 * (real**2 + imaginary**2)) / math.log(2)
        size = torch.exp2(-octaves.clamp(min=-BELL_OCTAVES))
        return torch.cat([size * torch.cos(omega * real), size * torch.sin(omega * real)], -1)

    def quantise(self, bits: int) -> None:
        """From here on the forward pass uses integers times steps, each about 2^-bits of the size
        (RMS) of its tensor's weights."""
        self.shifts = {}
        for name, value in self.parameters.items():
            with torch.no_grad():
                size = value.reshape(len(value), -1).square().mean(1).sqrt().clamp(min=1e-9)
                if self.coefficients is not None:
                    size = size[:1].expand(len(size))  # sets are added to the first
            shift = torch.round(bits - torch.log2(size)).nan_to_num(0)  # of a fit that ran away
            self.shifts[name] = torch.clamp(shift, 0, MAX_SHIFT)

    def integers(self) -> tuple[list[Tensors], np.ndarray | None]:
        """What is stored: the tensors, network by network, and the coefficients in 2^-16."""
        coefficients = None
        if self.coefficients is not None:
            one, limit = 1 << COEFFICIENT_BITS, MAX_COEFFICIENT
            real = self.coefficients.detach().cpu().double().numpy()
            coefficients = np.clip(np.rint(real * one), -limit, limit).astype(np.int64)
        return self._tensors(), coefficients

    def _tensors(self) -> list[Tensors]:
        weights = {n: v.detach().cpu().double().numpy() for n, v in self.stored().items()}
        result: list[Tensors] = []
        for network in range(self.model.networks()):
            tensors: Tensors = {}
            for name, value in weights.items():
                shift = HALF_SHIFT
                if self.model.form == "int":
                    assert self.shifts is not None
                    shift = int(self.shifts[name][network])
                real = np.nan_to_num(value[network], posinf=0, neginf=0)
                tensors[name] = Tensor(np.rint(np.ldexp(real, shift)).astype(np.int64), shift)
            result.append(tensors)
        return result


def _complex(w: Any, *, first: bool, last: bool) -> Any:
    """networks._complex for (networks, rows, columns)."""
    if first:
        return w
    real, imaginary = w.chunk(2, 1)
    upper = torch.cat([real, -imaginary], 2)
    return upper if last else torch.cat([upper, torch.cat([imaginary, real], 2)], 1)
