"""The check of folders after a kill: it has to see what must not be there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import inrcodec
from benchmarks.kill_folder import Folder
from inrcodec.files.images import write_image


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    source = tmp_path / "source.png"
    noise = np.random.default_rng(0).integers(0, 256, (60, 60), np.uint8)
    source.write_bytes(write_image(noise, ".png"))
    return Folder.of_crops([source], 3)


def test_what_is_found(folder: Folder, tmp_path: Path) -> None:
    place = tmp_path / "images"
    folder.write(place)
    names = list(folder.files)
    assert +folder.check(place) == {}
    packed = [inrcodec.encode(folder.arrays[name], model="stored") for name in names]
    targets = [(place / name).with_suffix(".linr") for name in names]
    targets[0].write_bytes(packed[0])
    assert +folder.check(place) == {"both": 1, "encoded": 1}
    (place / names[0]).unlink()
    assert +folder.check(place) == {"encoded": 1}
    targets[0].with_name(".0.linr.01234567.tmp").write_bytes(packed[0][:20])
    targets[1].write_bytes(packed[1][:-5])
    assert +folder.check(place) == {"encoded": 1, "partial": 1, "temporary": 1}
    (place / names[1]).unlink()
    targets[2].write_bytes(packed[0])  # another image
    (place / names[2]).write_bytes(folder.files[names[2]][:-1])
    (place / "core").touch()
    found = +folder.check(place)
    assert found == {"encoded": 1, "partial": 2, "lost": 2, "temporary": 1, "strange": 1}
