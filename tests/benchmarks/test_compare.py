"""The comparison with other codecs: nothing but what decodes to the same samples counts."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from benchmarks import compare
from inrcodec.files.images import read_image, write_image
from tests.pictures import scene

PEERS = ["PNG 6", "PNG 9", "WebP", "JPEG XL e7", "JPEG XL e9", "JPEG-LS", "JPEG 2000"]


def rows_of(image: np.ndarray) -> dict[str, compare.Row]:
    return {
        name: compare.measure(image, codec)[1] for name, codec in compare.peers(image, 1).items()
    }


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_peers_return_the_samples_or_refuse(channels: int, dtype: type) -> None:
    image = scene(24, 40, channels, dtype)
    rows = rows_of(image)
    refused = {name for name, row in rows.items() if row.get("note", "").startswith("refuses")}
    expected = set() if dtype is np.uint8 and channels > 2 else {"WebP"}
    assert refused == expected | ({"JPEG-LS"} if channels == 2 else set())
    for name in set(rows) - refused:
        assert rows[name]["bytes"] < image.nbytes + 1024, rows[name]


def test_webp_keeps_an_opaque_alpha_channel() -> None:
    image = scene(24, 40, 4, np.uint8)
    image[:, :, 3] = 255
    assert rows_of(image)["WebP"]["bytes"] > 0


def test_other_samples_do_not_count() -> None:
    image = scene(24, 40, 3, np.uint8)
    for wrong in (lambda _: image ^ 1, lambda _: image[:, :, :1], lambda _: image.astype(float)):
        data, row = compare.measure(image, (lambda _: b"small", wrong))
        assert data is None
        assert row == {"note": "fails: decodes to other samples"}


def test_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    (folder / "bad.png").write_bytes(b"no image")
    (folder / "deep.png").write_bytes(write_image(scene(20, 24, 1, np.uint16), ".png"))
    (folder / "rgb.ppm").write_bytes(write_image(scene(20, 24, 3, np.uint8), ".ppm"))
    table = tmp_path / "figures.csv"
    arguments = [str(folder), "-e", "1", "-T", "1", "--csv", str(table), "--plot", str(folder)]
    assert compare.main(arguments) == 1  # for the bad one
    printed = capsys.readouterr()
    assert "bad.png: not an image" in printed.err

    rows = list(csv.DictReader(table.read_text().splitlines()))
    names = ["as given", *PEERS, "inrcodec e1", "inrcodec e1, no history"]
    assert [(row["image"], row["codec"]) for row in rows] == [
        (image, codec) for image in ("deep.png", "rgb.ppm") for codec in names
    ]
    assert all(row["set"] == "few" for row in rows)
    cells = {(row["image"], row["codec"]): row for row in rows}
    assert cells["deep.png", "WebP"]["bytes"] == ""
    assert cells["deep.png", "WebP"]["note"].startswith("refuses")
    ours = cells["rgb.ppm", "inrcodec e1"]
    assert float(ours["bpsp"]) == 8 * int(ours["bytes"]) / (20 * 24 * 3)
    assert float(ours["encode_seconds"]) > float(ours["decode_seconds"]) > 0
    given = cells["rgb.ppm", "as given"]
    assert int(given["bytes"]) == (folder / "rgb.ppm").stat().st_size

    lines = printed.out.splitlines()
    assert lines[0] == "## few"
    assert lines[2].split(" | ")[1:] == [*names[:-1], f"{names[-1]} |"]
    total = next(line for line in lines if line.startswith("| total |")).strip("| ").split(" | ")
    assert total[1 + names.index("WebP")].strip() == ""
    sizes = [int(cells[image, "JPEG XL e9"]["bytes"]) for image in ("deep.png", "rgb.ppm")]
    assert int(total[1 + names.index("JPEG XL e9")]) == sum(sizes)
    assert read_image((folder / "few.png").read_bytes()).std() > 1

    before = table.read_bytes()
    with pytest.raises(SystemExit) as done:
        compare.main(arguments)
    assert done.value.code == 2
    assert "the file exists" in capsys.readouterr().err
    assert table.read_bytes() == before


def test_whole_processes(tmp_path: Path) -> None:
    image = scene(8, 8, 1, np.uint8)
    (tmp_path / "a.png").write_bytes(write_image(image, ".png"))
    times = compare.measure_processes(tmp_path / "a.png", image, effort=1, threads=1)
    assert list(times) == list(compare.TIMES[2:])
    assert min(times.values()) > 0.05  # Python and NumPy have started
    with pytest.raises(SystemExit, match="differs"):
        compare.measure_processes(tmp_path / "a.png", image ^ 1, effort=1, threads=1)


@pytest.mark.parametrize("effort", ["0", "1,10", "x"])
def test_wrong_efforts(effort: str) -> None:
    with pytest.raises(SystemExit) as done:
        compare.main(["-e", effort, "a.png"])
    assert done.value.code == 2
