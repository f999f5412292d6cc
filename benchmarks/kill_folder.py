"""What is left of folders whose images become .linr files, where that is killed again and again.

    python -m benchmarks.kill_folder [--kills N] [--images N] IMAGE...

Makes folders of small crops of the images, runs `inrcodec encode -r --rm -e 1` over one, kills it
(SIGKILL), and again over what is left, until a run comes to its end by itself; then over the next
folder, until there were N kills (300). Half of the kills come at any moment of a run, half up to 3
ms after another output has appeared; every other folder is encoded with -f.

After each kill every image has to be there, as it was or as a .linr file that decodes to it, and no
.linr file may be anything else. Files under the hidden names of temporary ones are counted. A run
that comes to its end has to leave a .linr file of each image, and say that all went well.

Prints Markdown. A run uses the `inrcodec_cli` that this Python imports.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import inrcodec
from inrcodec.errors import LinrError
from inrcodec.files.images import read_image, write_image

COMMAND = (sys.executable, "-m", "inrcodec_cli.main", "encode", "-q", "-r", "--rm", "-e", "1")
SIDE = 48
FOLDERS = ("", "a", "a/b", "c")


@dataclass(frozen=True)
class Folder:
    """Images under their names in a folder, as files and as samples."""

    files: dict[Path, bytes]
    arrays: dict[Path, np.ndarray]

    @classmethod
    def of_crops(cls, sources: list[Path], count: int) -> Folder:
        places, images = random.Random(0), [read_image(path.read_bytes()) for path in sources]
        arrays = {}
        for number in range(count):
            image = images[number % len(images)]
            y, x = (places.randrange(max(side - SIDE, 1)) for side in image.shape[:2])
            name = Path(FOLDERS[number % len(FOLDERS)], f"{number}.png")
            arrays[name] = image[y : y + SIDE, x : x + SIDE].copy()
        return cls({name: write_image(crop, ".png") for name, crop in arrays.items()}, arrays)

    def write(self, place: Path) -> None:
        for name, data in self.files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(data)

    def check(self, place: Path) -> Counter[str]:
        """How many images are there as what, and what must not be: lost, partial and strange."""
        found: Counter[str] = Counter()
        left = {path.relative_to(place) for path in place.rglob("*") if path.is_file()}
        for name, data in self.files.items():
            packed = name.with_suffix(".linr")
            whole = packed in left and self._decodes(place / packed, name)
            source = name in left and (place / name).read_bytes() == data
            found["partial"] += packed in left and not whole
            found["lost"] += not (whole or source)
            found["both"] += whole and source
            found["encoded"] += whole
            left -= {name, packed}
        hidden = {path for path in left if path.name[0] == "." and path.suffix == ".tmp"}
        found["temporary"], found["strange"] = len(hidden), len(left - hidden)
        return found

    def _decodes(self, packed: Path, name: Path) -> bool:
        try:
            return np.array_equal(inrcodec.decode(packed.read_bytes()), self.arrays[name])
        except LinrError:
            return False


def kill_one(command: list[str], place: Path, delay: float, watching: bool) -> int:
    """Runs a command and kills it after `delay`, or that long after another output; its code."""
    process = subprocess.Popen(command)
    try:
        if watching:
            before = outputs(place)
            while process.poll() is None and outputs(place) == before:
                time.sleep(0.0005)
        deadline = time.monotonic() + delay
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.0002)
    finally:
        process.kill()
    return process.wait()


def outputs(place: Path) -> int:
    return sum(1 for _ in place.rglob("*.linr"))


def main() -> None:
    parser = argparse.ArgumentParser(description="What is left of folders when runs are killed.")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("sources", type=Path, nargs="+", metavar="IMAGE")
    arguments = parser.parse_args()
    folder = Folder.of_crops(arguments.sources, arguments.images)
    moments, totals, bad = random.Random(1), Counter[str](), 0
    with tempfile.TemporaryDirectory() as name:
        place, length = Path(name, "images"), 0.0
        while totals["kills"] < arguments.kills:
            force = ["-f"] if totals["folders"] % 2 else []
            folder.write(place)
            totals["folders"] += 1
            code = -1
            while code < 0 and totals["kills"] < arguments.kills:
                watching = totals["kills"] % 2 == 1 and length > 0
                delay = moments.uniform(0, 0.003) if watching else moments.uniform(0, length or 60)
                started = time.monotonic()
                code = kill_one([*COMMAND, *force, str(place)], place, delay, watching)
                found = folder.check(place)
                if code >= 0:
                    # the first is timed; later ones are of what is left
                    length = length or time.monotonic() - started
                    bad += code != 0 or found["encoded"] < arguments.images
                    totals["ended"] += 1
                else:
                    totals["kills"] += 1
                    totals["both"] += found["both"]
                    totals["amid"] += 0 < found["encoded"] < arguments.images
                    totals["temporary"] = max(totals["temporary"], found["temporary"])
                for key in ("lost", "partial", "strange"):
                    totals[key] += found[key]
            shutil.rmtree(place)
    columns = ("kills", "amid", "both", "folders", "ended", "temporary", "lost", "partial")
    print(
        "| kills | with some encoded | images there twice | folders | ended by themselves |", end=""
    )
    print(" temporary files at most | images lost | partial files | other files | bad ends |")
    print("|" + " ---: |" * 10)
    print("|", *(f"{totals[key]} |" for key in (*columns, "strange")), f"{bad} |")
    if bad or totals["lost"] or totals["partial"] or totals["strange"]:
        sys.exit("not all images were there, whole")


if __name__ == "__main__":
    main()
