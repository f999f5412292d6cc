"""All published tables, measured again, on one page.

    python -m benchmarks.reproduce PATH... [--device cuda:N] [--only TABLE]... [-o PAGE]

PATH: RGB images of 8 and of 16 bits, or folders of such. The first few are taken on a CPU, at
sizes that take at most ten minutes a table on two cores; all of them on a GPU, at the published
sizes. Each fit that is done is kept in a file, so that the same command goes on where one was
stopped. The page is written after each script. With --only the other tables are those of the last
run on this device.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from inrcodec.coding.backend import DEVICES, backend_for, is_cuda
from inrcodec.errors import LinrError
from inrcodec.files.images import read_image
from inrcodec_cli.files import check_output, write_output
from inrcodec_cli.machine import machine

from .experiment import SEED, THREADS, image_files
from .journal import Journal
from .page import SCRIPTS, Outcome, Script, page

ROOT = Path(__file__).parents[2]


def by_bits(files: Iterable[Path]) -> dict[int, list[Path]]:
    """The RGB images among files by the bits of their samples, 8 or 16. Raises as read_image."""
    found: dict[int, list[Path]] = {8: [], 16: []}
    for file in files:
        image = read_image(file.read_bytes(), str(file))
        if image.ndim == 3 and image.shape[2] == 3:
            found[8 if image.dtype == np.uint8 else 16].append(file)
    return found


def chosen(script: Script, images: dict[int, list[Path]], every: bool) -> list[Path]:
    """Which images a script gets: all of a kind that it takes, or as many as it says."""
    taken = []
    for count, files in zip(script.images or (0, 0), (images[8], images[16]), strict=True):
        taken += files if every and count else files[:count]
    return taken


def setting(device: str) -> list[tuple[str, str]]:
    """What a run was made with."""
    facts = [(name, what) for name, what in machine() if name != "other codecs"]
    if is_cuda(device):
        facts.append(("GPU", torch.cuda.get_device_name(torch.device(device))))
    return facts


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code: 1 if a table could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reproduce", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("paths", metavar="PATH", nargs="*", type=Path)
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=default, help=DEVICES)
    parser.add_argument("--only", action="append", choices=[*SCRIPTS], metavar="TABLE",
                        help=f"one of {', '.join(SCRIPTS)}; as often as one likes")  # fmt: skip
    parser.add_argument("--seed", type=SEED, default=0, metavar="N")
    cores = os.cpu_count() or 1
    parser.add_argument("-T", "--threads", type=THREADS, default=cores, metavar="N")
    parser.add_argument("--resume", type=Path, default=ROOT / "reproduction.jsonl", metavar="FILE",
                        help="where fits are kept  [reproduction.jsonl]")  # fmt: skip
    parser.add_argument("-o", "--output", default=str(ROOT / "benchmarks" / "REPRODUCTION.md"),
                        metavar="PAGE", help="[benchmarks/REPRODUCTION.md]")  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        backend_for(options.device)  # which says so if there is none
        check_output(options.output, force=True)
        images = by_bits(image_files(options.paths))
        journal = Journal(options.resume)
    except (LinrError, OSError) as error:
        parser.error(str(error))
    cuda = is_cuda(options.device)
    outcomes: dict[str, Outcome] = {}
    missing: dict[str, str] = {}  # why there is nothing of a table
    shared = ["--device", options.device, "--seed", str(options.seed),
              "--threads", str(options.threads), "--resume", str(options.resume)]  # fmt: skip

    def save() -> None:
        text = page(outcomes, missing, setting(options.device), cuda)
        write_output(options.output, text.encode(), force=True)

    for name, script in SCRIPTS.items():
        key = ["page", name, options.device]
        if options.only is not None and name not in options.only:
            found = journal.find(key)
            if found is not None:
                outcomes[name] = Outcome(**found)
            continue
        files = chosen(script, images, cuda)
        if script.images is not None and script.images[1] and not images[16]:
            missing |= dict.fromkeys(script.tables[1:], "no RGB image of 16 bits was given")
        if script.images is not None and not files:
            missing |= dict.fromkeys(script.tables, "no image of its kind was given")
            continue
        print(f"{name}:", file=sys.stderr)
        outcomes[name] = script.run([*map(str, files), *shared])
        journal.note(key, asdict(outcomes[name]))
        save()
    save()
    return int(any(outcome.problem for outcome in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
