"""What desktops know of .linr files: their type, by name and by first bytes, and thumbnails."""

from __future__ import annotations

import ast
import configparser
import io
import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import inrcodec
from inrcodec import Limits, Metadata, Picture, PixelType
from inrcodec.container.linr import SIGNATURE
from inrcodec.files.images import read_image
from inrcodec.files.metadata import PNG, TIFF
from inrcodec.files.picture import OF_OTHER_COLOURS, UNSPECIFIED
from inrcodec.thumbnail import thumbnail
from tests.cli.running import run
from tests.pictures import scene

ROOT = Path(__file__).parents[2]
GOLDEN = sorted((ROOT / "tests" / "golden").glob("*.linr"))
SHARE = ROOT / "share"
MIME = "image/x-linr"
XML = SHARE / "mime" / "packages" / "inrcodec.xml"
NAMESPACE = {"m": "http://www.freedesktop.org/standards/shared-mime-info"}
QUICK = {"model": "stored", "history": False}


def needed(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def output(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        check=True,
        text=True,
        env=os.environ | environment,
    )
    return done.stdout.strip()


def small(picture: np.ndarray | Picture, size: int) -> np.ndarray:
    return thumbnail(io.BytesIO(inrcodec.encode(picture, **QUICK)), size)


def test_thumbnails_of_frames_and_tiles() -> None:
    frames = [np.full((40, 30), value, np.uint8) for value in (50, 90, 90)]
    data = inrcodec.encode_frames(frames, **QUICK)
    assert np.array_equal(thumbnail(io.BytesIO(data), 8), np.full((8, 6), 50))
    # no other frame is looked at
    with inrcodec.LinrFile(data) as file:
        first = file.contents.model.place(0)[1] + file.contents.end
    assert np.array_equal(thumbnail(io.BytesIO(data[:first]), 8), np.full((8, 6), 50))
    image = scene(200, 150, 3, np.uint8)
    tiled = thumbnail(io.BytesIO(inrcodec.encode(image, tile=64, **QUICK)), 20)
    assert tiled.shape == (20, 15, 3)
    assert np.abs(tiled.astype(int) - small(image, 20)).max() <= 1


def test_the_type_is_told_by_the_first_bytes_and_the_name() -> None:
    kind = ElementTree.parse(XML).getroot().find("m:mime-type", NAMESPACE)
    match, glob = kind.find("m:magic/m:match", NAMESPACE), kind.find("m:glob", NAMESPACE)
    value = ast.literal_eval(f"b'{match.get('value')}'")
    assert (kind.get("type"), match.get("offset"), value) == (MIME, "0", SIGNATURE)
    assert glob.get("pattern") == "*.linr"
    assert GOLDEN
    assert all(path.read_bytes().startswith(value) for path in GOLDEN)


def test_the_shared_mime_database(tmp_path: Path) -> None:
    needed("update-mime-database", "gio")
    shutil.copytree(SHARE / "mime", tmp_path / "mime")
    subprocess.run(["update-mime-database", tmp_path / "mime"], check=True)
    globs = (tmp_path / "mime" / "globs2").read_text()
    assert f":{MIME}:*.linr" in globs
    for name in ("named.linr", "nameless"):
        file = tmp_path / name
        shutil.copy(GOLDEN[0], file)
        told = output(
            "gio", "info", "-a", "standard::content-type", file, XDG_DATA_HOME=str(tmp_path)
        )
        assert f"standard::content-type: {MIME}" in told


def test_magic() -> None:
    needed("file")
    command = ("file", "-b", "-m", SHARE / "inrcodec" / "magic")
    for path in (GOLDEN[0], GOLDEN[-1]):
        assert output(*command, path) == "inrcodec lossless image, format 2.0"
        assert output(*command, "--mime-type", path) == MIME
    assert "inrcodec" not in output(*command, XML)


def test_magic_without_a_program() -> None:
    lines = (SHARE / "inrcodec" / "magic").read_text().splitlines()
    offset, kind, value, _ = lines[1].split("\t")
    assert (offset, kind, ast.literal_eval(f"b'{value}'")) == ("0", "string", SIGNATURE)
    assert f"!:mime\t{MIME}" in lines


def test_the_wheel_installs_them() -> None:
    builds = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert builds["targets"]["wheel"]["shared-data"] == {"share": "share"}
    assert "share" in builds["targets"]["sdist"]["include"]


def test_the_thumbnailer(tmp_path: Path) -> None:
    entry = configparser.ConfigParser(interpolation=None)
    entry.read(SHARE / "thumbnailers" / "inrcodec.thumbnailer")
    section = entry["Thumbnailer Entry"]
    assert section["MimeType"] == f"{MIME};"
    image, target = scene(300, 200, 3, np.uint8), tmp_path / "made.beforehand"
    (tmp_path / "x.linr").write_bytes(inrcodec.encode(image, **QUICK))
    target.touch()
    filled = {"%s": "32", "%i": str(tmp_path / "x.linr"), "%o": str(target)}
    program, *arguments = section["Exec"].split()
    assert program == section["TryExec"] == "inrcodec"
    result = run(*(filled.get(argument, argument) for argument in arguments))
    assert (result.exit_code, result.output) == (0, "")
    assert read_image(target.read_bytes()).shape == (32, 21, 3)


def test_the_file_itself_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.linr"
    path.write_bytes(inrcodec.encode(np.zeros((9, 9), np.uint8)))
    before = path.read_bytes()
    done = run("thumbnail", path, tmp_path / "." / "x.linr")
    assert done.exit_code == 2
    assert path.read_bytes() == before


def test_a_file_that_fails(tmp_path: Path) -> None:
    (tmp_path / "x.linr").write_bytes(SIGNATURE)
    result = run("thumbnail", tmp_path / "x.linr", tmp_path / "x.png")
    assert result.exit_code == 1
    assert "x.linr: the file ends within its version" in result.stderr
    assert not (tmp_path / "x.png").exists()
    (tmp_path / "x.linr").write_bytes(inrcodec.encode(scene(30, 30, 1, np.uint8), **QUICK))
    limited = run("thumbnail", "--limit", "pixels=10", tmp_path / "x.linr", tmp_path / "x.png")
    assert limited.exit_code == 1
    assert "limit: pixels" in limited.stderr


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_thumbnails_look_like_the_image(channels: int) -> None:
    image = scene(203, 151, channels, np.uint8)
    found = small(image, 20)
    assert found.shape == (20, 15, *image.shape[2:])
    wanted = image[5::10, 5::10][:20, :15].astype(int)
    assert np.abs(found.astype(int) - wanted).mean() < 8


def test_small_images_stay_as_they_are() -> None:
    image = scene(20, 31, 3, np.uint8)
    assert np.array_equal(small(image, 31), image)
    assert small(image, 30).shape == (19, 30, 3)
    assert small(scene(1, 200, 1, np.uint8), 16).shape == (1, 16)


def test_no_more_is_read_than_needed() -> None:
    image = scene(280, 260, 1, np.uint8)
    data = inrcodec.encode(image, effort=1, model="context", history=False)
    file = io.BytesIO(data)
    assert thumbnail(file, 16).shape == (16, 15)
    assert file.tell() < len(data) / 2


PICTURES = {
    "1 bit, 0 is white": (Picture(scene(9, 7, 1, np.uint8) >> 7, PixelType(1, white=True)), 1),
    "4 bits": (Picture(scene(9, 7, 1, np.uint8) >> 4, PixelType(4)), 0),
    "12 bits": (Picture(scene(9, 7, 3, np.uint16) >> 4, PixelType(12)), 0),
    "16 bits": (Picture(scene(9, 7, 3, np.uint16)), 0),
    "up to 100": (Picture(scene(9, 7, 1, np.uint8) // 3, PixelType(top=85)), 0),
    "signed": (Picture(scene(9, 7, 1, np.uint16), PixelType(signed=True)), 0),
    "no alpha": (Picture(scene(9, 7, 4, np.uint8), PixelType(extra=UNSPECIFIED)), 0),
}


@pytest.mark.parametrize("name", PICTURES)
def test_samples_are_scaled_to_8_bits(name: str) -> None:
    picture, inverted = PICTURES[name]
    channels = picture.cube.shape[2] - (name == "no alpha")
    light = picture.cube[..., :channels] / picture.cube[..., :channels].max()
    wanted = np.abs(inverted * 255 - 255 * light).squeeze()
    found = small(picture, 99)
    assert found.dtype == np.uint8
    assert np.abs(found / found.max() - wanted / wanted.max()).max() < 0.02


def test_palettes_and_transparent_colours() -> None:
    indices, colours = scene(9, 7, 1, np.uint8) % 3, np.array([[9, 1, 2], [7, 7, 7], [250, 3, 4]])
    palette = colours.astype(np.uint8).tobytes()
    assert np.array_equal(small(Picture(indices, PixelType(palette=palette)), 9), colours[indices])
    clear = small(Picture(indices, PixelType(key=(2,))), 9)
    assert np.array_equal(clear[..., 1] == 0, indices == 2)


def test_hidden_colours_do_not_show() -> None:
    image = np.zeros((64, 64, 4), np.uint8)
    image[..., 0], image[::2, :, 1], image[1::2, :, 3] = 80, 255, 200
    found = small(image, 31)
    assert set(found[..., 0].ravel()) == {80}
    assert found[..., 1].max() < 3
    assert abs(int(found[..., 3].mean()) - 100) < 3


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", [PNG, TIFF])
def test_thumbnails_are_upright(orientation: int, kind: str) -> None:
    image_module = pytest.importorskip("PIL.Image")
    operations = pytest.importorskip("PIL.ImageOps")
    image = scene(24, 16, 3, np.uint8)
    exif = image_module.Exif()
    exif[274] = orientation
    tags = ((274, 3, orientation.to_bytes(2, "little")),)
    metadata = Metadata(PNG, (("eXIf", exif.tobytes()[6:]),))
    found = small(
        Picture(image, metadata=Metadata(TIFF, tags=tags) if kind == TIFF else metadata), 24
    )
    pillow = image_module.fromarray(image)
    pillow.getexif()[274] = orientation
    assert np.array_equal(found, np.asarray(operations.exif_transpose(pillow)))


def test_damaged_exif_is_no_reason_to_fail() -> None:
    image = scene(9, 7, 1, np.uint8)
    for exif in (b"", b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff" + bytes(40)):
        assert np.array_equal(
            small(Picture(image, metadata=Metadata(PNG, (("eXIf", exif),))), 9), image
        )


def test_other_colours_and_limits() -> None:
    with pytest.raises(inrcodec.ImageError, match="other colours"):
        small(Picture(scene(9, 7, 4, np.uint8), OF_OTHER_COLOURS), 9)
    data = inrcodec.encode(scene(9, 7, 4, np.uint8), **QUICK)
    with pytest.raises(inrcodec.LimitError):
        thumbnail(io.BytesIO(data), 9, limits=Limits(pixels=9))
