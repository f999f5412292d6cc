"""The fit: overfits the networks of one image in float, and hands back their integers.

The loss is the size of the file in bits: -log2 of the mixture's probability of each sample for the
trunk INRs (Salimans et al. 2017, PixelCNN++, eq. 2, to the base 2), binary cross-entropy for the
plane INRs, and the weights' own cost. After QUANTISE_AT of the steps the forward pass uses the
weights as they will be stored, with straight-through gradients (Bengio et al. 2013).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .backend import Backend, Workers
from .context import input_count
from .layout import Channel, Layout
from .mixture import COMPONENTS, FLOOR_BITS, MAX_LOG_SCALE, MIN_LOG_SCALE
from .networks import TENSORS, Network, Shape, Tensor
from .traversal import ChannelNetworks, contexts, plane_shape, traverse, trunk_shape
from .weights import BIAS_SHIFT, HALF_SHIFT, Tensors, bias_of_half, is_bias, is_ternary

LN2 = math.log(2)
INPUT_SCALE = 1 / (1 << 14)  # networks.py: inputs are in 1/1024, and the first layer takes 1/16
BYPASS_SCALE = 16.0  # the bypass sees whole units
BATCH = 4096
MAX_SAMPLES = 1 << 20  # per network: beyond, a random subset is fitted
MIN_STEPS_PER_EPOCH = 8
LEARNING_RATE = 2e-2
WARM_UP = 0.15
QUANTISE_AT = 0.6
MAX_FITTED_SHIFT = 14
# With these, 49 inputs or 31 hidden units cannot leave networks.py's 53 bits in any form.
MAX_WEIGHT, MAX_BIAS = 16.0, 1024.0


@dataclass(frozen=True)
class Plan:
    """How long and how wide to fit."""

    epochs: int  # passes over the pixels for the trunk INRs
    trunk_width: int
    plane_width: int
    plane_steps: int
    form: str  # of the weights
    seed: int


Report = Callable[[float, float], None]  # fraction of the fit, bits per sample of the last batches


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
        weight = torch.softmax(log_weight * LN2, 1)
        z_low, z_high = (low - mean) * rate, (high - mean) * rate
        f_low, f_high = torch.sigmoid(z_low), torch.sigmoid(z_high)
        part = weight * (f_high - f_low)
        p = part.sum(1, keepdim=True)
        mixed = p + floor
        d_low, d_high = f_low * (1 - f_low), f_high * (1 - f_high)
        slope = -1 / (LN2 * len(outputs)) / mixed
        ctx.save_for_backward(
            torch.cat(
                [
                    slope * weight * (d_low - d_high) * rate,
                    slope * weight * (z_low * d_low - z_high * d_high) * LN2,
                    slope * LN2 * (part - weight * p),
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

    parameters: name -> tensor; until quantise() is called the forward pass is plain float.
    """

    def __init__(self, shape: Shape, form: str, device: torch.device, rng: torch.Generator) -> None:
        self.shape, self.form = shape, form
        self.shifts: dict[str, int] | None = None
        self.parameters = {}
        gains = {"w1": math.sqrt(2), "w2": math.sqrt(2), "w3": 0.3}
        for name, size in shape.tensors().items():
            value = torch.zeros(size)
            if name in gains:
                value = torch.randn(size, generator=rng) * gains[name] / math.sqrt(size[1])
            self.parameters[name] = value.to(device).requires_grad_()

    def set(self, name: str, values: list[float]) -> None:
        """Sets the start of a tensor."""
        with torch.no_grad():
            tensor = self.parameters[name]
            tensor.copy_(torch.tensor(values).reshape(tensor.shape))

    def __call__(self, x: Any) -> Any:
        """x (n, f), inputs * INPUT_SCALE -> outputs (n, o) in units."""
        p = {name: self._stored(name) for name in TENSORS}
        h = torch.relu(torch.addmm(p["b1"], x, p["w1"].T))
        h = torch.relu(torch.addmm(p["b2"], h, p["w2"].T))
        out = torch.addmm(p["b3"], h, p["w3"].T)
        bypass = x @ (p["bypass"].T * BYPASS_SCALE)
        k = self.shape.bypassed
        return torch.cat([out[:, :k] + bypass, out[:, k:]], 1)

    def _stored(self, name: str) -> Any:
        """The tensor with the values that its stored form will have; gradients pass through."""
        value = self.parameters[name]
        if self.shifts is None:
            return value
        with torch.no_grad():
            if self.form == "int":
                step = 2.0 ** -self.shifts[name]
                stored = torch.round(value / step) * step
            elif self.form == "ternary" and is_ternary(name):
                scale = value.abs().mean(1, keepdim=True).clamp(min=2.0**-14)
                trits = torch.clamp(torch.round(value / scale), -1, 1)
                stored = trits * scale.half().float()
            else:
                stored = value.half().float()
            limit = MAX_BIAS if is_bias(name) else MAX_WEIGHT
            difference = stored.clamp(-limit, limit) - value
        return value + difference

    def quantise(self, fisher: dict[str, float]) -> None:
        """From here on the forward pass uses stored values.

        fisher: per tensor the mean curvature of the total size in nats. A step of sqrt(12 / h)
        balances what rounding costs the data, h step^2 / 24, against -ln(step) of the weights.
        """
        self.shifts = {}
        for name in TENSORS:
            limit = BIAS_SHIFT if is_bias(name) else MAX_FITTED_SHIFT
            curvature = fisher[name] if 12 <= fisher[name] < math.inf else 12.0
            self.shifts[name] = min(round(0.5 * math.log2(curvature / 12)), limit)

    def rate(self) -> Any:
        """Bits of the coded integers as a Laplace distribution per tensor has them, but for a
        constant: its gradient draws weights to 0 by 1.44 bits a mean magnitude."""
        total: Any = 0.0
        for name in TENSORS:
            value = self.parameters[name]
            mean = value.detach().abs().mean() + 2.0 ** -(self.shifts or {name: 0})[name] / 4
            total = total + value.abs().sum() / mean / LN2
        return total

    def tensors(self) -> Tensors:
        """The integers that the stored form stands for."""
        assert self.shifts is not None
        result = {}
        for name in TENSORS:
            stored = self._stored(name).detach().cpu().numpy().astype(np.float64)
            stored = np.nan_to_num(stored)  # a fit that ran away is still a file, if a large one
            shift = self.shifts[name] if self.form == "int" else HALF_SHIFT
            values = np.rint(np.ldexp(stored, shift)).astype(np.int64)
            if self.form != "int" and is_bias(name):
                # half precision holds the bias as it is; the integers have it rounded
                result[name] = Tensor(bias_of_half(values), BIAS_SHIFT)
            else:
                result[name] = Tensor(values, shift)
        return result


