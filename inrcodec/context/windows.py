"""What windows around a sub-pixel say of the place: how noisy it is, and how steeply this channel
follows the others.

A known sample's error is its difference to the mean of four known samples about it: the diagonal
ones in step B, those two away in step A. In windows of three sizes the magnitudes are summed of the
errors of this channel, and of how much they differ from the same errors of each earlier channel.
Least squares over a window (as in Li & Orchard 2001, edge-directed prediction, with one regressor)
gives the slope of this channel's errors over an earlier channel's, and so a prediction from that
channel's error here. Errors are limited so that all sums are below 2^31; the one division of each
slope is IEEE 754's, rounded down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..coding.backend import Backend
from .lattice import NEAR, place, tap
from .pyramid import Unit

HALVES = (2, 4, 8)  # of the windows' sides, in lattice units
SLOPE_HALF = 4  # of the window that the slope comes from
SLOPE_ONE, SLOPE_LIMIT = 1024, 4096
ERROR_LIMIT = 2047  # in quarter units
# log2 is taken of 128 times the mean error in units, about: a sum times 2^SHIFTS[step][window]
SHIFTS = ((3, 1, -1), (1, 0, -2))
RIDGE = (128, 256)  # as if so much (error in quarter units)^2 had a slope of 1, by step
# Offsets between known samples and the four that their errors are differences to.
TAPS = (((-2, 0), (0, -2), (0, 2), (2, 0)), ((-1, -1), (-1, 1), (1, -1), (1, 1)))


OWN_STATISTICS, STATISTICS = len(HALVES), len(HALVES) + 1  # inputs of this channel and each other


def _extent(unit: Unit, parity: tuple[int, int], half: int) -> tuple[range, range]:
    """Offsets of a window's samples of one parity from a point, rows and columns."""
    grid = unit.grid
    rows, cols = (
        range(-half, half + 1, 2) if own == other else range(1 - half, half, 2)
        for own, other in zip((grid.row, grid.col), parity, strict=True)
    )
    return rows, cols


def _errors(
    backend: Backend, unit: Unit, planes: Any, parity: tuple[int, int], exponent: int
) -> Any:
    """Errors of a parity's known samples in reach of a unit's windows, in quarter units."""
    rows, cols = _extent(unit, parity, HALVES[-1])
    height, width = unit.rows + len(rows) - 1, unit.cols + len(cols) - 1

    def samples(offset: tuple[int, int]) -> Any:
        phase, y, x = place(unit, (rows[0] + offset[0], cols[0] + offset[1]))
        return planes[phase, y : y + height, x : x + width]

    a, b, c, d = map(samples, TAPS[unit.grid.step])
    error = (samples((0, 0)) * 4 - (a + b + c + d)) >> exponent
    return backend.xp.clip(error, -ERROR_LIMIT, ERROR_LIMIT)


def _sum(unit: Unit, fields: list[tuple[tuple[int, int], Any]], half: int) -> Any:
    """The sums (n,) over windows of fields, each of a parity and in reach of the largest window."""
    total: Any = 0
    for parity, field in fields:
        most, wanted = _extent(unit, parity, HALVES[-1]), _extent(unit, parity, half)
        for dy in wanted[0]:
            y = most[0].index(dy)
            for dx in wanted[1]:
                x = most[1].index(dx)
                total = total + field[y : y + unit.rows, x : x + unit.cols]
    return total.reshape(-1)


def window_statistics(
    backend: Backend,
    unit: Unit,
    own: Any,
    others: list[Any],
    exponent: int,
    base: Any,
    own_sum: Any,
    scaled: Callable[[Any], Any],
) -> tuple[list[Any], list[list[Any]]]:
    """OWN_STATISTICS inputs of the n points of a unit, and STATISTICS for each of the others, int64
    (n,).

    own, others, exponent: as in neighbours.Surroundings, the others being references and frames;
    base: the prediction that inputs are relative to, own_sum: the sum of the four nearest known
    samples of this channel, both (n,) in quarter samples; scaled: brings differences of these to
    the unit of inputs.
    """
    xp, step = backend.xp, unit.grid.step
    parities = ((0, 0),) if step == 0 else ((0, 0), (1, 1))

    def errors(planes: Any) -> list[Any]:
        return [_errors(backend, unit, planes, parity, exponent) for parity in parities]

    def logarithms(grids: list[Any]) -> list[Any]:
        fields = [(parity, xp.abs(grid)) for parity, grid in zip(parities, grids, strict=True)]
        logs = []
        for half, shift in zip(HALVES, SHIFTS[step], strict=True):
            total = _sum(unit, fields, half)
            total = total << shift if shift >= 0 else total >> -shift
            logs.append(backend.log2(total + 16) >> 2)
        return logs

    def regression(a: list[Any], b: list[Any]) -> Any:
        products = [(p, x * y) for p, x, y in zip(parities, a, b, strict=True)]
        return xp.astype(_sum(unit, products, SLOPE_HALF) + RIDGE[step], xp.float64)

    own_errors = errors(own)
    features = []
    for planes in others:
        its = errors(planes)
        logs = logarithms([a - b for a, b in zip(own_errors, its, strict=True)])
        quotient = regression(own_errors, its) * SLOPE_ONE / regression(its, its)
        slope = xp.astype(xp.clip(xp.floor(quotient), -SLOPE_LIMIT, SLOPE_LIMIT), xp.int64)
        here, *near = (tap(planes, unit, o) for o in ((0, 0), *NEAR[step]))
        error = here * 4 - (near[0] + near[1] + near[2] + near[3])
        features.append([*logs, scaled(own_sum + (slope * error >> 10) - base)])
    return logarithms(own_errors), features
