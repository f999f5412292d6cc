"""The reproduction scripts run, and print what was published beside what they measured."""

from __future__ import annotations

import csv
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from inrcodec.files.images import write_image
from tests.pictures import scene

SMALL = ("--size", "6", "--width", "8", "--depth", "1", "--steps", "3", "--device", "cpu",
         "--threads", "1")  # fmt: skip


@pytest.mark.parametrize(("name", "published"), [
    ("steps", ["790 ± 109", "3450 ± 877", "428", "not implemented"]),
    ("loss", ["778", "1233"]),
    ("ternary", ["80000", "656179"]),
    ("psnr", ["40.06", "42.13", "32.2"]),
    ("target_transforms", ["33.60", "36.75", "not implemented"]),
    ("mixture", ["26.5 dB", "a file for each"]),
])  # fmt: skip
def test_a_script(
    name: str, published: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = import_module(f"benchmarks.reproduce.{name}")
    images = []
    for number, dtype in enumerate((np.uint8, np.uint8 if name == "mixture" else np.uint16)):
        images.append(str(tmp_path / f"{number}.png"))
        Path(images[-1]).write_bytes(write_image(scene(8, 9, 3, dtype, number), ".png"))
    table, chart = tmp_path / "out.csv", tmp_path / "out.png"
    assert script.main([*images, *SMALL, "--csv", str(table), "--plot", str(chart)]) == 0
    shown = capsys.readouterr().out
    assert "6 x 6, 1 hidden layers of 8, at most 3 steps" in shown
    for figure in published:
        assert figure in shown
    with table.open() as file:
        assert len(list(csv.DictReader(file))) >= 2
    assert chart.read_bytes().startswith(b"\x89PNG")
