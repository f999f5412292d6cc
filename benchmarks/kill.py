"""What is left of a command that is killed, or that meets a full disk.

    python benchmarks/kill.py [--kills N] [--writing N] [--full-disk N] [--tile N] IMAGE

Runs the real command: `inrcodec encode` (effort 1, stored, and over an existing file) and `decode`,
of an image or a TIFF of several, with --tile in tiles.
--kills N (200) are sent SIGKILL at moments spread evenly over a full run and a little beyond,
--writing N (40) as soon as the file is open or up to 1 ms later, and --full-disk N (20) encode to a
disk with room for a part of the file (a tmpfs; needs root). After each the file has to be absent or
to hold the image, or be the old one where one is replaced, with nothing else in its folder and the
source as it was.

Prints Markdown. Needs Linux; a small image gives quick runs.
"""

from __future__ import annotations

import argparse
import io
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import inrcodec
from inrcodec.encode_file import pages_like
from inrcodec.errors import LinrError
from inrcodec.limits import DEFAULT

INRCODEC = Path(sys.executable).with_name("inrcodec")
DISK, PAGE = 1 << 16, 1 << 12
BEYOND = 1.05  # of a full run: until then kills come
TIMED = 10  # kills after which a full run is timed again, as a machine's speed changes


@dataclass(frozen=True)
class Case:
    """A command, what stands at its output before, and how its output becomes an image."""

    name: str
    arguments: tuple[str, ...]
    source: Path
    output: str
    old: bytes | None
    read: Callable[[bytes], np.ndarray]

    def command(self, target: Path) -> list[str]:
        return [str(INRCODEC), *self.arguments, str(self.source), "-q", "-o", str(target)]


def read_all(data: bytes) -> np.ndarray:
    """The image in a file, or its images in one array."""
    pages = pages_like(io.BytesIO(data), "the image", None, DEFAULT)
    images = [page.type.expand(page.read(0, 0, page.height, page.width)) for page in pages]
    return np.stack(images) if len(images) > 1 else images[0]


def make_cases(image: Path, folder: Path, tile: str) -> list[Case]:
    packed, stored = folder / "source.linr", folder / "stored.linr"
    size = "auto" if tile == "auto" else int(tile)
    inrcodec.encode_file(image, packed, effort=1, tile=size)
    inrcodec.encode_file(image, stored, model="stored", tile=size)
    old = stored.read_bytes()
    encode, name, read = ("encode", "-e", "1", "--tile", tile), "out.linr", inrcodec.decode
    several = inrcodec.info(old, planes=False)["frames"] > 1
    return [
        Case("encode -e 1", encode, image, name, None, read),
        Case("encode --model stored", (*encode, "--model", "stored"), image, name, None, read),
        Case("encode -e 1 -f", (*encode, "-f"), image, name, old, read),
        Case("decode", ("decode",), packed, f"out.{'tif' if several else 'png'}", None, read_all),
    ]


def outcome(case: Case, target: Path, picture: np.ndarray, others: int = 0) -> list[str]:
    """What there is: "absent", "old" or "new", and "partial", "leftover" for what must not be."""
    found = []
    data = target.read_bytes() if target.exists() else None
    if data is None:
        # an old file must never be gone
        found.append("absent" if case.old is None else "partial")
    elif data == case.old:
        found.append("old")
    else:
        try:
            whole = np.array_equal(case.read(data), picture)
        except LinrError:
            whole = False
        found.append("new" if whole else "partial")
    files = len(list(target.parent.iterdir())) - others - (data is not None)
    return found + ["leftover"] * files


def state(path: Path) -> tuple[bytes, int]:
    return path.read_bytes(), path.stat().st_mtime_ns


def writes(process: subprocess.Popen, folder: Path) -> bool:
    """Whether the process has a file open in the folder, be it one without a name."""
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            if link.readlink().is_relative_to(folder):
                return True
        except OSError:
            continue
    return False


def full_run(case: Case, work: Path) -> float:
    """The seconds that the command takes."""
    with tempfile.TemporaryDirectory(dir=work) as name:
        started = time.perf_counter()
        subprocess.run(case.command(Path(name, case.output)), check=True)
        return time.perf_counter() - started