def train(
    network: FloatNetwork,
    inputs: Any,
    loss: Callable[[Any, Any], Any],
    steps: int,
    batch: int,
    rng: torch.Generator,
    report: Report,
) -> Tensors:
    """Fits a network and returns its integers.

    inputs: float32 (n, f) on the device; loss(outputs, index): mean bits of the samples of a
    batch. Adam (Kingma & Ba 2015) under a one-cycle rate (Smith & Topin 2018).
    """
    count = inputs.shape[0]
    parameters = list(network.parameters.values())
    optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE, betas=(0.9, 0.99), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, total_steps=steps, pct_start=WARM_UP
    )
    order, at = torch.randperm(count, generator=rng), 0
    mean_bits = torch.zeros((), device=inputs.device)
    for step in range(steps):
        if step == int(QUANTISE_AT * steps):
            network.quantise(_fisher(network, optimiser, count, min(batch, count)))
        if at + batch > count:
            order, at = torch.randperm(count, generator=rng), 0
        index = order[at : at + batch].to(inputs.device)
        at += batch
        bits = loss(network(inputs[index]), index)
        total = bits
        if network.shifts is not None and network.form == "int":
            total = bits + network.rate() / count
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        optimiser.step()
        schedule.step()
        mean_bits += 0.05 * (bits.detach() - mean_bits) if step else bits.detach()
        if step % 32 == 31 or step == steps - 1:
            report((step + 1) / steps, float(mean_bits))
    return network.tensors()


def _fisher(
    network: FloatNetwork, optimiser: torch.optim.Adam, count: int, batch: int
) -> dict[str, float]:
    """Mean curvature of the whole size in nats per tensor, from Adam's second moments.

    The variance of a batch's mean gradient in bits is that of a sample over the batch's size.
    """
    return {
        name: float(optimiser.state[p]["exp_avg_sq"].mean()) * LN2**2 * batch * count
        for name, p in network.parameters.items()
    }


