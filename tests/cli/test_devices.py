"""--device: which names there are, and that they reach the library. No GPU is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec.coding import backend
from inrcodec.files.images import write_image
from tests.cli.running import photo, run


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """An image, and its .linr file."""
    image, linr = tmp_path / "a.png", tmp_path / "a.linr"
    image.write_bytes(write_image(photo(), ".png"))
    linr.write_bytes(inrcodec.encode(photo(), model="stored"))
    return image, linr


@pytest.mark.parametrize("command", ["encode", "decode", "verify", "train", "bench"])
def test_names(command: str, files: tuple[Path, Path]) -> None:
    fits = command in ("encode", "train", "bench")
    source = files[0] if fits else files[1]
    more = ("-o", source.parent / "out") if command == "train" else ()
    for name in ("gpu", "cuda:", "cuda:x", "cuda:-1", *([] if fits else ["auto"])):
        result = run(command, source, *more, "--device", name)
        assert result.exit_code == 2
        assert "cuda:N" in result.stderr.splitlines()[-1]
    shown = run(command, "-h").stdout
    assert "[auto|cpu|cuda|cuda:N]" in shown if fits else "[cpu|cuda|cuda:N]" in shown


def test_one_line_of_a_gpu_that_is_not_there(files: tuple[Path, Path]) -> None:
    for command, source in zip(("encode", "decode", "verify"), (*files, files[1]), strict=True):
        more = () if command == "verify" else ("-f",)
        result = run(command, source, *more, "--device", "cuda:99")
        assert result.exit_code == 1
        assert result.stderr.count("\n") == 1
        assert "device" in result.stderr


def test_the_number_reaches_the_backend(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def stands_in(device: str) -> backend.Backend:
        asked.append(device)
        return backend.numpy_backend()

    monkeypatch.setattr(backend, "torch_backend", stands_in)
    image, linr = files
    assert run("encode", image, "-f", "-e", "1", "--device", "cuda:3").exit_code == 0
    assert set(asked) == {"cuda:3"}
    asked.clear()
    assert run("decode", linr, "-f", "--device", "cuda:2").exit_code == 0
    assert set(asked) == {"cuda:2"}
    asked.clear()
    assert np.array_equal(inrcodec.decode(linr.read_bytes(), device="cuda:1"), photo())
    assert asked == ["cuda:1"]
