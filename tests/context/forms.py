"""Networks, planes and the ways to code them, for tests that hold those together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest

from inrcodec import kernels
from inrcodec.coding.backend import CHUNK, Backend, Workers, numpy_backend
from inrcodec.coding.weights import Tensors
from inrcodec.context import scans
from inrcodec.context.file import Models, network_shapes
from inrcodec.context.layout import Layout
from inrcodec.context.networks import Network, Shape, Tensor
from inrcodec.context.prior import QUICK, prior_networks
from inrcodec.context.scans import ScanDecoder, ScanEncoder
from inrcodec.context.step import NOT_ASKED, ChannelNetworks, Codes, Observer, StepJob
from inrcodec.context.traversal import traverse, walk
from inrcodec.history.planes import GREY, RGB, WHOLE, YCC, Geometry, Lattice, Planes

Networks = list[ChannelNetworks | None]
FOUND = kernels.library()
ISAS = FOUND.isas if FOUND else ()


@cache
def array_backend() -> Backend:
    """The whole-array form on NumPy, where numpy_backend has the compiled one."""
    return Backend(np, "cpu", CHUNK)


def ways() -> list[tuple[str | None, Backend]]:
    """The compiled form on each instruction set, and the array form (None)."""
    return [(None, array_backend()), *((isa, numpy_backend()) for isa in ISAS)]


@contextmanager
def instruction_set(isa: str | None) -> Iterator[None]:
    """Has the compiled loops use an instruction set; None: as they do anyway."""
    with pytest.MonkeyPatch.context() as patch:
        if isa is not None:
            library = kernels.Library(kernels.library_path(), isa)
            patch.setattr(kernels, "library", lambda: library)
        yield


@contextmanager
def many_streams(pixels: int = 300) -> Iterator[None]:
    """Has small images coded in sections and several streams; pixels: for each stream."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scans, "PIXELS_FOR_SECTIONS", 1)
        patch.setattr(scans, "PIXELS_PER_STREAM", pixels)
        yield


def lattice_planes(
    kind: str, bits: int, lattices: tuple[Lattice, ...], image: np.ndarray, alpha: bool = False
) -> Planes:
    """Planes of an image (H, W, C) with so many bits, its channels taken at their lattices."""
    height, width = image.shape[:2]
    geometry = Geometry(height, width, bits, kind, alpha, lattices)
    channels = []
    for lattice, plane in zip(lattices, np.moveaxis(image, 2, 0), strict=True):
        rows, cols = lattice.size(height, width)
        y = np.clip(np.arange(rows) * lattice.row_step - lattice.row_phase, 0, height - 1)
        x = np.clip(np.arange(cols) * lattice.col_step - lattice.col_phase, 0, width - 1)
        channels.append(plane[np.ix_(y, x)].astype(geometry.dtype))
    return Planes(geometry, tuple(channels))


def whole_planes(image: np.ndarray, bits: int, ycc: bool = False) -> Planes:
    """The planes of samples (H, W) or (H, W, C)."""
    image = image.reshape(*image.shape[:2], -1)
    channels = image.shape[2]
    kind = YCC if ycc else RGB if channels > 2 else GREY
    return lattice_planes(kind, bits, (WHOLE,) * channels, image, channels in (2, 4))


