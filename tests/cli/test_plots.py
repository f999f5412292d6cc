"""Where the bits go: the map of a file's bits, and the pictures of it that the commands write."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import inrcodec
from inrcodec import kernels
from inrcodec.context.layout import choose_layout
from inrcodec.context.pyramid import Unit, grids, top_level
from inrcodec.context.step import Codes
from inrcodec.errors import LinrError, OutputExistsError
from inrcodec.files.images import read_image, write_image
from inrcodec.history.planes import Geometry, Planes
from inrcodec.info import BitMap, bit_map
from inrcodec_cli import main as command
from inrcodec_cli.commands import cli
from inrcodec_cli.plots import plot_rates
from inrcodec_cli.rates import Rate
from tests.pictures import jpeg_scene, scene, unfitted_file


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def packed() -> bytes:
    return unfitted_file(scene(21, 34, 3, np.uint8))


@pytest.mark.parametrize(
    "image",
    [
        scene(21, 34, 3, np.uint8),
        scene(40, 1, 2, np.uint16),
        jpeg_scene(24, 40),
        np.full((3, 5), 7, np.uint8),
    ],
    ids=["rgb", "column", "jfif", "constant"],
)
def test_map_holds_the_bits_of_all_planes(image: np.ndarray) -> None:
    data = unfitted_file(image)
    bits = bit_map(data)
    assert bits.shape == image.shape[:2]
    assert bits.dtype == np.float64
    planes = inrcodec.info(data)["planes"]
    spent = sum(plane["bpsp"] for plane in planes) * bits.size
    np.testing.assert_allclose(bits.sum(), spent, rtol=1e-9)
    # the range coder spends what the probabilities say, and a few bytes to end
    assert abs(inrcodec.info(data)["data_bytes"] - bits.sum() / 8) < 8


def test_map_of_arrays(packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Units are told of one by one there, in the compiled loops band by band."""
    expected = bit_map(packed)
    monkeypatch.setattr(kernels, "library", lambda: None)
    np.testing.assert_allclose(bit_map(packed), expected, rtol=1e-12)


@pytest.mark.parametrize("bands", [1, 3])
def test_map_of_known_costs(bands: int) -> None:
    image = scene(13, 10, 1, np.uint8)
    planes = Planes.of_array(Geometry.of_picture(13, 10, 1, 8), image)
    (channel,) = choose_layout(planes).channels
    costs = np.random.default_rng(0).integers(1, 16, image.shape)
    bits = BitMap(planes.geometry)

    def tell(unit: Unit | None, here: np.ndarray) -> None:
        p = np.tile((65536 >> here.reshape(-1)).astype(np.uint16), (channel.planes, 1))
        bits(Codes(channel, unit, p, np.ones(p.shape, np.uint8)))

    tell(None, costs[:1, :1])
    for level in range(top_level(13, 10)):
        for grid in chain(*grids(13, 10, level)):
            points = grid.points(costs[:: 1 << level, :: 1 << level])
            for band in (grid.band(k, bands) for k in range(bands)):
                tell(
                    Unit(grid, band.start, 0, len(band), grid.cols), points[band.start : band.stop]
                )
    np.testing.assert_array_equal(bits.array(), channel.planes * costs)


def test_noise_costs_more_than_a_plain() -> None:
    image = np.full((48, 48), 100, np.uint8)
    image[8:24, 8:24] = np.random.default_rng(0).integers(0, 256, (16, 16))
    bits = bit_map(inrcodec.encode(image, effort=1, model="context", threads=1))
    assert bits[9:23, 9:23].mean() > 3 * bits[30:, 30:].mean()


def test_stored_file_has_no_map() -> None:
    data = inrcodec.encode(scene(8, 8, 3, np.uint8), model="stored")
    with pytest.raises(LinrError, match="stored"):
        bit_map(data)


