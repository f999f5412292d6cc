"""Commands, run in this process or in one of their own, and images that are encoded soon."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner, Result

from inrcodec_cli.commands import cli


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def process(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The whole command, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-m", "inrcodec_cli.main", *map(str, arguments)],
        **{"capture_output": True, "env": environment, **options},
    )


def photo(channels: int = 3, seed: int = 0) -> np.ndarray:
    """A smooth image with a little noise."""
    y, x = np.mgrid[:24, :32]
    rng = np.random.default_rng(seed)
    planes = [128 + 60 * np.sin(x / 9 + k) + 40 * np.cos(y / 7) for k in range(channels)]
    image = np.stack(planes, axis=-1) + rng.normal(0, 2, (24, 32, channels))
    return image.clip(0, 255).astype(np.uint8).squeeze()
