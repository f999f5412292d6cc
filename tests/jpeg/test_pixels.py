"""Coefficients to pixels, against libjpeg-turbo in Pillow and OpenCV."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from inrcodec.history.upsampling import REPEATED
from inrcodec.jpeg.idct import ZIGZAG, component_samples, plain_samples
from inrcodec.jpeg.pixels import GREY, RGB, YCC, Frame, decode, upsample_chroma
from tests.jpeg.baseline import Baseline, read_baseline

SIZES = [(1, 1), (1, 40), (40, 1), (2, 5), (5, 3), (8, 8), (16, 16), (17, 33), (23, 6), (39, 40)]
FACTORS = {"4:4:4": 0x111111, "4:2:2": 0x211111, "4:2:0": 0x221111, "4:4:0": 0x121111}


def noisy(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture of edges, noise and clipped pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    base = 128 + 90 * np.sin(x / 5 + seed) + 60 * np.cos(y / 7) + 80 * ((x + y) // 9 % 2)
    parts = base[..., None] * [1, 0.8, 0.6] + rng.normal(0, 30, (height, width, 3))
    return np.clip(parts, 0, 255).astype(np.uint8)


def frame_of(read: Baseline, colour: str) -> Frame:
    down, across = read.factors[0]
    return Frame(read.height, read.width, colour, down, across)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("sampling", FACTORS)
def test_pixels_are_those_of_decoders(sampling: str, size: tuple[int, int]) -> None:
    """Of all samplings, at sizes that end anywhere in an MCU."""
    for quality in (5, 50, 90, 100):
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, FACTORS[sampling]]
        done, data = cv2.imencode(".jpg", noisy(*size, seed=quality), options)
        assert done
        read = read_baseline(data.tobytes())
        made = decode(frame_of(read, YCC), read.coefficients, read.tables)
        np.testing.assert_array_equal(made, np.asarray(Image.open(io.BytesIO(data.tobytes()))))
        np.testing.assert_array_equal(made, cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


@pytest.mark.parametrize("colour", [GREY, RGB])
def test_pixels_without_a_conversion(colour: str) -> None:
    """One component, and three that are R, G, B."""
    for quality in (20, 95):
        picture = noisy(21, 34)
        image = Image.fromarray(picture[..., 0] if colour == GREY else picture)
        file = io.BytesIO()
        image.save(file, "jpeg", quality=quality, subsampling=0, keep_rgb=True)
        read = read_baseline(file.getvalue())
        made = decode(frame_of(read, colour), read.coefficients, read.tables)
        np.testing.assert_array_equal(made, np.asarray(Image.open(file)))


def test_the_kernel_is_its_plain_form() -> None:
    """For any coefficients and tables."""
    rng = np.random.default_rng(0)
    for most in (20, 300, 32767):
        coefficients = rng.integers(-most - 1, most, (5, 7, 64), dtype=np.int16, endpoint=True)
        for step in (2, 256, 65536):
            table = rng.integers(0, step, 64, dtype=np.uint16)
            made = component_samples(coefficients, table)
            np.testing.assert_array_equal(made, plain_samples(coefficients, table))
    ends = np.where(rng.integers(0, 2, (3, 3, 64)) == 1, 32767, -32768).astype(np.int16)
    table = np.full(64, 65535, np.uint16)
    np.testing.assert_array_equal(component_samples(ends, table), plain_samples(ends, table))


def test_only_ten_bits_of_a_sample_are_looked_at() -> None:
    """A DC of 8 n is a sample of 128 + n, cut to 0 .. 255 within 512 of the middle."""
    dc = np.array([0, 127, 128, 511, 512, 895, 896, 1023, -128, -129, -512, -513])
    coefficients = np.zeros((1, dc.size, 64), dtype=np.int16)
    coefficients[0, :, 0] = dc
    table = np.full(64, 8, dtype=np.uint16)
    wanted = [128, 255, 255, 255, 0, 0, 0, 127, 0, 0, 0, 255]
    for samples in (component_samples(coefficients, table), plain_samples(coefficients, table)):
        assert samples[0, ::8].tolist() == wanted


def test_the_zigzag_order() -> None:
    """Its places follow one another diagonal by diagonal."""
    assert sorted(ZIGZAG) == list(range(64))
    assert ZIGZAG[:10].tolist() == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]
    assert ZIGZAG[-4:].tolist() == [47, 55, 62, 63]


def test_repeated_chroma() -> None:
    """As decoders have it without fancy upsampling."""
    frame = Frame(3, 5, YCC, 2, 2, REPEATED)
    chroma = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert upsample_chroma(frame, chroma).tolist() == [[0, 0, 1, 1, 2]] * 2 + [[3, 3, 4, 4, 5]]


@pytest.mark.parametrize(
    "fields",
    [(0, 1, YCC), (1, 1, "x"), (8, 8, RGB, 2), (8, 8, YCC, 3), (8, 8, YCC, 1, 2, "cosited")],
)
def test_frames_that_there_are_none_of(fields: tuple) -> None:
    """Are refused."""
    with pytest.raises(ValueError, match=r"a frame|only|no rule"):
        Frame(*fields)
