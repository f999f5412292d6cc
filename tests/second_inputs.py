"""What is known of a point and the inputs of the trunk networks, 4.4 to 4.6 of format_spec.md, for
the second decoder: from the specification alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product

import numpy as np
from second_coding import log2
from second_container import Array

Points = tuple[Array, Array]  # the row and the column of each
Offsets = list[tuple[int, int]]


def offsets(*sizes: tuple[int, int]) -> Offsets:
    """Those of absolute values as in sizes, either way round, dy-major ascending."""
    square = product(range(-5, 6), repeat=2)
    return [(dy, dx) for dy, dx in square if tuple(sorted((abs(dy), abs(dx)))) in sizes]


NEAR = {"A": offsets((1, 1)), "B": offsets((0, 1))}
FAR = {
    "A": offsets((1, 3), (3, 3)) + offsets((1, 5)) + offsets((3, 5)),
    "B": offsets((1, 2)) + offsets((0, 3)) + offsets((2, 3)) + offsets((1, 4)),
}
RING = offsets((0, 1), (1, 1)) + offsets((0, 2)) + offsets((1, 2))
FINE = offsets((0, 1), (1, 1)) + offsets((1, 2))  # in half lattice units
OTHERS = {"A": offsets((0, 2)), "B": offsets((1, 1))}  # what a point's error is taken against
TIMES_4 = {"A": {2: 32, 4: 8, 8: 2}, "B": {2: 8, 4: 4, 8: 1}}  # 4 m_z
RIDGE = {"A": 128, "B": 256}


def reflect(c: Array, n: int) -> Array:  # 4.4
    c = c % max(2 * (n - 1), 1)
    return np.where(c > n - 1, 2 * (n - 1) - c, c)


def neighbourhood(points: Points, shape: tuple[int, int]) -> Points:
    """Rows and columns at the offsets -8 .. 8 from the points, (offsets, points) each."""
    offset = np.arange(-8, 9)[:, None]
    return reflect(points[0] + offset, shape[0]), reflect(points[1] + offset, shape[1])


def around(lattice: Array, place: Points, at: Offsets) -> Array:
    """The values at the offsets from the points of a neighbourhood, (offsets, points)."""
    (y, x), (dy, dx) = place, np.array(at).T + 8
    return lattice.ravel().take(y[dy] * lattice.shape[1] + x[dx])


@cache
def window_offsets(z: int, step: str) -> Offsets:  # of W(z)
    square, odd = product(range(-z, z + 1), repeat=2), 2 if step == "A" else 1
    return [(dy, dx) for dy, dx in square if dy % 2 + dx % 2 == odd]


def window(lattice: Array, place: Points, z: int, step: str) -> Array:
    """The sum over W(z)."""
    return around(lattice, place, window_offsets(z, step)).sum(axis=0)


@dataclass(frozen=True)
class View:
    """What all points of a step see: lattices of a level as they are before it."""

    step: str  # A or B
    level: int
    shape: tuple[int, int]  # of the whole channel
    planes: int
    exponent: int
    ycc: bool  # whether that is the planes' kind
    own: Array
    refs: list[Array]
    between: dict[tuple[int, int], Array]  # of a fine channel, by a and b
    frames: list[Array]

    @cached_property
    def errors(self) -> list[Array]:  # 4.6, first the own channel's
        """A point outside has the error of its reflection, as the others lie symmetrically."""
        rows, cols = np.indices(self.own.shape).reshape(2, -1)
        everywhere, result = neighbourhood((rows, cols), self.own.shape), []
        for lattice in (self.own, *self.refs, *self.frames):
            others = around(lattice, everywhere, OTHERS[self.step]).sum(axis=0)
            error = (4 * lattice - others.reshape(lattice.shape)) >> self.exponent
            result.append(np.clip(error, -2047, 2047))
        return result

    def scaled(self, q: Array) -> Array:
        return (64 * q) >> self.exponent

    def act(self, a: Array) -> Array:
        return log2(((4 * a) >> self.exponent) + 16) >> 2

    def inputs(self, points: Points) -> tuple[Array, Array]:  # 4.5
        """The trunk network's, (number, points), and base."""
        place = neighbourhood(points, self.own.shape)
        near = around(self.own, place, NEAR[self.step])
        far = around(self.own, place, FAR[self.step])
        here = [ref[points] for ref in self.refs]
        rings = [around(r, place, RING) - r_00 for r, r_00 in zip(self.refs, here, strict=True)]
        base = total = near.sum(axis=0)
        if self.refs:
            d = near - around(self.refs[0], place, NEAR[self.step])
            middle = 2 * (d.sum(axis=0) - d.max(axis=0) - d.min(axis=0))
            base, other = 4 * here[0] + middle, total
            base, other = (other, base) if self.ycc else (base, other)
        inputs = [self.scaled(other - base)] if self.refs else []
        inputs += [self.scaled(4 * near - base), self.scaled(4 * far - base)]
        inputs += [self.scaled(4 * ring) for ring in rings]
        for y, x in FINE if self.between else []:
            fine = around(self.between[y % 2, x % 2], place, [(y // 2, x // 2)])
            inputs += [self.scaled(4 * (fine[0] - here[-1]))]
        inputs += [self.act(abs(4 * near - total).sum(axis=0))]
        inputs += [self.act(abs(4 * d - middle).sum(axis=0))] if self.refs else []
        inputs += [self.act(2 * abs(ring[:8]).sum(axis=0)) for ring in rings]
        (height, width), (y, x) = self.shape, (c << self.level for c in points)
        inputs += [((base * 2**12) >> self.planes) - 8192]
        inputs += [8192 * y // height - 4096, 8192 * x // width - 4096, 0 * y + 256 * self.level]
        inputs += self.own_windows(place)
        for ref, error in zip(self.refs, self.errors[1:], strict=False):
            inputs += self.windows(place, ref, error, total, base)
        errors = self.errors[1 + len(self.refs) :]
        for frame, error in zip(self.frames, errors, strict=True):
            r_00 = frame[points]
            ring = around(frame, place, RING[:8]) - r_00
            inputs += [self.scaled(4 * ring), self.scaled(4 * r_00 - base)]
            inputs += [self.act(2 * abs(ring).sum(axis=0))]
            inputs += self.windows(place, frame, error, total, base)
        return np.clip(np.vstack(inputs), -32767, 32767), base

    def bits(self, place: Points, errors: Array) -> list[Array]:  # 4.6
        sums = [
            times_4 * window(errors, place, z, self.step)
            for z, times_4 in TIMES_4[self.step].items()
        ]
        return [log2((total >> 2) + 16) >> 2 for total in sums]

    def own_windows(self, place: Points) -> list[Array]:
        return self.bits(place, abs(self.errors[0]))

    def windows(
        self, place: Points, other: Array, error_j: Array, total: Array, base: Array
    ) -> list[Array]:
        """Of a reference or a frame."""
        error, ridge = self.errors[0], RIDGE[self.step]
        inputs = self.bits(place, abs(error - error_j))
        above = (window(error * error_j, place, 4, self.step) + ridge) * 1024
        below = window(error_j * error_j, place, 4, self.step) + ridge
        slope = np.clip(above // below, -4096, 4096)
        here = 4 * around(other, place, [(0, 0)])[0]
        here -= around(other, place, NEAR[self.step]).sum(axis=0)
        return [*inputs, self.scaled(total + ((slope * here) >> 10) - base)]
