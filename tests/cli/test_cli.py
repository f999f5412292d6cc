"""The command line: what it writes, says and returns. Every encode is of a tiny image."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec.errors import OutputExistsError
from inrcodec.files.images import read_image, write_image
from inrcodec_cli import main as command
from tests.cli.running import photo, process, run


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
    change = 100 * target.stat().st_size / source.stat().st_size - 100
    assert f"bpsp  (PNG {change:+.1f} %)" in result.stdout
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


def test_batches_go_on_after_a_failure(tmp_path: Path) -> None:
    good = {"first": photo(1), "last": photo(3)}
    for name, image in good.items():
        (tmp_path / f"{name}.png").write_bytes(write_image(image, ".png"))
    (tmp_path / "bad.png").write_bytes((tmp_path / "last.png").read_bytes()[:-20])
    names = ("first", "bad", "missing", "last")
    inputs = [tmp_path / f"{name}.png" for name in names]
    packed, unpacked = tmp_path / "packed", tmp_path / "unpacked"
    packed.mkdir()
    unpacked.mkdir()

    result = run("encode", "-q", "-e", "1", *inputs, "-o", packed)
    assert result.exit_code == 1
    assert result.stdout == ""
    bad, missing = result.stderr.splitlines()
    assert bad.startswith(f"inrcodec: {inputs[1]}: truncated")
    assert missing == f"inrcodec: {inputs[2]}: No such file or directory"
    assert sorted(os.listdir(packed)) == ["first.linr", "last.linr"]

    (packed / "bad.linr").write_bytes((packed / "last.linr").read_bytes()[:-20])
    files = [packed / f"{name}.linr" for name in names]
    result = run("decode", "-q", *files, "-o", unpacked)
    assert result.exit_code == 1
    bad, missing = result.stderr.splitlines()
    assert bad.startswith(f"inrcodec: {files[1]}: ")
    assert missing == f"inrcodec: {files[2]}: No such file or directory"
    assert sorted(os.listdir(unpacked)) == ["first.png", "last.png"]
    for name, image in good.items():
        decoded = read_image((unpacked / f"{name}.png").read_bytes())
        np.testing.assert_array_equal(decoded, image)

    result = run("bench", "-e", "1", *inputs)
    assert result.exit_code == 1
    bad, missing = result.stderr.splitlines()
    assert bad.startswith(f"inrcodec: {inputs[1]}: truncated")
    first, last, total = (line.split()[0] for line in result.stdout.splitlines()[1:])
    assert (first, last, total) == (str(inputs[0]), str(inputs[3]), "total")


def kept(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and time of last change of each file."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("model", ["context", "stored"])
def test_a_full_disk(tmp_path: Path, model: str) -> None:
    """A limit on the size of files stands for it: bytes are written until there is no room."""
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    (tmp_path / "a.png").write_bytes(write_image(noise, ".png"))
    arguments = ("encode", "-e", "1", "--model", model, tmp_path / "a.png", "-o")
    assert run(*arguments, tmp_path / "old.linr").exit_code == 0
    before, limits = kept(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        new = run(*arguments, tmp_path / "new.linr")
        replaced = run(*arguments, tmp_path / "old.linr", "-f")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    for result, name in ((new, "new.linr"), (replaced, "old.linr")):
        assert (result.exit_code, result.stdout) == (1, "")
        target = tmp_path / name
        cause = f"cannot write {target}: File too large"
        assert result.stderr == f"inrcodec: {tmp_path / 'a.png'}: {cause}\n"
    assert kept(tmp_path) == before


def test_a_folder_that_takes_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(write_image(photo(1), ".png"))
    before = kept(tmp_path)
    folder = Path("/proc/self")  # permissions do not stop root
    if os.getuid():
        folder = tmp_path / "closed"
        folder.mkdir(0o555)
    if not folder.is_dir():
        pytest.skip("there is no folder in which root cannot make a file")
    result = run("encode", "-e", "1", tmp_path / "a.png", "-o", folder / "a.linr")
    assert (result.exit_code, result.stdout) == (1, "")
    start = f"inrcodec: {tmp_path / 'a.png'}: cannot write {folder / 'a.linr'}: "
    assert result.stderr.startswith(start)
    assert len(result.stderr.splitlines()) == 1
    assert not (folder / "a.linr").exists()
    if folder.parent == tmp_path:
        folder.rmdir()
    assert kept(tmp_path) == before


def test_a_source_is_never_an_output(encoded: Path, tmp_path: Path) -> None:
    source, packed = tmp_path / "a.png", tmp_path / "p.linr"
    source.write_bytes((encoded / "a.png").read_bytes())
    packed.write_bytes((encoded / "a.linr").read_bytes())
    os.link(source, tmp_path / "hard.linr")
    (tmp_path / "soft.linr").symlink_to(source)
    os.link(packed, tmp_path / "hard.png")
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a.e1.png").symlink_to(source)
    before = kept(packed.parent / "log"), source.read_bytes(), packed.read_bytes()
    for arguments in (
        ("encode", source, "-o", source),
        ("encode", source, "-o", tmp_path / "hard.linr"),
        ("encode", source, "-o", tmp_path / "soft.linr"),
        ("encode", source, "-o", source, "--model", "coordinate", "--mixture", "1"),
        ("decode", packed, "-o", tmp_path / "hard.png"),
        ("bench", source, "--csv", source),
        ("bench", source, "--html", tmp_path / "hard.linr"),
        ("bench", source, "-e", "1", "--plot", tmp_path / "log"),
        ("info", packed, "--plot", tmp_path / "hard.png"),
    ):
        result = run(*arguments, "-f")
        assert result.exit_code == 2, arguments
        assert "is input and output" in result.stderr
    with pytest.raises(OutputExistsError, match="the source itself"):
        inrcodec.encode_file(source, tmp_path / "hard.linr", force=True)
    assert before == (kept(packed.parent / "log"), source.read_bytes(), packed.read_bytes())


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
    kinds = ("header", "weights", "data", "metadata")
    assert sum(facts[f"{kind}_bytes"] for kind in kinds) == size
    assert facts["metadata_bytes"] > 0
    original = (encoded / "a.png").read_bytes()
    assert facts["source"]["bytes"] == len(original)
    assert facts["source"]["digest"] == hashlib.blake2b(original, digest_size=16).hexdigest()
    result = run("info", encoded / "a.png")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"inrcodec: {encoded / 'a.png'}: ")


def test_verify(encoded: Path, tmp_path: Path) -> None:
    result = run("verify", encoded / "a.linr", encoded / "a.png")
    assert (result.exit_code, result.stdout) == (0, f"{encoded / 'a.linr'}: OK, byte for byte\n")
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
    # which is of the picture alone, as PNG's is
    assert int(row["linr_bytes"]) == len(inrcodec.encode(photo(), effort=1))


def test_bench_reports_a_mismatch(encoded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        ["encode", "a.png", "-o", "b.png"],
        ["encode", "a.png", "-o", "b.JPG"],
        ["encode", "a.png", "-o", ""],
        ["encode", "-f", "--skip-existing", "a.png"],
        ["encode", "--rm", "-", "-o", "a.linr"],
        ["encode", "--rm", "a.png", "-o", "-"],
        ["encode", "--rm", "a.png", "-o", "/dev/null"],
        ["decode", "--rm", "a.linr", "-o", "/dev/stdout"],
        ["decode", "--rm", "--reduce", "2", "a.linr"],
        ["encode", "a.png", "-f", "-o", "a.png"],
        ["encode", "a.png", "--json", "-o", "-"],
        ["decode", "a.linr", "-o", "a.heic"],
        ["decode", "a.linr", "--device", "auto"],
        ["verify", "-", "-"],
        ["bench", "."],
        ["bench", "a.png", "--html", "-"],
        ["bench", "a.png", "--html", "b", "--csv", "./b"],
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


def test_exit_codes() -> None:
    for arguments, code in ((["encode"], 2), (["info", "missing.linr"], 1), (["-V"], 0)):
        assert process(*arguments).returncode == code
