"""The kernels of other machines give what this one's give, on the numbers of vectors.c: aarch64
under qemu-user, Windows under wine."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from inrcodec.kernels import build

VECTORS = Path(__file__).with_name("vectors.c")


def printed(command: list[str], **environment: str) -> list[str]:
    # emulators do not run under the sanitizer that this process may be under
    outside = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=outside | environment
    )
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What this machine's kernels give."""
    program = tmp_path_factory.mktemp("vectors") / "here"
    try:
        build.build_program(VECTORS, program)
    except build.BuildError as error:
        if "no C compiler" in str(error):
            pytest.skip(str(error))
        raise
    return printed([str(program)])


@pytest.mark.parametrize(
    ("zig", "emulator", "name"),
    [
        ("aarch64-linux-musl", "qemu-aarch64-static", "there"),
        ("x86_64-windows-gnu", "wine64", "there.exe"),
    ],
)
def test_other_machines(
    tmp_path: Path, request: pytest.FixtureRequest, zig: str, emulator: str, name: str
) -> None:
    found = shutil.which(emulator, path=os.environ["PATH"] + ":/usr/lib/wine")
    if found is None:
        pytest.skip(f"{emulator} is not installed")
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed (pip install .[wheels])")
    here = request.getfixturevalue("here")  # which takes as long as the rest: not where it skips
    build.build_program(VECTORS, tmp_path / name, zig)
    wine = {"WINEPREFIX": str(tmp_path / "wine"), "WINEDEBUG": "-all"}
    assert printed([found, str(tmp_path / name)], **wine) == here
