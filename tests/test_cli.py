"""The command line: what it writes, says and returns. Every encode is of a tiny image."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from inrcodec.images import read_image, write_image
from inrcodec_cli import main as command
from inrcodec_cli.main import cli


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def photo(channels: int = 3, seed: int = 0) -> np.ndarray:
    """A smooth image with a little noise."""
    y, x = np.mgrid[:24, :32]
    rng = np.random.default_rng(seed)
    planes = [128 + 60 * np.sin(x / 9 + k) + 40 * np.cos(y / 7) for k in range(channels)]
    image = np.stack(planes, axis=-1) + rng.normal(0, 2, (24, 32, channels))
    return image.clip(0, 255).astype(np.uint8).squeeze()


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a.png and its a.linr; tests only read it."""
    folder = tmp_path_factory.mktemp("encoded")
    (folder / "a.png").write_bytes(write_image(photo(), ".png"))
    result = run("encode", "-e", "1", folder / "a.png")
    assert result.exit_code == 0, result.stderr
    return folder


def test_a_time_limit_still_gives_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(write_image(photo(), ".png"))
    result = run("encode", "-e", "9", "--time-limit", "1", "--json", tmp_path / "a.png")
    assert result.exit_code == 0, result.stderr
    assert run("verify", tmp_path / "a.linr", tmp_path / "a.png").exit_code == 0
    assert run("encode", "--time-limit", "0", tmp_path / "a.png").exit_code == 2


def test_help_does_not_import_torch() -> None:
    code = (
        "import sys; from inrcodec_cli.main import main; sys.argv = ['inrcodec', '-h']\n"
        "try: main()\n"
        "except SystemExit as done: assert not done.code\n"
        "assert 'torch' not in sys.modules"
    )
    paths = [str(Path(command.__file__).parents[1]), *sys.path]
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    for name in ("encode", "decode", "info", "verify", "bench"):
        assert name in result.stdout


def test_round_trip(encoded: Path, tmp_path: Path) -> None:
    for extension in (".png", ".tiff", ".ppm"):
        result = run("decode", encoded / "a.linr", "-o", tmp_path / f"b{extension}")
        assert result.exit_code == 0, result.stderr
        assert "32 x 24, 3 x 8 bit" in result.stdout
        decoded = read_image((tmp_path / f"b{extension}").read_bytes())
        np.testing.assert_array_equal(decoded, photo())


def test_result_line_json_and_overwriting(tmp_path: Path) -> None:
    source, target = tmp_path / "g.png", tmp_path / "g.linr"
    source.write_bytes(write_image(photo(1), ".png"))
    result = run("encode", "-e", "1", source)
    assert result.exit_code == 0, result.stderr
    assert f"{source} -> {target}  {target.stat().st_size} bytes" in result.stdout
    assert "bpsp  (PNG -" in result.stdout
    assert result.stderr == ""

    before = target.read_bytes()
    result = run("encode", "-e", "1", source)
    assert result.exit_code == 1
    assert result.stderr == f"inrcodec: {source}: {target}: the file exists, -f overwrites it\n"
    assert target.read_bytes() == before

    result = run("encode", "-e", "1", "--json", "-f", source)
    facts = json.loads(result.stdout)
    assert facts["bytes"] == target.stat().st_size
    assert facts["bpsp"] == 8 * facts["bytes"] / (24 * 32)


def test_batch_goes_on_after_a_failure(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "good.png").write_bytes(write_image(photo(1), ".png"))
    (tmp_path / "out").mkdir()
    inputs = [tmp_path / name for name in ("bad.png", "missing.png", "good.png")]
    result = run("encode", "-q", "-e", "1", *inputs, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"inrcodec: {inputs[0]}: truncated PNG, no IEND chunk",
        f"inrcodec: {inputs[1]}: No such file or directory",
    ]
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["good.linr"]


def test_streams(encoded: Path) -> None:
    result = run("decode", "-", stdin=(encoded / "a.linr").read_bytes())
    assert result.exit_code == 0, result.stderr
    np.testing.assert_array_equal(read_image(result.stdout_bytes), photo())
    assert result.stderr.startswith("stdin -> stdout")
    result = run("encode", "-", "-e", "1", stdin=(encoded / "a.png").read_bytes())
    assert result.stdout_bytes == (encoded / "a.linr").read_bytes()


