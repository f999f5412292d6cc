"""The report of zarr stores."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from benchmarks import zarr_store
from tests.pictures import scene


def test_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = np.stack([scene(40, 50, 1, np.uint16, seed) for seed in range(2)])
    tifffile.imwrite(tmp_path / "a.tif", stack)
    tifffile.imwrite(tmp_path / "b.tif", stack[0])
    tifffile.imwrite(tmp_path / "c.tif", stack.astype(np.uint8))
    monkeypatch.setattr(sys, "argv", ["zarr_store", "-e", "1", str(tmp_path)])
    zarr_store.main()
    head, _, *lines = [
        line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()
    ]
    assert head[:4] == ["codec", "a.tif 2x40x50", "b.tif 40x50", "all"]
    sizes = {line[0]: [int(cell) for cell in line[1:4]] for line in lines}
    assert [name.split()[0] for name in sizes] == [
        "Blosc-Zstandard", "Blosc-Zstandard", "JPEG", "JPEG", "inrcodec",
    ]  # fmt: skip
    assert all(first + second == total for first, second, total in sizes.values())
    assert sizes["inrcodec effort 1"][2] < sizes["Blosc-Zstandard 9, bitshuffle"][2]
    monkeypatch.setattr(sys, "argv", ["zarr_store", "--bits", "16", str(tmp_path / "c.tif")])
    with pytest.raises(SystemExit):
        zarr_store.main()
