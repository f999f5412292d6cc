"""The front of a file is the image at an eighth, a quarter, half its size: no more is read."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec.container import linr
from inrcodec.container.linr import DATA
from inrcodec.files.images import read_image
from tests.cli.test_cli import run
from tests.container.test_damage import sealed, sections
from tests.pictures import jpeg_scene, made_files

SCALES = (8, 4, 2)


@pytest.fixture(scope="module")
def jpeg() -> tuple[np.ndarray, bytes]:
    image = jpeg_scene(260, 270, exceptions=4)
    data = inrcodec.encode(image, effort=1, model="context")
    assert [tag for tag, _ in sections(data)].count(DATA) == 4
    return image, data


def front(data: bytes, count: int) -> bytes:
    """A file up to its count-th section of data."""
    chain = sections(data)
    ends = [number + 1 for number, (tag, _) in enumerate(chain) if tag == DATA]
    return sealed(chain[: ends[count - 1]])


@pytest.mark.parametrize(("count", "scale"), [(1, 8), (2, 4), (3, 2)])
def test_the_rest_may_be_missing(count: int, scale: int, jpeg: tuple[np.ndarray, bytes]) -> None:
    image, data = jpeg
    part = front(data, count)
    assert len(part) < len(data)
    for some in (part, part + b"\xff" * 9, data):
        assert np.array_equal(inrcodec.decode(some, scale=scale), image[::scale, ::scale])
    for cut in range(len(part) - 9, len(part)):
        with pytest.raises(inrcodec.TruncatedError):
            inrcodec.decode(part[:cut], scale=scale)
    with pytest.raises(inrcodec.LinrError):
        inrcodec.decode(part, scale=scale // 2)


def test_no_more_is_read(jpeg: tuple[np.ndarray, bytes]) -> None:
    class Counted(io.BytesIO):
        asked = 0

        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            self.asked += len(found)
            return found

    data = jpeg[1]
    for count in (1, 2, 3, 4):
        file = Counted(data)
        linr.parse(file, data=count)
        assert file.asked == len(front(data, count))


def test_files(tmp_path: Path, jpeg: tuple[np.ndarray, bytes]) -> None:
    image, data = jpeg
    source, target = tmp_path / "a.linr", tmp_path / "a.png"
    for count, scale in zip((1, 2, 3), SCALES, strict=True):
        source.write_bytes(front(data, count))
        inrcodec.decode_file(source, target, scale=scale, force=True)
        assert np.array_equal(read_image(target.read_bytes(), ""), image[::scale, ::scale])
        assert run("decode", source, "--reduce", str(scale), "-f").exit_code == 0
        reduced = (tmp_path / "a.reduced.png").read_bytes()
        assert np.array_equal(read_image(reduced, ""), image[::scale, ::scale])
        result = run("decode", source, "-f")
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1
    for options in (["--reduce", "3"], ["--reduce", "2", "--scale", "2"], ["--reduce", "1"]):
        assert run("decode", source, *options).exit_code == 2


def test_other_models_are_decoded_whole() -> None:
    for name, data in made_files().items():
        picture = inrcodec.decode(data, frame=0)
        for scale in SCALES:
            reduced, pixels = inrcodec.decode(data, frame=0, scale=scale), picture[::scale, ::scale]
            if name == "context_subsampled":  # whose chroma is about that of the pixels
                assert reduced.shape == pixels.shape
                assert np.abs(reduced.astype(int) - pixels).mean() < 12
            else:
                assert np.array_equal(reduced, pixels), name


@pytest.mark.parametrize("scale", [0, 3, 16, -1])
def test_other_scales(scale: int) -> None:
    with pytest.raises(ValueError, match="scale"):
        inrcodec.decode(made_files()["stored_palette"], scale=scale)
