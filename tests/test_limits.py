"""Limits: each refuses what is above it, by name, and lets through what is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import inrcodec
from inrcodec import LimitError, Limits
from inrcodec.files.images import write_image
from inrcodec.info import survey
from tests.cli.test_cli import run
from tests.pictures import made_files, scene, unfitted_file

FILES = {
    "context": lambda: unfitted_file(scene(26, 35, 3, np.uint8)),
    "joint": lambda: made_files()["coordinate_joint"],
    "set": lambda: made_files()["coordinate_set"],
    "stored": lambda: inrcodec.encode(scene(26, 35, 3, np.uint8), model="stored"),
}
# What files ask for, exactly.
ASKED = [
    ("context", "pixels", 26 * 35),
    # of a trunk network, and of the plane network for each plane, of the three channels; rows count
    # as multiples of 64
    ("context", "multiply_adds", 26 * 64 * ((101 + 8 * 13) + (155 + 7 * 17) + (205 + 8 * 21))),
    ("context", "weights", (2 * 101 + 13) + (2 * 155 + 17) + (2 * 205 + 21)),
    ("context", "sections", 3),
    ("joint", "pixels", 7 * 9),
    ("joint", "multiply_adds", 7 * 9 * 8 * 131),
    ("joint", "weights", 131),
    ("joint", "sections", 3),
    ("set", "multiply_adds", 6 * 7 * 8 * 131),
    ("set", "weights", 2 * 131),
    ("set", "sections", 4),
    ("stored", "pixels", 26 * 35),
    ("stored", "sections", 2),
]
IMAGE = scene(9, 12, 3, np.uint8)
QUICK = inrcodec.Coordinate(width=8, depth=1, steps=3)


def kept(use: Callable[[Limits], Any], name: str, asked: int) -> Any:
    """Uses what is asked for; one less is refused by the limit's name and value."""
    with pytest.raises(LimitError, match=rf"{asked - 1} \(limit: {name}\)$"):
        use(Limits(**{name: asked - 1}))
    return use(Limits(**{name: asked}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each file of FILES."""
    folder = tmp_path_factory.mktemp("limits")
    for kind, make in FILES.items():
        (folder / f"{kind}.linr").write_bytes(make())
    return folder


@pytest.mark.parametrize(("kind", "name", "asked"), ASKED)
def test_reading(kind: str, name: str, asked: int, folder: Path, tmp_path: Path) -> None:
    path, target = folder / f"{kind}.linr", tmp_path / "a.png"
    data = path.read_bytes()
    want = inrcodec.decode(data)
    assert np.array_equal(kept(lambda some: inrcodec.decode(data, limits=some), name, asked), want)
    kept(lambda some: inrcodec.decode_file(path, target, frame=0, limits=some), name, asked)
    kept(lambda some: survey(data, limits=some), name, asked)
    if kind != "stored":
        kept(lambda some: inrcodec.info(data, limits=some), name, asked)
    if kind == "context":
        kept(lambda some: inrcodec.bit_map(data, limits=some), name, asked)
    if name in ("pixels", "sections") or (name == "weights" and kind != "context"):
        kept(lambda some: inrcodec.info(data, planes=False, limits=some), name, asked)
    if kind in ("joint", "set"):
        more = 4 if name in ("pixels", "multiply_adds") else 1
        kept(lambda some: inrcodec.resample(data, scale=2, limits=some), name, asked * more)


@pytest.mark.parametrize(("kind", "name", "asked"), ASKED)
def test_reading_on_the_command_line(
    kind: str, name: str, asked: int, folder: Path, tmp_path: Path
) -> None:
    path = folder / f"{kind}.linr"
    for command in ("decode", "info", "verify"):
        output = ["-f", "-o", tmp_path / "a.png"] if command == "decode" else []
        result = run(command, path, *output, "--limit", f"{name}={asked - 1}")
        assert result.exit_code == 1
        assert re.fullmatch(rf"inrcodec: \S+: .* {asked - 1} \(limit: {name}\)\n", result.stderr)
        result = run(command, path, *output, "--limit", f"{name}={asked}", "--limit", "metadata=0")
        assert result.exit_code == 0, result.stderr


def test_encoding(tmp_path: Path) -> None:
    """What an image asks for, and what the result's own decoding does."""
    path, target = tmp_path / "a.png", tmp_path / "a.linr"
    path.write_bytes(write_image(IMAGE, ".png"))
    stored: dict[str, Any] = {"model": "stored"}
    data = kept(lambda some: inrcodec.encode(IMAGE, **stored, limits=some), "pixels", 108)
    assert np.array_equal(inrcodec.decode(data), IMAGE)
    kept(lambda some: inrcodec.encode(IMAGE, **stored, limits=some), "sections", 2)
    kept(
        lambda some: inrcodec.encode_file(path, target, **stored, limits=some, force=True),
        "pixels",
        108,
    )
    context: dict[str, Any] = {"model": "context", "effort": 1}
    kept(lambda some: inrcodec.encode(IMAGE, **context, limits=some), "weights", 22665)
    fitted: dict[str, Any] = {"coordinate": QUICK, "device": "cpu"}
    kept(
        lambda some: inrcodec.encode(IMAGE, model="coordinate", **fitted, limits=some),
        "weights",
        3 * 8 + 8 + 8 * 3 + 3,
    )
    pair = [IMAGE, IMAGE[::-1]]
    for name, asked in (("pixels", 108), ("weights", 2 * 59)):
        kept(lambda some: inrcodec.encode_set(pair, **fitted, limits=some), name, asked)
    below = ["--limit", "pixels=107"]
    assert "107 (limit: pixels)" in run("encode", path, "-f", *below).stderr
    assert run("encode", path, "-f", "-e", "1", "--limit", "pixels=108").exit_code == 0
    coordinate = ["--model", "coordinate", "--mixture", "1", "--steps", "1", "--width", "8"]
    result = run("encode", path, path, *coordinate, "-o", tmp_path / "b.linr", *below)
    assert "107 (limit: pixels)" in result.stderr


def test_a_reduced_image_asks_for_less(folder: Path) -> None:
    data = (folder / "context.linr").read_bytes()
    want = inrcodec.decode(data)
    for scale, height, width in ((1, 26, 35), (2, 13, 18), (4, 7, 9), (8, 4, 5)):
        image = kept(
            lambda some, scale=scale: inrcodec.decode(data, scale=scale, limits=some),
            "multiply_adds",
            height * 64 * -(-width // 64) * 852,
        )
        assert np.array_equal(image, want[::scale, ::scale])


def test_a_limit_can_be_raised(folder: Path) -> None:
    from tests.container.test_damage import sealed, sections

    chain = sections((folder / "stored.linr").read_bytes())
    data = sealed([*chain, *[(b"x", b"")] * 62])
    assert inrcodec.info(data)["mode"] == "stored"
    data = sealed([*chain, *[(b"x", b"")] * 63])
    with pytest.raises(LimitError, match=r"64 \(limit: sections\)"):
        inrcodec.info(data)
    assert inrcodec.info(data, limits=Limits(sections=65))["mode"] == "stored"


def test_forms_of_a_number(folder: Path) -> None:
    stored = folder / "stored.linr"
    for value in ("910", "1000", "1e3", "2^10", "7^99"):
        assert run("verify", stored, "--limit", f"pixels={value}").exit_code == 0
    for value in ("909", "9e2", "2^9", "0", "0^1"):
        assert run("verify", stored, "--limit", f"pixels={value}").exit_code == 1
    # the last one counts
    assert run("verify", stored, "--limit", "pixels=1", "--limit", "pixels=1e3").exit_code == 0


@pytest.mark.parametrize(
    "text",
    ["pixels", "pixels=", "pixels=-1", "pixels=1.5", "pixels=1e", "pixels=2^", "pixels=2^3^4",
     "pixels=1_000", "pixels=٣", "pixel=1", "=1", ""],
)  # fmt: skip
@pytest.mark.parametrize("command", ["encode", "decode", "info", "verify"])
def test_usage_errors(command: str, text: str) -> None:
    result = run(command, "a.linr", "--limit", text)
    assert result.exit_code == 2
    assert "--limit" in result.stderr


@pytest.mark.parametrize("value", [-1, 1.0, None, "9", True])
def test_limits_are_whole_numbers(value: Any) -> None:
    with pytest.raises(ValueError, match="pixels"):
        Limits(pixels=value)
