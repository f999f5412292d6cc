"""The compiled engine of a fit, on a CPU: kernels/context_fit.c, and how Python holds its parts."""

from __future__ import annotations

import ctypes

import numpy as np

from ..coding.weights import FORMS
from ..kernels import Library
from ..kernels.fit import (
    FIT_INPUTS,
    FIT_SHIFTS,
    FIT_TENSORS,
    FIT_WIDTH,
    SHIFTS_OF_VERSION,
    FitStruct,
    VersionsStruct,
    WholeStruct,
    scratch,
)
from .parameters import BYPASS_SCALE, HIDDEN_LIMIT, Parameters
from .schedule import Samples


def _address(array: np.ndarray, dtype: type, *size: int) -> int:
    """Where C finds an array; ValueError if it is none of that dtype and size, row by row."""
    if array.dtype != dtype or array.shape != size or not array.flags.c_contiguous:
        raise ValueError(f"{array.dtype} {array.shape} is no contiguous {np.dtype(dtype)} {size}")
    return array.ctypes.data


class Versions:
    """Shifts of the biases for each of the versions of images that a prior is trained on, which
    learn beside the network: so its weights learn what all versions have in common, and how they
    differ (shift modulations; Dupont et al. 2022, "From data to functa", section 3).

    of: int32 (n,), the version of each sample, below count; rate: at what part of the network's
    rate they learn; penalty: bits per sample that the sum of the squares of a version's shifts
    costs.
    """

    def __init__(self, of: np.ndarray, count: int, rate: float, penalty: float) -> None:
        if of.size and not 0 <= of.min() <= of.max() < count:
            raise ValueError(f"the versions are none of {count}")
        # shifts, moments and slopes
        self._vectors = np.zeros((4, count, SHIFTS_OF_VERSION), dtype=np.float32)
        self._seen = np.zeros(count, dtype=np.int32)
        self.of = of
        v = self.struct = VersionsStruct()
        v.of = _address(of, np.int32, of.size)
        v.shifts, v.first, v.second, v.slopes = (v.ctypes.data for v in self._vectors)
        v.seen, v.count, v.rate, v.penalty = self._seen.ctypes.data, count, rate, penalty

    def shifts(self, bias: str, size: int) -> np.ndarray:
        """Those of a bias of a size: float32 (versions, size)."""
        return self._vectors[0, :, FIT_SHIFTS[bias] :][:, :size]


