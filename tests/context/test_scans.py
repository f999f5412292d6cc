"""The visiting order, and the data sections: what is legal, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inrcodec.context.pyramid import UNIT_SAMPLES, Grid, grids, lattice_size, top_level
from inrcodec.context.scans import MAX_STREAMS, ScanDecoder, ScanEncoder, section_of
from inrcodec.errors import CorruptError, TruncatedError

SIDES = st.one_of(st.integers(1, 70), st.sampled_from([1023, 1024, 2047, 2048, 2049, 4100]))


@settings(deadline=None)
@given(st.integers(1, 70), SIDES, st.integers(1, MAX_STREAMS))
def test_each_sample_is_visited_once(height: int, width: int, streams: int) -> None:
    seen = np.zeros((height, width), dtype=int)
    seen[0, 0] = 1
    levels = top_level(height, width)
    assert 1 << levels >= max(height, width) > (1 << levels) // 2
    for level in reversed(range(levels)):
        lattice = seen[:: 1 << level, :: 1 << level]
        assert lattice.shape == lattice_size(height, width, level)
        for step in grids(height, width, level):
            for grid in step:
                view, next_row = grid.points(lattice), 0
                assert view.shape == (grid.rows, grid.cols)
                for number in range(streams):
                    rows = grid.band(number, streams)
                    assert rows.start == next_row
                    next_row = rows.stop
                    samples = 0
                    for unit in grid.units(rows):
                        view[unit.row : unit.row + unit.rows, unit.col : unit.col + unit.cols] += 1
                        assert 0 < unit.samples <= UNIT_SAMPLES
                        samples += unit.samples
                    assert samples == len(rows) * grid.cols
                assert next_row == grid.rows
    assert np.all(seen == 1)


def test_long_rows_are_cut() -> None:
    grid = Grid(0, 1, 1, 3, 2500)
    units = [(u.row, u.col, u.rows, u.cols) for u in grid.units(range(1, 3))]
    pieces = [(0, 1024), (1024, 1024), (2048, 452)]
    assert units == [(row, col, 1, cols) for row in (1, 2) for col, cols in pieces]


def test_levels_are_in_sections_from_the_front() -> None:
    assert [section_of(level, 4) for level in (9, 3, 2, 1, 0)] == [0, 0, 1, 2, 3]
    assert {section_of(level, 1) for level in range(9)} == {0}


@pytest.mark.parametrize(
    ("size", "streams"),
    [
        ((255, 256), [1]),
        ((256, 256), [1, 1, 1, 1]),
        ((1, 65536), [1, 1, 1, 1]),
        ((1000, 1000), [1, 1, 4, 16]),
        ((600, 500), [1, 1, 2, 5]),
        ((5000, 5000), [6, 16, 16, 16]),
    ],
)
def test_how_many_streams_there_are(size: tuple[int, int], streams: list[int]) -> None:
    scans = ScanEncoder(*size)
    assert [len(coders) for coders in scans.coders] == streams
    assert [payload[0] for payload in scans.finish()] == streams


def payload_of(streams: list[list[int]]) -> bytes:
    """A section whose streams hold bits."""
    scans = ScanEncoder(1, 1)
    (scans.coders[0],) = [[scans.coders[0][0].__class__() for _ in streams]]
    for coder, bits in zip(scans.streams(0), streams, strict=True):
        coder.code(np.full(len(bits), 30000, np.uint16), np.array(bits, np.uint8))
    (payload,) = scans.finish()
    return payload


def test_streams_come_back() -> None:
    rng = np.random.default_rng(0)
    streams = [rng.integers(0, 2, n).tolist() for n in (0, 3000, 1, 0, 100, 40_000)]
    payload = payload_of(streams)
    for coder, bits in zip(ScanDecoder([payload]).streams(7), streams, strict=True):
        assert coder.code(np.full(len(bits), 30000, np.uint16)).tolist() == bits


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"", CorruptError),
        (b"\0", CorruptError),
        (bytes([MAX_STREAMS + 1]) + bytes(200), CorruptError),
        (b"\xff" + bytes(300), CorruptError),
        (b"\3\1", TruncatedError),  # within the lengths
        (b"\2\x80", TruncatedError),
        (b"\2" + b"\xff" * 9 + b"\1", CorruptError),
        (b"\2\5abcd", TruncatedError),  # a stream longer than the section
        (b"\3\2\2abc", TruncatedError),
        (b"\2" + b"\xff" * 7 + b"\x7f", TruncatedError),  # 2^56 - 1 bytes
        (b"\2\x80\x80\x80\x80\x80\x80\x80\x80\0", CorruptError),
    ],
)
def test_lengths_that_do_not_fit_are_refused(payload: bytes, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"data section|length"):
        ScanDecoder([payload])


def test_sections_that_are_missing_are_named() -> None:
    one = payload_of([[1, 0, 1]])
    scans = ScanDecoder([one, one], 4)
    for level in (9, 3, 2):
        assert len(scans.streams(level)) == 1
    for level in (1, 0):
        with pytest.raises(TruncatedError, match=f"level {level} is missing"):
            scans.streams(level)
    for sections in (0, 5):
        with pytest.raises(CorruptError, match="1 to 4"):
            ScanDecoder([one], sections)


def test_every_truncation_of_a_section_is_read_or_refused() -> None:
    """What is missing of the last stream counts as zeros, and the digest tells."""
    payload = payload_of([[1, 0] * 40, [1] * 3, [0, 1, 1] * 30])
    lengths = payload[1] + payload[2]
    for cut in range(len(payload)):
        if cut < 3 + lengths:
            with pytest.raises((TruncatedError, CorruptError)):
                ScanDecoder([payload[:cut]])
        else:
            ScanDecoder([payload[:cut]])