def frames_beside(planes: Planes, count: int) -> list[Planes]:
    """So many other frames: the image a little on, with values beyond its lowest and highest."""
    found, rng = [], np.random.default_rng(count)
    most = (1 << planes.geometry.bits) - 1
    for n in range(1, count + 1):
        channels = []
        for plane in planes.channels:
            noise = rng.integers(-9, 10, plane.shape) * (rng.integers(0, 8, plane.shape) == 0)
            moved = np.roll(plane.astype(np.int64), n, (0, 1)) + noise * (1 + most // 64)
            channels.append(np.clip(moved, 0, most).astype(plane.dtype))
        found.append(Planes(planes.geometry, tuple(channels)))
    return found


def build(
    layout: Layout, models: Models, tensors: list[Tensors], backend: Backend | None = None
) -> Networks:
    """The networks of a layout."""
    shapes, backend = network_shapes(layout, models), backend or numpy_backend()
    made = iter([Network(s, t, backend) for s, t in zip(shapes, tensors, strict=True)])
    return [
        ChannelNetworks((next(made), next(made)), next(made)) if c.planes else None
        for c in layout.channels
    ]


def prior_of(layout: Layout, backend: Backend | None = None) -> Networks:
    """Those of the prior as it is."""
    return build(layout, Models.of_prior(QUICK), prior_networks(layout, QUICK), backend)


# What magnitudes of a row's weights may add up to; of one of them it is half that.
ROW_LIMITS = {"w1": 1_000_000.0, "w2": 65_000.0, "w3": 8_000.0, "bypass": 8_000.0}
SHIFT = 8


def random_tensors(shape: Shape, rng: np.random.Generator, size: float) -> Tensors:
    """Weights at random, of about that size where 1 is an ordinary one, as far as rows of 16 bits
    can hold them."""
    tensors = {}
    for name, dimensions in shape.tensors().items():
        values = rng.standard_normal(dimensions) * size
        if name in ROW_LIMITS:
            sums = np.abs(values).sum(axis=1, keepdims=True)
            values *= np.minimum(1, ROW_LIMITS[name] / sums)
            values = np.clip(values, -ROW_LIMITS[name] / 2, ROW_LIMITS[name] / 2)
            tensors[name] = Tensor(np.rint(values * (1 << SHIFT)).astype(np.int64), SHIFT)
        else:
            values = np.clip(values, -1000, 1000) * 1024
            tensors[name] = Tensor(np.rint(values).astype(np.int64), 10)
    return tensors


def random_networks(
    layout: Layout, rng: np.random.Generator, size: float, widths: tuple[int, int] = (12, 7)
) -> Networks:
    """Networks at random; see random_tensors."""
    models = Models("int", *widths)
    shapes = network_shapes(layout, models)
    return build(layout, models, [random_tensors(shape, rng, size) for shape in shapes])


def coded(
    backend: Backend,
    layout: Layout,
    networks: Networks,
    planes: Planes,
    observe: Observer | None = None,
    threads: int = 1,
    beside: Sequence[Planes] = (),
) -> list[bytes]:
    """The data sections of planes."""
    streams = ScanEncoder(planes.geometry.height, planes.geometry.width)
    with Workers(backend, threads) as workers:
        traverse(backend, workers, layout, networks, streams, planes, observe, beside=beside)
    return streams.finish()


def decoded(
    backend: Backend,
    layout: Layout,
    networks: Networks,
    payloads: list[bytes],
    observe: Observer | None = None,
    scale: int = 1,
    sections: int | None = None,
    beside: Sequence[Planes] = (),
) -> Planes:
    """The planes of data sections."""
    streams = ScanDecoder(payloads, sections)
    with Workers(backend, 2) as workers:
        return traverse(
            backend, workers, layout, networks, streams, observe=observe, scale=scale, beside=beside
        )


def same(one: Planes, other: Planes) -> bool:
    """Whether all samples are."""
    return all(
        a.dtype == b.dtype and np.array_equal(a, b)
        for a, b in zip(one.channels, other.channels, strict=True)
    )


def hold_together(
    layout: Layout, networks: Networks, planes: Planes, beside: Sequence[Planes] = ()
) -> list[bytes]:
    """All forms write the same bytes, and each compiled one reads them; returns them. The array
    form's reading takes as long as its writing: golden files and test_odd_sizes prove it."""
    written = []
    for isa, backend in ways():
        with instruction_set(isa):
            written.append(coded(backend, layout, networks, planes, beside=beside))
            if isa is not None:
                again = decoded(backend, layout, networks, written[0], beside=beside)
                assert same(again, planes), isa
    assert all(payloads == written[0] for payloads in written)
    return written[0]


class _Silent:
    """Streams, and a coder, of an image that goes by as it is."""

    def streams(self, level: int) -> list[_Silent]:
        return [self]

    def code(self, probabilities: np.ndarray, bits: np.ndarray) -> np.ndarray:
        return bits


def go_by(
    layout: Layout,
    planes: Planes,
    see: Callable[[StepJob, np.ndarray], None],
    beside: Sequence[Planes] = (),
) -> None:
    """Has see told of each step before it is coded, and of the level's samples, less the lowest."""

    def look(job: StepJob, _: list[_Silent], truth: np.ndarray) -> None:
        values = truth.astype(np.int64) - job.channel.lowest
        see(job, values)
        for grid in job.grids:
            job.own.phase(grid.phase)[:] = grid.points(values)

    networks: list = [True if channel.planes else None for channel in layout.channels]
    walk(layout, networks, _Silent(), look, planes, beside=beside)


class Told:
    """All that an observer is told, by channel, in arrays of its size: probabilities, bits (planes,
    H, W) and, where the plane network was asked, its inputs (planes, H, W, m)."""

    wants_inputs = True

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.probabilities = {c.index: np.zeros((c.planes, *c.size), int) for c in layout.channels}
        self.bits = {key: value - 1 for key, value in self.probabilities.items()}
        self.inputs: dict[int, np.ndarray] = {}

    def __call__(self, codes: Codes) -> None:
        channel, unit = codes.channel, codes.unit
        where: tuple = ([0], [0])
        if unit is not None:
            grid = unit.grid
            rows = 2 * np.arange(unit.row, unit.row + unit.rows) + grid.row << grid.level
            cols = 2 * np.arange(unit.col, unit.col + unit.cols) + grid.col << grid.level
            where = rows, cols
        rows, cols = np.ix_(*where)
        shape = channel.planes, rows.size, cols.size
        assert np.all(self.bits[channel.index][:, rows, cols] == -1)
        self.probabilities[channel.index][:, rows, cols] = codes.probabilities.reshape(shape)
        self.bits[channel.index][:, rows, cols] = codes.bits.reshape(shape)
        if codes.inputs is not None:
            inputs = codes.inputs.astype(int)
            inputs[inputs[..., 0] == NOT_ASKED] = NOT_ASKED
            size = channel.planes, *channel.size, inputs.shape[-1]
            found = self.inputs.setdefault(channel.index, np.full(size, NOT_ASKED))
            found[:, rows, cols] = inputs.reshape(*shape, -1)
