"""How long it takes until something happens: importing, and the first call of a process.

    python benchmarks/startup.py IMAGE [--runs N]

Each figure is the median, and the least and most, of N processes (10). `encode` is at effort 1;
whole processes are timed from outside, as a shell would see them.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IMPORT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def seconds(command: list[str]) -> float:
    """Of a process, or what it prints if that is a number."""
    started = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    whole = time.perf_counter() - started
    try:
        return float(done.stdout)
    except ValueError:
        return whole


def main() -> None:
    parser = argparse.ArgumentParser(description="Time imports and first calls.")
    parser.add_argument("image", type=Path)
    parser.add_argument("--runs", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        packed, unpacked = str(Path(folder, "a.linr")), str(Path(folder, "a.png"))
        program = [str(Path(sys.executable).with_name("inrcodec"))]
        cases = {
            "python -c pass, whole process": [sys.executable, "-c", "pass"],
            "import numpy": [sys.executable, "-c", IMPORT.format("numpy")],
            "import inrcodec": [sys.executable, "-c", IMPORT.format("inrcodec")],
            "encode -e 1, whole process": [
                *program, "encode", "-q", "-f", "-e", "1", str(arguments.image), "-o", packed,
            ],
            "decode, whole process": [*program, "decode", "-q", "-f", packed, "-o", unpacked],
        }  # fmt: skip
        print("| what | s | least | most |\n| --- | ---: | ---: | ---: |")
        for name, command in cases.items():
            taken = [seconds(command) for _ in range(arguments.runs)]
            middle = statistics.median(taken)
            print(f"| {name} | {middle:.3f} | {min(taken):.3f} | {max(taken):.3f} |", flush=True)


if __name__ == "__main__":
    main()
