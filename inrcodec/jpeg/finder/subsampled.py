"""The coefficients of a picture with fewer chroma samples than pixels: how it was turned and where
its MCUs begin, on a part of it; then in bands of MCUs, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ...history.chroma_search import RGB, Source
from ...history.planes import Lattice
from ...history.upsampling import TRIANGLE
from ..pixels import JFIF, YCC, Frame
from ..turned import Orientation, Turned
from .half import HalfChroma, Told

AGREEING = 0.7  # of the pixels that tell their chroma
PIXELS = 1 << 20  # of a part, and of a band, about
MARGIN = 1  # MCUs on both sides of a band that are searched with it


class Place(NamedTuple):
    """Of a frame's coefficients in a picture, as in finder.Found."""

    orientation: Orientation
    frame: Frame
    top: int
    left: int


@dataclass(frozen=True, eq=False)
class _Way:
    """How a picture may have been turned: begin: the row and the column, in the picture turned
    back, at which MCUs begin, of mcu rows and columns; tables: of Cb and Cr."""

    orientation: Orientation
    begin: tuple[int, int]
    mcu: tuple[int, int]
    tables: list[np.ndarray]


def find_subsampled(
    picture: np.ndarray,
    grid: tuple[int, int],
    source: Source,
    plain: Orientation,
    luma: np.ndarray,
) -> tuple[Place, list[np.ndarray], list[np.ndarray]] | None:
    """The place of a JPEG of Y, Cb, Cr, its coefficients, int16 (rows, cols, 64), and tables,
    uint16 (64,), of a picture, uint8 (H, W, 3); None if its chroma does not agree.

    grid: where a block begins; source: of the chroma; plain: the orientation but for mirroring;
    luma: the table of Y.
    """
    height, width, _ = picture.shape
    rows = min(height, max(64, PIXELS // width)) // 16 * 16 or height
    first = (height - rows) // 32 * 16
    part = np.ascontiguousarray(picture[first : first + rows])
    way = _likely_way(part, ((grid[0] - first) % 8, grid[1]), source, plain, luma)
    if way is None:
        return None
    own = way.orientation.undo(picture)
    # from the part to the whole, along the rows of the picture
    axis = 1 if plain.transposed else 0
    before = height - first - rows if way.orientation.rows_mirrored else first
    begin = list(way.begin)
    begin[axis] += before
    return _in_bands(own, replace(way, begin=(begin[0], begin[1])), source, luma)


def _likely_way(
    picture: np.ndarray,
    grid: tuple[int, int],
    source: Source,
    plain: Orientation,
    luma: np.ndarray,
) -> _Way | None:
    told = Told.of(_channels(picture), source)
    steps = source.lattice.row_step, source.lattice.col_step
    steps = steps[::-1] if plain.transposed else steps
    mcu = 8 * steps[0], 8 * steps[1]
    best, most = None, AGREEING
    for orientation in _mirrored(plain, steps, source.rule):
        ways = [
            (HalfChroma.of(turned, told, source.rule), begin)
            for begin in _begins(picture.shape, grid, orientation, steps)
            for turned in [Turned.of(picture, orientation, YCC, begin, mcu)]
        ]
        half, begin = max(ways, key=lambda way: way[0].zeros())
        tables = half.tables(luma)
        share = half.agreeing(half.rounded(tables), tables)
        if share >= most:
            best, most = _Way(orientation, begin, mcu, tables), share
    return best


def _mirrored(plain: Orientation, steps: tuple[int, int], rule: str) -> list[Orientation]:
    """The orientations whose upsampling differs: triangles round in turn along the columns, or
    along the rows if only these are doubled."""
    if rule != TRIANGLE:
        return [plain]
    rows = (steps[1] == 1) != plain.transposed
    return [plain, Orientation(plain.transposed, rows, not rows)]


def _begins(
    shape: tuple[int, ...], grid: tuple[int, int], orientation: Orientation, steps: tuple[int, int]
) -> list[tuple[int, int]]:
    """Where MCUs may begin in the picture turned back."""
    mirrored = orientation.rows_mirrored, orientation.cols_mirrored
    first = [(size - g) % 8 if m else g for size, g, m in zip(shape, grid, mirrored, strict=False)]
    if orientation.transposed:
        first = first[::-1]
    return [(first[0] + 8 * y, first[1] + 8 * x) for y in range(steps[0]) for x in range(steps[1])]


def _in_bands(
    own: np.ndarray, way: _Way, source: Source, luma: np.ndarray
) -> tuple[Place, list[np.ndarray], list[np.ndarray]]:
    """As find_subsampled, of a picture turned back."""
    (down, across), (height, width, _) = way.mcu, own.shape
    top, left = -way.begin[0] % down, -way.begin[1] % across
    steps, tables = (down // 8, across // 8), [luma, *way.tables]
    size = [top + height, left + width]
    whole = Frame(size[0], size[1], YCC, *steps, source.rule)
    found = [np.zeros((*whole.blocks(n), 64), dtype=np.int16) for n in range(3)]
    for first, last in _bands(whole.blocks(1)[0], width, down):
        # the band's MCUs, and those beside it, in rows of the picture
        begin = max(0, (first - MARGIN) * down - top)
        end = min(height, (last + MARGIN) * down - top)
        part = np.ascontiguousarray(own[begin:end])
        turned = Turned.of(part, Orientation(), YCC, (way.begin[0] - begin, way.begin[1]), way.mcu)
        phases = turned.top % steps[0], turned.left % steps[1]
        told = Told.of(_channels(part), Source(JFIF, source.rule, Lattice(*steps, *phases)))
        half = HalfChroma.of(turned, told, source.rule)
        # a frame can go on behind the picture, by less than an MCU
        beyond = half.frame.height - turned.top - len(part) if end == height else 0
        size = [top + height + beyond, max(size[1], half.frame.width)]
        solved = half.solve(half.start(way.tables), tables)
        skipped = first - (begin + top) // down
        for n, step in ((0, steps[0]), (1, 1), (2, 1)):
            rows = slice(skipped * step, (skipped + last - first) * step)
            found[n][first * step : last * step] = solved[n][rows]
    frame = Frame(size[0], size[1], YCC, *steps, source.rule)
    return Place(way.orientation, frame, top, left), found, tables


def _bands(mcus: int, width: int, down: int) -> Iterator[tuple[int, int]]:
    """The first MCU of each band, and the one behind its last, of so many in all."""
    step = max(4, PIXELS // (width * down))
    for first in range(0, mcus, step):
        yield first, min(mcus, first + step)


def _channels(picture: np.ndarray) -> RGB:
    r, g, b = (np.ascontiguousarray(picture[..., c]) for c in range(3))
    return r, g, b
