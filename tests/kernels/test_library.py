"""How the library is found, what it says of itself, and what the environment changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inrcodec import kernels
from inrcodec.errors import DeviceError


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(kernels.__file__).parents[2])} | environment,
    )


def test_every_instruction_set_of_the_machine_is_what_it_says() -> None:
    found = kernels.library()
    assert found is not None
    assert found.isa == found.isas[-1]
    for isa in found.isas:
        assert kernels.Library(kernels.library_path(), isa).isa_name() == isa.encode()


def test_an_instruction_set_that_is_not_there_is_refused() -> None:
    for isa in ("sve2", "", "avx2\0"):
        with pytest.raises(DeviceError):
            kernels.Library(kernels.library_path(), isa)
    done = run("from inrcodec import kernels; kernels.library()", INRCODEC_ISA="sve2")
    assert "DeviceError" in done.stderr


def test_the_environment_chooses() -> None:
    told = "from inrcodec import kernels; print(getattr(kernels.library(), 'isa', None))"
    assert run(told, INRCODEC_KERNELS="none").stdout == "None\n"
    found = kernels.library()
    assert found is not None
    assert run(told, INRCODEC_ISA=found.isas[0]).stdout == f"{found.isas[0]}\n"


def test_a_library_that_does_not_load(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.so"
    wrong.write_bytes(b"no library")
    with pytest.raises(OSError, match=r"wrong\.so"):
        kernels.Library(wrong)
    done = run("from inrcodec import kernels; kernels.library()", INRCODEC_LIBRARY=str(wrong))
    assert "OSError" in done.stderr
