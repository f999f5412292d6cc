"""The build hook: compiles the kernels for the wheel, or in place for an editable install.

INRCODEC_WHEEL=TAG=ZIG_TARGET, manylinux_2_17_aarch64=aarch64-linux-gnu.2.17 say, asks for another
platform's wheel; `make wheels` has those that are published.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent


def _kernels() -> ModuleType:
    """inrcodec/kernels/build.py, without the package around it."""
    spec = importlib.util.spec_from_file_location(
        "inrcodec_build", ROOT / "inrcodec" / "kernels" / "build.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for their annotations
    spec.loader.exec_module(module)
    return module


class KernelsHook(BuildHookInterface):  # type: ignore[misc]  # hatchling may not be there
    """Adds the library to a wheel, and names the platform it is for."""

    _folder: str | None = None

    def dependencies(self) -> list[str]:
        """ziglang, where there is no compiler or another platform is asked for."""
        wanted = "INRCODEC_WHEEL" in os.environ or _kernels().system_compiler() is None
        return ["ziglang>=0.13"] if wanted else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the files are collected; version: standard or editable."""
        kernels = _kernels()
        if version == "editable":
            kernels.build()
            return
        tag, _, zig = os.environ.get("INRCODEC_WHEEL", "").partition("=")
        target = kernels.target_of(zig or None)
        self._folder = tempfile.mkdtemp()
        library = kernels.build(Path(self._folder, target.library), zig or None)
        build_data["force_include"][str(library)] = f"inrcodec/kernels/{target.library}"
        build_data["tag"] = f"py3-none-{tag or _own_platform(target)}"
        build_data["pure_python"] = False

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called after the wheel is written."""
        if self._folder is not None:
            shutil.rmtree(self._folder)


def _own_platform(target: Any) -> str:
    if target.system == "darwin":  # this machine's half of what may be a universal Python
        machine = {"aarch64": "arm64"}.get(target.machine, target.machine)
        return f"macosx_11_0_{machine}"
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")
