"""The searches, and what bounds them: each kernel against its plain form, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

from inrcodec import kernels
from inrcodec.history.upsampling import REPEATED, TRIANGLE
from inrcodec.jpeg.finder import half_search, partial, search
from inrcodec.jpeg.finder.bounds import Bounds, allowed, chroma_bounds, luma_bounds
from inrcodec.jpeg.finder.forward import CENTRE, basis, blocks_of, forward, samples_of
from inrcodec.jpeg.idct import component_samples
from inrcodec.jpeg.pixels import JFIF, YCC, Frame, upsample_chroma
from inrcodec.jpeg.tables import CHROMA, LUMA, likely_table, standard_table

TABLE = standard_table(LUMA, 92)


def some_coefficients(rows: int, cols: int, table: np.ndarray, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    size = rng.laplace(0, 60, (rows, cols, 64)) / (1 + np.arange(64)) ** 1.2
    return np.rint(size / table * 4).astype(np.int16)


def block_problem(seed: int, table: np.ndarray) -> tuple[np.ndarray, Bounds]:
    """Coefficients that are off in places, and bounds of samples, some of them open."""
    rng = np.random.default_rng(seed)
    true = some_coefficients(1, 12, table, seed)
    made = component_samples(true, table).reshape(8, 12, 8).swapaxes(0, 1).reshape(12, 64)
    least, most = made.copy(), made.copy()
    for n in range(6, 12):
        least[n, rng.random(64) < 0.3] = 0
        most[n, rng.random(64) < 0.3] = 255
    off = true[0] + (rng.random((12, 64)) < 0.05).astype(np.int16)
    return off, Bounds(least, most)


@pytest.mark.parametrize("quality", [75, 92, 100])
def test_blocks_are_searched_as_defined(quality: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And found, mostly."""
    table = standard_table(LUMA, quality)
    begun, bounds = block_problem(quality, table)
    reach = np.full(64, 2, dtype=np.uint8)
    found, left = search.search_blocks(begun, *bounds, table, reach, 25)
    monkeypatch.setattr(kernels, "library", lambda: None)
    wanted, wanted_left = search.search_blocks(begun, *bounds, table, reach, 25)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(left, wanted_left)
    assert (left == 0).mean() > 0.6
    made = component_samples(found[None], table).reshape(8, 12, 8).swapaxes(0, 1).reshape(12, 64)
    np.testing.assert_array_equal(left, bounds.outside(made).sum(axis=1))


@pytest.mark.parametrize("steps", [(2, 2), (1, 2), (2, 1)])
@pytest.mark.parametrize("rule", [TRIANGLE, REPEATED])
def test_chroma_is_searched_as_defined(
    rule: str, steps: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the ends of a frame too."""
    frame = Frame(29, 43, YCC, *steps, rule)
    table = standard_table(CHROMA, 95)
    rng = np.random.default_rng(1)
    true = some_coefficients(*frame.blocks(1), table)
    rows, cols = frame.size(1)
    made = upsample_chroma(frame, component_samples(true, table)[:rows, :cols])
    free = rng.random(made.shape) < 0.1
    bounds = Bounds(np.where(free, 0, made), np.where(free, 255, made))
    begun = true + (rng.random(true.shape) < 0.02).astype(np.int16)
    wanted = rng.random(true.shape[:2]) < 0.9
    arguments = frame, begun, table, bounds, wanted, np.full(64, 2, dtype=np.uint8), 12
    found, left = half_search.search_chroma(*arguments)
    monkeypatch.setattr(kernels, "library", lambda: None)
    expected, expected_left = half_search.search_chroma(*arguments)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(left, expected_left)
    np.testing.assert_array_equal(found[~wanted], begun[~wanted])


def test_ways_to_round_are_listed_as_defined(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the coefficients of blocks of which most is known are among them."""
    true = some_coefficients(1, 30, TABLE)[0]
    samples = component_samples(true[None], TABLE).reshape(8, 30, 8).swapaxes(0, 1).reshape(30, 64)
    known = np.tile(np.arange(8) < 6, 8)
    arguments = samples, known, TABLE, partial.variances(true, TABLE), 0.32
    found = partial.complete(*arguments)
    assert (found == true[:, None]).all(axis=2).any(axis=1).mean() > 0.5
    monkeypatch.setattr(kernels, "library", lambda: None)
    np.testing.assert_array_equal(found, partial.complete(*arguments))


def test_the_forward_transform_undoes_the_inverse() -> None:
    """But for the rounding of samples."""
    np.testing.assert_allclose(basis() @ basis().T, np.eye(64), atol=1e-6)
    true = some_coefficients(3, 4, TABLE)
    samples = component_samples(true, TABLE)
    found = forward(blocks_of(samples))
    inside = ((samples > 0) & (samples < 255)).reshape(3, 8, 4, 8).all(axis=(1, 3))
    assert np.abs(found - true * TABLE.astype(np.float32))[inside].max() < 2
    np.testing.assert_array_equal(samples_of(blocks_of(samples)), samples)
    assert CENTRE == 128


def test_bounds_hold_what_leads_to_a_pixel() -> None:
    """All values of one of Y, Cb, Cr between its bounds, and no others."""
    rng = np.random.default_rng(0)
    samples = tuple(rng.integers(0, 256, 300).astype(np.uint8) for _ in range(3))
    rgb = JFIF.rgb(*samples)
    for component in range(3):
        if component:
            bounds = chroma_bounds(rgb, samples, component)
        else:
            bounds = luma_bounds(rgb, *samples[1:])
        for value in range(256):
            tried = list(samples)
            tried[component] = np.full(300, value, dtype=np.uint8)
            leads = (np.stack(JFIF.rgb(*tried)) == np.stack(rgb)).all(axis=0)
            np.testing.assert_array_equal(leads, ~bounds.outside(tried[component]))


def test_bounds_where_nothing_fits() -> None:
    """Are next to what would, if all three moved."""
    rgb = tuple(np.array([v], dtype=np.uint8) for v in (200, 100, 50))
    samples = tuple(np.array([v], dtype=np.uint8) for v in (120, 128, 128))
    moved = allowed(np.stack(rgb), np.stack(samples))[:, 0]
    for component in (1, 2):
        bounds = chroma_bounds(rgb, samples, component)
        assert bounds.least[0] == bounds.most[0] == round(moved[component])
    np.testing.assert_allclose(moved, JFIF.estimate(rgb)[:, 0], atol=1)


@pytest.mark.parametrize("kind", [LUMA, CHROMA])
@pytest.mark.parametrize("quality", [40, 75, 95])
def test_tables_are_told_by_coefficients(kind: int, quality: int) -> None:
    """The standard ones, and others."""
    rng = np.random.default_rng(0)
    sizes = rng.laplace(0, 90, (800, 64)) / (1 + np.arange(64)) ** 0.7
    standard = standard_table(kind, quality)
    other = np.clip(standard[::-1].astype(int) + np.arange(64) % 5, 3, 60).astype(np.uint16)
    for table in (standard, other):
        found = likely_table(
            np.rint(sizes / table) * table + rng.normal(0, 0.29, sizes.shape), kind
        )
        seen = (np.abs(sizes) > table).sum(axis=0) > 8
        np.testing.assert_array_equal(found[seen], table[seen])
        if table is standard:
            np.testing.assert_array_equal(found, table)
