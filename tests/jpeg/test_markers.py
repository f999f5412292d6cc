"""What a JPEG file's markers say."""

from __future__ import annotations

import numpy as np
import pytest

from inrcodec.errors import ImageError
from inrcodec.jpeg.entropy.markers import read_markers
from tests.jpeg.files import Script, frame_of, headers, joined, picture, pillow, segment, written


def test_a_baseline_file() -> None:
    tables = [list(range(1, 65)), [9] * 64]
    data = pillow(picture(45, 59), qtables=tables, subsampling="4:2:0", restart_marker_blocks=5)
    markers = read_markers(data, "it")
    frame = markers.frame
    assert (frame.width, frame.height, frame.precision, frame.progressive) == (59, 45, 8, False)
    assert [(c.id, c.h, c.v, c.table) for c in frame.components] == [
        (1, 2, 2, 0), (2, 1, 1, 1), (3, 1, 1, 1)
    ]  # fmt: skip
    assert [frame.shape(i) for i in range(3)] == [(6, 8, 64), (3, 4, 64), (3, 4, 64)]
    assert [frame.blocks(i) for i in range(3)] == [(6, 8), (3, 4), (3, 4)]
    assert all(table.dtype == np.uint16 for table in markers.quantisation)
    assert sorted(markers.quantisation[0]) == tables[0]
    assert (markers.quantisation[2] == 9).all()
    (scan,) = markers.scans
    assert (scan.components, scan.ss, scan.se, scan.ah, scan.al) == ((0, 1, 2), 0, 63, 0, 0)
    assert scan.restart == 5
    assert data[scan.end :] == b"\xff\xd9"
    assert all(len(table) == 16 + sum(table[:16]) for pair in scan.tables for table in pair)


def test_a_progressive_file() -> None:
    markers = read_markers(written()["pillow-progressive"], "it")
    assert markers.frame.progressive
    assert [s.components for s in markers.scans if not s.ss] == [(0, 1, 2)] * 2
    for scan in markers.scans:
        for dc, ac in scan.tables:
            assert bool(dc) == (scan.ss == scan.ah == 0)
            assert bool(ac) == (scan.ss > 0)


def test_an_only_component_has_no_whole_mcus() -> None:
    frame = frame_of(17, 9, [(2, 2)])
    assert frame.shape(0) == (2, 3, 64)
    assert frame_of(17, 9, [(2, 2), (1, 2)]).shape(0) == (2, 4, 64)
    assert frame_of(17, 9, [(2, 2), (1, 2)]).shape(1) == (2, 2, 64)


def test_quantisation_of_the_first_scan_counts() -> None:
    """Tables of 16 bits, one of them anew between two scans."""
    rng = np.random.default_rng(0)
    heads = headers(frame_of(8, 8, [(1, 1), (1, 1)]), [Script((0,)), Script((1,))], rng)
    wide = segment(0xDB, b"\x10" + b"\1\2" * 64)
    markers = read_markers(joined([heads[0], wide + heads[1], heads[2]], [b"\0"] * 2), "it")
    assert markers.quantisation[0].tolist() == list(range(1, 65))
    assert (markers.quantisation[1] == 258).all()


@pytest.mark.parametrize(
    ("marker", "body", "why"),
    [
        (0xC4, b"\0" + bytes([3]) + bytes(15) + b"abc", "more codes"),
        (0xC4, b"\0" + bytes([2]) + bytes(15) + b"a", "damaged Huffman"),
        (0xC4, b"\4" + bytes(16), "damaged Huffman"),
        (0xDB, b"\4" + bytes(64), "damaged quantisation"),
        (0xDB, b"\x10" + bytes(64), "damaged quantisation"),
        (0xDD, b"\0", "restart interval"),
        (0xC0, bytes((8, 0, 8, 0, 8, 5, *[1, 17, 0] * 5)), "components"),
        (0xC0, bytes((8, 0, 8, 0, 8, 2, *[1, 17, 0] * 2)), "components"),
        (0xC0, bytes((8, 0, 8, 0, 8, 1, 1, 0x15, 0)), "sampling factors"),
        (0xC0, bytes((8, 0, 8, 0, 8, 1, 1, 0x11, 4)), "quantisation table beyond"),
        (0xC0, bytes((8, 0, 8, 0, 8, 1, 1)), "frame header"),
        (0xC0, bytes((8, 0, 8, 0, 0, 1, 1, 0x11, 0)), "empty"),
        (0xDA, bytes((1, 1, 0, 0, 63, 0)), "before its frame"),
        (0xC6, b"", "hierarchical"),
    ],
)
def test_damaged_segments(marker: int, body: bytes, why: str) -> None:
    data = written()["pillow-grey"]
    with pytest.raises(ImageError, match=why):
        read_markers(data[:2] + segment(marker, body) + data[2:], "it")
    end = data[:-2] + segment(marker, body)
    if marker == 0xDA:  # a second scan that is none
        end = data[:-2] + segment(marker, b"\1\7" + body[2:])
    if why not in ("before its frame",):
        assert len(read_markers(end + data[-2:], "it").scans) == 1


@pytest.mark.parametrize(
    "body", [b"", b"\1\1\0\0\x3f", b"\0\0\x3f\0", b"\1\2\0\0\x3f\0", b"\2\1\0\1\0\0\0\0"]
)
def test_damaged_scan_headers(body: bytes) -> None:
    data = written()["pillow-grey"]
    scan = data.index(b"\xff\xda")
    with pytest.raises(ImageError, match="scan"):
        read_markers(data[:scan] + segment(0xDA, body) + data[scan + 10 :], "it")


@pytest.mark.parametrize(
    "coefficients", [(0, 5, 0), (6, 5, 0), (1, 64, 0), (1, 5, 14), (1, 5, 0x31)]
)
def test_damaged_progressions(coefficients: tuple[int, int, int]) -> None:
    data = written()["pillow-progressive-grey"]
    scan = data.index(b"\xff\xda")
    body = b"\1\1\0" + bytes(coefficients)
    with pytest.raises(ImageError, match="coefficients that there are not"):
        read_markers(data[:scan] + segment(0xDA, body) + data[scan + 10 :], "it")
