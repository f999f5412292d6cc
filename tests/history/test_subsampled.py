"""Subsampled chroma: found where pictures have such a past, not where they have none, and undone
exactly either way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import inrcodec
from inrcodec import kernels
from inrcodec.container.fields import Fields
from inrcodec.container.linr import Sections
from inrcodec.contents import parse, planes_of
from inrcodec.files.picture import Picture
from inrcodec.history import bands, chroma_samples
from inrcodec.history.chroma_search import LATTICES, Source, clipped
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.planes import WHOLE, YCC, Lattice
from inrcodec.history.subsampled import MAX_EXCEPTIONS, Subsampled
from inrcodec.history.upsampling import BICUBIC, COSITED, REPEATED, TRIANGLE
from tests.container.test_damage import with_fields
from tests.pictures import (
    chroma_planes,
    chroma_scene,
    jpeg_scene,
    photo_cd_file,
    scene,
    subsampled_file,
)

PHOTO_CD = Source(CONVERSIONS[1], COSITED, Lattice(2, 2))
VIDEO = Source(CONVERSIONS[2], REPEATED, Lattice(2, 2))
BICUBIC_VIDEO = Source(CONVERSIONS[4], BICUBIC, Lattice(2, 2))


def find(image: np.ndarray) -> Subsampled | None:
    return Subsampled.find(planes_of(Picture(image)))


def exceptions_of(image: np.ndarray, source: Source | None = None) -> int:
    """How many an image has, whose step is found, leads back to it exactly and is of a source."""
    step, planes = find(image), planes_of(Picture(image))
    assert step is not None
    if source is not None:
        assert step.source == source
    coded = step.forward(planes)
    assert coded.geometry == step.geometry(planes.geometry)
    assert coded.geometry.kind == YCC
    sizes = [lattice.size(*image.shape[:2]) for lattice in coded.geometry.lattices]
    assert [plane.shape for plane in coded.channels] == sizes
    back = step.undo(coded)
    assert back.geometry == planes.geometry
    assert np.array_equal(back.array(), image)
    return step.facts()["exceptions"]


@settings(deadline=None, max_examples=20)
@given(
    st.sampled_from(CONVERSIONS), st.sampled_from([COSITED, REPEATED]), st.sampled_from(LATTICES),
    st.integers(24, 50), st.integers(24, 50), st.integers(0, 50), st.sampled_from([0, 1, 2]),
)  # fmt: skip
def test_any_source_is_found(
    conversion: Any, rule: str, lattice: Lattice, height: int, width: int, seed: int, turn: int
) -> None:
    source = Source(conversion, rule, lattice)
    image = chroma_scene(height, width, source, seed)
    assert exceptions_of(image, source) <= 0.01 * height * width
    # of another part, which begins at another row and column, the phases are others
    y, x = 1 + turn // 2, turn % 2
    row, col = ((lattice.row_phase + y) % lattice.row_step, (lattice.col_phase + x) % 2)
    part = Lattice(lattice.row_step, lattice.col_step, row, col % lattice.col_step)
    assert exceptions_of(image[y:, x:], replace(source, lattice=part)) <= 0.01 * height * width


@settings(deadline=None, max_examples=15)
@given(
    st.sampled_from(CONVERSIONS), st.sampled_from(LATTICES), st.integers(40, 70),
    st.integers(40, 70), st.integers(0, 50),
)  # fmt: skip
def test_the_triangle_filter_is_found(
    conversion: Any, lattice: Lattice, height: int, width: int, seed: int
) -> None:
    source = Source(conversion, TRIANGLE, lattice)
    image = chroma_scene(height, width, source, seed)
    # the least squares leave a few samples that are off by one, of which each reaches 16 pixels
    assert exceptions_of(image, source) <= 0.06 * height * width


@settings(deadline=None, max_examples=15)
@given(
    st.sampled_from(CONVERSIONS[2:]), st.integers(12, 35), st.integers(12, 35), st.integers(0, 50)
)
def test_bicubic_chroma_is_found(conversion: Any, rows: int, cols: int, seed: int) -> None:
    source = Source(conversion, BICUBIC, Lattice(2, 2))
    image = chroma_scene(2 * rows, 2 * cols, source, seed)
    assert exceptions_of(image, source) <= 0.02 * image.size / 3


def test_bicubic_chroma_of_other_sizes_is_refused() -> None:
    fields = {"c": 4, "u": 3, "l": [2, 2, 0, 0]}
    image = chroma_scene(36, 38, BICUBIC_VIDEO)
    before = planes_of(Picture(image)).geometry
    assert Subsampled.unpack(Fields(fields, "step"), Sections([]), before).source == BICUBIC_VIDEO
    for wrong, size in (
        ({}, {"height": 35}), ({}, {"width": 6}), ({"c": 1}, {}), ({"l": [2, 2, 1, 0]}, {}),
        ({"l": [1, 2, 0, 0]}, {}),
    ):  # fmt: skip
        with pytest.raises(inrcodec.CorruptError, match="bicubic"):
            Subsampled.unpack(Fields(fields | wrong, "step"), Sections([]), replace(before, **size))


@pytest.mark.parametrize("source", [PHOTO_CD, VIDEO], ids=["photo cd", "video"])
def test_clipped_colours(source: Source) -> None:
    """Samples that no pixel tells are chosen so that most pixels are explained."""
    for seed in range(3):
        image = chroma_scene(60, 71, source, seed, vivid=100)
        lost = clipped(tuple(np.moveaxis(image, 2, 0))).mean()
        assert lost > 0.1
        assert exceptions_of(image, source) < 0.4 * lost * 60 * 71


@pytest.mark.parametrize("source", [PHOTO_CD, VIDEO], ids=["photo cd", "video"])
def test_without_compiled_loops(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    if kernels.library() is None:
        pytest.skip("there are none to do without")
    image = chroma_scene(60, 71, source, 1, vivid=70)
    few = exceptions_of(image, source)
    monkeypatch.setattr(chroma_samples.kernels, "library", lambda: None)
    assert exceptions_of(image, source) > few
    plain = chroma_scene(40, 44, source, 1)
    assert exceptions_of(plain, source) <= 16


@pytest.mark.parametrize("turned", [np.fliplr, np.flipud, np.rot90], ids=["flip", "flop", "turn"])
def test_turned_pictures(turned: Any) -> None:
    """What is repeated can be turned, and so can what is cosited where lines are whole pairs and
    one more."""
    for source, size in ((VIDEO, (40, 46)), (PHOTO_CD, (41, 47))):
        image = np.ascontiguousarray(turned(chroma_scene(*size, source, 3)))
        assert exceptions_of(image, source) <= 0.02 * image.size / 3


@pytest.mark.parametrize("rule", [COSITED, REPEATED, TRIANGLE])
@pytest.mark.parametrize("lattice", LATTICES, ids=str)
def test_bands_do_not_matter(rule: str, lattice: Lattice, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(CONVERSIONS[1], rule, lattice)
    planes, image = chroma_planes(67, 45, source, 6), chroma_scene(67, 45, source, 6, vivid=45)
    step = Subsampled(source)
    whole = [step.undo(planes.reduced(scale)).array() for scale in (1, 2, 4)]
    few = exceptions_of(image, source)
    monkeypatch.setattr(bands, "PIXELS", 45 * 6)
    assert len(bands.bands(67, 45, lattice)) == 9
    for scale, wanted in zip((1, 2, 4), whole, strict=True):
        assert np.array_equal(step.undo(planes.reduced(scale)).array(), wanted)
    # free samples next to another band may be others, of pixels that are clipped
    assert exceptions_of(image, source) <= few + 0.02 * image.size / 3
    image[::3, ::2] ^= 9
    assert find(image) is None  # as some bands tell


def test_alpha_is_kept() -> None:
    alpha = scene(40, 44, 2, np.uint8)[:, :, 1]
    image = np.dstack([chroma_scene(40, 44, PHOTO_CD), alpha])
    step = find(image)
    assert step is not None
    coded = step.forward(planes_of(Picture(image)))
    assert coded.geometry.alpha
    assert coded.geometry.lattices == (WHOLE, Lattice(2, 2), Lattice(2, 2), WHOLE)
    assert np.array_equal(coded.channels[3], alpha)
    assert exceptions_of(image, PHOTO_CD) < 20
    data = inrcodec.encode(image, effort=1, model="context")
    assert parse(data).steps[0].name == "subsampled"
    assert np.array_equal(inrcodec.decode(data), image)
    assert np.array_equal(inrcodec.decode(data, scale=2)[..., 3], image[::2, ::2, 3])


def changed_images() -> dict[str, np.ndarray]:
    """Pictures a step away from one that has this past."""
    image = chroma_scene(64, 77, PHOTO_CD, 2)
    pixel, caption, border = (image.copy() for _ in range(3))
    pixel[33, 34] = (1, 250, 3)
    cv2.putText(caption, "Kodak", (2, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255))
    border[:, :4] = border[:3] = (12, 12, 40)
    noise = np.random.default_rng(0).integers(-1, 2, image.shape)
    return {
        "as it is": image,
        "one pixel": pixel,
        "a caption": caption,
        "a border": border,
        "blurred": cv2.GaussianBlur(image, (3, 3), 0.8),
        "half": cv2.resize(image, (38, 32), interpolation=cv2.INTER_AREA),
        "larger": cv2.resize(image, (90, 70), interpolation=cv2.INTER_CUBIC),
        "brighter": np.clip(image.astype(int) + 3, 0, 255).astype(np.uint8),
        "noise": np.clip(image + noise, 0, 255).astype(np.uint8),
        "red and blue": np.ascontiguousarray(image[:, :, ::-1]),
        "part": np.ascontiguousarray(image[11:31, 13:40]),
    }


HAVE_IT = {"as it is", "one pixel", "a caption", "a border", "part"}


@pytest.mark.parametrize("name", changed_images())
def test_pictures_a_step_away_are_exact(name: str) -> None:
    image = changed_images()[name]
    assert (find(image) is not None) == (name in HAVE_IT)
    data = inrcodec.encode(image, effort=1, model="context")
    steps = [step.name for step in parse(data).steps]
    assert ("subsampled" in steps) == (name in HAVE_IT)
    assert np.array_equal(inrcodec.decode(data), image)


def test_a_border_does_not_hide_it() -> None:
    for width in range(44, 56):
        image = chroma_scene(40, width, VIDEO)
        image[:2], image[:, -2:] = (16, 20, 90), (250, 90, 60)
        assert exceptions_of(image, VIDEO) <= 0.1 * 40 * width


def test_too_many_exceptions_are_no_history() -> None:
    image = chroma_scene(64, 64, VIDEO)
    image[: 64 * 3 // 10] = np.random.default_rng(0).integers(0, 256, (19, 64, 3), np.uint8)
    assert MAX_EXCEPTIONS < 19 / 64
    assert find(image) is None


def test_photographs_without_that_history_have_none() -> None:
    rng = np.random.default_rng(0)
    for seed in range(3):
        assert find(scene(64, 64, 3, np.uint8, seed)) is None
    for noise in (rng.integers(0, 256, (90, 90, 3), np.uint8), jpeg_scene(64, 64)):
        assert find(noise) is None  # of a JPEG with as many chroma samples as pixels, too
    wave = chroma_scene(64, 64, Source(CONVERSIONS[0], REPEATED, Lattice(2, 2)))
    smooth = cv2.GaussianBlur(wave, (5, 5), 1.5)
    assert find(smooth) is None
    grey = chroma_scene(64, 64, VIDEO, vivid=0)
    grey[:] = grey[:, :, :1]
    assert find(grey) is None  # no chroma to tell of a lattice
    assert find(chroma_scene(64, 64, VIDEO) // 64 * 64) is None  # too few colours
    assert find(chroma_scene(15, 64, VIDEO)) is None  # too small a picture
    for channels, dtype in ((1, np.uint8), (2, np.uint8), (3, np.uint16), (4, np.uint16)):
        assert find(scene(64, 64, channels, dtype)) is None


def test_a_video_s_frame_is_found(tmp_path: Path) -> None:
    rows, cols = np.mgrid[0:96, 0:112]
    waves = np.sin(cols / 9) + np.cos(rows / 5), np.cos((rows + cols) / 11), np.sin(rows / 8)
    frame = np.stack([120 + 40 * wave for wave in waves], axis=-1)
    frame = (frame + np.random.default_rng(0).normal(0, 3, frame.shape)).astype(np.uint8)
    for four, name in (("MJPG", "bt.601 full"), ("XVID", "bt.601")):
        path = str(tmp_path / f"{four}.avi")
        writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*four), 5, (112, 96))
        if not writer.isOpened():
            pytest.skip("OpenCV without FFmpeg")
        writer.write(frame)
        writer.release()
        _, decoded = cv2.VideoCapture(path).read()
        image = np.ascontiguousarray(decoded[:, :, ::-1])
        step = find(image)
        assert step is not None
        assert step.source.conversion.name == name
        assert (step.source.rule, step.source.lattice) == (REPEATED, Lattice(2, 2))
        assert exceptions_of(image) == 0


def test_it_pays() -> None:
    image = chroma_scene(96, 96, PHOTO_CD, 5)
    data = inrcodec.encode(image, effort=1, model="context")
    assert np.array_equal(inrcodec.decode(data), image)
    facts = inrcodec.info(data)
    assert facts["steps"] == [
        {
            "step": "subsampled", "source": "photo cd", "chroma": "4:2:0", "phase": [0, 0],
            "upsampling": COSITED, "exceptions": 0, "exceptions_bytes": 0,
        }
    ]  # fmt: skip
    names = [row["channel"] for row in facts["planes"]]
    assert list(dict.fromkeys(names)) == ["Y", "Cb", "Cr"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Subsampled, "find", classmethod(lambda cls, planes: None))
        without = inrcodec.encode(image, effort=1, model="context")
    assert len(data) < 0.7 * len(without)


@pytest.mark.parametrize("rule", [COSITED, REPEATED, TRIANGLE])
@pytest.mark.parametrize("lattice", LATTICES, ids=str)
def test_reduced_images(rule: str, lattice: Lattice) -> None:
    """Y is that of the pixels; chroma is about it."""
    source = Source(CONVERSIONS[3], rule, lattice)
    planes, image = chroma_planes(35, 38, source, 4), chroma_scene(35, 38, source, 4)
    image[3:20:8, ::7], image[32, 32] = (255, 0, 255), (1, 2, 3)
    data = subsampled_file(planes, source, image)
    assert np.array_equal(inrcodec.decode(data), image)
    check_reduced(data, image)


def test_reduced_images_of_bicubic_chroma() -> None:
    planes = chroma_planes(36, 38, BICUBIC_VIDEO, 4)
    image = chroma_scene(36, 38, BICUBIC_VIDEO, 4)
    image[3:20:8, ::7] = (255, 0, 255)
    data = subsampled_file(planes, BICUBIC_VIDEO, image)
    assert np.array_equal(inrcodec.decode(data), image)
    check_reduced(data, image)


def check_reduced(data: bytes, image: np.ndarray) -> None:
    """A file's reduced images are the rows and columns of an image, but about its chroma."""
    for scale in (2, 4, 8):
        small, want = inrcodec.decode(data, scale=scale), image[::scale, ::scale]
        assert small.shape == want.shape
        assert abs(small.astype(int) - want).mean() < 12


