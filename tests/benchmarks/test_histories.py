"""The report of what images came from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import histories
from inrcodec.files.images import write_image
from inrcodec.history.chroma_search import Source
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.planes import Lattice
from inrcodec.history.upsampling import COSITED
from tests.pictures import chroma_scene, enlarged, jpeg_scene, scene


def test_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = {
        "cd.png": chroma_scene(64, 70, Source(CONVERSIONS[1], COSITED, Lattice(2, 2))),
        "jpeg.png": jpeg_scene(64, 70, 3),
        "large.png": enlarged(scene(24, 30, 3, np.uint8), 3, 3, 0, 0),
        "plain.png": scene(64, 70, 3, np.uint8),
    }
    for name, image in images.items():
        (tmp_path / name).write_bytes(write_image(image, ".png"))
    (tmp_path / "bad.png").write_bytes(b"no image")
    assert histories.main([str(tmp_path)]) == 1  # for the bad one
    printed = capsys.readouterr()
    assert "bad.png: not an image" in printed.err
    cells = [line.strip("| ").split(" | ") for line in printed.out.splitlines()]
    found = {line[0]: line[1:3] for line in cells if line[0].endswith(".png")}
    assert found == {
        "cd.png": ["photo cd 4:2:0", "0"],
        "jpeg.png": ["jfif 4:4:4", "3"],
        "large.png": ["enlarged 3 x 3", "0"],
    }
    assert "none 1" in cells[-1][2]