class CompiledFit:
    """An Engine in C of the parameters of a network and the samples that it learns from. Raises
    ValueError for networks, samples or batches that C has no room for or would misread."""

    def __init__(
        self,
        library: Library,
        parameters: Parameters,
        samples: Samples,
        versions: Versions | None = None,
    ) -> None:
        self._library, shape = library, parameters.shape
        if not (shape.inputs <= FIT_INPUTS and shape.width <= FIT_WIDTH):
            raise ValueError(f"networks have up to {FIT_INPUTS} inputs and {FIT_WIDTH} units")
        count, order = len(samples.rows), samples.order
        if order.size and (order.min() < 0 or order.max() >= count):
            raise ValueError("the order is none of the samples")
        self._count = len(order)
        names, sizes = list(parameters.values), [v.size for v in parameters.values.values()]
        at = np.cumsum([0, *sizes]).tolist()
        self._parts = {n: slice(*ends) for n, *ends in zip(names, at, at[1:], strict=False)}
        self._shapes = {name: value.shape for name, value in parameters.values.items()}
        self._parameters = parameters
        flat = np.concatenate([v.reshape(-1) for v in parameters.values.values()])
        self._flat = flat.astype(np.float32)
        # moments, slopes and what is stored, (weights,) each
        self._vectors = np.zeros((5, flat.size), dtype=np.float32)
        self._squares = np.zeros(len(FIT_TENSORS))
        self._scratch = scratch(library)
        self._kept = [samples, parameters.centre, parameters.basis]
        self._versions = versions
        f = self._struct = FitStruct()
        f.inputs, f.width, f.outputs = shape.inputs, shape.width, shape.outputs
        f.bypassed, f.rank, f.form = shape.bypassed, parameters.rank, FORMS.index(parameters.form)
        f.weights = flat.size
        for tensor, name in zip(f.tensors, FIT_TENSORS, strict=True):
            tensor.at = -1
            if name in self._parts:
                tensor.at = self._parts[name].start
                size = self._shapes[name]
                tensor.rows, tensor.cols = size if len(size) == 2 else (1, *size)
                tensor.limit = parameters.limit(name)
        f.rows = _address(samples.rows, np.int16, count, shape.inputs)
        f.order = _address(order, np.int32, self._count)
        f.low = _address(samples.low, np.float32, count)
        f.high = None if samples.high is None else _address(samples.high, np.float32, count)
        f.unit = 2.0**-shape.input_bits
        if isinstance(samples.floor, np.ndarray):
            f.floors = _address(samples.floor, np.float32, count)
        else:
            f.floor = samples.floor
        f.bypass_scale, f.hidden_limit = BYPASS_SCALE, HIDDEN_LIMIT
        f.centre = _address(parameters.centre, np.float32, shape.inputs)
        f.basis = _address(parameters.basis, np.float32, shape.inputs, shape.inputs)
        if parameters.real_prior:
            self._prior = WholeStruct.of(parameters.real_prior, shape.width)
            f.prior = ctypes.addressof(self._prior)
        if versions:
            _address(versions.of, np.int32, count)
            f.versions = ctypes.addressof(versions.struct)
        f.parameters, f.squares = self._flat.ctypes.data, self._squares.ctypes.data
        f.first, f.second, f.slopes, f.stored, f.real = (v.ctypes.data for v in self._vectors)
        f.count, f.scratch = float(self._count), self._scratch.ctypes.data

    def step(self, first: int, count: int, rate: float, watch: bool) -> float:
        """As Engine.step."""
        if not 0 <= first < first + count <= self._count:
            raise ValueError(f"{first} .. {first + count - 1} are no samples of {self._count}")
        return self._library.fit_step(ctypes.addressof(self._struct), first, count, rate, watch)

    def bits(self, first: int, count: int) -> float:
        """As Engine.bits."""
        return self.step(first, count, 0.0, False)

    def slopes(self) -> dict[str, np.ndarray]:
        """By what the size changed with each of what is optimised, in the last step."""
        return self._each(self._vectors[2])

    def squares(self) -> dict[str, float]:
        """As Engine.squares."""
        found = dict(zip(FIT_TENSORS, self._squares.tolist(), strict=True))
        return {name: found[name] for name in self._parts}

    def round(self, shifts: dict[str, int] | None) -> None:
        """As Engine.round; with None no more."""
        for tensor, name in zip(self._struct.tensors, FIT_TENSORS, strict=True):
            if shifts and name in shifts:
                tensor.step = 2.0 ** -shifts[name]
        self._struct.rounding = shifts is not None

    def parameters(self) -> np.ndarray:
        """A copy of what is optimised, float32 (weights,)."""
        return self._flat.copy()

    def begin_again(self, parameters: np.ndarray) -> None:
        """Starts from parameters, as if there had been no step."""
        self._flat[:] = parameters
        self._vectors[:2] = 0
        self._struct.steps = 0

    def take_mean_of_versions(self) -> None:
        """Adds the mean of the versions' shifts to the biases, and leaves them the rest."""
        assert self._versions is not None
        for bias in FIT_SHIFTS:
            part = self._flat[self._parts[bias]]
            shifts = self._versions.shifts(bias, part.size)
            mean = shifts.mean(axis=0)
            part += mean
            shifts -= mean

    def forget_changes(self) -> None:
        """As Engine.forget_changes."""
        if self._parameters.real_prior:
            self._flat[:] = 0

    def stored(self) -> dict[str, np.ndarray]:
        """As Engine.stored."""
        self._library.fit_store(ctypes.addressof(self._struct))
        return self._each(self._vectors[3])

    def _each(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """The tensors that a vector of all weights is made of."""
        return {n: flat[part].reshape(self._shapes[n]) for n, part in self._parts.items()}
