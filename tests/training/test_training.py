"""Training priors: that what comes out is one."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np

from inrcodec.coding.backend import numpy_backend
from inrcodec.coding.weights import unpack_weights
from inrcodec.context.networks import Network
from inrcodec.context.prior import CONVERSIONS, POSITIONS, is_fine
from inrcodec.context.step import plane_shape, trunk_shape
from inrcodec.files.images import write_image
from inrcodec.graphics import levels
from inrcodec.graphics.levels import LEVELS

SCRIPT = Path(__file__).parents[2] / "training" / "prior.py"
OF_GRAPHICS = SCRIPT.with_name("graphics.py")


def train(tmp_path: Path, images: dict[str, np.ndarray], name: str) -> subprocess.CompletedProcess:
    """Runs the script on images of one folder each."""
    folders = []
    for number, image in enumerate(images.values()):
        folders.append(tmp_path / str(number))
        folders[-1].mkdir(exist_ok=True)
        (folders[-1] / "image.png").write_bytes(write_image(image, ".png"))
    options = ["--width", "8", "--passes", "1", "--plane-steps", "60", "--samples", "9000"]
    output = ["-o", str(tmp_path / name)]
    command = [sys.executable, str(SCRIPT), *options, *output, *map(str, folders)]
    return subprocess.run(command, capture_output=True, text=True)


def walk(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """A picture without a history: sums of noise along both axes, in -1 .. 1."""
    sums = rng.normal(size=shape).cumsum(0).cumsum(1)
    return sums / np.abs(sums).max()


def test_a_photograph_and_a_deep_grey_image_make_a_prior(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    photograph = np.rint(127 + 120 * walk(rng, 72, 64, 3)).astype(np.uint8)
    deep = np.rint(30000 + 9000 * walk(rng, 50, 60)).astype(np.uint16)
    images = {"photograph": photograph, "deep": deep}
    for name in ("one", "two"):
        done = train(tmp_path, images, name)
        assert done.returncode == 0, done.stderr
    data = (tmp_path / "one").read_bytes()
    shapes = [
        shape
        for conversion in range(CONVERSIONS)
        for r in range(POSITIONS)
        for shape in (*[trunk_shape(r, 8, is_fine(conversion, r))] * 2, plane_shape(r, 16))
    ]
    networks = unpack_weights("int", [shape.tensors() for shape in shapes], data)
    for shape, tensors in zip(shapes, networks, strict=True):
        assert tensors["w3"].values.any()
        Network(shape, tensors, numpy_backend())
    assert data == (tmp_path / "two").read_bytes()  # a seed is a prior


def test_nothing_is_learned_without_a_photograph(tmp_path: Path) -> None:
    done = train(tmp_path, {"deep": np.zeros((9, 9), np.uint16)}, "none")
    assert done.returncode == 2
    assert "no photograph" in done.stderr


def train_graphics(tmp_path: Path, image: np.ndarray) -> subprocess.CompletedProcess:
    """Runs the script for graphics on a folder of one image; writes tmp_path / "weights.py"."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "image.png").write_bytes(write_image(image, ".png"))
    command = [sys.executable, str(OF_GRAPHICS), "-o", str(tmp_path / "weights.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_photograph_makes_weights_of_graphics(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    image = np.rint(127 + 120 * walk(rng, 96, 120, 3)).astype(np.uint8)
    done = train_graphics(tmp_path, image)
    assert done.returncode == 0, done.stderr
    found = runpy.run_path(str(tmp_path / "weights.py"))
    shipped = runpy.run_path(str(Path(levels.__file__).with_name("weights.py")))
    names = ("PIXEL_WEIGHTS", "SAMPLE_WEIGHTS", "EXPECTED_WEIGHTS")
    for number, level in LEVELS.items():
        if level.prior is None:
            continue
        fresh = LEVELS[number - 3].weights()
        for name, count, before in zip(names, level.inputs, fresh, strict=True):
            weights = np.array(found[name][number])
            assert weights.shape == np.shape(shipped[name][number]) == (count,)
            assert (np.abs(weights) < 1 << 19).all()
            assert (weights != before).mean() > 0.9  # it was taught
            assert np.abs(weights - before).max() > 200


def test_no_weights_of_graphics_are_learned_without_a_photograph(tmp_path: Path) -> None:
    done = train_graphics(tmp_path, np.zeros((9, 9), np.uint8))
    assert done.returncode == 2
    assert "no photograph" in done.stderr
    assert not (tmp_path / "weights.py").exists()
