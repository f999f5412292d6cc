"""The pictures of a fit under way (coordinate.fit.Step): those that the stored networks give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import inrcodec
from inrcodec import Coordinate, Picture, PixelType
from tests.pictures import scene

SMALL: dict[str, Any] = {"width": 12, "depth": 1, "learning_rate": 3e-3}


@pytest.mark.parametrize("options", [
    {"layout": "value"}, {"layout": "value", "transform": "rpp"},
    {"layout": "value", "transform": "sym-power", "batch": 7},
    {"layout": "joint"}, {"layout": "per-plane", "backbone": "pe-relu", "batch": 7},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3])
def test_the_last_picture_is_that_of_the_file(options: dict[str, Any], channels: int) -> None:
    image = scene(7, 6, channels, np.uint8)
    networks = Coordinate(**{**SMALL, "steps": 40, **options})
    shown: list[np.ndarray] = []

    def watch(step: Any) -> None:
        if step.step % 20 == 0:
            shown.extend(step.pictures())

    data = inrcodec.encode(
        image, model="coordinate", coordinate=networks, threads=1, weights="fp16", watch=watch
    )
    assert len(shown) == 2
    last = inrcodec.resample(data)
    assert all(picture.dtype == np.uint8 and picture.shape == last.shape for picture in shown)
    # float sums and integers differ in the last place, which may decide a bit
    assert np.mean(np.abs(shown[1].astype(int) - last) <= 1) > 0.97
    assert not np.array_equal(shown[0], shown[1])


def test_pictures_of_fewer_bits_and_of_palettes() -> None:
    few = scene(7, 6, 1, np.uint8) % 4
    for kind, shape in (
        (PixelType(depth=2), (7, 6)),
        (PixelType(depth=2, palette=bytes(range(12))), (7, 6, 3)),
    ):
        shown: list[np.ndarray] = []
        inrcodec.encode(
            Picture(few, kind), model="coordinate", threads=1,
            coordinate=Coordinate(**SMALL, steps=3, layout="value"),
            watch=lambda step, shown=shown: shown.extend(step.pictures()),  # type: ignore[misc]
        )  # fmt: skip
        assert len(shown) == 3
        assert all(picture.shape == shape for picture in shown)
        colours = kind.expand(np.arange(4, dtype=np.uint8)[None])
        assert set(np.unique(shown[-1])) <= set(np.unique(colours))


def test_pictures_of_a_mixture() -> None:
    images = [scene(7, 6, 3, np.uint16, seed) for seed in range(3)]
    shown: list[list[np.ndarray]] = []
    inrcodec.encode_set(
        images, sets=2, coordinate=Coordinate(**SMALL, steps=2), threads=1,
        watch=lambda step: shown.append(step.pictures()),
    )  # fmt: skip
    assert [len(pictures) for pictures in shown] == [3, 3]
    assert all(p.shape == (7, 6, 3) and p.dtype == np.uint16 for p in shown[0])
    assert not np.array_equal(shown[0][0], shown[1][0])
