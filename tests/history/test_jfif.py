"""Colour history: found where it is, not where it is not, and undone exactly."""

from __future__ import annotations

import numpy as np
import pytest

import inrcodec
from inrcodec.history import jfif as colour
from tests.pictures import jpeg_scene, scene, unfitted_file


def test_the_conversion_is_the_jpeg_decoders() -> None:
    cv2 = pytest.importorskip("cv2")
    image = scene(64, 64, 3, np.uint8)
    # 4:4:4, so that pixels are converted and nothing else
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90, *sampling])[1]
    decoded = cv2.cvtColor(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    planes = colour.find_jfif(decoded)
    assert planes is not None
    assert np.array_equal(colour.jfif_to_rgb(planes), decoded)


def test_photographs_without_that_history_have_none() -> None:
    assert colour.find_jfif(scene(64, 64, 3, np.uint8)) is None
    assert (
        colour.find_jfif(np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)) is None
    )
    for other in (
        scene(64, 64, 1, np.uint8),
        scene(64, 64, 2, np.uint8),
        scene(9, 9, 3, np.uint16),
    ):
        assert colour.find_jfif(other) is None


def test_strips_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    image = jpeg_scene(70, 80, exceptions=1)
    whole = colour.find_jfif(image)
    assert whole is not None
    restored = colour.jfif_to_rgb(whole)
    monkeypatch.setattr(colour, "STRIP", 250)
    assert np.array_equal(colour.find_jfif(image), whole)
    assert np.array_equal(colour.jfif_to_rgb(whole), restored)


@pytest.mark.parametrize("exceptions", [0, 1, 4])
def test_round_trip(exceptions: int) -> None:
    image = jpeg_scene(70, 80, exceptions)
    data = unfitted_file(image)
    assert np.array_equal(inrcodec.decode(data), image)
    names = [row["channel"] for row in inrcodec.info(data)["planes"]]
    assert list(dict.fromkeys(names)) == ["Y", "Cb", "Cr"]
    with_alpha = np.dstack([image, scene(70, 80, 2, np.uint8)[:, :, 1]])
    assert np.array_equal(inrcodec.decode(unfitted_file(with_alpha)), with_alpha)


def test_it_pays() -> None:
    image = jpeg_scene(128, 128)
    data = inrcodec.encode(image, effort=1, model="context", device="cpu")
    assert np.array_equal(inrcodec.decode(data), image)
    assert inrcodec.info(data, planes=False)["conversion"] == "jfif"
    for name in (scene(32, 32, 3, np.uint8), scene(32, 32, 1, np.uint8)):
        assert inrcodec.info(unfitted_file(name), planes=False)["conversion"] is None


def test_damaged_exceptions_are_refused() -> None:
    image = jpeg_scene(70, 80)
    one = (5).to_bytes(4, "little") + b"abc"
    two = (6).to_bytes(4, "little") + b"def"
    colour.apply_exceptions(image, one + two)
    assert image[0, 5].tobytes() == b"abc"
    beyond = (5600).to_bytes(4, "little") + b"abc"
    for damaged in (one[:-1], two + one, one + one, beyond):
        with pytest.raises(inrcodec.CorruptError):
            colour.apply_exceptions(image, damaged)
