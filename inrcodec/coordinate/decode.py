"""What coordinate networks say: networks from their weights, logits of every plane, values."""

from __future__ import annotations

import numpy as np

from ..coding.backend import Backend, Workers
from ..coding.weights import Tensors, unpack_weights
from ..limits import Limits
from .mixture import Coefficients, mix
from .model import CoordinateModel
from .networks import CoordinateNetwork, coordinates, grid, network_inputs
from .permutation import pixel_order
from .transforms import OUTPUT_LIMIT, inverse_table

CHUNK = 1 << 13  # pixels at a time on a CPU


def read_tensors(
    model: CoordinateModel, channels: int, weights: bytes, mixed: Coefficients | None = None
) -> list[Tensors]:
    """The tensors of each network, from the weights section; mixed: of the one of an image of
    several."""
    sizes = [model.sizes(channels)] * model.networks()
    stored = unpack_weights(model.form, sizes, weights, fine_biases=True)
    return stored if mixed is None or not stored else [mix(stored, mixed)]


def check_weights(model: CoordinateModel, channels: int, limits: Limits) -> None:
    """Refuses networks of more numbers than are allowed."""
    count = model.networks() * model.weights(channels)
    limits.check("weights", count, f"the networks: {count} weights")


def check_work(model: CoordinateModel, pixels: int, channels: int, limits: Limits) -> None:
    """Refuses a file that asks for more multiply-adds than are allowed."""
    work = pixels * len(model.planes()) * model.work(channels)
    limits.check("multiply_adds", work, f"decoding: {work} multiply-adds")


class Evaluation:
    """The networks of an image, ready to be asked for the logits of a plane anywhere."""

    def __init__(
        self, model: CoordinateModel, tensors: list[Tensors], bits: int, backend: Backend,
        workers: Workers,
    ) -> None:  # fmt: skip
        self._model, self._bits = model, bits
        self._backend, self._workers = backend, workers
        self._networks = [CoordinateNetwork(model, t, backend) for t in tensors]

    def logits(self, plane: int, ys: np.ndarray, xs: np.ndarray) -> np.ndarray:
        """int64 (channels, len(ys) * len(xs)) in units of 2^-16; ys, xs as from coordinates().

        A plane below the lowest one is an extrapolation of a joint model."""
        model, backend = self._model, self._backend
        number = model.planes().index(plane) if model.layout == "per-plane" else 0
        network = self._networks[number]
        chunk = CHUNK if backend.is_cpu else backend.chunk
        # of whole rows, or of parts of one: hidden layers of a long row would take all memory
        rows, cols = max(1, chunk // len(xs)), min(chunk, len(xs))

        def run(first: tuple[int, int]) -> np.ndarray:
            y, x = first
            positions = grid(backend, ys[y : y + rows], xs[x : x + cols])
            if model.layout == "joint":
                (at,) = coordinates(plane, 1, self._bits - 1)
                positions = backend.xp.concat([positions, positions[:1, :] * 0 + at])
            return backend.get(network.run(network_inputs(backend, model, positions)))

        parts = self._workers.map(
            run, [(y, x) for y in range(0, len(ys), rows) for x in range(0, len(xs), cols)]
        )
        return np.concatenate(parts, axis=1).astype(np.int64)

    def values(self, ys: np.ndarray, xs: np.ndarray) -> np.ndarray:
        """What a model of values predicts, int64 (len(ys), len(xs), channels); where the transform
        permutes pixels, ys and xs are of all the image's."""
        transform = self._model.transform
        assert transform is not None
        table = inverse_table(transform, self._bits)
        outputs = self.logits(0, ys, xs)
        predicted = table[np.clip(outputs, -OUTPUT_LIMIT, OUTPUT_LIMIT - 1) + OUTPUT_LIMIT]
        if transform.seed is not None:
            seen = predicted
            predicted = np.empty_like(seen)
            predicted[:, pixel_order(transform.seed, seen.shape[1])] = seen
        return np.moveaxis(predicted.reshape(-1, len(ys), len(xs)), 0, 2)