def kill_one(case: Case, target: Path, delay: float, writing: bool) -> bool:
    """Starts the command and kills it, after `delay` or that long after it opened its file;
    whether it was alive until then."""
    if case.old is not None:
        target.write_bytes(case.old)
    process = subprocess.Popen(case.command(target))
    try:
        while writing and process.poll() is None and not writes(process, target.parent):
            pass
        time.sleep(delay)
    finally:
        process.kill()
    return process.wait() != 0


def kill(cases: list[Case], kills: int, writing: bool, work: Path, picture: np.ndarray) -> bool:
    """Prints a row for each command; whether all is well."""
    moments, good = random.Random(0), True
    for case in cases:
        count = kills // len(cases)
        results: Counter[str] = Counter()
        before = state(case.source)
        full_run(case, work)  # so that the system has read what the next ones need
        lengths = []
        for number, slot in enumerate(moments.sample(range(count), count)):
            if number % TIMED == 0:
                lengths.append(full_run(case, work))
            with tempfile.TemporaryDirectory(dir=work) as name:
                target = Path(name).resolve() / case.output
                delay = BEYOND * lengths[-1] * (slot + moments.random()) / count
                if writing:
                    delay = moments.uniform(0, 0.001)
                alive = kill_one(case, target, delay, writing)
                results.update(outcome(case, target, picture))
                results.update(() if alive else ("ended",))
                results.update(() if state(case.source) == before else ("source",))
        absent = results["absent"] + results["old"]
        seconds = "-".join(f"{bound(lengths):.2f}" for bound in (min, max) if lengths)
        cells = (case.name, seconds, count, absent, results["new"], results["ended"])
        bad = [results[name] for name in ("partial", "leftover", "source")]
        print("|", *(f"{cell} |" for cell in (*cells, *bad)), flush=True)
        good &= not any(bad)
    return good


def fill_up(cases: list[Case], trials: int, work: Path, picture: np.ndarray) -> bool:
    """Encodes onto a disk with too little room, to a new file and over an old one in turn."""
    moments, good, disk = random.Random(0), True, work / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True).returncode:
        print("No tmpfs could be mounted: no full disks.")
        return True
    target, filler = disk / cases[0].output, disk / "filler"
    pages = -(-len((work / "source.linr").read_bytes()) // PAGE)
    try:
        for case in (cases[0], cases[2]):
            results: Counter[str] = Counter()
            before = state(case.source)
            taken = 0 if case.old is None else -(-len(case.old) // PAGE)
            for _ in range(trials // 2):
                if case.old is not None:
                    target.write_bytes(case.old)
                filler.write_bytes(bytes(DISK - (taken + moments.randrange(pages)) * PAGE))
                done = subprocess.run(case.command(target), capture_output=True, text=True)
                told = done.returncode == 1 and len(done.stderr.splitlines()) == 1
                results.update(["told"] if told and "No space left" in done.stderr else [])
                results.update(outcome(case, target, picture, others=1))
                results.update(() if state(case.source) == before else ("source",))
                filler.unlink()
                target.unlink(missing_ok=True)
            absent = results["absent"] + results["old"]
            cells = (f"{case.name}, full disk", trials // 2, results["told"], absent)
            bad = [results[name] for name in ("partial", "leftover", "source")]
            print("|", *(f"{cell} |" for cell in (*cells, *bad)), flush=True)
            good &= not any(bad) and results["told"] == absent == trials // 2
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description="What is left of a command that is killed.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--writing", type=int, default=40)
    parser.add_argument("--full-disk", type=int, default=20)
    parser.add_argument("--tile", default="auto")
    parser.add_argument("image", type=Path)
    arguments = parser.parse_args()
    picture = read_all(arguments.image.read_bytes())
    bad = "partial files | leftovers | source changed |"
    good = True
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        cases = make_cases(arguments.image, work, arguments.tile)
        for writing, kills in ((False, arguments.kills), (True, arguments.writing)):
            when = "killed while writing" if writing else "killed at any time"
            print(f"| {when} | s | kills | no file, or the old | new file | ended before | {bad}")
            print("| --- |" + " ---: |" * 8)
            good &= kill(cases, kills, writing, work, picture)
            print()
        print(f"| full disk | trials | told in a line, exit 1 | no file, or the old | {bad}")
        print("| --- |" + " ---: |" * 6)
        good &= fill_up(cases, arguments.full_disk, work, picture)
    if not good:
        sys.exit("files were not whole or absent")


if __name__ == "__main__":
    main()
