"""Scans of any coefficients come back, in both forms alike."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec import kernels
from inrcodec.errors import CorruptError
from inrcodec.jpeg.entropy.markers import Frame, Scan, read_markers
from inrcodec.jpeg.entropy.plan import BARE, LIBJPEG, Notes, plan_of
from inrcodec.jpeg.entropy.scans import decode_scan, encode_scan
from tests.jpeg.files import Script, frame_of, headers, joined

FORMS = (kernels.library(), None)
ROOM = 1 << 20
FACTORS = st.tuples(st.integers(1, 4), st.integers(1, 3))


def in_form(form: kernels.Library | None) -> mock._patch:
    return mock.patch.object(kernels, "library", return_value=form)


def encoded(frame: Frame, scan: Scan, coefficients: list[np.ndarray], notes: Notes) -> bytes:
    """In both forms."""
    results = []
    for form in FORMS:
        with in_form(form):
            try:
                results.append(encode_scan(frame, scan, coefficients, notes, ROOM))
            except CorruptError:
                results.append(b"")
    assert results[0] == results[1]
    if not results[0]:
        raise CorruptError("in both")
    return results[0]


@st.composite
def scripts(draw: st.DrawFn, components: int, progressive: bool) -> list[Script]:
    """Scans that have all bits of all coefficients."""
    found = []

    def add(members: tuple[int, ...], *numbers: int) -> None:
        found.append(Script(members, *numbers, draw(st.sampled_from((0, 0, 1, 3, 7)))))

    groups: list[tuple[int, ...]] = [(i,) for i in range(components)]
    if draw(st.booleans()):
        groups = [tuple(range(components))]
    if not progressive:
        for members in groups:
            add(members, 0, 63, 0, 0)
        return found
    for ss, se in ((0, 0), (1, draw(st.integers(1, 62))), (0, 63)):
        ss = ss if se < 63 else found[-1].se + 1
        high = draw(st.integers(0, 3))
        for members in groups if se == 0 else [(i,) for i in range(components)]:
            add(members, ss, se, 0, high)
        for al in range(high - 1, -1, -1):
            for members in groups if se == 0 else [(i,) for i in range(components)]:
                add(members, ss, se, al + 1, al)
    return found


def coefficients_of(frame: Frame, rng: np.random.Generator, density: float) -> list[np.ndarray]:
    """Few or many, small or large, none in blocks that only fill MCUs up."""
    found = []
    for i in range(len(frame.components)):
        shape, (rows, columns) = frame.shape(i), frame.blocks(i)
        sizes = 1 << rng.integers(0, 11, shape)
        values = rng.integers(-sizes, sizes + 1) * (rng.random(shape) < density)
        values[rng.random(shape[:2]) < 0.4, 1:] = 0
        values[rows:] = values[:, columns:] = 0
        found.append(values.astype(np.int16))
    return found


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_coefficients_come_back(data: st.DataObject) -> None:
    factors = data.draw(st.lists(FACTORS, min_size=1, max_size=4))
    progressive = data.draw(st.booleans())
    width, height = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 50))
    frame = frame_of(width, height, factors, progressive)
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    heads = headers(frame, data.draw(scripts(len(factors), progressive)), rng)
    before = coefficients_of(frame, rng, data.draw(st.sampled_from((0.02, 0.3, 0.95))))
    rule, other = data.draw(st.permutations((LIBJPEG, BARE)))
    bodies = []
    for scan in read_markers(joined(heads, [b""] * (len(heads) - 1)), "it").scans:
        plan = plan_of(frame, scan)
        pads = rng.choice(np.array((0, 255), np.uint8), plan.ends(plan.mcus))
        notes = Notes(rule, plan.mcus, pads, np.empty(0, np.uint32), np.empty((0, 2), np.uint32))
        if not progressive or scan.ah == 0 < scan.ss:
            notes = with_zeros(frame, scan, before, notes, rng)
        bodies.append(encoded(frame, scan, before, notes))
    file = joined(heads, bodies)
    markers = read_markers(file, "it")
    results = []
    for form in FORMS:
        with in_form(form):
            after = [np.zeros_like(array) for array in before]
            results.append([decode_scan(file, frame, s, after, other, 9999) for s in markers.scans])
        assert all(map(np.array_equal, before, after))
    for (size, notes), (also, others), body, scan in zip(
        *results, bodies, markers.scans, strict=True
    ):
        assert size == also == len(body)
        assert all(map(np.array_equal, notes, others))
        assert notes.rule == other
        assert encoded(frame, scan, before, notes) == body


def with_zeros(
    frame: Frame, scan: Scan, coefficients: list[np.ndarray], notes: Notes, rng: np.random.Generator
) -> Notes:
    """With zeros before some EOBs, as far as their blocks end with them."""
    blocks = plan_of(frame, scan).blocks
    for number in sorted(rng.choice(blocks, min(blocks, 6), replace=False)):
        pair = np.array([[number, rng.integers(1, 4)]], np.uint32)
        more = notes._replace(zeros=np.concatenate([notes.zeros, pair]))
        try:
            encoded(frame, scan, coefficients, more)
        except CorruptError:
            continue
        notes = more
    return notes


def grey_scan(body: bytes = b"", **script: int) -> tuple[bytes, Frame, Scan]:
    """A file of 8 x 2 blocks, with the scan."""
    frame = frame_of(64, 16, [(1, 1)], progressive=True)
    heads = headers(frame, [Script((0,), **script)], np.random.default_rng(0))
    file = joined(heads, [body])
    return file, frame, read_markers(file, "it").scans[0]


@pytest.mark.parametrize("al", [0, 1])
def test_runs_may_end_anywhere(al: int) -> None:
    """Every way to cut the EOB runs of sixteen blocks."""
    coefficients = [np.zeros((2, 8, 64), np.int16)]
    coefficients[0].reshape(16, 64)[[3, 9], 5] = 1 << al, 6
    _, frame, scan = grey_scan(ss=1, se=63, ah=al, al=0) if al else grey_scan(ss=1, se=63)
    none = Notes(LIBJPEG, 16, np.full(1, 255, np.uint8), *(np.empty((0, 2), np.uint32),) * 2)
    none = none._replace(breaks=np.empty(0, np.uint32))
    bodies = set()
    for places in np.ndindex((2,) * 9):
        breaks = np.flatnonzero(places).astype(np.uint32) + 4
        try:
            body = encoded(frame, scan, coefficients, none._replace(breaks=breaks))
        except CorruptError:
            assert 9 in breaks
            continue
        bodies.add(body)
        file, _, scan_of_it = grey_scan(body, ss=1, se=63, ah=al)
        for form in FORMS:
            with in_form(form):
                target = [np.where(abs(coefficients[0]) > 1, coefficients[0], 0) & ~1] * al
                target = [a.astype(np.int16) for a in target] or [np.zeros((2, 8, 64), np.int16)]
                size, notes = decode_scan(file, frame, scan_of_it, target, LIBJPEG, 99)
            assert size == len(body)
            assert notes.breaks.tolist() == breaks.tolist()
    assert len(bodies) >= 128


def test_notes_are_bounded() -> None:
    """Where they are too many, what has them is left as it is."""
    coefficients = [np.zeros((2, 8, 64), np.int16)]
    _, frame, scan = grey_scan(ss=1, se=63)
    breaks = np.arange(1, 16, dtype=np.uint32)
    notes = Notes(LIBJPEG, 16, np.full(1, 255, np.uint8), breaks, np.empty((0, 2), np.uint32))
    file, _, scan = grey_scan(encoded(frame, scan, coefficients, notes), ss=1, se=63)
    for form in FORMS:
        with in_form(form):
            _, found = decode_scan(file, frame, scan, coefficients, LIBJPEG, 9)
        assert found.mcus == 10
        assert found.breaks.tolist() == list(range(1, 10))


def test_other_arrays_are_refused() -> None:
    _, frame, scan = grey_scan(b"\0", ss=1, se=63)
    with in_form(FORMS[0]), pytest.raises(TypeError, match="int16"):
        decode_scan(b"\0" * 999, frame, scan, [np.zeros((2, 8, 64))], LIBJPEG, 9)
