"""Fits coordinate networks to bit planes, of all planes at once.

The loss is the mean binary cross-entropy of the bits (Han et al. 2025, LosslessINR). Networks are
batched: a plane's is one slice of each weight tensor, and a step is one batched product a layer.
Once the bits' signs are right, or from the start for ternary weights, the forward pass uses the
weights as they will be stored, with straight-through gradients (Bengio et al. 2013).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from ..coding.backend import Backend
from ..coding.weights import Tensors
from .float_networks import FloatNetworks
from .model import Coordinate, CoordinateModel
from .networks import ONE, coordinates, grid, network_inputs
from .permutation import pixel_order
from .transforms import OUTPUT_LIMIT, forward, inverse_table

WARM_UP = 0.02  # of the steps
ADAM_BETAS = (0.9, 0.99)
# Bits of an integer weight's resolution, relative to its tensor's size: to begin with, and the
# least that is tried, and how many steps each may take to be exact again.
FIRST_BITS, MIN_BITS, TUNE = 10, 1, 60
HARD, MANY = 0.1, 100
FULL = 1 << 28  # activations of a step at most, 1 GiB: of larger images steps see some pixels
CHECK_EVERY = 100  # steps, where a step does not see all pixels


@dataclass(frozen=True)
class Step:
    """How a fit stands: the loss, in bits a bit or the mean squared error of values, and for bits
    the BER of each plane of the model. psnr: in dB, of the picture that the outputs make; bpp: what
    the loss is of bits, with the weights in their form, to a pixel. pictures: evaluates the
    networks as they stand when it is called, and returns what they make of each image, in its type
    and as resample has it, (H, W) or (H, W, C)."""

    step: int
    loss: float
    ber: np.ndarray
    psnr: float
    bpp: float
    pictures: Callable[[], list[np.ndarray]]


@dataclass(frozen=True)
class Fitted:
    """What a fit came to."""

    tensors: list[Tensors]
    coefficients: np.ndarray | None  # int64 (images, sets), in units of 2^-16
    step: int  # at which it stopped
    exact: bool  # whether the stored networks have BER 0


class Data:
    """Images of one shape as the networks learn them.

    inputs: (1 or planes, pixels, f) in units; targets: the bits (images * planes, pixels,
    channels), or what stands for the values (images, pixels, channels). Both float32 on the device.
    """

    def __init__(
        self, model: CoordinateModel, images: list[np.ndarray], backend: Backend, device: Any
    ):
        height, width, channels = images[0].shape
        where = grid(backend, coordinates(0, height, height - 1), coordinates(0, width, width - 1))
        points = [where]
        if model.layout == "joint":
            levels = [coordinates(plane, 1, len(model.modes) - 1) for plane in model.planes()]
            points = [backend.xp.concat([where, where[:1, :] * 0 + level[0]]) for level in levels]
        inputs = [backend.get(network_inputs(backend, model, p)).T / ONE for p in points]
        self.inputs = torch.from_numpy(np.stack(inputs).astype(np.float32)).to(device)
        self._kind, self._shape = images[0].dtype, (height, width, channels)
        self._order: np.ndarray | None = None
        pixels = [image.reshape(-1, channels) for image in images]
        if model.transform is not None:
            if model.transform.seed is not None:
                self._order = pixel_order(model.transform.seed, height * width)
                pixels = [p[self._order] for p in pixels]
            targets = np.stack([forward(model.transform, p, len(model.modes)) for p in pixels])
        else:
            targets = np.stack([p >> plane & 1 for p in pixels for plane in model.planes()])
        self.targets = torch.from_numpy(targets.astype(np.float32)).to(device)

    def batch(self, size: int, rng: torch.Generator) -> tuple[Any, Any]:
        """All pixels, or some at random, as part has them."""
        count = self.targets.shape[1]
        if size >= count:
            return self.part(slice(None))
        return self.part(torch.randint(count, (size,), generator=rng).to(self.inputs.device))

    def part(self, chosen: Any) -> tuple[Any, Any]:
        """Some pixels: inputs as a network takes them, and targets."""
        inputs = self.inputs[:, chosen]
        return inputs.reshape(1, -1, inputs.shape[2]), self.targets[:, chosen]

    def picture(self, pixels: np.ndarray) -> np.ndarray:
        """Values of all pixels, (pixels, channels), as an image of the type of the images: (H, W)
        or (H, W, C)."""
        if self._order is not None:
            seen, pixels = pixels, np.empty_like(pixels)
            pixels[self._order] = seen
        image = pixels.astype(self._kind).reshape(self._shape)
        return image[:, :, 0] if self._shape[2] == 1 else image


def fit(
    model: CoordinateModel,
    options: Coordinate,
    images: list[np.ndarray],
    *,
    seed: int,
    backend: Backend,
    threads: int,
    errors: Callable[[list[Tensors], np.ndarray | None], int],
    report: Callable[[Step], None],
    stop: Callable[[], bool],
    coefficients: np.ndarray | None = None,
) -> Fitted:
    """Fits the networks of a model to an image (H, W, C), or to several of one shape.

    coefficients: where several images share weight sets, what to start from, float64 (images,
    sets); with options.coefficients "learned" they are fitted, too. errors: how many bits the
    integer networks of some tensors and coefficients get wrong; with options.optimize "ber" the
    fit of bits ends when there are none. report: told of every step; stop: whether time is up.
    """
    device = torch.device(backend.device)
    rng = torch.Generator().manual_seed(seed)
    data = Data(model, images, backend, device)
    networks = FloatNetworks(model, options, images[0].shape[2], device, rng, coefficients)
    parameters = list(networks.parameters.values())
    if coefficients is not None and options.coefficients == "learned":
        parameters.append(networks.coefficients.requires_grad_())
    optimiser = torch.optim.Adam(parameters, lr=options.rate, betas=ADAM_BETAS)
    units = (model.hidden * (model.depth + 1) + model.taken) * data.targets.shape[0]
    batch = options.batch or max(1, FULL // units)
    whole = batch >= data.targets.shape[1]
    of_bits = model.transform is None
    until_exact = of_bits and options.optimize == "ber"
    step = 0

    weights = sum(value.numel() for value in parameters)
    weight_bits = {"int": FIRST_BITS + 1.0, "fp16": 16.0, "ternary": math.log2(3)}[model.form]
    stored_bits = weights * weight_bits
    if model.form == "ternary":  # tables are in half precision
        numbers = sum(networks.parameters[name].numel() for name in model.tables())
        stored_bits += numbers * (16 - weight_bits)
    powers = 2.0 ** torch.tensor(model.planes(), device=device).view(-1, 1, 1)
    peak = 2.0 ** len(model.modes) - 1
    values: Any = None  # of outputs, where they stand for such
    if model.transform is not None:
        table = inverse_table(model.transform, len(model.modes))
        values = torch.from_numpy(table.astype(np.float32)).to(device)

    def pictured(outputs: Any) -> Any:
        y = torch.nan_to_num(outputs * ONE).clamp(-OUTPUT_LIMIT, OUTPUT_LIMIT - 1)
        return values[y.round().long() + OUTPUT_LIMIT]

    def quality(outputs: Any, targets: Any) -> tuple[float, float]:
        """PSNR and bits a pixel of a step."""
        with torch.no_grad():
            size = outputs.numel()
            if values is not None:
                error = pictured(outputs) - pictured(targets)
            else:
                error = (outputs > 0).float() - targets
                error = (error.view(len(images), -1, *error.shape[1:]) * powers).sum(1)
                size *= float(cross_entropy(outputs, targets)) / math.log(2)
            squares = float(error.square().mean())
        bits = size / targets.shape[1] if of_bits else math.nan
        psnr = 10 * math.log10(peak**2 / squares) if squares else math.inf
        return psnr, (bits + stored_bits / data.targets.shape[1]) / len(images)

    def pictures() -> list[np.ndarray]:
        """Step's."""
        found = []
        with torch.no_grad():
            weights = networks.stored()
            for at in range(0, data.targets.shape[1], batch):
                inputs, targets = data.part(slice(at, at + batch))
                outputs = networks(weights, inputs).view(targets.shape)
                if values is not None:
                    found.append(pictured(outputs).cpu())
                else:
                    decided = (outputs > 0).float().view(len(images), -1, *outputs.shape[1:])
                    found.append((decided * powers).sum(1).cpu())
        return [data.picture(pixels) for pixels in torch.cat(found, 1).numpy()]

    def advance(last: int) -> bool:
        """Steps on to a last one, or until the stored networks are exact: whether they are."""
        nonlocal step
        while step < last and not stop():
            step += 1
            for group in optimiser.param_groups:
                group["lr"] = options.rate * _schedule(step / options.steps)
            inputs, targets = data.batch(batch, rng)
            outputs = networks(networks.stored(), inputs).view(targets.shape)
            if of_bits:
                missed = ((outputs.detach() > 0) != (targets > 0)).float()
                each = cross_entropy(outputs, targets, reduction="none") / math.log(2)
            else:
                missed = torch.full_like(targets, math.nan)
                each = (outputs - targets).square()
            loss = total = each.mean()
            if until_exact and networks.rounds:
                # the last wrong bits among many right ones would hardly be heard
                total = loss + HARD * (each * missed).sum() / missed.sum().clamp(min=MANY)
            optimiser.zero_grad(set_to_none=True)
            total.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            wrong = missed.mean((1, 2))
            ber = wrong.cpu().numpy()
            report(Step(step, float(loss.detach()), ber, *quality(outputs, targets), pictures))
            right = not wrong.any() if whole else step % CHECK_EVERY == 0
            if not networks.rounds:
                if right if until_exact else step >= options.steps // 2:
                    networks.quantise(FIRST_BITS)
            elif until_exact and right and not errors(*networks.integers()):
                return True
        return False

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        exact = advance(options.steps)
        if not networks.rounds:
            networks.quantise(FIRST_BITS)
        integers, stopped = networks.integers(), step
        if model.form == "int" and exact:
            for bits in reversed(range(MIN_BITS, FIRST_BITS)):
                networks.quantise(bits)
                if errors(*networks.integers()) and not advance(step + TUNE):
                    break
                integers = networks.integers()
    finally:
        torch.set_num_threads(before)
    return Fitted(*integers, stopped, exact)


def _schedule(progress: float) -> float:
    """The rate at a part of the fit, relative to its peak: a short rise, and a half cosine down to
    a twentieth, which keeps ternary weights moving to the end."""
    return min(1.0, progress / WARM_UP) * (0.525 + 0.475 * math.cos(math.pi * progress))
