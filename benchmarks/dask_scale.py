"""How fast images are encoded on a Dask cluster of this machine, against the command alone.

    python benchmarks/dask_scale.py FOLDER [--effort 1] [--workers 1 2] [--images N] [--kill]

Prints a table: images an hour and megapixels a second, of `inrcodec encode -r` with all cores and
with one, and of so many worker processes of a thread each; and what 1,000 cores would do if each
did what one worker does: where storage and the scheduler keep up, of which the latter gives out a
few hundred tasks a second. The start of processes is not counted, neither is a first image that
loads the library. --kill instead encodes with the most workers, of which one is killed in the
middle, and checks that each image has a .linr file that is its file, and that none came twice.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from distributed import Client, LocalCluster

import inrcodec
from inrcodec.dask import Outcome, encode_files
from inrcodec.encode_file import check_skipped
from inrcodec_cli.files import IMAGES

CORES = 1000


def images_in(folder: Path, count: int | None) -> list[Path]:
    """The first images of a folder and its folders."""
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in IMAGES]
    return found[:count]


def cluster_of(workers: int) -> LocalCluster:
    return LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0")


def on_cluster(images: list[Path], workers: int, effort: int) -> tuple[float, int]:
    """Seconds and pixels of images on so many workers."""
    with (
        tempfile.TemporaryDirectory() as folder,
        cluster_of(workers) as cluster,
        Client(cluster) as client,
    ):
        client.run(warm_up, effort)
        started = time.perf_counter()
        report = encode_files(mapping(images, folder), client=client, effort=effort)
        seconds = time.perf_counter() - started
    assert not report.failed, report.failed
    return seconds, report.pixels


def alone(images: list[Path], threads: int, effort: int) -> float:
    """Seconds of the command on images, without its start."""
    seconds = []
    for some in (images[:1], images):
        with tempfile.TemporaryDirectory() as folder:
            for number, path in enumerate(some):
                Path(folder, f"{number}{path.suffix}").symlink_to(path.resolve())
            names = sorted(map(str, Path(folder).iterdir()))
            command = [sys.executable, "-m", "inrcodec_cli.main", "encode", "-q"]
            command += ["-e", str(effort), "-T", str(threads), "-o", f"{folder}/out/", *names]
            started = time.perf_counter()
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - started)
    return (seconds[1] - seconds[0]) * len(images) / (len(images) - 1)


def warm_up(effort: int) -> None:
    inrcodec.encode(np.zeros((16, 16), np.uint8), effort=effort, model="context")


def mapping(images: list[Path], folder: str) -> dict[str, str]:
    return {str(path): f"{folder}/{number}.linr" for number, path in enumerate(images)}


def kill(images: list[Path], workers: int, effort: int) -> None:
    """Encode, kill a worker in the middle, and check what there is."""
    with (
        tempfile.TemporaryDirectory() as folder,
        cluster_of(workers) as cluster,
        Client(cluster) as client,
    ):
        pids = list(client.run(os.getpid).values())
        seen: list[str] = []

        def each(outcome: Outcome) -> None:
            seen.append(outcome.source)
            if len(seen) == len(images) // 2:
                os.kill(pids[0], signal.SIGKILL)

        pairs = mapping(images, folder)
        started = time.perf_counter()
        report = encode_files(pairs, client=client, each=each, effort=effort)
        seconds = time.perf_counter() - started
        assert pids[0] not in client.run(os.getpid).values()
        assert report.failed == {}, report.failed
        assert sorted(seen) == sorted(pairs)
        assert {str(path) for path in Path(folder).iterdir()} == set(pairs.values())
        for source, target in pairs.items():
            check_skipped(source, target)
            inrcodec.decode_picture(Path(target).read_bytes())
        print(
            f"{len(images)} images on {workers} workers, one killed after {len(images) // 2}: all"
            f" there, decoded, none twice ({report.done} told as done, {report.skipped} as there"
            f" already); {seconds:.0f} s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a Dask cluster of this machine.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--effort", type=int, default=1)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--images", type=int, help="at most so many")
    parser.add_argument("--kill", action="store_true")
    options = parser.parse_args()
    images = images_in(options.folder, options.images)
    if options.kill:
        kill(images, max(options.workers), options.effort)
        return
    rows: list[tuple[str, float]] = []
    cores = os.cpu_count() or 1
    pixels, each = 0, 0.0
    for workers in options.workers:
        seconds, pixels = on_cluster(images, workers, options.effort)
        each = each or workers / seconds
        rows.append((f"--dask, {workers} workers of a thread", seconds))
    for threads in sorted({1, cores}):
        rows.append((f"encode -r -T {threads}", alone(images, threads, options.effort)))
    rows.append((f"{CORES} cores, as {options.workers[0]} workers", 1 / (each * CORES)))
    print(f"{len(images)} images, {pixels / 1e6:.1f} MP, effort {options.effort}, {cores} cores\n")
    print("| what | s | images an hour | MP/s |\n| --- | ---: | ---: | ---: |")
    for name, seconds in rows:
        hour = 3600 * len(images) / seconds
        print(f"| {name} | {seconds:.2f} | {hour:,.0f} | {pixels / 1e6 / seconds:.2f} |")


if __name__ == "__main__":
    main()
