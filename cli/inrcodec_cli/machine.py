"""What a measurement was made with: the machine, and the versions of what took part."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def machine() -> list[tuple[str, str]]:
    """Names and what there is to say of them, in words."""
    from inrcodec import __version__, kernels

    library = kernels.library()
    isa = "none, arrays instead" if library is None else library.isa
    packages = ", ".join(
        f"{name} {version}"
        for name in ("numpy", "opencv-python-headless", "torch")
        if (version := _version(name)) is not None
    )
    return [
        ("inrcodec", f"{__version__}, compiled loops: {isa}"),
        ("other codecs", _codecs()),
        ("processor", f"{_processor()}, {os.cpu_count()} threads"),
        ("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("Python", f"{platform.python_version()}; {packages}"),
        ("date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
    ]


def _codecs() -> str:
    version = _version("imagecodecs")
    if version is None:
        return (
            "none: WebP and JPEG XL are absent without imagecodecs, pip install 'inrcodec[bench]'"
        )
    import imagecodecs

    parts = imagecodecs.webp_version(), imagecodecs.jpegxl_version()
    return f"{', '.join(parts)}, of imagecodecs {version}"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's name, which Linux has in a file and other systems in platform."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
