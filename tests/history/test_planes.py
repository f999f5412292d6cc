"""Planes: lattices of odd sizes, and every so many rows and columns of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inrcodec.history.planes import WHOLE, YCC, Geometry, Lattice, Planes

LATTICES = [
    Lattice(row_step, col_step, row_phase, col_phase)
    for row_step in (1, 2)
    for col_step in (1, 2)
    for row_phase in range(row_step)
    for col_phase in range(col_step)
]


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(LATTICES))
def test_a_lattice_covers_each_pixel_once(height: int, width: int, lattice: Lattice) -> None:
    rows, cols = lattice.size(height, width)
    covered = np.zeros((height, width), dtype=int)
    for row in range(rows):
        top = row * lattice.row_step - lattice.row_phase
        for col in range(cols):
            left = col * lattice.col_step - lattice.col_phase
            part = covered[
                max(0, top) : top + lattice.row_step, max(0, left) : left + lattice.col_step
            ]
            assert part.size
            part += 1
    assert (covered == 1).all()


def test_other_lattices_are_refused() -> None:
    for steps in ((0, 1, 0, 0), (3, 1, 0, 0), (1, 1, 1, 0), (2, 2, 0, 2), (2, 2, -1, 0)):
        with pytest.raises(ValueError, match="lattice"):
            Lattice(*steps)


@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from(LATTICES), st.sampled_from([2, 4, 8])
)
def test_a_reduced_image_has_the_samples_of_its_pixels(
    height: int, width: int, lattice: Lattice, scale: int
) -> None:
    geometry = Geometry(height, width, 8, YCC, False, (WHOLE, lattice))
    sizes = [each.size(height, width) for each in geometry.lattices]
    rng = np.random.default_rng(0)
    planes = Planes(geometry, tuple(rng.integers(0, 256, size, np.uint8) for size in sizes))
    reduced = planes.reduced(scale)
    assert reduced.scale == scale
    for y in range(0, height, scale):
        for x in range(0, width, scale):
            assert reduced.channels[0][y // scale, x // scale] == planes.channels[0][y, x]
            row = (y + lattice.row_phase) // lattice.row_step
            col = (x + lattice.col_phase) // lattice.col_step
            if row % scale == 0 and col % scale == 0:
                at = row // scale, col // scale
                assert reduced.channels[1][at] == planes.channels[1][row, col]
    assert reduced.channels[1].shape == tuple(-(-size // scale) for size in sizes[1])


def test_lattices_of_channels_that_are_refused() -> None:
    half, other = Lattice(2, 2), Lattice(1, 2)
    for alpha, lattices in (
        (False, (half, half, half)), (False, (WHOLE, half, other)), (False, (WHOLE, half, WHOLE)),
        (True, (WHOLE, half, half, half)), (True, (half, WHOLE)),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="lattices"):
            Geometry(9, 9, 8, YCC, alpha, lattices)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 2), (1, 1, 3), (6, 3, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_arrays_and_back(shape: tuple[int, ...], dtype: type) -> None:
    samples = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    channels = shape[2] if len(shape) == 3 else 1
    geometry = Geometry.of_picture(shape[0], shape[1], channels, 8 * samples.itemsize)
    assert (geometry.shape, geometry.dtype) == (shape, samples.dtype)
    assert geometry.whole
    assert geometry.alpha == (channels in (2, 4))
    again = Planes.of_array(geometry, samples).array()
    assert np.array_equal(again, samples)
    assert again.dtype == dtype
