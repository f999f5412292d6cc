"""Which pictures the graphics model codes: those whose colours repeat, and what is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

import inrcodec
from inrcodec import Picture, kernels
from inrcodec.contents import parse, planes_of
from inrcodec.files.images import read_image
from inrcodec.graphics import plain
from inrcodec.graphics.encode import repeats
from inrcodec.graphics.levels import LEVELS
from inrcodec.history.chroma_search import Source
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.planes import Lattice
from inrcodec.history.upsampling import COSITED
from inrcodec.jpeg.step import Jpeg
from tests.graphics.pictures import drawn, graphics_file
from tests.jpeg.files import pillow
from tests.pictures import chroma_scene, scene


def plot(height: int, width: int) -> np.ndarray:
    """What a program draws: boxes, lines and words, with smooth edges."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((4, 4, width - 5, height - 5), outline="black")
    for number in range(6):
        left = 12 + number * (width - 24) // 6
        top = 20 + number * 37 % (height // 2)
        draw.rectangle((left, top, left + width // 12, height - 16), fill=(40 * number, 90, 200))
        draw.text((left, height - 15), f"{number}.5", fill="black")
    for row in range(6, height - 30, 22):
        draw.text((width // 3, row), "the quick brown fox", fill=(60, 60, 60))
    draw.line((6, height - 9, width - 9, 7), fill=(220, 30, 30), width=2)
    return np.array(image)


def mode(image: np.ndarray | Picture, **options: object) -> str:
    """The model of what encode makes of a picture, which comes back."""
    data = inrcodec.encode(image, **{"effort": 1, "threads": 1, **options})
    samples = image.samples if isinstance(image, Picture) else image
    assert np.array_equal(inrcodec.decode_picture(data).samples, samples)
    return parse(data).model.name


def looked_at(image: np.ndarray) -> bool:
    return repeats(planes_of(Picture(image)))


@pytest.mark.parametrize("effort", [1, 5])
def test_drawn_pictures_are_coded_by_it(effort: int) -> None:
    for image in (plot(151, 221), drawn(120, 160, 3, np.uint8), drawn(120, 160, 4, np.uint16)):
        assert looked_at(image)
        assert mode(image, effort=effort) == "graphics"


def test_a_drawing_in_which_a_jpeg_is_found_by_chance() -> None:
    image, facts = plot(150, 220), dict[str, Any]()
    assert Jpeg.find(planes_of(Picture(image))) is not None
    assert len(inrcodec.encode(image, effort=1, report=facts.update)) < 3000
    assert facts["mode"] == "graphics"


def test_it_takes_less_than_the_others() -> None:
    image = plot(121, 151)
    sizes = {
        model: len(inrcodec.encode(image, effort=1, model=model))
        for model in ("auto", "graphics", "context", "stored")
    }
    assert sizes["auto"] == sizes["graphics"] < min(sizes["context"], sizes["stored"])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_photographs_are_not(channels: int, dtype: type) -> None:
    image = scene(90, 120, channels, dtype)
    assert not looked_at(image)
    assert mode(image) == "context"


def test_photographs_in_drawn_pictures_are_compared() -> None:
    """What looks like a drawing, but is not, is left to the context model."""
    image = scene(90, 120, 3, np.uint8)
    image[:, :50] = 255
    assert looked_at(image)
    assert mode(image) in ("context", "graphics")


def test_a_photo_cd_keeps_its_model() -> None:
    image = chroma_scene(60, 70, Source(CONVERSIONS[1], COSITED, Lattice(2, 2)))
    data = inrcodec.encode(image, effort=1)
    facts = inrcodec.info(data, planes=False)
    assert facts["mode"] == "context"
    assert [step["step"] for step in facts["steps"]] == ["subsampled"]


def test_what_was_a_jpeg_keeps_its_model() -> None:
    image = scene(96, 128, 3, np.uint8)
    image[:, :60] = 240
    decoded = read_image(pillow(image, quality=80, subsampling=2))
    assert looked_at(decoded)
    assert mode(decoded) == "jpeg"


def test_shades_are_no_few_colours() -> None:
    """256 at most, whatever the picture is; but a picture in as many colours is likely one."""
    grey = np.random.default_rng(1).integers(0, 256, (200, 300)).astype(np.uint8)
    assert not looked_at(np.stack([grey] * 3, axis=-1))
    assert not looked_at(grey)
    colours = np.random.default_rng(2).integers(0, 256, (256, 3)).astype(np.uint8)
    assert looked_at(colours[grey])


def test_planes_that_it_is_not_for_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    image = drawn(40, 50, 3, np.uint8)
    assert looked_at(image)
    monkeypatch.setattr("inrcodec.graphics.file.MOST_PLACES", 2000)
    assert not looked_at(image)
    assert mode(image) != "graphics"
    with pytest.raises(inrcodec.ImageError, match="graphics"):
        inrcodec.encode(image, model="graphics")


def test_large_pictures_are_not_tried_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = drawn(17, 21, 3, np.uint8), drawn(257, 256, 3, np.uint8)
    data = graphics_file(large)
    assert looked_at(large)
    monkeypatch.setattr(kernels, "library", lambda: None)
    assert not looked_at(large)
    assert looked_at(small)
    assert mode(small) == "graphics"
    with pytest.raises(inrcodec.LimitError, match="compiled"):
        inrcodec.decode(data)
    monkeypatch.setattr(plain, "MOST_PIXELS", 100)
    with pytest.raises(inrcodec.LinrError):
        inrcodec.encode(small, model="graphics", effort=1)


def test_an_enlarged_drawing_is_coded_in_its_own_size() -> None:
    image = drawn(40, 60, 3, np.uint8).repeat(3, axis=0).repeat(3, axis=1)
    facts = inrcodec.info(inrcodec.encode(image, effort=1, model="graphics"))
    assert facts["mode"] == "graphics"
    assert "enlarged" in [step["step"] for step in facts["steps"]]


@st.composite
def pictures(draw: st.DrawFn) -> np.ndarray:
    """Of a few colours, in lines, blocks or at random."""
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 60))
    channels = draw(st.sampled_from([(), (2,), (3,), (4,)]))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 12))
    top = np.iinfo(dtype).max
    colours = rng.integers(0, top, (count, *channels), endpoint=True).astype(dtype)
    rows, cols = draw(st.integers(1, 8)), draw(st.integers(1, 40))
    numbers = rng.integers(0, count, (-(-height // rows), -(-width // cols)))
    numbers = numbers.repeat(rows, axis=0).repeat(cols, axis=1)[:height, :width]
    spots = rng.random((height, width)) < draw(st.sampled_from([0, 0.03, 0.5]))
    return colours[np.where(spots, rng.integers(0, count, (height, width)), numbers)]


@settings(max_examples=40, deadline=None)
@given(pictures(), st.sampled_from([1, 2, 6]), st.sampled_from(sorted(LEVELS)))
def test_any_picture_of_few_colours_comes_back(image: np.ndarray, effort: int, level: int) -> None:
    assert np.array_equal(inrcodec.decode(graphics_file(image, level), threads=1), image)
    data = inrcodec.encode(image, effort=effort, model="graphics", threads=1)
    decoded = inrcodec.decode(data, threads=1)
    assert decoded.dtype == image.dtype
    assert np.array_equal(decoded, image)
    assert parse(data).model.name in ("graphics", "stored")  # which takes less of tiny ones
