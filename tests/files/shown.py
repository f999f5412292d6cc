"""What tests look at in the frames of animations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inrcodec.files.animation import Animation, open_animation
from inrcodec.files.apng import write_apng
from inrcodec.files.picture import Picture
from inrcodec.files.timing import delay_of, of_frame, repeats_of
from tests.files.animations import Stored, shown_by_pillow

GOOD = [Stored(np.full((5, 6), n, np.uint8)) for n in range(3)]


def opened(data: bytes) -> Animation:
    found = open_animation(data, "it")
    assert found is not None
    return found


def pictures(animation: Animation) -> list[Picture]:
    return [
        Picture(
            page.read(0, 0, page.height, page.width),
            page.type,
            of_frame(page.metadata, animation.metadata),
        )
        for page in animation
    ]


def rgba(image: np.ndarray) -> np.ndarray:
    """Any array of 8 bits as RGBA."""
    cube = image.reshape(*image.shape[:2], -1)
    colours = cube[..., [0, 0, 0]] if cube.shape[2] < 3 else cube[..., :3]
    alpha = cube[..., -1:] if cube.shape[2] in (2, 4) else np.full_like(cube[..., :1], 255)
    return np.concatenate([colours, alpha], axis=2)


def check(animation: Animation, shown: Sequence[np.ndarray]) -> None:
    """Frames are as they should be, read in any order, and come back from an APNG."""
    found = pictures(animation)
    assert len(found) == len(shown)
    for picture, wanted in zip(found, shown, strict=True):
        picture.check("it")
        np.testing.assert_array_equal(rgba(picture.array()), wanted)
    for number in (len(found) - 1, 0, len(found) // 2):
        page = animation[number]
        assert (page.bits, page.channels) == (8, 1 if found[0].samples.ndim == 2 else page.channels)
        np.testing.assert_array_equal(page.read(3, 2, 5, 4), found[number].samples[3:8, 2:6])
    back = write_apng(found)
    again = opened(back)
    for one, other in zip(found, pictures(again), strict=True):
        np.testing.assert_array_equal(one.array(), other.array())
        assert delay_of(one.metadata) == delay_of(other.metadata)
    assert repeats_of(again.metadata) == repeats_of(animation.metadata)
    for picture, other in zip(found, shown_by_pillow(back), strict=True):
        np.testing.assert_array_equal(rgba(picture.array()), other)
