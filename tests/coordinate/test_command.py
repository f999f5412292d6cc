"""The command line of the coordinate model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inrcodec.coordinate.model import BACKBONES
from inrcodec.coordinate.transforms import TRANSFORMS
from inrcodec.files.images import read_image, write_image
from inrcodec.options import MOST_SEED
from inrcodec_cli.encode import encode
from tests.cli.test_cli import run
from tests.pictures import scene

SMALL = ("--model", "coordinate", "--width", "16", "--depth", "2", "--steps", "8", "-q")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(write_image(scene(8, 9, 3, np.uint8), ".png"))
    return path


def test_a_fit_with_its_record_and_preview(picture: Path) -> None:
    folder = picture.parent
    extras = ("--log-dir", folder / "log", "--preview", folder / "preview")
    result = run("encode", picture, *SMALL, *extras)
    assert result.exit_code == 0, result.stderr
    assert run("verify", folder / "a.linr", picture).exit_code == 0
    assert list((folder / "log" / "a").glob("events.*"))
    lines = (folder / "log" / "a" / "fit.txt").read_text().splitlines()
    assert lines[0].split("\t") == ["step", "loss", "BER", "PSNR", "bpp"]
    losses = [float(line.split("\t")[1]) for line in lines[1:]]
    assert losses[-1] < losses[0]
    alone = read_image((folder / "preview" / "a.preview.png").read_bytes())
    assert alone.shape == (8, 9, 3)
    shown = run("info", folder / "a.linr").stdout
    assert "joint, finer, 2 x 16" in shown
    assert "network" in shown


def test_previews_of_a_run_with_a_tag(picture: Path) -> None:
    log, previews = picture.parent / "log", picture.parent / "preview"
    given = (*SMALL, "--preview", previews, "--preview-every", "3", "--tag", "first")
    result = run("encode", picture, *given, "--log-dir", log)
    assert result.exit_code == 0, result.stderr
    assert (log / "first" / "a" / "fit.txt").exists()
    names = sorted(path.name for path in (previews / "first").iterdir())
    assert names == ["a.preview.png", "a.step000003.png", "a.step000006.png"]
    shown = [read_image((previews / "first" / name).read_bytes()) for name in names]
    assert all(image.shape == (8, 9, 3) for image in shown)
    assert not np.array_equal(shown[1], shown[2])
    file = picture.with_suffix(".linr")
    file.unlink()
    (previews / "first" / "a.preview.png").unlink()
    result = run("encode", picture, *given)  # whose pictures are there, and stay
    assert result.exit_code == 1
    assert "a.step000003.png: the file exists, -f overwrites it\n" in result.stderr
    assert not file.exists()
    again = run("encode", picture, *given[:-1], "second", "--target", "value")
    assert again.exit_code == 0, again.stderr
    assert len(list((previews / "second").iterdir())) == 3
    before = picture.read_bytes()
    named = previews / "first" / "a.step000003.png"
    result = run("encode", picture, named, *given, "-f")
    assert result.exit_code == 2
    assert "input and output" in result.stderr
    assert picture.read_bytes() == before


def test_values_and_planes(picture: Path) -> None:
    for options in (
        ("--target", "value", "--transform", "sym-power"),
        ("--target", "value", "--transform", "scale", "--factor", "4"),
        ("--target", "value", "--transform", "gamma", "--power", "0.5"),
        ("--target", "value", "--transform", "rpp", "--seed", "9"),
        ("--layout", "per-plane", "--backbone", "pe-gelu", "--weights", "ternary"),
        ("--backbone", "hash-grid", "--levels", "3", "--table-bits", "6", "--finest", "9"),
        ("--backbone", "diner", "--features", "3"),
        ("--optimize", "size"),
    ):
        result = run("encode", picture, *SMALL, *options, "-f")
        assert result.exit_code == 0, result.stderr
        assert run("verify", picture.with_suffix(".linr"), picture).exit_code == 0
        assert run("info", picture.with_suffix(".linr")).exit_code == 0


def test_pictures_between_the_pixels(picture: Path) -> None:
    assert run("encode", picture, *SMALL).exit_code == 0
    file = picture.with_suffix(".linr")
    result = run("decode", file, "--scale", "2", "--bits", "12")
    assert result.exit_code == 0, result.stderr
    assert "not the original image" in result.stdout
    large = read_image((picture.parent / "a.resampled.png").read_bytes())
    assert large.shape == (16, 18, 3)
    assert large.dtype == np.uint16
    assert large.max() < 1 << 12
    assert run("decode", file, "--bits", "17").exit_code == 2
    stored = picture.parent / "stored.linr"
    assert run("encode", picture, "--model", "stored", "-o", stored).exit_code == 0
    result = run("decode", stored, "--scale", "2")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1


def test_what_was_left_open_is_told(picture: Path) -> None:
    value = ("--target", "value", "--transform", "scale", "--factor", "2")
    for options, told in (
        (value, "transform scale, factor 2, 1 network, 8 steps"),
        (("--backbone", "hash-grid", "--levels", "2", "--finest", "6"), "levels 2, features 2"),
        (("--backbone", "diner", "--features", "3"), "features 3"),
    ):
        assert run("encode", picture, *SMALL, *options, "--force").exit_code == 0
        assert told in run("info", picture.with_suffix(".linr")).stdout
    result = run("encode", picture, *SMALL, "--levels", "3")
    assert "--levels is for the backbone hash-grid" in result.stderr


def test_a_record_is_kept(picture: Path) -> None:
    again = ("encode", picture, *SMALL, "--log-dir", picture.parent / "log")
    assert run(*again).exit_code == 0
    record = (picture.parent / "log" / "a" / "fit.txt").read_bytes()
    (picture.parent / "a.linr").unlink()
    result = run(*again, "--steps", "2")
    assert result.exit_code == 1
    assert "fit.txt" in result.stderr
    assert (picture.parent / "log" / "a" / "fit.txt").read_bytes() == record
    assert run(*again, "--steps", "2", "--force").exit_code == 0
    assert (picture.parent / "log" / "a" / "fit.txt").read_bytes() != record


def test_pictures_of_a_palette(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    image = Image.fromarray(scene(8, 9, 3, np.uint8)).quantize(5)
    image.save(path)
    options = ("--preview", tmp_path / "p", "--preview-every", "4")
    result = run("encode", path, *SMALL, *options)
    assert result.exit_code == 0, result.stderr
    for name in ("p.preview.png", "p.step000004.png"):
        assert read_image((tmp_path / "p" / name).read_bytes()).shape == (8, 9, 3)


def test_choices_are_the_library_s() -> None:
    """Which the command line has for itself, as it starts without that."""
    choices = {param.name: param.type for param in encode.params}
    for name, wanted in (("backbone", BACKBONES), ("transform", TRANSFORMS)):
        assert tuple(choices[name].choices) == wanted
    assert choices["seed"].max == MOST_SEED


def test_wrong_usage(picture: Path) -> None:
    for options in (
        ("--width", "8"),
        ("--model", "coordinate", "--width", "1"),
        ("--model", "coordinate", "--transform", "zscore"),
        ("--model", "coordinate", "--target", "value", "--factor", "2"),
        ("--model", "coordinate", "--target", "value", "--transform", "gamma", "--factor", "2"),
        ("--model", "coordinate", "--target", "value", "--transform", "scale", "--factor", "17"),
        ("--model", "coordinate", "--target", "value", "--transform", "scale", "--power", "2"),
        ("--model", "coordinate", "--target", "value", "--layout", "joint"),
        ("--model", "coordinate", "--preview-every", "2"),
        ("--model", "coordinate", "--preview", "p", "--preview-every", "0"),
        ("--model", "coordinate", "--preview", "p", "--preview-every", "2", "--optimize", "size"),
        ("--model", "coordinate", "--tag", "a"),
        *(
            ("--model", "coordinate", "--preview", "p", "--tag", tag)
            for tag in ("", "..", "a/b", "-a", ".a", "a b", "a\n", "a" * 101)
        ),
        ("--model", "coordinate", "--preview", "p", "--tag", "a", "--mixture", "1", "-o", "x.linr"),
        ("--model", "coordinate", "--levels", "3"),
        ("--model", "coordinate", "--backbone", "diner", "--finest", "9"),
        ("--model", "coordinate", "--backbone", "hash-grid", "--table-bits", "23"),
        ("--model", "coordinate", "--omega", "0"),
        ("--model", "coordinate", "--omega", "101"),
        ("--model", "coordinate", "--backbone", "gauss", "--omega", "30"),
        ("--model", "coordinate", "--backbone", "siren", "--scale", "10"),
        ("--model", "coordinate", "--backbone", "siren", "--bias-range", "2"),
        ("--model", "coordinate", "--learning-rate", "inf"),
        ("--model", "coordinate", "--bias-range", "inf"),
        ("--model", "coordinate", "--backbone", "hash-grid", "--levels", "1", "--finest", "9"),
        ("--model", "coordinate", "--target", "value", "--optimize", "size"),
        ("--seed", str(1 << 64)),
    ):
        assert run("encode", picture, *options).exit_code == 2, options
    assert json.loads(run("encode", picture, *SMALL[:-1], "--json").stdout)["info"]["coordinate"]


def test_a_mixture_of_images(tmp_path: Path) -> None:
    paths = []
    for seed in range(3):
        paths.append(tmp_path / f"{seed}.png")
        paths[-1].write_bytes(write_image(scene(7, 6, 3, np.uint8, seed), ".png"))
    target = tmp_path / "set.linr"
    result = run("encode", *paths, *SMALL, "--mixture", "2", "-o", target)
    assert result.exit_code == 0, result.stderr
    assert "left out: the images' source files" in result.stderr
    assert run("decode", target).exit_code == 0
    for number, path in enumerate(paths):
        decoded = read_image((tmp_path / f"set-{number}.png").read_bytes())
        assert np.array_equal(decoded, read_image(path.read_bytes()))
        assert run("verify", target, path).exit_code == 0
    assert json.loads(run("info", target, "--json").stdout)["frames"] == 3
    assert "6 x 7, 3 x 8 bit, 3 frames" in run("info", target).stdout
    (tmp_path / "other.png").write_bytes(write_image(scene(7, 6, 3, np.uint8, 9), ".png"))
    assert run("verify", target, tmp_path / "other.png").exit_code == 1
    (tmp_path / "large.png").write_bytes(write_image(scene(8, 6, 3, np.uint8), ".png"))
    more = (*paths, tmp_path / "large.png")
    result = run("encode", *more, *SMALL, "--mixture", "2", "-o", tmp_path / "x.linr")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert run("encode", *paths, *SMALL, "--mixture", "2").exit_code == 2
    assert run("encode", *paths, *SMALL, "--coefficients", "fixed").exit_code == 2
    assert run("decode", target, "-o", "-").exit_code == 2
