"""Compiles the C sources beside this file into one shared library.

`make` and the wheel's build hook run it; it imports nothing of the package. The library carries a
digest of the sources, the compiler and the flags it was made from, and is made anew when that
changes. Files of PER_ISA are compiled once for each instruction set of the platform.

    python build.py [--output FILE] [--target ZIG_TARGET] [--sanitize]
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
# No fused multiply-adds: they round once where two operations round twice.
# Square roots do not set errno, and are no call of libm.
FLAGS = ["-std=c99", "-O3", "-ffp-contract=off", "-fvisibility=hidden", "-fno-math-errno"]
FLAGS += ["-Wall", "-Wextra", "-Wconversion", "-pedantic"]
SANITIZERS = ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined"]
SANITIZERS += ["-fno-sanitize-recover=undefined"]  # a fault ends the process
_AVX2 = ("-mavx2", "-mbmi", "-mbmi2", "-mfma")
_AVX512 = tuple(f"-mavx512{part}" for part in ("f", "bw", "dq", "vl", "cd", "vnni"))
ISAS: dict[str, dict[str, tuple[str, ...]]] = {
    "x86_64": {
        "plain": (),
        "avx2": _AVX2,
        "avx512": (*_AVX2, *_AVX512, "-mprefer-vector-width=512"),
    },
    "aarch64": {"neon": ()},
}
PER_ISA = ("context", "graphics", "jpeg_search", "jpeg_chroma")  # files that begin so
OTHER_ISAS: dict[str, tuple[str, ...]] = {"plain": ()}


class BuildError(Exception):
    """There is no compiler, or it refuses the sources."""


@dataclass(frozen=True)
class Target:
    """machine: x86_64, aarch64 or another; system: linux, darwin or windows; zig: the target's name
    for `zig cc`, None for this machine and the system's compiler."""

    machine: str
    system: str
    zig: str | None = None

    @property
    def library(self) -> str:
        """The file name of the library."""
        return "_inrcodec" + {"windows": ".dll", "darwin": ".dylib"}.get(self.system, ".so")

    @property
    def isas(self) -> dict[str, tuple[str, ...]]:
        """The compiler's flags for each instruction set, the slowest first."""
        return ISAS.get(self.machine, OTHER_ISAS)


def target_of(zig: str | None = None) -> Target:
    """That of a name as `zig cc` takes it, x86_64-linux-gnu.2.17 say, or of this machine."""
    if zig is not None:
        machine, system = zig.split("-")[:2]
        return Target(machine, {"macos": "darwin"}.get(system.split(".")[0], system), zig)
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if sys.maxsize < 1 << 32:  # a 32-bit Python loads 32-bit libraries
        machine = "other"
    return Target(machine, platform.system().lower())


def system_compiler() -> list[str] | None:
    """$CC, or else the system's compiler, or None."""
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    return next(([name] for name in ("cc", "gcc", "clang") if shutil.which(name)), None)


def compiler_for(target: Target) -> list[str]:
    """The command that compiles for a target; BuildError where there is none."""
    if target.zig is None:
        found = system_compiler()
        if found is not None:
            return found
    if importlib.util.find_spec("ziglang") is None:
        raise BuildError("no C compiler: set CC, or install gcc, clang or the package ziglang")
    command = [sys.executable, "-m", "ziglang", "cc"]
    return command + (["-target", target.zig] if target.zig else [])


def build(output: Path | None = None, zig: str | None = None, sanitize: bool = False) -> Path:
    """Makes the library, unless it is there already and up to date, and returns its path.

    output: where to, beside the sources if None. Raises BuildError with what the compiler says.
    """
    target = target_of(zig)
    output = output or HERE / target.library
    compiler, flags = compiler_for(target), _flags(target, sanitize)
    digest = _digest(target, compiler, flags)
    if not output.is_file() or f"inrcodec kernels {digest}".encode() not in output.read_bytes():
        strip = [] if sanitize or target.system == "darwin" else ["-Wl,-s"]
        _link(output, target, [*compiler, *flags], digest, ["-shared", *strip])
    return output


def build_program(main: Path, output: Path, zig: str | None = None) -> None:
    """Makes a program of the kernels and a file with a main(). Raises BuildError."""
    target = target_of(zig)
    command = [*compiler_for(target), *_flags(target, sanitize=False)]
    _link(output, target, command, "", ["-I", str(HERE), str(main)])


def _flags(target: Target, sanitize: bool) -> list[str]:
    flags = [*FLAGS, *([] if target.system == "windows" else ["-fPIC"])]
    if target.system == "darwin" and target.zig is None:
        flags.append("-mmacosx-version-min=11.0")
    return flags + (SANITIZERS if sanitize else [])


def _link(
    output: Path, target: Target, command: list[str], digest: str, arguments: list[str]
) -> None:
    """Compiles the sources and links them, with further arguments, to a file that appears whole."""
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".build-") as folder:
        jobs = []
        for source in sorted(HERE.glob("*.c")):
            per_isa = target.isas if source.name.startswith(PER_ISA) else {"": ()}
            for isa, extra in per_isa.items():
                made = Path(folder, f"{source.stem}_{isa}.o")
                named = [f"-DINR_ISA={isa}"] if isa else [f'-DINR_BUILD="{digest}"']
                jobs.append(([*command, *extra, *named, "-c", str(source), "-o", str(made)], made))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(_run, [job for job, _ in jobs]))
        linked = Path(folder, output.name)
        _run([*command, *arguments, *(str(made) for _, made in jobs), "-o", str(linked)])
        os.replace(linked, output)


def _digest(target: Target, compiler: list[str], flags: list[str]) -> str:
    told = hashlib.sha256(repr((target, target.isas, compiler, flags)).encode())
    for path in sorted([*HERE.glob("*.c"), *HERE.glob("*.h"), Path(__file__)]):
        told.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return told.hexdigest()[:32]


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BuildError(f"{command[0]}: {error.strerror}") from None
    if done.stderr:
        print(done.stderr, file=sys.stderr, end="")
    if done.returncode:
        raise BuildError(f"the compiler failed: {shlex.join(command)}")


def main() -> None:
    """Builds the library as the command line says."""
    parser = argparse.ArgumentParser(description="Compile the kernels.")
    parser.add_argument("--output", type=Path, help="where to (beside the sources)")
    parser.add_argument("--target", metavar="ZIG_TARGET", help="cross-compile with ziglang")
    parser.add_argument("--sanitize", action="store_true", help="address and undefined behaviour")
    options = parser.parse_args()
    try:
        build(options.output, options.target, options.sanitize)
    except BuildError as error:
        sys.exit(f"build.py: {error}")


if __name__ == "__main__":
    main()
