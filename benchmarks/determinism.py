"""Whether the files in tests/golden decode to the same samples under every setting of the machine.

    python benchmarks/determinism.py [--python PATH]...

Each row is one process that decodes all files in one setting and compares the samples' digests with
golden.json. Settings are threads, the kernels' instruction sets, no kernels (the array form, whose
sums are OpenBLAS's), NumPy's own instruction sets, and torch's, MKL's and oneDNN's. --python: other
interpreters, with other versions of what the codec stands on, to do so with; the default is the one
that runs this. Prints Markdown, a table for each interpreter.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
PACKAGES = (
    "numpy", "zstandard", "msgpack", "click", "rich", "opencv-python-headless",
    "array-api-compat", "threadpoolctl", "torch",
)  # fmt: skip
FEW = 20_000  # samples of the files that are decoded without the kernels, which takes long


@dataclass(frozen=True)
class Setting:
    """Where to decode, on how many threads, and in which environment."""

    where: str  # "numpy", "cpu" or "cuda": the last two are torch's
    threads: int = 1
    environment: dict[str, str] = field(default_factory=dict)
    samples: int | None = None  # of the largest file to decode

    def __str__(self) -> str:
        given = [f"`{name}={value}`" for name, value in self.environment.items()]
        if self.samples is not None:
            given.append(f"files of {self.samples} samples or fewer")
        where = self.where if self.where == "numpy" else f"torch {self.where}"
        return ", ".join((where, f"threads {self.threads}", *given))


def settings(facts: dict[str, Any]) -> Iterator[Setting]:
    """All of them, for an interpreter of which `facts` says what it has."""
    for isa in facts["isas"]:
        for threads in (1, 2, 4):
            yield Setting("numpy", threads, {"INRCODEC_ISA": isa})
    dispatched = facts["dispatched"]
    for without in (dispatched, [name for name in dispatched if "512" in name or "V4" in name]):
        yield Setting("numpy", 1, {"NPY_DISABLE_CPU_FEATURES": " ".join(without)})
    array = {"INRCODEC_KERNELS": "none"}
    yield Setting("numpy", 2, array, FEW)
    for core in ("Nehalem", "Haswell", "SkylakeX"):
        yield Setting("numpy", 1, {**array, "OPENBLAS_CORETYPE": core}, FEW)
    plain = {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": " ".join(dispatched)}
    if facts["isas"]:
        yield Setting("numpy", 1, {"INRCODEC_ISA": facts["isas"][0], **plain})
    yield Setting("numpy", 1, {**array, **plain}, FEW)
    if not facts["torch"]:
        return
    for threads in (1, 2, 4):
        yield Setting("cpu", threads, {"OMP_NUM_THREADS": str(threads)})
    for name, values in (
        ("ATEN_CPU_CAPABILITY", ("default", "avx2", "avx512")),
        ("MKL_CBWR", ("COMPATIBLE", "AVX2", "AUTO")),
        ("MKL_ENABLE_INSTRUCTIONS", ("SSE4_2", "AVX2")),
        ("ONEDNN_MAX_CPU_ISA", ("SSE41", "AVX2", "DEFAULT")),
        ("ONEDNN_DEFAULT_FPMATH_MODE", ("BF16",)),
    ):
        for value in values:
            yield Setting("cpu", 1, {name: value})
    if facts["cuda"]:
        yield Setting("cuda")


def describe() -> dict[str, Any]:
    """What this interpreter has."""
    from inrcodec import kernels

    library = kernels.library()
    facts: dict[str, Any] = {"torch": False, "cuda": False, "isas": library.isas if library else ()}
    versions = [f"Python {sys.version.split()[0]}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"no {package}")
    try:
        import torch
    except ImportError:
        pass
    else:
        facts |= {"torch": True, "cuda": torch.cuda.is_available()}
    dispatched = import_module("numpy._core._multiarray_umath").__cpu_dispatch__
    return facts | {"versions": ", ".join(versions), "dispatched": dispatched}


def decode(where: str, threads: int, samples: int | None) -> dict[str, Any]:
    """The digests of the files' samples, and which instructions were in use."""
    import numpy as np

    from inrcodec import LinrFile, kernels
    from inrcodec.coding.backend import numpy_backend, torch_backend

    backend = numpy_backend() if where == "numpy" else torch_backend(where)
    digests = {}
    for path in sorted(GOLDEN.glob("*.linr")):
        with LinrFile(path, threads=threads) as file:
            file.reading = replace(file.reading, backend=backend)
            if samples is None or np.prod(file.contents.picture.shape) <= samples:
                image = file.array(0)
                little = image.astype(image.dtype.newbyteorder("<"))
                digests[path.name] = hashlib.sha256(little.tobytes()).hexdigest()
    library = kernels.library()
    used = ["no kernels" if library is None else f"kernels {library.isa}"]
    try:
        from threadpoolctl import threadpool_info
    except ImportError:  # as in an installation without torch
        pass
    else:
        pools = [pool for pool in threadpool_info() if "openblas" in str(pool)]
        used += sorted({f"OpenBLAS {pool.get('architecture', '')}" for pool in pools})
    if where != "numpy":
        import torch

        used = [f"torch {torch.backends.cpu.get_cpu_capability()}"]
    return {"digests": digests, "used": ", ".join(used)}


def run(python: str, arguments: list[str], environment: dict[str, str]) -> Any:
    """What this script prints as a child of another interpreter, or an error's last line."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "cli")))
    child = subprocess.run(
        [python, "-W", "ignore", __file__, *arguments],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
    )
    if child.returncode:
        return (child.stderr.splitlines() or [f"ended with {child.returncode}"])[-1]
    return json.loads(child.stdout)


def matrix(python: str) -> bool:
    """Prints the table of an interpreter; whether all files were equal in all settings."""
    entries = json.loads((GOLDEN / "golden.json").read_text())
    if not entries:
        sys.exit("there are no golden files")
    want = {name: entry["sha256"] for name, entry in entries.items()}
    facts = run(python, ["--describe"], {})
    if isinstance(facts, str):
        print(f"{python}: {facts}")
        return False
    print(f"{facts['versions']}\n")
    print("| setting | in use | files | equal |")
    print("| --- | --- | ---: | ---: |")
    good = True
    for setting in settings(facts):
        environment = {"OMP_NUM_THREADS": "1", **setting.environment}
        arguments = ["--decode", setting.where, str(setting.threads), json.dumps(setting.samples)]
        result = run(python, arguments, environment)
        if isinstance(result, str):
            print(f"| {setting} | {result} | 0 | 0 |", flush=True)
            good = False
            continue
        digests = result["digests"]
        equal = sum(digest == want[name] for name, digest in digests.items())
        print(f"| {setting} | {result['used']} | {len(digests)} | {equal} |", flush=True)
        good &= equal == len(digests) and (setting.samples is not None or equal == len(want))
    if not facts["cuda"]:
        print("\nCUDA: there was no device, or no torch, to try it with.")
    print()
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description="The same samples under every setting.")
    parser.add_argument("--python", action="append", metavar="PATH")
    parser.add_argument("--describe", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--decode", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.describe:
        print(json.dumps(describe()))
    elif arguments.decode:
        where, threads, samples = arguments.decode
        print(json.dumps(decode(where, int(threads), json.loads(samples))))
    else:
        # all tables, whether or not an earlier one is good
        good = [matrix(path) for path in arguments.python or [sys.executable]]
        if not all(good):
            sys.exit("not all files decoded to their samples")


if __name__ == "__main__":
    main()
