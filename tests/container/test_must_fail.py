"""Files that every reader has to refuse, each for a reason: must_fail.json names the error."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

import inrcodec
from tests.cli.test_cli import run

FOLDER = Path(__file__).parents[1] / "must_fail"
WANT = json.loads((FOLDER / "must_fail.json").read_text())


def test_all_files_are_listed() -> None:
    assert {path.name for path in FOLDER.glob("*.linr")} == set(WANT)


@pytest.mark.parametrize("name", sorted(WANT))
def test_file(name: str, tmp_path: Path) -> None:
    path, (error, _) = FOLDER / name, WANT[name]
    with pytest.raises(inrcodec.LinrError) as caught:
        inrcodec.decode(path.read_bytes(), threads=1)
    assert caught.type.__name__ == error
    target = tmp_path / ("a.tif" if name.startswith("part_") else "a.png")  # of several pages
    result = run("decode", path, "-o", target)
    assert result.exit_code == 1
    assert result.stderr == f"inrcodec: {path}: {caught.value}\n"
    assert len(result.stderr.splitlines()) == 1
    assert not result.stdout
    assert not list(tmp_path.iterdir())


def test_a_long_row_takes_no_more_memory_than_many_rows() -> None:
    data = (FOLDER / "coordinate_long_row.linr").read_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(inrcodec.ChecksumError):
            inrcodec.decode(data, threads=1)
        assert tracemalloc.get_traced_memory()[1] < 1 << 29
    finally:
        tracemalloc.stop()
