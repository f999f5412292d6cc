"""Commands on URLs, here of fsspec's file system in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from inrcodec.files.images import write_image
from tests.cli.running import photo, run

STORED = ("--model", "stored")
NAMES = ("a.ppm", "sub/b.pgm")


@pytest.fixture
def bucket() -> Iterator[dict[str, bytes]]:
    """Two images and a text below memory://in/."""
    system = fsspec.filesystem("memory")
    images = dict(zip(NAMES, (photo(3), photo(1)), strict=True))
    files = {name: write_image(image, Path(name).suffix) for name, image in images.items()}
    for name, data in {**files, "notes.txt": b"no image"}.items():
        system.pipe_file(f"/in/{name}", data)
    yield files
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


def tree(top: str) -> list[str]:
    return sorted(name[len(top) :] for name in fsspec.filesystem("memory").find(top))


def test_a_file_beside_itself_and_back(bucket: dict[str, bytes], tmp_path: Path) -> None:
    assert run("encode", *STORED, "memory://in/a.ppm").exit_code == 0
    assert tree("/in/") == ["a.linr", "a.ppm", "notes.txt", "sub/b.pgm"]
    result = run("encode", *STORED, "memory://in/a.ppm")
    assert result.exit_code == 1
    assert result.stderr == (
        "inrcodec: memory://in/a.ppm: memory://in/a.linr: the file exists, -f overwrites it\n"
    )
    assert run("encode", *STORED, "-f", "memory://in/a.ppm").exit_code == 0
    assert run("verify", "memory://in/a.linr", "memory://in/a.ppm").exit_code == 0
    assert json.loads(run("info", "--json", "memory://in/a.linr").stdout)["width"] == 32
    result = run("decode", "memory://in/a.linr", "-o", f"file://{tmp_path}/")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "a.ppm").read_bytes() == bucket["a.ppm"]
    result = run("decode", "--reduce", "2", "memory://in/a.linr")
    assert result.exit_code == 0, result.stderr
    assert "a.reduced.png" in tree("/in/")


def test_trees(bucket: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("encode", *STORED, "-r", "memory://in", "-o", "memory://out/")
    assert result.exit_code == 0, result.stderr
    assert tree("/out/") == ["in/a.linr", "in/sub/b.linr"]
    result = run("encode", *STORED, "-r", "memory://in", "-o", "memory://out/")
    assert (result.exit_code, result.stderr) == (0, "inrcodec: 2 skipped, as the output exists\n")
    fsspec.filesystem("memory").pipe_file("/in/a.ppm", bucket["sub/b.pgm"])
    result = run("encode", *STORED, "-r", "memory://in", "-o", "memory://out/")
    assert result.exit_code == 1
    assert "memory:///in/a.ppm: memory://out/in/a.linr is there, and holds another file" in (
        result.stderr
    )
    assert len(run("verify", "-r", "memory://out").stdout.splitlines()) == 2
    monkeypatch.chdir(tmp_path)
    result = run("decode", "-r", "memory://out", "-o", "back")
    assert result.exit_code == 0, result.stderr
    for name, data in bucket.items():
        assert (tmp_path / "back" / "out" / "in" / name).read_bytes() == data
    # and of a folder of this machine, mirrored as in another one
    result = run("encode", *STORED, "-r", "back/out", "-o", "memory://bucket/up")
    assert result.exit_code == 0, result.stderr
    assert tree("/bucket/up/") == ["back/out/in/a.linr", "back/out/in/sub/b.linr"]


def test_two_names_of_a_file_are_one(bucket: dict[str, bytes]) -> None:
    result = run("encode", *STORED, "memory://in/a.ppm", "memory:///in/a.ppm", "-o", "memory://o/")
    assert result.exit_code == 1
    assert "is the output of memory://in/a.ppm" in result.stderr
    result = run("encode", *STORED, "-f", "memory://in/a.ppm", "-o", "memory:///in/a.ppm")
    assert result.exit_code == 2


def test_bench(bucket: dict[str, bytes]) -> None:
    result = run("bench", "-e", "1", "memory://in", "--csv", "memory://out/figures.csv")
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == 4
    assert fsspec.filesystem("memory").cat_file("/out/figures.csv").count(b"\n") == 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("encode", "--rm", "memory://in/a.ppm"), 2, "--rm is not for URLs"),
        (("encode", "memory://in/no.png"), 1, "memory://in/no.png: No such file or directory"),
        (("encode", "nonsense://in/no.png"), 1, "Protocol not known: nonsense"),
        (("encode", "memory://in/a.ppm", "-o", "http://h/x"), 1, "HTTP is only read from"),
        (("encode", "http://127.0.0.1:1/a.ppm", "-o", "memory://o/"), 1, "127.0.0.1"),
        (("bench", "memory://in", "--plot", "memory://out"), 2, "folder of this machine"),
    ],
)
def test_what_fails_is_told_in_a_line(
    bucket: dict[str, bytes], arguments: tuple[str, ...], code: int, said: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert code == 2 or len(result.stderr.splitlines()) == 1
    assert tree("/in/") == ["a.ppm", "notes.txt", "sub/b.pgm"]
