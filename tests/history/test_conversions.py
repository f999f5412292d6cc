"""Conversions of Y, Cb, Cr: near the published matrices, and what is known of their inverses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inrcodec.history import jfif
from inrcodec.history.chroma_search import Source
from inrcodec.history.conversions import CONVERSIONS, LUMA_REACH, Conversion
from inrcodec.history.planes import WHOLE, YCC, Geometry, Lattice, Planes
from inrcodec.history.subsampled import Subsampled
from inrcodec.history.upsampling import REPEATED

NAMES = [conversion.name for conversion in CONVERSIONS]
ALL = pytest.mark.parametrize("conversion", CONVERSIONS, ids=NAMES)


def colours(seed: int, count: int = 4000) -> np.ndarray:
    """At random, some at the ends of a channel: uint8 (3, count)."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 256, (3, count), dtype=np.uint8)
    values[rng.random(values.shape) < 0.05] = 0
    values[rng.random(values.shape) < 0.05] = 255
    return values


def exact(conversion: Conversion, y: np.ndarray, cb: np.ndarray, cr: np.ndarray) -> np.ndarray:
    """R, G, B as format_spec.md has it, in Python's integers."""
    tables = conversion.luma, conversion.r_cr, conversion.b_cb, conversion.g_cb, conversion.g_cr
    luma, r_cr, b_cb, g_cb, g_cr = (table.tolist() for table in tables)
    found = []
    for a, b, c in zip(y.tolist(), cb.tolist(), cr.tolist(), strict=True):
        sums = luma[a] + r_cr[c], luma[a] + g_cb[b] + g_cr[c], luma[a] + b_cb[b]
        found.append([min(max(s // conversion.divisor, 0), 255) for s in sums])
    return np.array(found, dtype=np.uint8).T


@ALL
def test_formulas(conversion: Conversion) -> None:
    ycc = colours(1)
    made = np.stack(conversion.rgb(*ycc))
    assert made.dtype == np.uint8
    assert np.array_equal(made, exact(conversion, *ycc))
    assert (np.diff(conversion.luma) >= 0).all()  # which searches by luma rely on


def matrix(red: float, blue: float, full: bool) -> tuple[np.ndarray, np.ndarray]:
    """Of Y', Cb, Cr to R, G, B, of weights of red and blue in Y'; and what is 0."""
    green = 1 - red - blue
    v, u = 2 * (1 - red), 2 * (1 - blue)
    ideal = np.array([[1, 0, v], [1, -blue * u / green, -red * v / green], [1, u, 0]])
    if not full:
        ideal *= np.array([255 / 219, 255 / 224, 255 / 224])
    return ideal, np.array([0 if full else 16, 128, 128])


PUBLISHED = {
    "jfif": matrix(0.299, 0.114, True),
    "bt.601": matrix(0.299, 0.114, False),
    "bt.601 full": matrix(0.299, 0.114, True),
    "bt.709": matrix(0.2126, 0.0722, False),
    "bt.709 full": matrix(0.2126, 0.0722, True),
    # Kodak, "Fully utilizing Photo CD images" (1991)
    "photo cd": (
        np.array([[1.3584, 0, 1.8215], [1.3584, -0.4302726, -0.9271435], [1.3584, 2.2179, 0]]),
        np.array([0, 156, 137]),
    ),
}


@ALL
def test_they_are_the_published_ones_but_for_rounding(conversion: Conversion) -> None:
    ycc = colours(2)
    ideal, zero = PUBLISHED[conversion.name]
    wanted = np.clip(ideal @ (ycc.astype(float) - zero[:, None]), 0, 255)
    difference = np.stack(conversion.rgb(*ycc)) - wanted
    # each term is rounded down by itself, at most
    assert difference.max() < 2
    assert difference.min() > -3.1
    if conversion.name == "jfif":
        assert abs(difference).max() < 0.51


def test_jfif_is_the_other_step_s() -> None:
    ycc = colours(3)
    other = jfif._converted(*ycc.astype(np.int64))
    assert np.array_equal(np.stack(CONVERSIONS[0].rgb(*ycc)), np.stack(other))


@ALL
def test_lumas_are_all_that_lead_there(conversion: Conversion) -> None:
    y, cb, cr = colours(4, 150)
    every = np.arange(256, dtype=np.uint8)[:, None].repeat(150, 1)
    made = np.stack(conversion.rgb(every, cb[None], cr[None]))  # (3, 256, n)
    wanted = np.stack(conversion.rgb(y, cb, cr))
    wanted[:, ::3] = colours(5, 150)[:, ::3]  # which hardly any leads to
    there = (made == wanted[:, None]).all(0)
    least, most = conversion.lumas(tuple(wanted), cb, cr)
    assert np.array_equal(least <= most, there.any(0))
    some = there.any(0)
    assert some.sum() >= 100
    assert np.array_equal(least[some], there.argmax(0)[some])
    assert np.array_equal(most[some], 255 - there[::-1].argmax(0)[some])


@ALL
def test_a_luma_that_leads_there_is_chosen(conversion: Conversion) -> None:
    y, cb, cr = colours(6)
    rgb = conversion.rgb(y, cb, cr)
    chosen = conversion.choose_luma(rgb, cb, cr)
    assert chosen.dtype == np.uint8
    assert np.array_equal(np.stack(conversion.rgb(chosen, cb, cr)), np.stack(rgb))


@ALL
def test_of_the_lumas_of_what_is_clipped_the_outermost_is_not_chosen(
    conversion: Conversion,
) -> None:
    grey = conversion.estimate(tuple(np.full(1, 90, np.uint8) for _ in range(3)))
    cb, cr = grey[1:].astype(np.uint8)
    for value in (0, 255):
        rgb = tuple(np.full(1, value, np.uint8) for _ in range(3))
        least, most = conversion.lumas(rgb, cb, cr)
        chosen = conversion.choose_luma(rgb, cb, cr)
        assert chosen == (least if value else most)
        if conversion.name == "photo cd" and value:
            assert most - least > 60  # which has room above white


@ALL
def test_where_none_leads_there_one_next_to_it_is_chosen(conversion: Conversion) -> None:
    y, cb, cr = (c[:300] for c in colours(7))
    y = np.clip(y, 60, 180)
    rgb = list(conversion.rgb(y, cb, cr))
    rgb[1] = (rgb[1].astype(int) ^ 1).astype(np.uint8)  # a green that is one off
    chosen = conversion.choose_luma(tuple(rgb), cb, cr).astype(int)
    lumas = conversion.lumas(tuple(rgb), cb, cr)
    lost = lumas.least > lumas.most
    assert lost.sum() > 50
    start = conversion.estimate(tuple(rgb))[0]
    assert (abs(chosen - start)[lost] <= LUMA_REACH).all()
    made = np.stack(conversion.rgb(chosen.astype(np.uint8), cb, cr)).astype(int)
    wrong = (made != np.stack(rgb)).sum(0)
    # red and blue are right where the estimate is near enough to what the colour came from
    near = lost & (abs(start - y) <= LUMA_REACH)
    assert near.any()
    assert (wrong[near] <= 2).all()
    assert (wrong[near] == 1).mean() > 0.9


@ALL
def test_preimages(conversion: Conversion) -> None:
    ycc = colours(8)
    rgb = conversion.rgb(*ycc)
    inside = np.all([(c > 0) & (c < 255) for c in rgb], axis=0)
    rgb = tuple(c[inside] for c in rgb)
    found, right = conversion.preimages(rgb)
    assert right.mean() > 0.999
    made = np.stack(conversion.rgb(*found))
    assert np.array_equal((made == np.stack(rgb)).all(0), right)
    # most of them are the only ones
    assert (found == ycc[:, inside]).all(0).mean() > 0.5
    # and of any colours only a part has one
    assert conversion.preimages(tuple(colours(9)))[1].mean() < 0.6


@given(st.integers(0, 2**32 - 1), st.sampled_from(CONVERSIONS))
def test_intervals(seed: int, conversion: Conversion) -> None:
    """Of R by Cr and of B by Cb: what lies between them leads there, and nothing else."""
    rng = np.random.default_rng(seed)
    value, chroma = (int(n) for n in rng.integers(0, 256, 2))
    y = np.arange(256, dtype=np.uint8)
    same = np.full(256, chroma, np.uint8)
    red, _, blue = conversion.rgb(y, same, same)
    for made, (least, most) in zip((red, blue), conversion.intervals, strict=True):
        low, high = int(least[value, chroma]), int(most[value, chroma])
        assert np.array_equal(made == value, (low <= y) & (y <= high))


def test_uncompressed_video_is_converted_as_ffmpeg_does(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    path, height, width = tmp_path / "a.avi", 48, 64
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"I420"), 5, (width, height))
    if not writer.isOpened():
        pytest.skip("OpenCV without FFmpeg")
    rows, cols = np.mgrid[0:height, 0:width]
    frame = np.stack([rows * 5, cols * 4, 255 - rows * 2 - cols], axis=-1) % 256
    writer.write(frame.astype(np.uint8))
    writer.release()
    _, decoded = cv2.VideoCapture(str(path)).read()
    raw = path.read_bytes()
    at = raw.index(b"00dc", raw.index(b"movi")) + 8  # a chunk's tag and length
    raw = np.frombuffer(raw, np.uint8, height * width * 3 // 2, at)
    y = raw[: height * width].reshape(height, width)
    cb, cr = raw[height * width :].reshape(2, height // 2, width // 2)
    lattices = (WHOLE, Lattice(2, 2), Lattice(2, 2))
    planes = Planes(Geometry(height, width, 8, YCC, False, lattices), (y, cb, cr))
    step = Subsampled(Source(CONVERSIONS[2], REPEATED, Lattice(2, 2)))
    assert np.array_equal(step.undo(planes).array(), decoded[:, :, ::-1])
