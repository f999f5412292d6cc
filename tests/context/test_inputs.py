"""The trunk networks' inputs: format_spec.md's words in plain integers, against both forms."""

from __future__ import annotations

from collections.abc import Callable
from math import floor

import numpy as np
import pytest

from inrcodec import kernels
from inrcodec.coding.backend import torch_backend
from inrcodec.coding.tables import log2_table
from inrcodec.context.compiled import band_inputs
from inrcodec.context.layout import choose_layout
from inrcodec.context.neighbours import (
    OWN_OFFSETS,
    REFERENCE_OFFSETS,
    context_inputs,
    coordinates_at,
    input_count,
)
from inrcodec.context.pyramid import Grid, Unit
from inrcodec.context.step import StepJob
from inrcodec.history.planes import RGB, YCC, Lattice
from tests.context.forms import (
    ISAS,
    array_backend,
    frames_beside,
    go_by,
    lattice_planes,
    whole_planes,
)
from tests.pictures import scene

NEAR = (((-1, -1), (-1, 1), (1, -1), (1, 1)), ((-1, 0), (0, -1), (0, 1), (1, 0)))
ERROR = (((-2, 0), (0, -2), (0, 2), (2, 0)), ((-1, -1), (-1, 1), (1, -1), (1, 1)))
FINE = (
    (-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1),
    (-2, -1), (-2, 1), (-1, -2), (-1, 2), (1, -2), (1, 2), (2, -1), (2, 1),
)  # fmt: skip
FACTORS = ((8, 2, 0.5), (2, 1, 0.25))


def log2(n: int) -> int:
    e = n.bit_length() - 1
    return 1024 * e + int(log2_table()[(n << 10 >> e) - 1024])