@pytest.mark.parametrize(
    ("extension", "signature"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("PDF", b"%PDF")]
)
def test_info_draws(packed: bytes, extension: str, signature: bytes, tmp_path: Path) -> None:
    file, picture = tmp_path / "a$\\q$.linr", tmp_path / f"a.{extension}"
    file.write_bytes(packed)
    result = run("info", file, "--plot", picture)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "34 x 21, 3 x 8 bit" in result.stdout
    assert picture.read_bytes().startswith(signature)

    picture.write_bytes(b"mine")
    result = run("info", file, "--plot", picture)
    assert result.exit_code == 1
    assert isinstance(result.exception, OutputExistsError)
    assert picture.read_bytes() == b"mine"
    assert run("info", file, "--plot", picture, "-f").exit_code == 0
    assert picture.read_bytes().startswith(signature)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_info_draws_deep_images(channels: int, tmp_path: Path) -> None:
    (tmp_path / "a.linr").write_bytes(unfitted_file(scene(9, 14, channels, np.uint16)))
    assert run("info", tmp_path / "a.linr", "--plot", tmp_path / "a.png").exit_code == 0
    assert read_image((tmp_path / "a.png").read_bytes()).shape[2] == 4


def test_info_says_that_a_stored_file_is_not_drawn(tmp_path: Path) -> None:
    file = tmp_path / "a.linr"
    file.write_bytes(inrcodec.encode(scene(8, 8, 3, np.uint8), model="stored"))
    result = run("info", file, "--plot", tmp_path / "a.png")
    assert result.exit_code == 1
    assert result.stderr == (
        f"inrcodec: {file}: stored, not coded in bit planes: there is nothing to draw\n"
    )
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    "arguments", [["a.linr", "--plot", "a.jpg"], ["a.linr", "b.linr", "--plot", "a.png"]]
)
def test_usage_errors(arguments: list[str]) -> None:
    result = run("info", *arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr


def test_bench_draws(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(write_image(scene(24, 32, 3, np.uint8), ".png"))
    noise = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)
    (tmp_path / "noise.png").write_bytes(write_image(noise, ".png"))
    pictures = tmp_path / "pictures"
    arguments = ("bench", "-e", "1", "-e", "2", tmp_path, "--plot", pictures)
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines() == [
        f"inrcodec: {tmp_path / 'noise.png'}, effort {effort}: stored, not coded in bit planes:"
        " no picture"
        for effort in (1, 2)
    ]
    assert len(result.stdout.splitlines()) == 1 + 2 * 2 + 2
    names = sorted(file.name for file in pictures.iterdir())
    assert names == ["a.e1.png", "a.e2.png", "rates.png"]
    for name in names:
        assert read_image((pictures / name).read_bytes()).std() > 1
    result = run(*arguments[:-3], tmp_path / "a.png", "--plot", pictures)
    assert result.exit_code == 1
    assert isinstance(result.exception, OutputExistsError)
    result = run("bench", pictures / "rates.png", "--plot", pictures, "-f")
    assert result.exit_code == 2
    assert "is input and output" in result.stderr


def test_without_matplotlib(
    packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "a.linr").write_bytes(packed)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for arguments in (
        ["info", "a.linr", "--plot", "a.png"],
        ["bench", "a.linr", "--plot", "pictures"],
    ):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["inrcodec", *arguments])
        with pytest.raises(SystemExit) as done:
            command.main()
        assert done.value.code == 1
        said = capsys.readouterr().err
        assert said == "inrcodec: pictures need matplotlib: pip install 'inrcodec[plot]'\n"
    assert [file.name for file in tmp_path.iterdir()] == ["a.linr"]


@pytest.mark.parametrize("count", [1, 3])
def test_chart_of_equal_sizes(count: int, tmp_path: Path) -> None:
    rates = [Rate(f"codec {i}", 2.5, 0.1 * (i + 1), 0.2, i == 0) for i in range(count)]
    plot_rates(str(tmp_path / "chart.png"), "equal", rates, False)
    assert read_image((tmp_path / "chart.png").read_bytes()).std() > 1
