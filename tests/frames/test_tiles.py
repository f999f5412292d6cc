"""Rectangles of pages: tiles, regions, reduced ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inrcodec.frames.tiles import TILE_STEP, Box, Grid

SIDES = st.integers(1, 90)
TILE_SIDES = st.integers(1, 4).map(lambda n: n * TILE_STEP)
GRIDS = st.builds(Grid, SIDES, SIDES, st.one_of(st.none(), st.tuples(TILE_SIDES, TILE_SIDES)))


@st.composite
def boxes(draw: st.DrawFn, height: int, width: int) -> Box:
    top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    return Box(top, left, draw(st.integers(1, height - top)), draw(st.integers(1, width - left)))


@given(GRIDS)
def test_tiles_cover_a_page_once(grid: Grid) -> None:
    covered = np.zeros((grid.height, grid.width), int)
    for number in range(len(grid)):
        box = grid[number]
        assert 0 < box.height <= grid.size[0]
        assert 0 < box.width <= grid.size[1]
        covered[box.slices(grid.whole)] += 1
    assert (covered == 1).all()
    tops = [(grid[n].top, grid[n].left) for n in range(len(grid))]
    assert tops == sorted(tops)


@given(GRIDS, st.data())
def test_tiles_that_a_region_touches(grid: Grid, data: st.DataObject) -> None:
    box = data.draw(boxes(grid.height, grid.width))
    touched = list(grid.touched(box))
    want = [n for n in range(len(grid)) if grid[n].within(box).height and grid[n].within(box).width]
    assert touched == want


@given(GRIDS, st.data(), st.sampled_from([1, 2, 4, 8]))
def test_reduced_regions_fit_together(grid: Grid, data: st.DataObject, scale: int) -> None:
    """What tiles have of a region, reduced, is the region of the reduced page."""
    rng = np.random.default_rng(0)
    page = rng.integers(0, 1 << 16, (grid.height, grid.width), dtype=np.uint16)
    small, box = page[::scale, ::scale], data.draw(boxes(grid.height, grid.width))
    target = box.reduced(scale)
    want = small[target.slices(grid.whole.reduced(scale))]
    region = page[box.slices(grid.whole)]
    first = -box.top % scale, -box.left % scale
    assert np.array_equal(want, region[first[0] :: scale, first[1] :: scale])
    found = np.zeros_like(want)
    for number in grid.touched(box):
        tile = page[grid[number].slices(grid.whole)][::scale, ::scale]
        part = grid[number].within(box).reduced(scale)
        found[part.slices(target)] = tile[part.slices(grid[number].reduced(scale))]
    assert np.array_equal(found, want)


def test_boxes() -> None:
    assert Box(1, 2, 3, 4).within(Box(2, 0, 9, 5)) == Box(2, 2, 2, 3)
    nothing = Box(0, 0, 2, 2).within(Box(5, 0, 2, 2))
    assert (nothing.height, nothing.width) == (0, 2)
    assert Box(3, 4, 4, 5).reduced(4) == Box(1, 1, 1, 2)
    assert Box(1, 1, 2, 2).reduced(4).height == 0
