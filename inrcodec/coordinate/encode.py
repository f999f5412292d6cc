"""Encoding with coordinate networks: fit them, choose which planes they pay for, code."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..coding.backend import Backend, Workers, fitting_backend
from ..coding.rangecoder import Encoder
from ..coding.weights import Tensors, pack_weights
from ..errors import CorruptError, LinrError
from ..history.planes import Planes
from ..limits import Limits
from ..options import FitOptions
from ..progress import CODE, Progress
from .correction import code_planes, code_residuals, network_plane, other_plane
from .decode import Evaluation, check_weights, read_tensors
from .file import CoordinateImage
from .mixture import Coefficients, linear_coefficients
from .model import NETWORK, RAW, TEMPLATE, Coordinate, CoordinateModel
from .networks import coordinates
from .transforms import fit_transform

LEAST_WIDTH = 8  # where the search for the smallest file begins


class Trial:
    """An image (H, W, C), and what models make of it in integers."""

    def __init__(self, image: np.ndarray, backend: Backend, workers: Workers) -> None:
        self.image, self.samples = image, image.astype(np.int64)
        self._backend, self._workers = backend, workers
        height, width, _ = image.shape
        self._ys = coordinates(0, height, height - 1)
        self._xs = coordinates(0, width, width - 1)

    def bits(self, plane: int) -> np.ndarray:
        """A plane of the image, uint8 (channels, H, W)."""
        return (np.moveaxis(self.samples, 2, 0) >> plane & 1).astype(np.uint8)

    def _evaluation(
        self, model: CoordinateModel, tensors: list[Tensors], mixed: Coefficients | None = None
    ) -> Evaluation:
        # as a decoder has them: packed and read again
        packed = pack_weights(model.form, tensors)
        try:
            stored = read_tensors(model, self.image.shape[2], packed, mixed)
            return Evaluation(model, stored, len(model.modes), self._backend, self._workers)
        except CorruptError as error:
            raise LinrError(f"the fit ran away, at a lower rate it may not: {error}") from error

    def logits(
        self, model: CoordinateModel, tensors: list[Tensors], mixed: Coefficients | None = None
    ) -> dict[int, np.ndarray]:
        """Of each plane that networks code: (channels, pixels)."""
        evaluation = self._evaluation(model, tensors, mixed)
        return {p: evaluation.logits(p, self._ys, self._xs) for p in model.planes()}

    def errors(
        self, model: CoordinateModel, tensors: list[Tensors], mixed: Coefficients | None = None
    ) -> int:
        """How many bits the networks get wrong."""
        return sum(
            int(np.count_nonzero((logits.reshape(-1) > 0) != self.bits(plane).reshape(-1)))
            for plane, logits in self.logits(model, tensors, mixed).items()
        )

    def code(
        self, model: CoordinateModel, tensors: list[Tensors], mixed: Coefficients | None = None
    ) -> tuple[bytes, bytes]:
        """The weights and data sections."""
        encoder, weights = Encoder(), pack_weights(model.form, tensors)
        if model.transform is not None:
            predicted = self._evaluation(model, tensors).values(self._ys, self._xs)
            code_residuals(encoder, predicted, self.samples)
        else:
            logits = self.logits(model, tensors, mixed)
            code_planes(encoder, self.image.shape, model.modes, logits.__getitem__, self.samples)
        return weights, encoder.finish()

    def other_cost(self, plane: int) -> tuple[int, int]:
        """The bytes of a plane without a network, and the mode that takes them."""
        found = []
        for mode in (TEMPLATE, RAW):
            encoder = Encoder()
            above = np.moveaxis(self.samples, 2, 0) >> (plane + 1)
            other_plane(encoder, mode, above, self.bits(plane))
            found.append((len(encoder.finish()), mode))
        return min(found)

    def network_cost(self, plane: int, logits: np.ndarray) -> int:
        """The bytes of a plane's correction."""
        encoder = Encoder()
        network_plane(encoder, logits, self.bits(plane))
        return len(encoder.finish())


Coded = tuple[CoordinateModel, bytes, bytes]


