"""Pictures in which 0 is white, as files that have it otherwise, and what these do not hold."""

from __future__ import annotations

import numpy as np
import pytest

from inrcodec import Picture, PixelType
from inrcodec.files.images import not_kept, read_picture, write_picture
from tests.pictures import scene


@pytest.mark.parametrize("extension", [".png", ".pam"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_is_not_inverted(extension: str, dtype: type) -> None:
    samples = scene(9, 12, 2, dtype)
    picture = Picture(samples, PixelType(white=True))
    back = read_picture(write_picture(picture, extension)).samples
    assert np.array_equal(back[..., 0], np.iinfo(dtype).max - samples[..., 0])
    assert np.array_equal(back[..., 1], samples[..., 1])
    assert not_kept(picture, extension) == ("that 0 is white (samples are inverted)",)


@pytest.mark.parametrize("extension", [".pgm", ".pnm", ".pam"])
@pytest.mark.parametrize("depth", [2, 4])
def test_the_depth_is_named(extension: str, depth: int) -> None:
    samples = scene(9, 12, 1, np.uint8).squeeze() >> 8 - depth
    picture = Picture(samples, PixelType(depth=depth))
    assert not_kept(picture, extension) == (f"that samples have {depth} bits",)
