"""The golden files on another architecture: aarch64 under qemu-user, kernels and NumPy and all."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.test_determinism import DECODE_GOLDEN, ROOT, wanted
from tests.test_golden import FOLDER, WANT

PYTHON = ROOT / "build" / "aarch64" / "python"


@pytest.mark.skipif(
    not PYTHON.exists(),
    reason="needs a Python for aarch64 and qemu; make emulate, a part of .ci/run, always has both",
)
def test_the_golden_files() -> None:
    code = "from inrcodec import kernels; print(kernels.library().isa)" + DECODE_GOLDEN
    names = sorted(WANT)
    done = subprocess.run(
        [PYTHON, "-c", code, FOLDER, "2", *names],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "INRCODEC_PRIORS": str(FOLDER)},
        check=True,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
    )
    isa, *found = done.stdout.splitlines()
    assert isa == "neon"
    assert found == wanted(names)