def _steps(epochs: int, count: int) -> int:
    return epochs * max(MIN_STEPS_PER_EPOCH, count // BATCH)


def fit_trunk(
    samples: tuple[np.ndarray, np.ndarray, np.ndarray],
    shape: Shape,
    layout: Layout,
    planes: int,
    plan: Plan,
    device: torch.device,
    rng: torch.Generator,
    report: Report,
) -> Tensors:
    """Fits a trunk INR to (inputs float32 (n, f), base (n,) in quarter samples, values (n,))."""
    features, base, values = (torch.from_numpy(s).to(device) for s in samples)
    unit = 1 << layout.exponent
    offset = values - base / 4
    low, high = (offset - 0.5) / unit, (offset + 0.5) / unit
    # the first and last values take the tails, as they do in mixture.py
    low[values == 0] = -1e9
    high[values == (1 << planes) - 1] = 1e9
    low, high = low.float()[:, None], high.float()[:, None]
    floor = 2.0 ** -(FLOOR_BITS + planes)

    network = FloatNetwork(shape, plan.form, device, rng)
    network.set("b3", [-1.0, 0.0, 1.0, 0.0, 1.0, 2.5, 0.0, 0.0, 0.0])

    def loss(outputs: Any, index: Any) -> Any:
        return MixtureLoss.apply(outputs, low[index], high[index], floor)  # type: ignore[no-untyped-call]

    steps = _steps(plan.epochs, len(base))
    return train(network, features, loss, steps, BATCH, rng, report)


def fit_plane(
    samples: tuple[np.ndarray, np.ndarray],
    shape: Shape,
    plan: Plan,
    device: torch.device,
    rng: torch.Generator,
    report: Report,
) -> Tensors:
    """Fits a plane INR to (inputs float32 (m, f), bits uint8 (m,))."""
    features = torch.from_numpy(samples[0]).to(device)
    bits = torch.from_numpy(samples[1]).to(device).float()
    network = FloatNetwork(shape, plan.form, device, rng)
    # at the start the mixture's logit stands as it is: in units, where inputs are 1/16 of them
    network.set("bypass", [1.0] + [0.0] * (shape.inputs - 1))

    def loss(outputs: Any, index: Any) -> Any:
        return (
            torch.nn.functional.binary_cross_entropy_with_logits(outputs[:, 0] * LN2, bits[index])
            / LN2
        )

    return train(network, features, loss, plan.plane_steps, 2 * BATCH, rng, report)


def trunk_samples(
    backend: Backend,
    layout: Layout,
    image: np.ndarray,
    position: int,
    step: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the trunk INR of a step of a channel learns from: float32 (n, f) inputs, base in quarter
    samples and values (n,). image: (H, W, C); position: of the channel in the coding order."""
    channel = layout.channels[position]
    samples = []
    for j in (position, *channel.references):
        c = layout.channels[j]
        samples.append(backend.put(image[:, :, c.index].astype(np.int64) - c.lowest))
    truth = samples[0]
    # step A has a third of the pixels, step B two thirds
    keep = MAX_SAMPLES * (3, 1.5)[step] / (layout.height * layout.width)
    canvas = backend.xp.zeros_like(truth)
    canvas[0, 0] = truth[0, 0]
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = [
        (np.zeros((0, input_count(len(samples) - 1)), np.float32), np.zeros(0), np.zeros(0))
    ]
    for segment, inputs, _ in contexts(backend, layout, channel, canvas, samples[1:]):
        if segment.step == step:
            for piece in segment.pieces(backend.chunk):
                base, features = (backend.get(a) for a in inputs(piece))
                values = backend.get(truth[piece.image_index()]).reshape(-1)
                if keep < 1:
                    chosen = rng.random(values.size) < keep
                    base, features, values = base[chosen], features[:, chosen], values[chosen]
                found.append(((features.T * INPUT_SCALE).astype(np.float32), base, values))
        canvas[segment.image_index()] = truth[segment.image_index()]
    inputs_found, bases, values_found = zip(*found, strict=True)
    return np.concatenate(inputs_found), np.concatenate(bases), np.concatenate(values_found)


class _Truth:
    """A coder that codes nothing: the traversal sees the image go by."""

    def code(self, probabilities: np.ndarray, bits: np.ndarray | None) -> np.ndarray:
        assert bits is not None
        return bits


def plane_samples(
    backend: Backend,
    workers: Workers,
    layout: Layout,
    image: np.ndarray,
    networks: list[ChannelNetworks | None],
    rng: np.random.Generator,
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Per channel index, what its plane INR learns from: inputs and bits, a random subset."""
    found: dict[int, tuple[list[Any], list[Any]]] = {c.index: ([], []) for c in layout.channels}
    pixels = layout.height * layout.width

    def observe(
        channel: Channel, plane: int, p: np.ndarray, bits: np.ndarray, index: Any, features: Any
    ) -> None:
        if features is None:
            return
        chosen = np.arange(features.shape[1])
        keep = MAX_SAMPLES / (pixels * channel.planes)
        if keep < 1:
            chosen = np.flatnonzero(rng.random(chosen.size) < keep)
        inputs, answers = found[channel.index]
        inputs.append((backend.get(features)[:, chosen].T * INPUT_SCALE).astype(np.float32))
        answers.append(bits[backend.get(index)[chosen]])

    traverse(backend, workers, layout, networks, _Truth(), image, observe)
    return {
        index: (np.concatenate(inputs), np.concatenate(bits))
        for index, (inputs, bits) in found.items()
        if inputs
    }


class _Meter:
    """Turns the progress of several fits at once into that of all of them."""

    def __init__(self, workers: Workers, report: Report, weights: list[float]) -> None:
        self._workers = workers
        self._report, self._weights = report, np.array(weights) / sum(weights)
        self._done, self._bits = np.zeros(len(weights)), np.zeros(len(weights))
        self._lock = threading.Lock()

    def part(self, number: int) -> Report:
        """The report function of one of the fits."""

        def report(fraction: float, mean: float) -> None:
            if self._workers.stopping:
                raise CancelledError
            with self._lock:
                self._done[number], self._bits[number] = fraction, mean
                begun = self._weights * (self._done > 0)
                self._report(
                    float(self._weights @ self._done), float(begun @ self._bits / begun.sum())
                )

        return report


def untrained(shape: Shape) -> Tensors:
    """The tensors of a network of zeros, for a step that no pixel of the image is in."""
    return {n: Tensor(np.zeros(s, dtype=np.int64), 0) for n, s in shape.tensors().items()}


def fit_trunks(
    backend: Backend,
    workers: Workers,
    layout: Layout,
    image: np.ndarray,
    plan: Plan,
    report: Report,
) -> list[tuple[Tensors, Tensors]]:
    """Fits the trunk INRs of steps A and B of every coded channel, in coding order.

    image: (H, W, C). Runs on CUDA if the backend is there, else on the CPU, one network a thread.
    report is called with the fraction done and the bits per sample so far.
    """
    coded = [i for i, c in enumerate(layout.channels) if c.planes]
    # the largest first, so that no thread is left with one at the end
    jobs = [(i, step) for step in (1, 0) for i in reversed(coded)]
    shapes = {i: trunk_shape(len(layout.channels[i].references), plan.trunk_width) for i in coded}
    meter = _Meter(workers, report, [(1.0 + step) * shapes[i].inputs for i, step in jobs])

    def work(number: int) -> Tensors:
        position, step = jobs[number]
        torch_rng, rng = _generators(plan, 2 * position + step)
        samples = trunk_samples(backend, layout, image, position, step, rng)
        if not len(samples[1]):
            return untrained(shapes[position])
        channel, part = layout.channels[position], meter.part(number)
        device = torch.device(backend.device)
        return fit_trunk(
            samples, shapes[position], layout, channel.planes, plan, device, torch_rng, part
        )

    with _one_thread_each():
        found = dict(zip(jobs, workers.map(work, list(range(len(jobs)))), strict=True))
    return [(found[i, 0], found[i, 1]) for i in coded]


def fit_planes(
    backend: Backend,
    workers: Workers,
    layout: Layout,
    image: np.ndarray,
    trunks: list[tuple[Tensors, Tensors]],
    plan: Plan,
    report: Report,
) -> list[Tensors]:
    """Fits the plane INR of every coded channel, given its trunk INRs; as fit_trunks."""
    networks: list[ChannelNetworks | None] = []
    shapes = []
    left = iter(trunks)
    for channel in layout.channels:
        if not channel.planes:
            networks.append(None)
            continue
        references = len(channel.references)
        trunk = trunk_shape(references, plan.trunk_width)
        shape = plane_shape(references, plan.plane_width)
        shapes.append(shape)
        # a plane INR that hands the mixture's logit on
        tensors = untrained(shape)
        tensors["bypass"].values[0, 0] = 1
        a, b = (Network(trunk, t, backend) for t in next(left))
        networks.append(ChannelNetworks((a, b), Network(shape, tensors, backend)))
    coded = [c for c in layout.channels if c.planes]
    _, rng = _generators(plan, 0)
    samples = plane_samples(backend, workers, layout, image, networks, rng)
    meter = _Meter(workers, report, [1.0] * len(coded))

    def work(number: int) -> Tensors:
        index, shape = coded[number].index, shapes[number]
        if index not in samples:
            return untrained(shape)
        torch_rng, _ = _generators(plan, number)
        device = torch.device(backend.device)
        return fit_plane(samples[index], shape, plan, device, torch_rng, meter.part(number))

    with _one_thread_each():
        return workers.map(work, list(range(len(coded))))


def _generators(plan: Plan, number: int) -> tuple[torch.Generator, np.random.Generator]:
    """Generators of their own for each network, so that threads do not share one."""
    seed = np.random.SeedSequence([plan.seed, number])
    return torch.Generator().manual_seed(int(seed.generate_state(1)[0])), np.random.default_rng(
        seed
    )


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """One thread per network: small tensors gain nothing from more, and results stay the same
    whatever the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