GOOD = photo_cd_file()


@pytest.mark.parametrize(
    "fields",
    [
        {"c": 6}, {"c": -1}, {"c": True}, {"c": None}, {"u": 4}, {"u": 0.0}, {"u": None},
        {"l": [1, 1, 0, 0]}, {"l": [2, 2, 2, 0]}, {"l": [1, 2, 1, 0]}, {"l": [2, 3, 0, 0]},
        {"l": [0, 2, 0, 0]}, {"l": [2, 2, 0, -1]}, {"l": [2, 2, 0]}, {"l": 2}, {"l": None},
    ],
    ids=str,
)  # fmt: skip
def test_fields_that_are_wrong(fields: dict[str, Any]) -> None:
    good = {"c": 1, "u": 0, "l": [2, 2, 0, 0]}
    assert inrcodec.decode(with_fields(GOOD, {"t": [[4, good]]})).shape == (33, 40, 3)
    bad = {key: value for key, value in (good | fields).items() if value is not None}
    with pytest.raises(inrcodec.CorruptError):
        inrcodec.decode(with_fields(GOOD, {"t": [[4, bad]]}))


@pytest.mark.parametrize(
    "image",
    [scene(20, 20, 1, np.uint8), scene(20, 20, 2, np.uint8), scene(20, 20, 3, np.uint16)],
    ids=["grey", "grey and alpha", "16 bits"],
)
def test_planes_that_are_wrong(image: np.ndarray) -> None:
    before = planes_of(Picture(image)).geometry
    fields = {"c": 1, "u": 0, "l": [2, 2, 0, 0]}
    with pytest.raises(inrcodec.CorruptError, match="RGB of 8 bits"):
        Subsampled.unpack(Fields(fields, "step"), Sections([]), before)


def test_after_other_steps() -> None:
    fields = {"c": 1, "u": 0, "l": [2, 2, 0, 0]}
    for chain in ([[1, {}], [4, fields]], [[4, fields], [1, {}]], [[4, fields], [3, {}]]):
        with pytest.raises(inrcodec.CorruptError):
            inrcodec.decode(with_fields(GOOD, {"t": chain}))
