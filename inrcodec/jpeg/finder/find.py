"""The JPEG that a picture was: its coefficients, found in its pixels.

Blocks of coefficients that are mostly zero tell where the grid of blocks begins (grid.py), the
spacing of the others the quantisation tables (tables.py); then the coefficients are searched for
that decode to the pixels (whole.py, half.py). They need not be those of the file that once was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...history.chroma_search import find_sources
from ...history.planes import Lattice
from ...history.upsampling import REPEATED, TRIANGLE
from ..pixels import GREY, JFIF, YCC, Frame, decode
from ..tables import LUMA, quality_of
from ..turned import Orientation, Turned
from .grid import find_grid
from .subsampled import Place, find_subsampled
from .told import colour_of, exact_share, tables_of, told_blocks, transposed
from .whole import solve_planes, solve_ycc

LEAST_EXACT = 0.2  # of the blocks that are tried
STANDARD = 0.3  # of the blocks, that a standard table counts
MOST_WRONG = 0.25  # of the pixels
LEAST_INSIDE = 64  # rows and columns within a border


@dataclass(frozen=True, eq=False)
class Found:
    """A JPEG of which a picture is a part, turned, maybe within a border.

    frame: its pixels, which may begin before the picture's; tables: uint16 (64,), coefficients:
    int16 (rows, cols, 64), frame.blocks of each component, both in zigzag order. The frame's pixels
    from row `top` and column `left` on, turned, are those of the picture in `area`, its first row
    and column and those behind the last. colour: of the border, a number for each channel. wrong:
    bool (H, W), the pixels of the picture that all this does not lead to.
    """

    orientation: Orientation
    frame: Frame
    top: int
    left: int
    tables: tuple[np.ndarray, ...]
    coefficients: tuple[np.ndarray, ...]
    area: tuple[int, int, int, int]
    colour: tuple[int, ...]
    wrong: np.ndarray

    def pixels(self) -> np.ndarray:
        """What they lead to: uint8 (H, W) or (H, W, 3)."""
        first_row, first_col, rows, cols = self.area
        decoded = decode(self.frame, self.coefficients, self.tables)[self.top :, self.left :]
        height, width = rows - first_row, cols - first_col
        if self.orientation.transposed:
            height, width = width, height
        # a frame can go on behind the picture
        turned = self.orientation.apply(decoded[:height, :width])
        made = np.empty((*self.wrong.shape, *turned.shape[2:]), dtype=np.uint8)
        made[...] = self.colour if turned.ndim == 3 else self.colour[0]
        made[first_row:rows, first_col:cols] = turned
        return made


def find_jpeg(picture: np.ndarray) -> Found | None:
    """The JPEG that a picture, uint8 (H, W) or (H, W, 3), was once; None if there seems to be
    none."""
    grid = find_grid(picture)
    if grid is None:
        return None
    area = _inside(picture, grid)
    inner = picture[area[0] : area[2], area[1] : area[3]]
    grid = (grid[0] - area[0]) % 8, (grid[1] - area[1]) % 8
    found = _find(np.ascontiguousarray(inner), grid)
    if found is None:
        return None
    colour = tuple(int(v) for v in np.atleast_1d(picture[0, 0]))
    wrong = np.zeros(picture.shape[:2], dtype=bool)
    found = replace(found, area=area, colour=colour, wrong=wrong)
    wrong |= np.atleast_3d(found.pixels() != picture).any(axis=2)
    return found if wrong.mean() <= MOST_WRONG else None


def _inside(picture: np.ndarray, grid: tuple[int, int]) -> tuple[int, int, int, int]:
    """The area of a picture within a border of one colour: all of it if there is none, or the grid
    tells that the JPEG does not begin behind it."""
    border = np.atleast_3d(np.equal(picture, picture[0, 0])).all(axis=2)
    ends: list[tuple[int, int]] = []
    for axis, first in enumerate(grid):
        inside = np.flatnonzero(~np.all(border, axis=1 - axis))
        begin, end = (int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, 0)
        if end - begin < LEAST_INSIDE or begin == 0 or (begin - first) % 8:
            begin, end = 0, picture.shape[axis]
        ends.append((begin, end))
    return ends[0][0], ends[1][0], ends[0][1], ends[1][1]


def _find(picture: np.ndarray, grid: tuple[int, int]) -> Found | None:
    """As find_jpeg, of a picture without a border whose first whole block begins there."""
    colour = colour_of(picture)
    told = told_blocks(picture, grid, colour)
    ways = [told, transposed(told)]
    shares = [exact_share(way) for way in ways]
    if max(shares) < LEAST_EXACT:
        return None
    # other decoders' blocks tell little of how they were turned, standard tables more
    standard = [quality_of(tables_of(way[:1], GREY)[0], LUMA) is not None for way in ways]
    best = max((0, 1), key=lambda n: shares[n] + STANDARD * standard[n])
    orientation = Orientation(best == 1)
    if colour == YCC:
        r, g, b = (np.ascontiguousarray(picture[..., c]) for c in range(3))
        sources = [
            source
            for source in find_sources((r, g, b))
            if source.conversion is JFIF and source.rule in (TRIANGLE, REPEATED)
        ]
        if sources:
            lattice = sources[0].lattice
            steps = lattice.row_step, lattice.col_step
            # pairs of pixels do not cross the ends of blocks
            phases = (-first % step for first, step in zip(grid, steps, strict=True))
            source = replace(sources[0], lattice=Lattice(*steps, *phases))
            (table,) = tables_of(ways[best][:1], GREY)
            subsampled = find_subsampled(picture, grid, source, orientation, table)
            return None if subsampled is None else _found(*subsampled)
    turned = Turned.of(picture, orientation, colour, grid[::-1] if best else grid)
    tables = tables_of(ways[best], colour)
    rows, cols = turned.shape
    found = [np.zeros((rows, cols, 64), dtype=np.int16) for _ in tables]
    solve = solve_ycc if colour == YCC else solve_planes
    for here, samples, known in turned.batches():
        for own, new in zip(found, solve(samples, known, tables), strict=True):
            own[here] = new.reshape(-1, cols, 64)
    frame = Frame(*turned.size, colour)
    return _found(Place(orientation, frame, turned.top, turned.left), found, tables)


def _found(place: Place, coefficients: Sequence[np.ndarray], tables: Sequence[np.ndarray]) -> Found:
    """Without what is about the whole picture."""
    nothing = np.zeros((0, 0), dtype=bool)
    return Found(*place, tuple(tables), tuple(coefficients), (0, 0, 0, 0), (), nothing)