def encode_mixture(
    images: list[np.ndarray], networks: Coordinate, sets: int, options: FitOptions, limits: Limits
) -> tuple[CoordinateModel, bytes, list[tuple[Coefficients, bytes]]]:
    """The model and weights section of images (H, W, C) of one shape, and for each its coefficients
    and its part of the data section. Raises as encode_coordinate."""
    from .fit import fit

    backend, each = fitting_backend(options.device), _teller(options, networks, images[0])
    model = CoordinateModel(
        options.weights, networks.layout, networks.backbone, networks.width, networks.depth,
        networks.constants(max(images[0].shape[:2])), (NETWORK,) * (8 * images[0].itemsize), 0,
        sets=sets, size=images[0].shape[:2],
    )  # fmt: skip
    check_weights(model, images[0].shape[2], limits)
    with Workers(backend, options.threads) as workers:
        trials = [Trial(image, backend, workers) for image in images]

        def errors(tensors: list[Tensors], coefficients: np.ndarray | None) -> int:
            assert coefficients is not None
            rows = zip(trials, coefficients.tolist(), strict=True)
            return sum(trial.errors(model, tensors, tuple(row)) for trial, row in rows)

        fitted = fit(
            model, networks, images, seed=options.seed, backend=backend, threads=workers.threads,
            errors=errors, report=each, stop=lambda: time.monotonic() > options.deadline,
            coefficients=linear_coefficients(len(images), sets),
        )  # fmt: skip
        assert fitted.coefficients is not None
        model, parts = replace(model, step=fitted.step), []
        for trial, row in zip(trials, fitted.coefficients.tolist(), strict=True):
            weights, data = trial.code(model, fitted.tensors, tuple(row))
            parts.append((tuple(row), data))
    return model, weights, parts


def encode_coordinate(
    planes: Planes, networks: Coordinate, options: FitOptions, limits: Limits
) -> CoordinateImage:
    """Planes of whole channels, as networks with these options code them after a fit. Raises
    LimitError for networks that no reader of these limits would take, and LinrError where a fit
    comes to weights that no reader takes."""
    image = planes.array()
    image = image.reshape(*image.shape[:2], -1)
    bits, backend = 8 * image.itemsize, fitting_backend(options.device)
    each = _teller(options, networks, image)
    model = CoordinateModel(
        options.weights, networks.layout, networks.backbone, networks.width, networks.depth,
        networks.constants(max(image.shape[:2])), (NETWORK,) * bits, 0, size=image.shape[:2],
    )  # fmt: skip
    if networks.layout == "value":
        transform = fit_transform(
            networks.transform, image, bits, factor=networks.factor or 1.0, power=networks.power,
            seed=options.seed,
        )  # fmt: skip
        model = replace(model, transform=transform)
    with Workers(backend, options.threads) as workers:
        trial = Trial(image, backend, workers)

        def fitted(model: CoordinateModel) -> tuple[CoordinateModel, list[Tensors]]:
            from .fit import fit

            check_weights(model, image.shape[2], limits)
            result = fit(
                model,
                replace(networks, width=model.width, depth=model.depth),
                [image],
                seed=options.seed,
                backend=backend,
                threads=workers.threads,
                errors=lambda tensors, _: trial.errors(model, tensors),
                report=each,
                stop=lambda: time.monotonic() > options.deadline,
            )
            return replace(model, step=result.step), result.tensors

        if networks.optimize == "size" and model.transform is None:
            coded = _smallest(trial, model, fitted)
        else:
            model, tensors = fitted(model)
            coded = model, *trial.code(model, tensors)
    return CoordinateImage(planes.geometry, *coded)


def _teller(options: FitOptions, networks: Coordinate, image: np.ndarray) -> Callable[[Any], None]:
    """Told of each fit.Step, tells those who want to know."""

    def each(step: Any) -> None:
        bpsp = step.loss * 8 * image.itemsize if networks.layout != "value" else None
        options.tell(Progress("fit", CODE * step.step / networks.steps, bpsp))
        if options.watch is not None:
            options.watch(step)

    return each


def _smallest(
    trial: Trial,
    model: CoordinateModel,
    fitted: Callable[[CoordinateModel], tuple[CoordinateModel, list[Tensors]]],
) -> Coded:
    """The smallest of: no networks at all, and networks of growing width, then depth, for as long
    as the file gets smaller, for those planes that they pay for."""
    others = [trial.other_cost(plane) for plane in range(len(model.modes))]
    largest = model.width, model.depth
    none = replace(model, modes=tuple(mode for _, mode in others), width=1, depth=1)
    best: Coded = none, *trial.code(none, [])
    width, depth = min(LEAST_WIDTH, largest[0]), 1
    while width <= largest[0] and depth <= largest[1]:
        tried, tensors = fitted(replace(model, width=width, depth=depth))
        chosen, modes = [], list(none.modes)
        for number, (plane, logits) in enumerate(trial.logits(tried, tensors).items()):
            own = [tensors[number]] if tried.layout == "per-plane" else []
            cost = trial.network_cost(plane, logits) + len(pack_weights(tried.form, own))
            if cost < others[plane][0]:
                modes[plane] = NETWORK
                chosen += own
        tried = replace(tried, modes=tuple(modes))
        if tried.layout == "joint" and tried.planes():
            names = tried.sizes(trial.image.shape[2])  # without tables of planes without a network
            chosen = [{name: tensors[0][name] for name in names}]
        coded: Coded = tried, *trial.code(tried, chosen)
        if sum(map(len, coded[1:])) < sum(map(len, best[1:])):
            best, model = coded, replace(model, modes=tried.modes)
            width *= 2
        elif width > best[0].width > 1 and depth == best[0].depth:
            width, depth = best[0].width, depth + 1
        else:
            break
    return best
