"""What `import inrcodec` brings along: NumPy and nothing heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAVY = [
    "array_api_compat", "click", "concurrent.futures", "cv2", "dask", "distributed", "fsspec",
    "llvmlite", "matplotlib", "numba", "numcodecs", "rich", "tensorboard", "threadpoolctl", "torch",
    "zarr", "zstandard",
]  # fmt: skip


def brought(code: str) -> list[str]:
    """Which of HEAVY are there after some code in a process of its own."""
    code += f"\nimport json, sys; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    child = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'cli'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return list(json.loads(child.stdout))


def test_the_package_imports_little() -> None:
    assert brought("import inrcodec") == []


def test_a_small_image_and_back_needs_zstandard_alone() -> None:
    code = "import inrcodec, numpy as np; image = np.zeros((4, 4), np.uint8)\n"
    code += "inrcodec.decode(inrcodec.encode(image, model='stored'), threads=1)"
    assert brought(code) == ["zstandard"]
