"""Where integer inference runs: NumPy on a CPU, or torch on a CPU or CUDA device.

The codec's arithmetic is written once against the Python array API standard. Tensors are float64
that hold integers below 2^53, so that sums are exact in any order and every device agrees.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .. import kernels
from ..errors import DeviceError
from . import tables

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Piece = TypeVar("Piece")
Result = TypeVar("Result")

CHUNK = 1 << 13  # pixels at a time: the working set of a chunk stays in a core's cache
INSTALL = "pip install 'inrcodec[torch]'"
DEVICES = "cpu, cuda, or cuda:N for the GPU of that number"
_CUDA = re.compile(r"cuda(?::(0|[1-9][0-9]{0,2}))?")


class Backend:
    """An array namespace, a device and the codec's tables on it.

    xp: the array API namespace; is_cpu: whether threads help; compiled: whether the compiled
    kernels stand in for whole arrays (NumPy only).
    """

    def __init__(self, xp: Any, device: Any, chunk: int, *, compiled: bool = False) -> None:
        self.xp, self.device, self.chunk, self.compiled = xp, device, chunk, compiled
        self.is_cpu = str(device) == "cpu"
        logistic = tables.logistic_table()
        self._logistic, self._slope = self.whole(logistic), self.whole(np.diff(logistic))
        self._power, self._log2 = map(self.whole, (tables.power_table(), tables.log2_table()))
        self._powers_of_two = self.whole(1 << np.arange(32))

    @cached_property
    def exp(self) -> Any:
        """tables.exp_table in float64."""
        return self.put(tables.exp_table())

    @cached_property
    def packed_tables(self) -> np.ndarray:
        """inr_tables of kernels/context.h, uint32 (4097,)."""
        logistic = tables.logistic_table()
        packed = logistic << 12 | np.append(np.diff(logistic), 0)
        parts = tables.power_table(), tables.log2_table(), packed
        return np.concatenate(parts).astype(np.uint32)

    def put(self, array: np.ndarray) -> Any:
        """A float64 copy of an array on the device."""
        return self.xp.asarray(array.astype(np.float64), device=self.device)

    def whole(self, array: np.ndarray) -> Any:
        """An int64 copy of an array on the device."""
        return self.xp.asarray(array.astype(np.int64), device=self.device)

    def get(self, array: Any) -> np.ndarray:
        """The NumPy array of a device array."""
        return array if isinstance(array, np.ndarray) else array.cpu().numpy()

    def look_up(self, table: Any, index: Any) -> Any:
        """table[index] for an array of integers, of any type and shape."""
        xp = self.xp
        flat = xp.reshape(xp.astype(index, xp.int64), (-1,))
        return xp.reshape(xp.take(table, flat, axis=0), index.shape)

    def log2(self, n: Any) -> Any:
        """1024 log2(n) of int64 from 1 to 2^31 - 1, by the eleven highest bits of n."""
        xp = self.xp
        e = xp.searchsorted(self._powers_of_two, n, side="right") - 1
        m = (n << 10 >> e) - tables.UNIT
        return e * tables.UNIT + self.look_up(self._log2, m)

    def power(self, j: Any) -> Any:
        """2^(23 - j / 1024) of int64 from 0 on, rounded down."""
        return self.look_up(self._power, j & (tables.UNIT - 1)) >> (j >> 10)

    def rate(self, j: Any) -> Any:
        """2^(12 - j / 1024) of int64 0 .. 16384 as float32."""
        xp = self.xp
        fraction = xp.astype(self.look_up(self._power, j & (tables.UNIT - 1)), xp.float32)
        scale = self.look_up(self._powers_of_two, 27 - (j >> 10))
        return fraction * (xp.astype(scale, xp.float32) * 2.0**-38)

    def logistic(self, z: Any) -> Any:
        """2^19 / (1 + 2^-z) of int64 in units of 2^-16, -2^20 .. 2^20 - 1; linear between the
        table's entries."""
        cell = (z >> tables.CELL_BITS) + tables.LOGISTIC_RANGE * tables.LOGISTIC_STEPS
        rest = z & ((1 << tables.CELL_BITS) - 1)
        slope = self.look_up(self._slope, cell)
        return self.look_up(self._logistic, cell) + (slope * rest >> tables.CELL_BITS)

    def probability(self, logit: Any) -> Any:
        """P(1) * 65536 in 1 .. 65535 of log-odds int64 in units of 1/1024."""
        limit = tables.LOGISTIC_RANGE * tables.UNIT
        z = self.xp.clip(logit, -limit, limit - 1) << 6
        p = self.logistic(z) >> (tables.LOGISTIC_BITS - tables.PROBABILITY_BITS)
        return self.xp.clip(p, 1, tables.PROBABILITY_ONE - 1)


