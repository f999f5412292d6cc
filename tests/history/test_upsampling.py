"""Upsampling of chroma: sample by sample, and as the decoders do it that it is taken from."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inrcodec.history.chroma_search import LATTICES, Source
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.planes import WHOLE, YCC, Geometry, Lattice, Planes
from inrcodec.history.subsampled import Subsampled
from inrcodec.history.upsampling import (
    BICUBIC,
    COSITED,
    FINE,
    REPEATED,
    TRIANGLE,
    taps,
    upsample,
)

RULES = (COSITED, REPEATED, TRIANGLE)  # that make samples of samples


def one_pixel(samples: np.ndarray, lattice: Lattice, rule: str, row: int, col: int) -> int:
    """As format_spec.md has it."""
    parts, odd = [], []
    for at, step, phase, n in (
        (row, lattice.row_step, lattice.row_phase, samples.shape[0]),
        (col, lattice.col_step, lattice.col_phase, samples.shape[1]),
    ):
        place = at + phase
        k, q = divmod(place, step)
        last = min(k + 1, n - 1)
        if step == 1 or rule == REPEATED:
            parts.append([(k, 1)])
            continue
        odd.append(q)
        if rule == COSITED:
            parts.append([(k, 1), (last, 1)] if q else [(k, 2)])
        else:
            parts.append([(k, 3), (last if q else max(k - 1, 0), 1)])
    pairs = [(samples[i, j].item(), a * b) for (i, a), (j, b) in product(*parts)]
    total = sum(part for _, part in pairs)
    add = total // 2
    if rule == TRIANGLE and total > 1:
        add = 8 - odd[-1] if total == 16 else 1 + odd[-1]
    return (sum(value * part for value, part in pairs) + add) // total


@given(
    st.integers(0, 2**32 - 1), st.sampled_from(LATTICES), st.sampled_from(RULES),
    st.integers(1, 9), st.integers(1, 9),
)  # fmt: skip
def test_each_pixel(seed: int, lattice: Lattice, rule: str, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.integers(0, 256, lattice.size(height, width), np.uint8)
    if seed % 3 == 0:
        samples = samples // 254 * np.uint8(255)  # sums at their ends
    made = upsample(samples, lattice, rule, height, width)
    assert (made.dtype, made.shape) == (np.uint8, (height, width))
    for row, col in np.ndindex(height, width):
        assert made[row, col] == one_pixel(samples, lattice, rule, row, col)


@given(
    st.integers(0, 2**32 - 1), st.sampled_from(LATTICES), st.sampled_from(RULES),
    st.integers(1, 9), st.integers(1, 9),
)  # fmt: skip
def test_taps(seed: int, lattice: Lattice, rule: str, height: int, width: int) -> None:
    rows, cols = lattice.size(height, width)
    samples = np.random.default_rng(seed).integers(0, 256, (rows, cols), np.uint8)
    exact = np.zeros((height, width))
    for y in taps(rule, lattice.row_step, lattice.row_phase, height, rows):
        for x in taps(rule, lattice.col_step, lattice.col_phase, width, cols):
            exact += samples[np.ix_(y.sample, x.sample)] * y.part[:, None] * x.part
    made = upsample(samples, lattice, rule, height, width)
    assert abs(made - exact).max() <= 0.5


@given(st.integers(0, 255), st.sampled_from(LATTICES), st.sampled_from(RULES))
def test_what_is_flat_stays_flat(value: int, lattice: Lattice, rule: str) -> None:
    samples = np.full(lattice.size(7, 6), value, np.uint8)
    assert (upsample(samples, lattice, rule, 7, 6) == value).all()


@pytest.mark.parametrize("lattice", LATTICES, ids=str)
@pytest.mark.parametrize("rule", RULES)
def test_a_crop_has_a_phase(lattice: Lattice, rule: str) -> None:
    """From one place on, what is upsampled from the same samples is the same."""
    rows, cols = np.mgrid[0:9, 0:8]
    samples = (17 * rows + 29 * cols).astype(np.uint8)
    steps = lattice.row_step, lattice.col_step
    whole = upsample(samples, Lattice(*steps), rule, 9 * steps[0], 8 * steps[1])
    y, x = lattice.row_phase, lattice.col_phase
    part = upsample(samples, lattice, rule, 9 * steps[0] - y, 8 * steps[1] - x)
    assert np.array_equal(part, whole[y:, x:])


def wavy(rows: int, cols: int, turn: float) -> np.ndarray:
    y, x = np.mgrid[0:rows, 0:cols]
    noise = np.random.default_rng(int(turn * 10)).normal(0, 4, y.shape)
    return np.clip(128 + 40 * np.sin(y / turn) + 40 * np.cos(x / 3) + noise, 0, 255).astype("u1")


@pytest.mark.parametrize("step", [(2, 2), (1, 2), (2, 1)])
@pytest.mark.parametrize("size", [(40, 48), (37, 43), (9, 7)])
@pytest.mark.parametrize("crop", [(0, 0), (1, 1)])
def test_triangle_is_what_libjpeg_does(
    step: tuple[int, int], size: tuple[int, int], crop: tuple[int, int]
) -> None:
    codecs = pytest.importorskip("imagecodecs")

    def through_jpeg(plane: np.ndarray) -> np.ndarray:
        return codecs.jpeg8_decode(codecs.jpeg8_encode(plane, level=100))

    lattice = Lattice(*step)
    coarse = lattice.size(*size)
    y, cb, cr = wavy(*size, 4), wavy(*coarse, 3), wavy(*coarse, 2)
    # chroma that is repeated is what an encoder finds again, with tables of ones as grey has them
    full = [upsample(chroma, lattice, REPEATED, *size) for chroma in (cb, cr)]
    name = {(2, 2): "420", (1, 2): "422", (2, 1): "440"}[step]
    jpeg = codecs.jpeg8_encode(
        np.stack([y, *full], axis=-1), level=100, colorspace="YCbCr", outcolorspace="YCbCr",
        subsampling=name,
    )  # fmt: skip
    planes = [through_jpeg(np.ascontiguousarray(plane)) for plane in (y, cb, cr)]
    decoded = codecs.jpeg8_decode(jpeg, colorspace="YCbCr", outcolorspace="YCbCr")
    assert np.array_equal(decoded[:, :, 0], planes[0])
    for channel in (1, 2):
        made = upsample(planes[channel], lattice, TRIANGLE, *size)
        assert np.array_equal(made, decoded[:, :, channel])
    # and all of it, of a part that begins at odd rows and columns where these are halved
    phase = tuple(min(a, b - 1) for a, b in zip(crop, step, strict=True))
    shifted = Lattice(*step, *phase)
    height, width = (n - p for n, p in zip(size, phase, strict=True))
    geometry = Geometry(height, width, 8, YCC, False, (WHOLE, shifted, shifted))
    whole = Planes(geometry, (planes[0][phase[0] :, phase[1] :], *planes[1:]))
    back = Subsampled(Source(CONVERSIONS[0], TRIANGLE, shifted)).undo(whole).array()
    assert np.array_equal(back, codecs.jpeg8_decode(jpeg)[phase[0] :, phase[1] :])


@given(st.integers(0, 2**32 - 1), st.integers(4, 9), st.integers(4, 9))
def test_bicubic_taps(seed: int, rows: int, cols: int) -> None:
    # not so bright that swscale cuts sums between its two passes
    samples = np.random.default_rng(seed).integers(0, 200, (rows, cols), np.uint8)
    exact = np.zeros((2 * rows, 2 * cols))
    for y in taps(BICUBIC, 2, 0, 2 * rows, rows):
        for x in taps(BICUBIC, 2, 0, 2 * cols, cols):
            exact += samples[np.ix_(y.sample, x.sample)] * y.part[:, None] * x.part
    made = upsample(samples, Lattice(2, 2), BICUBIC, 2 * rows, 2 * cols) / FINE + 128
    assert abs(made - exact).max() < 0.1
    flat = np.full((rows, cols), seed % 256, np.uint8)
    made = upsample(flat, Lattice(2, 2), BICUBIC, 2 * rows, 2 * cols)
    assert (made == FINE * (seed % 256 - 128)).all()


@pytest.mark.parametrize("rule", [BICUBIC, REPEATED])
@pytest.mark.parametrize("name", ["bt.601", "bt.601 full", "bt.709", "bt.709 full"])
def test_video_is_what_ffmpeg_does(name: str, rule: str) -> None:
    """swscale.npz: a frame of noisy waves, yuv420p of 28 x 24, as FFmpeg 9.0.2 made rgb24 of it, by

    ffmpeg -f rawvideo -pix_fmt yuv420p -s 28x24 -i FRAME -vf scale=flags=bicubic+accurate_rnd+
    full_chroma_int:in_color_matrix=bt601:in_range=tv -pix_fmt rgb24 -f rawvideo OUT

    and its like; without the two last flags for what is repeated.
    """
    data = np.load(Path(__file__).with_name("swscale.npz"))
    y, cb, cr = np.split(data["yuv"], [28 * 24, 28 * 24 * 5 // 4])
    whole, half = (24, 28), Lattice(2, 2)
    geometry = Geometry(*whole, 8, YCC, False, (WHOLE, half, half))
    planes = Planes(geometry, (y.reshape(whole), cb.reshape(12, 14), cr.reshape(12, 14)))
    conversion = next(each for each in CONVERSIONS if each.name == name)
    made = Subsampled(Source(conversion, rule, half)).undo(planes).array()
    assert np.array_equal(made, data[f"{name} {rule}"])
