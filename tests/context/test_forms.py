"""The array form and the compiled one, on each instruction set: the same bytes from all of them,
and each reads the others'."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec.coding.backend import torch_backend
from inrcodec.context.layout import choose_layout
from tests.context.forms import (
    array_backend,
    coded,
    decoded,
    hold_together,
    many_streams,
    prior_of,
    random_networks,
    same,
    whole_planes,
)
from tests.pictures import scene


def deep(image: np.ndarray, bits: int) -> np.ndarray:
    """Samples of 16 bits as samples of fewer."""
    return image >> (16 - bits)


@pytest.mark.parametrize(
    ("size", "channels", "bits"),
    [
        ((65, 67), 3, 8),
        ((33, 20), 4, 8),
        ((40, 31), 1, 12),
        ((24, 37), 3, 10),
        ((21, 26), 3, 16),
        ((19, 30), 2, 16),
        ((31, 18), 3, 5),
    ],
)
def test_scenes_under_the_prior(size: tuple[int, int], channels: int, bits: int) -> None:
    image = deep(scene(*size, channels, np.uint16), bits)
    for ycc in (False, True) if channels > 2 else (False,):
        planes = whole_planes(image, bits, ycc)
        layout = choose_layout(planes)
        data = hold_together(layout, prior_of(layout), planes)
        assert sum(map(len, data)) < 0.95 * image.size * bits / 8


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 2), (2, 1), (2, 2), (1, 70), (70, 1), (3, 5), (5, 3), (2, 9), (17, 16)]
)
@pytest.mark.parametrize(("channels", "bits"), [(1, 8), (3, 16), (4, 8)])
def test_odd_sizes(size: tuple[int, int], channels: int, bits: int) -> None:
    rng = np.random.default_rng(sum(size))
    planes = whole_planes(rng.integers(0, 1 << bits, (*size, channels)), bits)
    layout = choose_layout(planes)
    networks = random_networks(layout, rng, 0.3)
    data = hold_together(layout, networks, planes)
    assert same(decoded(array_backend(), layout, networks, data), planes)


@pytest.mark.parametrize("size", [(5, 2150), (37, 70), (2, 4100)])
def test_units_and_streams(size: tuple[int, int]) -> None:
    """Rows that are cut into units, bands that are empty, and sections of several streams."""
    planes = whole_planes(scene(*size, 3, np.uint8), 8)
    layout = choose_layout(planes)
    networks = random_networks(layout, np.random.default_rng(0), 0.2)
    with many_streams(size[0] * size[1] // 5):
        data = hold_together(layout, networks, planes)
    assert len(data) == 4
    assert data[-1][0] >= 5


@pytest.mark.parametrize("exponent", [0, 1, 4, 8])
def test_exponents(exponent: int) -> None:
    rng = np.random.default_rng(exponent)
    steps = rng.integers(0, 30 << exponent, (14, 15, 3)) << (1 if exponent < 8 else 0)
    planes = whole_planes(np.cumsum(steps, axis=1) % 65536, 16)
    layout = choose_layout(planes)
    layout = type(layout)(layout.geometry, layout.channels, exponent)
    hold_together(layout, prior_of(layout), planes)


@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0, 4096.0])
@pytest.mark.parametrize("widths", [(1, 1), (33, 15), (64, 64)])
def test_networks_of_any_weights(size: float, widths: tuple[int, int]) -> None:
    """Where sums come close to what 32 bits hold, one that did not would differ."""
    rng = np.random.default_rng(7)
    planes = whole_planes(rng.integers(0, 65536, (12, 13, 3)), 16)
    layout = choose_layout(planes)
    hold_together(layout, random_networks(layout, rng, size, widths), planes)


EDGES = {
    "zeros": lambda shape, top, rng: np.zeros(shape, int),
    "tops": lambda shape, top, rng: np.full(shape, top),
    "chessboard": lambda shape, top, rng: np.indices(shape).sum(axis=0) % 2 * top,
    "columns": lambda shape, top, rng: np.indices(shape)[1] // 2 % 2 * top,
    "noise": lambda shape, top, rng: rng.integers(0, top + 1, shape),
    "extremes": lambda shape, top, rng: rng.integers(0, 2, shape) * top,
    "few": lambda shape, top, rng: rng.choice(rng.integers(0, top + 1, 3), shape),
}


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 19), st.integers(1, 19), st.sampled_from([1, 2, 3, 4])),
    st.integers(1, 16),
    st.lists(st.sampled_from(sorted(EDGES)), min_size=4, max_size=4),
    st.booleans(),
    st.sampled_from([0.05, 1.0, 500.0]),
    st.integers(0, 1 << 32),
)
def test_values_at_the_edges(
    shape: tuple[int, int, int], bits: int, kinds: list[str], ycc: bool, size: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    tops = [(1 << int(rng.integers(1, bits + 1))) - 1 for _ in range(shape[2])]
    channels = [EDGES[k](shape[:2], top, rng) for k, top in zip(kinds, tops, strict=False)]
    planes = whole_planes(np.stack(channels, axis=-1), bits, ycc and shape[2] > 2)
    layout = choose_layout(planes)
    layout = type(layout)(layout.geometry, layout.channels, int(rng.integers(0, 9)))
    hold_together(layout, random_networks(layout, rng, size), planes)


def test_torch_arrays() -> None:
    planes = whole_planes(scene(9, 14, 4, np.uint8), 8)
    layout = choose_layout(planes)
    networks = prior_of(layout)
    data = hold_together(layout, networks, planes)
    backend = torch_backend("cpu")
    there = prior_of(layout, backend)
    assert coded(backend, layout, there, planes) == data
    assert same(decoded(backend, layout, there, data), planes)