class Point:
    """A point of a step, as section 4.4 has what is known of its place."""

    def __init__(self, job: StepJob, grid: Grid, row: int, col: int) -> None:
        self.job, self.step, self.row, self.col, self.level = job, grid.step, row, col, grid.level
        self.own, *self.references = (p.whole() for p in (job.own, *job.references))
        self.between = [p.whole() for p in job.between]
        self.frames = [p.whole() for p in job.frames]

    def at(self, lattice: np.ndarray, dy: int, dx: int) -> int:
        place = []
        for c, n in ((self.row + dy, lattice.shape[0]), (self.col + dx, lattice.shape[1])):
            folded = c % (2 * (n - 1)) if n > 1 else 0
            place.append(min(folded, 2 * (n - 1) - folded) if n > 1 else 0)
        return int(lattice[tuple(place)])

    def error(self, lattice: np.ndarray, dy: int, dx: int) -> int:
        near = sum(self.at(lattice, dy + y, dx + x) for y, x in ERROR[self.step])
        whole = 4 * self.at(lattice, dy, dx) - near
        return max(-2047, min(2047, whole >> self.job.exponent))

    def inputs(self) -> tuple[int, list[int]]:
        """Base and inputs."""
        job, e, at, refs = self.job, self.job.exponent, self.at, self.references
        planes = job.channel.planes

        def scaled(quarters: int) -> int:
            return 64 * quarters >> e

        def activity(spread: int) -> int:
            return log2((4 * spread >> e) + 16) >> 2

        near = [at(self.own, *o) for o in NEAR[self.step]]
        base = total = sum(near)
        found, activities = [], [activity(sum(abs(4 * n - total) for n in near))]
        if refs:
            d = [n - at(refs[0], *o) for n, o in zip(near, NEAR[self.step], strict=True)]
            middle = 2 * (sum(d) - max(d) - min(d))
            base, other = 4 * at(refs[0], 0, 0) + middle, total
            if job.own_base:
                base, other = other, base
            found.append(scaled(other - base))
            activities.append(activity(sum(abs(4 * v - middle) for v in d)))
        found += [scaled(4 * n - base) for n in near]
        found += [scaled(4 * at(self.own, *o) - base) for o in OWN_OFFSETS[self.step]]
        for ref in refs:
            ring = [at(ref, *o) - at(ref, 0, 0) for o in REFERENCE_OFFSETS]
            found += [scaled(4 * v) for v in ring]
            activities.append(activity(2 * sum(map(abs, ring[:8]))))
        for y, x in FINE if self.between else []:
            fine = self.between[2 * (y % 2) + x % 2 - 1]
            found.append(scaled(4 * (at(fine, y // 2, x // 2) - at(refs[-1], 0, 0))))
        found += [*activities, floor(base * 2**12 / 2**planes) - 8192]
        for place, length in ((self.row, job.channel.size[0]), (self.col, job.channel.size[1])):
            found.append(8192 * (place << self.level) // length - 4096)
        found += [256 * self.level, *self.own_windows()]
        for ref in refs:
            found += self.windows(ref, base, total, scaled)
        for frame in self.frames:
            ring = [at(frame, *o) - at(frame, 0, 0) for o in REFERENCE_OFFSETS[:8]]
            found += [scaled(4 * v) for v in ring]
            found += [scaled(4 * at(frame, 0, 0) - base), activity(2 * sum(map(abs, ring)))]
            found += self.windows(frame, base, total, scaled)
        return base, [max(-32767, min(32767, v)) for v in found]

    def window(self, h: int) -> list[tuple[int, int]]:
        """W(h) of section 4.6."""
        inside = [(y, x) for y in range(-h, h + 1) for x in range(-h, h + 1)]
        if self.step == 0:
            return [(y, x) for y, x in inside if y % 2 and x % 2]
        return [(y, x) for y, x in inside if (y + x) % 2]

    def bits(self, errors: dict[tuple[int, int], int]) -> list[int]:
        return [
            log2(floor(m * sum(abs(errors[at]) for at in self.window(h))) + 16) >> 2
            for h, m in zip((2, 4, 8), FACTORS[self.step], strict=True)
        ]

    def own_windows(self) -> list[int]:
        self.errors = {at: self.error(self.own, *at) for at in self.window(8)}
        return self.bits(self.errors)

    def windows(
        self, other: np.ndarray, base: int, total: int, scaled: Callable[[int], int]
    ) -> list[int]:
        """The inputs of section 4.6 of a reference or frame."""
        errors = self.errors
        others = {at: self.error(other, *at) for at in self.window(8)}
        found = self.bits({at: errors[at] - others[at] for at in errors})
        ridge = (128, 256)[self.step]
        product = sum(errors[at] * others[at] for at in self.window(4)) + ridge
        square = sum(others[at] ** 2 for at in self.window(4)) + ridge
        slope = max(-4096, min(4096, product * 1024 // square))
        error = 4 * self.at(other, 0, 0) - sum(self.at(other, *o) for o in NEAR[self.step])
        return [*found, scaled(total + (slope * error >> 10) - base)]


def checkered(height: int, width: int) -> np.ndarray:
    """Noise of all and nothing, whose sums are largest."""
    return np.random.default_rng(1).integers(0, 2, (height, width, 3)) * 65535


PLANES = {
    "rgb8": lambda: whole_planes(scene(37, 26, 3, np.uint8), 8),
    "ycc12": lambda: whole_planes(scene(19, 40, 3, np.uint16) >> 4, 12, ycc=True),
    "rgb16": lambda: whole_planes(scene(21, 18, 3, np.uint16), 16),
    "extremes": lambda: whole_planes(checkered(17, 24), 16),
    "row": lambda: whole_planes(scene(1, 50, 3, np.uint8), 8),
    "column": lambda: whole_planes(scene(50, 1, 3, np.uint8), 8),
    "half": lambda: lattice_planes(
        YCC, 8, (Lattice(), *[Lattice(2, 2, 1, 0)] * 2), scene(18, 23, 3, np.uint8)
    ),
    "half_across": lambda: lattice_planes(
        YCC, 16, (Lattice(), *[Lattice(1, 2, 0, 1)] * 2), checkered(13, 21)
    ),
    "wide": lambda: whole_planes(scene(4, 300, 2, np.uint8)[..., :1], 8),
    "deep_by_flat": lambda: lattice_planes(
        RGB, 16, (Lattice(),) * 3, checkered(9, 12) >> np.array([0, 15, 0])
    ),
}


@pytest.mark.parametrize("frames", [0, 2])
@pytest.mark.parametrize("name", sorted(PLANES))
def test_all_forms_do_what_the_spec_says(name: str, frames: int) -> None:
    planes = PLANES[name]()
    layout, rng = choose_layout(planes, frames), np.random.default_rng(0)
    beside = frames_beside(planes, frames)
    exponents = {layout.exponent, 0, 8} if name == "extremes" else {layout.exponent}
    libraries = [kernels.Library(kernels.library_path(), isa) for isa in ISAS]
    backends = [array_backend(), torch_backend("cpu")]

    def see(job: StepJob, _: np.ndarray) -> None:
        for grid in job.grids:
            unit = Unit(grid, 0, 0, grid.rows, grid.cols)
            told = []
            for backend in backends:
                seen = job.surroundings(backend)
                base, inputs = map(backend.get, context_inputs(backend, unit, seen))
                told.append((base, inputs.T))
            told += [band_inputs(each, job, grid, range(grid.rows)) for each in libraries]
            for base, inputs in told[1:]:
                assert np.array_equal(base, told[0][0])
                assert np.array_equal(inputs, told[0][1])
            part = range(grid.rows // 3, 1 + 2 * grid.rows // 3)
            points = slice(part.start * grid.cols, part.stop * grid.cols)
            for each in libraries:  # a band that does not begin at the top
                base, inputs = band_inputs(each, job, grid, part)
                assert np.array_equal(base, told[0][0][points])
                assert np.array_equal(inputs, told[0][1][points])
            for n in {0, unit.samples - 1, int(rng.integers(unit.samples))}:
                i, j = divmod(n, grid.cols)
                point = Point(job, grid, 2 * i + grid.row, 2 * j + grid.col)
                base, inputs = point.inputs()
                assert (told[0][0][n], told[0][1][n].tolist()) == (base, inputs)
                kind = len(job.references), job.channel.fine
                assert len(inputs) == input_count(*kind, frames)
                where = coordinates_at(*kind)
                assert all(-4096 <= v < 4096 for v in inputs[where])

    for exponent in sorted(exponents):
        go_by(type(layout)(layout.geometry, layout.channels, exponent), planes, see, beside)
