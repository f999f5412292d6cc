"""Learned tables in the place of coordinates, in integers: the hash grid of Instant NGP and the row
for each point of DINER.

A hash grid has a table for each of its levels, grids over -1 .. 1 of more and more cells a side; a
point's inputs are, level by level, what is between the rows of the corners of its cell (Mueller et
al., "Instant Neural Graphics Primitives with a Multiresolution Hash Encoding", SIGGRAPH 2022,
section 3). DINER's table has a row for each point that the network is asked for, which is its input
(Xie et al., "DINER: Disorder-Invariant Implicit Neural Representation", CVPR 2023, section 3).
Functions that take xp, an array API namespace, are those of the float twins, too
(float_encodings.py).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import product
from operator import add, xor
from typing import Any

import numpy as np

from ..coding.backend import Backend
from ..coding.weights import Tensors
from ..context.networks import Tensor
from .model import ONE_BITS, CoordinateModel

PRIMES = (1, 2_654_435_761, 805_459_861)  # of the published hash, a coordinate each
ONE = 1 << ONE_BITS
CELL_BITS = ONE_BITS + 1  # coordinates, -1 .. 1, are so many bits wide
TABLE_CLIP = 1 << 22  # 64 units, of a table's numbers

Encoding = Callable[[Any], Any]  # coordinates (c, n) -> inputs (f, n)


def encoding(model: CoordinateModel, tensors: Tensors, backend: Backend) -> Encoding | None:
    """The learned encoding of a model's backbone, if it has one: from coordinates, integers in
    units of 2^-16, to inputs in the same units, -2^22 .. 2^22."""
    tables = [backend.put(_units(tensors[name])) for name in model.tables()]
    if model.backbone == "hash-grid":
        return lambda positions: _grid(model, tables, backend, positions)
    if model.backbone == "diner":
        whole = backend.xp.concat(tables, axis=1)
        return lambda positions: backend.xp.take(
            whole, rows_of(backend.xp, model, positions), axis=1
        )
    return None


def _units(table: Tensor) -> np.ndarray:
    """A table's numbers in units of 2^-16, int64 (features, rows)."""
    values = (table.values << ONE_BITS) >> table.shift
    return np.clip(values, -TABLE_CLIP, TABLE_CLIP).T


def _grid(model: CoordinateModel, tables: list[Any], backend: Backend, positions: Any) -> Any:
    xp, levels = backend.xp, []
    for cells, table in zip(model.cells, tables, strict=True):
        cell, rest = cell_of(xp, positions, cells)
        values = [
            xp.take(table, rows, axis=1) for rows in corner_rows(xp, cell, cells, table.shape[1])
        ]
        for c in reversed(range(model.coordinates)):
            part = rest[c, :] * 0.5**CELL_BITS
            values = [
                low + xp.floor((high - low) * part)
                for low, high in zip(values[::2], values[1::2], strict=True)
            ]
        levels += values
    return xp.concat(levels)


def cell_of(xp: Any, positions: Any, cells: int) -> tuple[Any, Any]:
    """The cell that each of the coordinates (c, n) is in, and where in it, 0 .. 2^17; all float64
    that hold integers. The last of the coordinates, 1, is at the end of the last cell."""
    at = xp.clip(positions + ONE, 0, 2 * ONE) * cells
    cell = xp.clip(xp.floor(at * 0.5**CELL_BITS), 0, cells - 1)
    return cell, at - cell * (1 << CELL_BITS)


def corner_rows(xp: Any, cell: Any, cells: int, rows: int) -> list[Any]:
    """The rows, int64 (n,), of the corners of cells (c, n), the last coordinate's two side by side:
    each corner of the grid has a row, or, where there are more corners than rows, a power of two,
    the row that the published hash gives it."""
    coordinates, side = cell.shape[0], cells + 1
    hashed = side**coordinates > rows
    factors = PRIMES if hashed else (1, side, side**2)
    low = [xp.astype(cell[c, :], xp.int64) * factors[c] for c in range(coordinates)]
    found = []
    for corner in product((0, 1), repeat=coordinates):
        terms = [low[c] + bit * factors[c] for c, bit in enumerate(corner)]
        found.append(reduce(xor, terms) & (rows - 1) if hashed else reduce(add, terms))
    return found


def rows_of(xp: Any, model: CoordinateModel, positions: Any) -> Any:
    """DINER's row, int64 (n,), for each of the coordinates (c, n) of pixels, and in a joint layout
    of planes: plane by plane in row-major order, planes without a network left out."""
    height, width = model.size
    y, x = (_position(xp, positions[c, :], n) for c, n in enumerate(model.size))
    rows = y * width + x
    if model.layout == "joint":
        plane = _position(xp, positions[2, :], len(model.modes))
        number = xp.zeros_like(plane)
        for before in model.planes():
            number = number + xp.astype(plane > before, xp.int64)
        rows = rows + number * (height * width)
    return rows


def _position(xp: Any, coordinates: Any, count: int) -> Any:
    """Which of 0 .. count - 1 has a coordinate, as networks.coordinates gives them."""
    at = xp.ceil((coordinates + ONE) * (count - 1) * 0.5**CELL_BITS)
    return xp.astype(xp.clip(at, 0, count - 1), xp.int64)
