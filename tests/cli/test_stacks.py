"""Stacks in the command line: names of outputs, what is said of them, and what is damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

import inrcodec
from inrcodec.files.images import read_image
from inrcodec.frames.file import Frames
from tests.cli.running import photo, run

FRAMES = 11


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Of the frames of s.tif, an ImageJ file, and of s.linr; both are in the current folder."""
    monkeypatch.chdir(tmp_path)
    frames = np.stack([np.roll(photo(1), n, axis=1) for n in range(FRAMES)])
    tifffile.imwrite("s.tif", frames, imagej=True, metadata={"axes": "TYX"})
    result = run("encode", "--model", "stored", "s.tif")
    assert result.exit_code == 0, result.stderr
    return frames


def damage(frame: int) -> None:
    """Flips a bit of the data of a frame of s.linr."""
    with inrcodec.LinrFile("s.linr") as file:
        assert isinstance(file.contents.model, Frames)
        lengths = file.contents.model.lengths
    data = bytearray(Path("s.linr").read_bytes())
    data[len(data) - sum(lengths[frame:]) + lengths[frame] // 2] ^= 1
    Path("s.linr").write_bytes(data)


@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_a_tiff_of_one_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tile: tuple[int, int] | None
) -> None:
    """Which is looked into for further pages before it is read."""
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("a.tif", photo(1), tile=tile)
    assert run("encode", "--model", "stored", "--strict", "a.tif").exit_code == 0
    assert run("decode", "a.linr", "-o", "b.tif").exit_code == 0
    assert Path("b.tif").read_bytes() == Path("a.tif").read_bytes()


def test_numbered_files_are_numbered_as_frames_are(stack: np.ndarray) -> None:
    result = run("decode", "s.linr", "-o", "x.png")
    assert result.exit_code == 0, result.stderr
    assert "-> x-00.png ... x-10.png  32 x 24" in result.stdout
    assert result.stderr == "inrcodec: s.linr: left out: the metadata\n"  # once for all
    names = sorted(Path().glob("x-*.png"))
    assert len(names) == FRAMES
    for frame, name in enumerate(names):
        assert (read_image(name.read_bytes()) == stack[frame]).all()


@pytest.mark.parametrize(
    ("options", "name", "shape"),
    [
        (("--region", "2,4,8,10"), "s.region.tif", (FRAMES, 8, 10)),
        (("--reduce", "4"), "s.reduced.tif", (FRAMES, 6, 8)),
        (("--reduce", "2", "--region", "2,4,8,10"), "s.reduced.region.tif", (FRAMES, 4, 5)),
        (("--frame", "3"), "s.3.png", (24, 32)),
        (("--frame", "3", "--region", "2,4,8,10"), "s.region.3.png", (8, 10)),
    ],
)
def test_parts_of_a_stack(
    stack: np.ndarray, options: tuple[str, ...], name: str, shape: tuple[int, ...]
) -> None:
    """What they are called, that their own size is told, and that metadata stay behind."""
    result = run("decode", "s.linr", *options)
    assert result.exit_code == 0, result.stderr
    assert f"s.linr -> {name}  {shape[-1]} x {shape[-2]}, 1 x 8 bit" in result.stdout
    assert result.stderr == f"inrcodec: {name}: left out: the metadata\n"
    data = Path(name).read_bytes()
    image = tifffile.imread(name) if name.endswith(".tif") else read_image(data)
    assert image.shape == shape


@pytest.mark.parametrize("name", ["x.tif", "x.png"])
def test_a_damaged_frame_is_skipped(stack: np.ndarray, name: str) -> None:
    damage(3)
    assert run("decode", "s.linr", "-o", name).exit_code == 1
    assert not Path(name).exists()
    result = run("decode", "-f", "--skip-damaged", "s.linr", "-o", name)
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert lines[-1] == "inrcodec: s.linr: frame 3: the checksum of section 'D' does not match"
    assert sum("frame 3" in line for line in lines) == 1
    assert "comes back" not in result.stderr
    assert "come back" not in result.stderr
    stack[3] = 0
    if name == "x.tif":
        found = tifffile.imread(name)
    else:
        names = sorted(Path().glob("x-*.png"))
        found = np.stack([read_image(each.read_bytes()) for each in names])
    assert (found == stack).all()


def test_what_is_damaged_is_named(stack: np.ndarray) -> None:
    damage(3)
    damage(5)
    line = "inrcodec: s.linr: frame {}: the checksum of section 'D' does not match\n"
    assert run("info", "s.linr").stderr == line.format(3)
    assert run("verify", "s.linr").stderr == line.format(3) + line.format(5)


def test_an_original_that_is_not_there(stack: np.ndarray) -> None:
    result = run("verify", "s.linr", "t.tif")
    assert result.exit_code == 1
    assert result.stderr == "inrcodec: s.linr: t.tif: No such file or directory\n"


@pytest.mark.parametrize(
    ("frame", "text"), [("11", "there is no frame 11, only 0 to 10"), ("-1", "-1 is not in")]
)
def test_a_frame_that_there_is_not(stack: np.ndarray, frame: str, text: str) -> None:
    assert text in run("decode", "s.linr", "--frame", frame).stderr


def test_a_tile_that_is_a_word(stack: np.ndarray) -> None:
    with pytest.raises(ValueError, match="tile is '128'"):
        inrcodec.encode_file("s.tif", "t.linr", tile="128")
    assert not Path("t.linr").exists()


def test_info_tells_of_tiles_and_of_frames_that_see_others(stack: np.ndarray) -> None:
    assert "  parts    11 frames, of which 0 see others\n" in run("info", "s.linr").stdout
    assert (
        run("encode", "--model", "stored", "--tile", "16", "s.tif", "-o", "t.linr").exit_code == 0
    )
    said = "  parts    44 tiles of 16 x 16, of which 0 see others\n"
    assert said in run("info", "t.linr").stdout
    two = [stack[0], stack[1, :9]]
    Path("u.linr").write_bytes(inrcodec.encode_frames(two, model="stored"))
    assert (
        "32 x 24, 1 x 8 bit, 2 frames of several sizes or kinds\n" in run("info", "u.linr").stdout
    )


def test_rates_of_planes_are_those_of_all_frames(stack: np.ndarray) -> None:
    for frames in ([stack[0], stack[1]], [stack[0], stack[1, :9]]):
        data = inrcodec.encode_frames(frames, model="context", effort=1)
        Path("t.linr").write_bytes(data)
        row = next(line for line in run("info", "t.linr").stdout.splitlines() if " all " in line)
        bytes_, rate = row.split()[2:4]
        samples = sum(frame.size for frame in frames)
        assert float(rate) == pytest.approx(8 * int(bytes_) / samples, abs=0.01)
