"""Colour evidence: what is counted, and that tables, runs and keys count the same."""

from __future__ import annotations

import numpy as np
import pytest

from inrcodec import kernels
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.context import compiled
from inrcodec.context.compiled import KEYS, RUNS, TABLE
from inrcodec.context.evidence import MOST, Evidence
from inrcodec.context.layout import choose_layout
from inrcodec.context.step import NOT_ASKED, StepJob
from tests.context.forms import (
    ISAS,
    Told,
    array_backend,
    coded,
    go_by,
    instruction_set,
    many_streams,
    random_networks,
    whole_planes,
)


def test_colours_are_counted() -> None:
    rng = np.random.default_rng(0)
    backend = array_backend()
    own, near, far = (rng.integers(0, 16, 500) for _ in range(3))
    told = Evidence(backend, [own, near, far], [4, 4, 4])
    here = [np.array([3, 5, 0]), np.array([7, 5, 15])]
    low, plane = np.array([8, 0, 8]), 2
    features = told.inputs(here, low, plane)
    assert len(features) == 6
    for pixel in range(3):
        match = np.ones(500, dtype=bool)
        for source in range(3):
            if source:
                match &= (near, far)[source - 1] == here[source - 1][pixel]
            value = own[match]
            zeros = np.sum((value >= low[pixel]) & (value < low[pixel] + 4))
            ones = np.sum((value >= low[pixel] + 4) & (value < low[pixel] + 8))
            log = [int(backend.log2(np.array([n]))[0]) for n in (8 * ones + 1, 8 * zeros + 1)]
            assert features[2 * source][pixel] == log[0] - log[1]
            assert features[2 * source + 1][pixel] == backend.log2(np.array([ones + zeros + 1]))[0]


def test_counts_are_limited_so_that_logarithms_hold_them() -> None:
    assert 8 * MOST + 1 < 1 << 31
    assert 2 * MOST + 1 < 1 << 31


# By bits of the three channels: how the colours of each source are kept, with the usual limits and
# with others.
CASES = [
    ((8, 8, 8), (17, 20), [[TABLE], [TABLE, TABLE], [TABLE, TABLE, RUNS]]),
    ((10, 10, 10), (17, 20), [[TABLE], [TABLE, RUNS], [TABLE, RUNS, RUNS]]),
    ((16, 16, 16), (17, 20), [[TABLE], [TABLE, RUNS], [TABLE, RUNS, KEYS]]),
    ((12, 3, 16), (17, 20), [[TABLE], [TABLE, TABLE], [TABLE, RUNS, RUNS]]),
    ((5, 5, 5), (5, 5), [[TABLE], [TABLE, RUNS], [TABLE, RUNS, KEYS]]),
    ((5, 5, 5), (5, 4), [[TABLE], [TABLE, KEYS], [TABLE, KEYS, KEYS]]),
    ((16, 1, 8), (17, 20), [[TABLE], [TABLE, TABLE], [TABLE, TABLE, RUNS]]),
]


@pytest.mark.parametrize(("bits", "limits", "kinds"), CASES)
@pytest.mark.parametrize("few", [False, True])
def test_all_ways_to_keep_colours_agree(
    bits: tuple[int, int, int],
    limits: tuple[int, int],
    kinds: list[list[int]],
    few: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled, "TABLE_BITS", limits[0])
    monkeypatch.setattr(compiled, "RUN_BITS", limits[1])
    rng = np.random.default_rng(sum(bits))
    # channel 1 is coded first, then 0, then 2
    order = (bits[1], bits[0], bits[2])
    channels = []
    for width in order:
        values = rng.integers(0, 1 << width, (27, 22))
        if few:
            values = values[0, rng.integers(0, 4, values.shape)]
        values[0, 0], values[1, 1] = 0, (1 << width) - 1
        channels.append(values)
    planes = whole_planes(np.stack(channels, axis=-1), max(bits))
    layout = choose_layout(planes)
    assert [channel.planes for channel in layout.channels] == list(bits)
    library = kernels.library()
    assert library is not None
    seen = {0: set(), 1: set(), 2: set()}

    def see(job: StepJob, _: np.ndarray) -> None:
        with Workers(numpy_backend(), 1) as workers:
            struct = compiled._Evidence(library, workers, job).struct
        seen[len(job.references)].add(tuple(colours.kind for colours in struct))

    go_by(layout, planes, see)
    assert [seen[n] for n in range(3)] == [{tuple(each)} for each in kinds]

    networks = random_networks(layout, rng, 0.3)
    want = Told(layout)
    with many_streams():
        data = coded(array_backend(), layout, networks, planes, want)
        for isa in ISAS:
            told = Told(layout)
            with instruction_set(isa):
                assert coded(numpy_backend(), layout, networks, planes, told) == data
            for index in range(3):
                assert np.array_equal(told.inputs[index], want.inputs[index])
    asked = want.inputs[2][..., 0] != NOT_ASKED
    assert asked.mean() > 0.3
    if few:
        # the evidence of all three sources is decisive somewhere
        assert all(np.abs(want.inputs[2][asked][:, 2 + 2 * n]).max() > 3072 for n in range(3))
