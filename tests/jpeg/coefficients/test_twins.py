"""The plain form of the coefficients' model and the compiled one, on each instruction set: the same
inputs and the same bytes from all of them, and each reads the others'."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec.jpeg.coefficients import compiled
from inrcodec.jpeg.coefficients.frequencies import MAX_EXPONENT, MAX_LEVEL, NETWORKS, references_of
from inrcodec.jpeg.coefficients.inputs import input_count
from inrcodec.jpeg.coefficients.traversal import used_networks
from tests.context.forms import ISAS
from tests.jpeg.coefficients.twins import (
    LARGE,
    Parts,
    alike,
    at_random,
    files,
    hold_together,
    in_form,
    large,
    of_prior,
    opencv,
    seen,
)
from tests.pictures import scene

SHAPES = {
    "one": [(1, 1)],
    "two": [(1, 2), (1, 1)],
    "grey": [(3, 4)],
    "444": [(1, 3)] * 3,
    "420": [(4, 2), (2, 1), (2, 1)],
    "four": [(2, 1)] * 4,
    "unlike": [(2, 1), (1, 1), (2, 1)],
}


@pytest.mark.parametrize("name", files())
def test_files_look_the_same(name: str) -> None:
    parts = Parts.of_file(files()[name])
    with in_form(None):
        want = seen(parts)
    for number, _, _, inputs, *_ in want:
        assert inputs.shape[1] == input_count(len(parts.components[number].references))
    for isa in ISAS:
        with in_form(isa):
            assert alike(seen(parts), want), isa


@pytest.mark.parametrize(
    ("shapes", "step"),
    [*((shapes, step) for shapes in SHAPES for step in (0, 65535)), ("420", 1), ("420", 255)],
)
def test_large_coefficients_look_the_same(shapes: str, step: int) -> None:
    parts = large(step, SHAPES[shapes], step)
    with in_form(None):
        want = seen(parts)
    for isa in ISAS:
        with in_form(isa):
            assert alike(seen(parts), want), isa


def test_threads_see_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "WORTH_THREADS", 1)
    parts = Parts.of_file(files()["420"])
    with in_form(None):
        want = seen(parts)
    for isa in ISAS:
        with in_form(isa):
            for threads in (2, 5, 40):
                assert alike(seen(parts, threads), want), (isa, threads)


@pytest.mark.parametrize("name", files())
def test_files_have_the_same_bytes(name: str) -> None:
    parts = Parts.of_file(files()[name])
    streams = hold_together(parts, of_prior(parts.components))
    coefficients = sum(int((own[:, :, 1:] != 0).sum()) for own in parts.coefficients)
    assert sum(len(s) for own in streams for s in own) < 20 + 2 * coefficients


@pytest.mark.parametrize("bands", [2, 16])
def test_bands_have_the_same_bytes(bands: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where some of them have no row, on any number of threads."""
    monkeypatch.setattr(compiled, "WORTH_THREADS", 1)
    for name in ("block", "row"):
        parts = Parts.of_file(files()[name])
        streams = hold_together(parts, of_prior(parts.components), bands)
        assert all(len(own) == bands for own in streams)


@pytest.mark.parametrize("size", [1e-3, 30.0, 4096.0])
@pytest.mark.parametrize("name", ["blocks", "block"])
def test_networks_of_any_weights(name: str, size: float) -> None:
    """Where sums come close to what 32 bits hold, one that did not would differ."""
    parts = Parts.of_file(files()[name])
    hold_together(parts, at_random(parts.components, 3, size), 2)


@pytest.mark.parametrize("step", [0, 65535])
@pytest.mark.parametrize("shapes", ["two", "unlike"])
def test_large_coefficients_have_the_same_bytes(shapes: str, step: int) -> None:
    parts = large(step + 1, SHAPES[shapes], step)
    hold_together(parts, of_prior(parts.components))


FACTORS = {"444": 0x111111, "422": 0x211111, "420": 0x221111, "440": 0x121111, "441": 0x141111}


@settings(max_examples=12, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(sorted(FACTORS)),
    st.integers(1, 100),
    st.integers(0, 1 << 32),
)
def test_files_of_any_kind_look_the_same(
    height: int, width: int, factors: str, quality: int, seed: int
) -> None:
    image = scene(height, width, 3, np.uint8, seed)
    parts = Parts.of_file(opencv(image, FACTORS[factors], quality))
    with in_form(None):
        want = seen(parts)
    for isa in ISAS[-1:]:
        with in_form(isa):
            assert alike(seen(parts), want), isa


@settings(max_examples=5, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3),
    st.sampled_from([0, 1, 40, 65535]),
    st.sampled_from([0.05, 1.0, 500.0]),
    st.integers(1, 3),
    st.integers(0, 1 << 32),
)
def test_any_coefficients_have_the_same_bytes(
    shapes: list[tuple[int, int]], step: int, size: float, bands: int, seed: int
) -> None:
    parts = large(seed, shapes, step)
    sparse = [np.where(np.arange(64) < 9, own, 0).astype(np.int16) for own in parts.coefficients]
    parts = Parts.of(sparse, [c.steps for c in parts.components])
    hold_together(parts, at_random(parts.components, seed, size), bands)


def test_all_there_is_is_tried() -> None:
    """All networks, and units of all sizes; levels up to the highest."""
    components = [
        c
        for parts in (*map(Parts.of_file, files().values()), large(1, SHAPES["444"], 9))
        for c in parts.components
    ]
    assert set(used_networks(components)) == set(range(NETWORKS))
    assert {references_of(n) for n in range(NETWORKS)} == {0, 1, 2}
    sizes = [np.full((1, 1, 64), n, np.int16) for n in (*(1 << n for n in range(14)), max(LARGE))]
    for own in sizes:
        own[:, :, 4:] = 0
    parts = Parts.of(sizes, [np.ones(64, np.uint16)] * len(sizes))
    hold_together(parts, at_random(parts.components, 1, 1.0))
    used = [f for c in parts.components for f in c.frequencies]
    assert {f.exponent for f in used} == set(range(MAX_EXPONENT + 1))
    assert max(f.level for f in used) == MAX_LEVEL - 1