def test_info(encoded: Path) -> None:
    size = (encoded / "a.linr").stat().st_size
    result = run("info", encoded / "a.linr")
    assert result.exit_code == 0, result.stderr
    assert "32 x 24, 3 x 8 bit" in result.stdout
    assert f"bytes    {size} (header" in result.stdout
    facts = json.loads(run("info", "--json", encoded / "a.linr").stdout)
    assert facts["total_bytes"] == size
    parts = facts["header_bytes"] + facts["weights_bytes"] + facts["data_bytes"]
    assert parts == size
    result = run("info", encoded / "a.png")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"inrcodec: {encoded / 'a.png'}: ")


def test_verify(encoded: Path, tmp_path: Path) -> None:
    result = run("verify", encoded / "a.linr", encoded / "a.png")
    assert (result.exit_code, result.stdout) == (0, f"{encoded / 'a.linr'}: OK\n")
    other = photo()
    other[0, 0, 0] ^= 1
    (tmp_path / "other.png").write_bytes(write_image(other, ".png"))
    result = run("verify", encoded / "a.linr", tmp_path / "other.png")
    assert result.exit_code == 1
    assert "1 of 2304 samples differ" in result.stderr
    (tmp_path / "grey.png").write_bytes(write_image(photo(1), ".png"))
    result = run("verify", encoded / "a.linr", tmp_path / "grey.png")
    assert result.exit_code == 1
    assert "(24, 32, 3)" in result.stderr
    data = bytearray((encoded / "a.linr").read_bytes())
    data[-1] ^= 0x55
    (tmp_path / "damaged.linr").write_bytes(data)
    for name in ("damaged.linr", "missing.linr"):
        result = run("verify", tmp_path / name)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"inrcodec: {tmp_path / name}: ")
        assert len(result.stderr.splitlines()) == 1


def test_bench(encoded: Path, tmp_path: Path) -> None:
    table = tmp_path / "figures.csv"
    result = run("bench", "-e", "1", encoded, "--csv", table)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("total")
    (row,) = csv.DictReader(table.read_text().splitlines())
    assert int(row["png_bytes"]) == (encoded / "a.png").stat().st_size
    assert int(row["linr_bytes"]) == (encoded / "a.linr").stat().st_size


def test_bench_reports_a_mismatch(encoded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import inrcodec

    monkeypatch.setattr(inrcodec, "encode", lambda *_, **__: b"")
    monkeypatch.setattr(inrcodec, "decode", lambda *_, **__: photo() ^ 1)
    result = run("bench", encoded / "a.png")
    assert result.exit_code == 1
    assert result.stderr == f"inrcodec: {encoded / 'a.png'}: the decoded image differs\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode"],
        ["encode", "-e", "10", "a.png"],
        ["encode", "-", "a.png"],
        ["encode", "a.png", "b.png", "-o", "c.linr"],
        ["encode", "a.png", "a.tif"],
        ["encode", "a.png", "-f", "-o", "a.png"],
        ["encode", "a.png", "--json", "-o", "-"],
        ["decode", "a.linr", "-o", "a.jpg"],
        ["decode", "a.linr", "--device", "auto"],
        ["verify", "-", "-"],
        ["bench", "."],
        ["nonsense"],
    ],
)
def test_usage_errors(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr


def test_missing_folder_is_noticed_before_encoding(encoded: Path, tmp_path: Path) -> None:
    target = tmp_path / "no" / "a.linr"
    result = run("encode", encoded / "a.png", "-o", target)
    assert result.exit_code == 1
    assert (
        result.stderr == f"inrcodec: {encoded / 'a.png'}: cannot write {target}: no such folder\n"
    )


def test_exit_codes_of_main(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["inrcodec", "decode", "a.linr"])
    monkeypatch.setattr(command, "read_input", interrupted)
    with pytest.raises(SystemExit) as done:
        command.main()
    assert done.value.code == 130
    for arguments, code in ((["encode"], 2), (["info", "missing.linr"], 1), (["-h"], 0)):
        monkeypatch.setattr(sys, "argv", ["inrcodec", *arguments])
        with pytest.raises(SystemExit) as done:
            command.main()
        assert (done.value.code or 0) == code
