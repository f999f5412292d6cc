"""What is said, and what works, where torch is not installed."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import inrcodec
from inrcodec import kernels
from inrcodec.coding import backend
from inrcodec.coding.backend import has_torch
from inrcodec.files.images import write_image
from inrcodec.options import default_effort
from tests.cli.test_cli import run
from tests.pictures import scene

IMAGE, TINY = scene(24, 20, 3, np.uint8), scene(12, 10, 3, np.uint8)
ASKED = r"needs torch: pip install 'inrcodec\[torch\]'$"


@pytest.fixture(autouse=True)
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    backend.torch_backend.cache_clear()


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "library", lambda: None)


def test_what_there_is_fits() -> None:
    assert not has_torch()
    assert default_effort(pytest.fail) == 5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for options in ({}, {"effort": 1, "weights": "fp16"}, {"effort": 9}, {"device": "cpu"}):
            data = inrcodec.encode(TINY, model="context", **options)
            assert np.array_equal(inrcodec.decode(data), TINY)


@pytest.mark.usefixtures("without_library")
def test_the_default_effort_falls_and_says_so_where_nothing_fits() -> None:
    told: list[str] = []
    line = "effort 1 without its fit, which needs the compiled loops or torch: "
    assert default_effort(told.append) == 1
    assert told == [line + "pip install 'inrcodec[torch]'"]
    with pytest.warns(inrcodec.LinrWarning, match="effort 1 without its fit") as caught:
        data = inrcodec.encode(IMAGE)
    assert [warning.filename for warning in caught] == [__file__]
    facts = inrcodec.info(data, planes=False)
    assert (facts["mode"], facts["weights_bytes"]) == ("context", 0)
    assert np.array_equal(inrcodec.decode(data), IMAGE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert inrcodec.encode(IMAGE, effort=1) == data
        inrcodec.encode(IMAGE, model="stored")
    for options in ({"effort": 2}, {"effort": 9, "model": "context"}, {"weights": "fp16"}):
        with pytest.raises(inrcodec.DeviceError, match="without the compiled loops, " + ASKED):
            inrcodec.encode(IMAGE, **({"effort": 1} | options))


@pytest.mark.parametrize(
    "options",
    [
        {"model": "coordinate"}, {"effort": 1, "device": "cuda"},
        {"model": "stored", "device": "cuda"},
    ],
)  # fmt: skip
def test_who_asks_for_more_is_told_what_to_install(options: dict[str, object]) -> None:
    with pytest.raises(inrcodec.DeviceError, match=ASKED):
        inrcodec.encode(IMAGE, **options)


def test_other_calls() -> None:
    data = inrcodec.encode(IMAGE, effort=1)
    with pytest.raises(inrcodec.DeviceError, match=ASKED):
        inrcodec.encode_set([IMAGE])
    with pytest.raises(inrcodec.DeviceError, match=ASKED):
        inrcodec.decode(data, device="cuda")


def test_the_command_line(tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    source.write_bytes(write_image(IMAGE, ".png"))
    result = run("encode", source)
    assert result.exit_code == 0
    assert result.stderr == ""
    for options in (["-e", "1", "--device", "cuda"], ["--model", "coordinate"]):
        result = run("encode", source, "-f", *options)
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.endswith("needs torch: pip install 'inrcodec[torch]'\n")
    linr = tmp_path / "a.linr"
    result = run("decode", linr, "-o", tmp_path / "b.png", "--device", "cuda")
    assert result.stderr.endswith("needs torch: pip install 'inrcodec[torch]'\n")
    assert run("decode", linr, "-o", tmp_path / "b.png").exit_code == 0


@pytest.mark.usefixtures("without_library")
def test_the_command_line_where_nothing_fits(tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    source.write_bytes(write_image(TINY, ".png"))
    result = run("encode", source)
    assert result.exit_code == 0
    assert result.stderr == (
        "inrcodec: effort 1 without its fit, which needs the compiled loops or torch: "
        "pip install 'inrcodec[torch]'\n"
    )
    assert run("encode", source, "-f", "-q").stderr == ""
    assert run("encode", source, "-f", "-e", "1").stderr == ""
    result = run("encode", source, "-f", "-e", "2")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