@cache
def numpy_backend() -> Backend:
    """The backend of a CPU decoder; it needs no torch."""
    return Backend(np, "cpu", CHUNK, compiled=True)


def fresh_backend() -> Backend:
    """A numpy_backend whose tables are made anew, so that it shares none with an encoder's."""
    for table in tables.ALL:
        table.cache_clear()
    return Backend(np, "cpu", CHUNK, compiled=True)


def has_torch() -> bool:
    """Whether what the extra [torch] brings is installed; imports none of it."""
    return all(find_spec(name) is not None for name in ("torch", "array_api_compat"))


def require_torch(what: str) -> None:
    """Raises DeviceError where torch is not installed; what: needs it, in words."""
    if not has_torch():
        raise DeviceError(f"{what} needs torch: {INSTALL}")


def can_fit() -> bool:
    """Whether there is something to fit a context model with: the compiled loops, or torch."""
    return kernels.library() is not None or has_torch()


@cache
def torch_backend(device: str) -> Backend:
    """The same arithmetic through torch, on "cpu", "cuda" (torch's current GPU) or "cuda:N". Raises
    DeviceError without them."""
    require_torch(f"device {device}")
    import array_api_compat.torch
    import torch

    if device != "cpu":
        if not torch.cuda.is_available():
            raise DeviceError("no CUDA device is available")
        number = int(device.partition(":")[2] or 0)  # torch keeps no more than a byte of it
        if number >= (count := torch.cuda.device_count()):
            there = "cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
            raise DeviceError(f"there is no device {device}, only {there}")
    return Backend(
        array_api_compat.torch, torch.device(device), CHUNK if device == "cpu" else 1 << 20
    )


def backend_for(device: str) -> Backend:
    """NumPy for "cpu", torch for "cuda" and "cuda:N"; DeviceError for anything else or a missing
    device."""
    if device == "cpu":
        return numpy_backend()
    if is_cuda(device):
        return torch_backend(device)
    raise DeviceError(f"unknown device {device!r}: {DEVICES}")


def is_cuda(device: str) -> bool:
    """Whether that is the name of a GPU, be there one or not."""
    return _CUDA.fullmatch(device) is not None


def fitting_backend(device: str) -> Backend:
    """That of "cpu", "cuda" or "cuda:N"; of "auto", CUDA if there is a device."""
    if device == "auto":
        device = "cuda" if _has_cuda() else "cpu"
    return backend_for(device)


def _has_cuda() -> bool:
    """Whether torch is installed and finds a CUDA device; it takes seconds to import, so it is
    asked only where there is a driver."""
    if not has_torch():
        return False
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    import torch

    return bool(torch.cuda.is_available())


class Workers:
    """Maps a function over independent pieces of work, on several threads.

    No order of work changes a result: each piece has its own output and all sums are exact. BLAS
    keeps to one thread a piece. Where the `with` block ends in an exception (Ctrl-C, say)
    `stopping` becomes True, for long pieces of work to look at.
    """

    def __init__(self, backend: Backend, threads: int) -> None:
        self.threads = threads if backend.is_cpu else 1
        self._pool: ThreadPoolExecutor | None = None
        if self.threads > 1:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(threads)
        from threadpoolctl import threadpool_limits

        self._blas = threadpool_limits(1, "blas")
        self.stopping = False

    def map(self, work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> list[Result]:
        """[work(piece) for piece in pieces]; raises what work raises."""
        if self._pool is None or len(pieces) == 1:
            return [work(piece) for piece in pieces]
        return list(self._pool.map(work, pieces))

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self.stopping = error is not None
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._blas.restore_original_limits()
