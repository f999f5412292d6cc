"""Colour history: found where it is, not where it is not, and undone exactly."""

from __future__ import annotations

import numpy as np
import pytest

import inrcodec
from inrcodec.contents import parse, planes_of
from inrcodec.files.picture import Picture
from inrcodec.history import jfif
from inrcodec.history.jfif import Jfif
from inrcodec.history.planes import YCC
from tests.pictures import jpeg_scene, scene, unfitted_file


def find(image: np.ndarray) -> Jfif | None:
    return Jfif.find(planes_of(Picture(image)))


def there_and_back(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Y, Cb, Cr, and R, G, B again."""
    planes, step = planes_of(Picture(image)), find(image)
    assert step is not None
    coded = step.forward(planes)
    assert coded.geometry == step.geometry(planes.geometry)
    assert coded.geometry.kind == YCC
    assert step.undo(coded).geometry == planes.geometry
    return coded.array(), step.undo(coded).array()


def test_the_conversion_is_the_jpeg_decoders() -> None:
    cv2 = pytest.importorskip("cv2")
    image = scene(64, 64, 3, np.uint8)
    # 4:4:4, so that pixels are converted and nothing else
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90, *sampling])[1]
    decoded = cv2.cvtColor(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    step = find(decoded)
    assert step is not None
    assert step.exceptions is None
    assert np.array_equal(there_and_back(decoded)[1], decoded)


def test_photographs_without_that_history_have_none() -> None:
    assert find(scene(64, 64, 3, np.uint8)) is None
    assert find(np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)) is None
    assert find(jpeg_scene(64, 64)[:7, :7]) is None  # too few colours
    for channels, dtype in ((1, np.uint8), (2, np.uint8), (3, np.uint16)):
        assert find(scene(64, 64, channels, dtype)) is None


def test_strips_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    image = jpeg_scene(70, 80, exceptions=3)
    coded, restored = there_and_back(image)
    whole = find(image)
    monkeypatch.setattr(jfif, "STRIP", 250)
    assert np.array_equal(there_and_back(image)[0], coded)
    assert np.array_equal(restored, image)
    parts = find(image)
    assert whole is not None
    assert parts is not None
    assert whole.pack() == parts.pack()


@pytest.mark.parametrize("exceptions", [0, 1, 4])
def test_round_trip(exceptions: int) -> None:
    image = jpeg_scene(70, 80, exceptions)
    data = unfitted_file(image)
    assert np.array_equal(inrcodec.decode(data), image)
    facts = inrcodec.info(data)
    (step,) = facts["steps"]
    assert (step["step"], step["exceptions"]) == ("jfif", exceptions)
    assert (step["exceptions_bytes"] > 0) == (exceptions > 0)
    assert facts["history"] == ["jfif 4:4:4"]
    names = [row["channel"] for row in facts["planes"]]
    assert list(dict.fromkeys(names)) == ["Y", "Cb", "Cr"]
    for scale in (2, 4, 8):
        reduced = inrcodec.decode(data, scale=scale)
        assert np.array_equal(reduced, image[::scale, ::scale])
    with_alpha = np.dstack([image, scene(70, 80, 2, np.uint8)[:, :, 1]])
    assert np.array_equal(inrcodec.decode(unfitted_file(with_alpha)), with_alpha)


def test_it_pays() -> None:
    image = jpeg_scene(128, 128)
    data = inrcodec.encode(image, effort=1, model="context", device="cpu")
    assert np.array_equal(inrcodec.decode(data), image)
    assert parse(data).steps[0].name == "jfif"
    for other in (scene(32, 32, 3, np.uint8), scene(32, 32, 1, np.uint8)):
        assert not parse(unfitted_file(other)).steps
