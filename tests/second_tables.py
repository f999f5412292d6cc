"""Learned tables of coordinate images, 5.1 and 5.2 of format_spec.md, for the second decoder: from
the spec alone."""

from __future__ import annotations

import numpy as np
from second_coding import Tensors
from second_container import Array, Fields

TABLED = HASH_GRID, DINER = 6, 7  # a


def position(n: int) -> Array:
    return np.arange(n) * 2**17 // (n - 1) - 2**16 if n > 1 else np.zeros(1, np.int64)


def cells_a_side(fields: Fields) -> list[int]:  # 5.1
    levels, _, _, coarsest, finest = fields["g"]
    if levels == 1:
        return [coarsest]
    cells = []
    for k in range(levels):
        n = coarsest
        while (n + 1) ** (levels - 1) <= coarsest ** (levels - 1 - k) * finest**k:
            n += 1
        cells.append(n)
    return cells


def table_shapes(fields: Fields) -> dict[str, tuple[int, ...]]:
    (height, width, _), g, joint = fields["s"], fields["g"], fields["k"] == 0
    if fields["a"] == HASH_GRID:
        rows = [min((n + 1) ** (3 if joint else 2), 2 ** g[2]) for n in cells_a_side(fields)]
        return {f"t{k}": (count, g[1]) for k, count in enumerate(rows)}
    planes = [p for p, coded in enumerate(fields["n"]) if coded == 0] if joint else [0]
    return {f"t{p}": (height * width, g[1]) for p in planes} if fields["a"] == DINER else {}


def table_units(network: Tensors, name: str) -> Array:  # 5.2
    v, s = network[name]
    return np.clip(v.astype(object) * 2**16 // 2**s, -(2**22), 2**22).astype(np.int64)


def between(table: Array, corner: list[int], cell: list[int], rest: list[int], n: int) -> Array:
    """What a level of n cells a side has where some coordinates are those of a corner."""
    done, c = len(corner), len(cell)
    if done < c:
        j = cell[done]
        a, b = (between(table, [*corner, at], cell, rest, n) for at in (j, j + 1))
        return a + ((b - a) * rest[done] >> 17)
    if len(table) == (n + 1) ** c:
        return table[sum(j * (n + 1) ** k for k, j in enumerate(corner))]
    row = 0
    for j, factor in zip(corner, (1, 2654435761, 805459861), strict=False):
        row ^= j * factor
    return table[row % len(table)]


def table_inputs(network: Tensors, x: Array, fields: Fields, plane: int) -> Array:
    """Of all pixels of a plane, whose coordinates are x."""
    if fields["a"] == DINER:
        table = table_units(network, f"t{plane if fields['k'] == 0 else 0}")
        y, x = (np.searchsorted(at, at) for at in map(position, fields["s"][:2]))
        return table[(y[:, None] * len(x) + x).ravel()].T
    rows = []
    for k, n in enumerate(cells_a_side(fields)):
        table, level = table_units(network, f"t{k}"), []
        for point in x.T.tolist():
            at = [(q + 2**16) * n for q in point]
            cell = [min(p >> 17, n - 1) for p in at]
            rest = [p - 2**17 * j for p, j in zip(at, cell, strict=True)]
            level.append(between(table, [], cell, rest, n))
        rows += list(np.array(level).T)
    return np.vstack(rows)
