"""JPEGs found in the pixels that they were decoded to."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from inrcodec.jpeg.finder import subsampled
from inrcodec.jpeg.finder.find import Found, find_jpeg
from inrcodec.jpeg.finder.grid import find_grid
from inrcodec.jpeg.pixels import GREY, RGB, YCC
from inrcodec.jpeg.tables import CHROMA, LUMA, standard_table
from inrcodec.jpeg.turned import Orientation
from tests.jpeg.test_pixels import FACTORS

ORIENTATIONS = [Orientation(*(n >> k & 1 == 1 for k in range(3))) for n in range(8)]


def photograph(height: int = 120, width: int = 144, seed: int = 0) -> np.ndarray:
    """Something like one: edges, shades and fine grain, hardly clipped."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (3, height, width))
    made = np.zeros((height, width, 3))
    for size, much in ((1, 6), (3, 14), (9, 30), (25, 90)):
        for channel in range(3):
            own = cv2.GaussianBlur(noise[channel] + 0.7 * noise[0], (0, 0), size)
            made[..., channel] += much * own / own.std() * (0.5 if channel else 1)
    made += 40 * (np.indices((height, width)).sum(axis=0) // 31 % 2)[..., None]
    return np.clip(110 + 0.5 * made, 3, 250).astype(np.uint8)


def decoded(picture: np.ndarray, quality: int, sampling: str = "4:4:4") -> np.ndarray:
    """Saved as a JPEG and read again, by OpenCV."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, FACTORS[sampling]]
    data = cv2.imencode(".jpg", np.atleast_3d(picture)[..., ::-1], options)[1]
    found = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    return np.ascontiguousarray(found if found.ndim == 2 else found[..., ::-1])


def found_in(picture: np.ndarray) -> Found:
    """The JPEG, which tells its pixels."""
    found = find_jpeg(picture)
    assert found is not None
    off = np.atleast_3d(found.pixels() != picture).any(axis=2)
    np.testing.assert_array_equal(off, found.wrong)
    for n, own in enumerate(found.coefficients):
        assert own.dtype == np.int16
        assert own.shape == (*found.frame.blocks(n), 64)
    return found


@pytest.mark.parametrize(
    ("sampling", "quality"), [(s, q) for s in FACTORS for q in (50, 75, 90)] + [("4:4:4", 96)]
)
def test_pictures_at_the_usual_settings(sampling: str, quality: int) -> None:
    """All pixels, or all but a few, and the standard tables."""
    found = found_in(decoded(photograph(), quality, sampling))
    assert found.wrong.mean() < 0.002
    assert found.frame.colour == YCC
    steps = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2), "4:4:0": (2, 1)}
    assert (found.frame.row_step, found.frame.col_step) == steps[sampling]
    np.testing.assert_array_equal(found.tables[0], standard_table(LUMA, quality))
    np.testing.assert_array_equal(found.tables[1], standard_table(CHROMA, quality))


@pytest.mark.parametrize("quality", [60, 95])
def test_grey_and_rgb(quality: int) -> None:
    """JPEGs of one component, and of three that were not converted."""
    grey = decoded(photograph()[..., 0], quality)
    found = found_in(grey)
    assert found.frame.colour == GREY
    assert found.wrong.mean() < 0.001
    file = io.BytesIO()
    Image.fromarray(photograph()).save(file, "jpeg", quality=quality, keep_rgb=True)
    found = found_in(np.asarray(Image.open(file)))
    assert found.frame.colour == RGB
    assert found.wrong.mean() < 0.001


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_turned_pictures(orientation: Orientation) -> None:
    """In all eight ways, with upsampling that is not symmetric."""
    for sampling in ("4:4:4", "4:2:0", "4:2:2"):
        picture = decoded(photograph(), 80, sampling)
        turned = np.ascontiguousarray(orientation.apply(picture))
        np.testing.assert_array_equal(orientation.undo(turned), picture)
        found = found_in(turned)
        assert found.wrong.mean() < 0.005
        assert found.orientation.transposed == orientation.transposed


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:0"])
def test_crops(sampling: str) -> None:
    """Anywhere in a block: the grid is told, and most of the pixels."""
    picture = decoded(photograph(), 85, sampling)
    for top, left in ((3, 5), (8, 16), (0, 9)):
        found = found_in(picture[top : top + 101, left : left + 115])
        assert (found.top % 8, found.left % 8) == (top % 8, left % 8)
        assert found.wrong.mean() < 0.03


def test_a_caption_and_a_border() -> None:
    """Cost no more than the blocks that they cover."""
    picture = decoded(photograph(), 85, "4:2:0")
    cv2.putText(picture, "caption", (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255))
    found = found_in(picture)
    rows, _ = np.nonzero(found.wrong)
    assert rows.min() >= 32
    assert rows.max() < 80
    assert found.wrong[:, 112:].mean() < 0.01
    framed = cv2.copyMakeBorder(
        decoded(photograph(), 85), 9, 13, 7, 5, cv2.BORDER_CONSTANT, value=(20, 30, 40)
    )
    found = found_in(framed)
    assert found.area == (9, 7, 129, 151)
    assert found.colour == (20, 30, 40)
    assert found.wrong.mean() < 0.001


def test_clipped_pixels() -> None:
    """Blocks with some are mostly found."""
    bright = np.clip(photograph().astype(int) * 1.5 - 40, 0, 255).astype(np.uint8)
    for sampling in ("4:4:4", "4:2:0"):
        picture = decoded(bright, 85, sampling)
        assert 0.02 < ((picture == 0) | (picture == 255)).any(axis=2).mean() < 0.5
        assert found_in(picture).wrong.mean() < 0.1


def test_pictures_without_a_jpeg() -> None:
    """Are none, nor are those too small to tell."""
    assert find_jpeg(photograph()) is None
    assert find_jpeg(photograph()[..., 0]) is None
    assert find_jpeg(np.zeros((64, 64, 3), dtype=np.uint8)) is None
    assert find_jpeg(decoded(photograph(14, 40), 80)) is None
    rng = np.random.default_rng(0)
    assert find_jpeg(rng.integers(0, 256, (80, 90, 3), dtype=np.uint8)) is None


def test_the_grid_is_told_at_any_offset() -> None:
    """Of a grey picture."""
    picture = decoded(photograph()[..., 0], 80)
    for top, left in ((0, 0), (1, 7), (4, 3), (7, 0)):
        assert find_grid(picture[top:, left:]) == (-top % 8, -left % 8)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_large_pictures_are_searched_in_bands(
    orientation: Orientation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same result, but for a few pixels."""
    monkeypatch.setattr(subsampled, "PIXELS", 1 << 13)
    picture = decoded(photograph(230, 150), 80, "4:2:0")[3:, 5:]
    found = found_in(np.ascontiguousarray(orientation.apply(picture)))
    assert found.wrong.mean() < 0.02
    mirrored = (
        orientation.cols_mirrored if not orientation.transposed else orientation.rows_mirrored
    )
    if not mirrored:
        assert found.left == 5
