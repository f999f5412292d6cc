"""What images came from: a table of what is found in images and folders, and how long it takes.

    python -m benchmarks.histories PATH...

Prints Markdown: of each image in which a history is found the steps, how many pixels are exceptions
and the bytes that these take; of each folder how many images have which history, and the median and
the longest time of the search in images that have none. Every step is undone and compared.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.compare import find
from benchmarks.tables import markdown
from inrcodec.contents import planes_of
from inrcodec.errors import LinrError
from inrcodec.files.images import read_picture
from inrcodec.history.chain import Chain, beginnings, chains, undo

EXCEPTIONS = ("exceptions", "exceptions_bytes")


def look(path: Path) -> tuple[Chain, float]:
    """The way that an encoder prefers for an image, and the seconds that it took to find it. Raises
    LinrError for a file that is no image."""
    planes = planes_of(read_picture(path.read_bytes(), str(path)))
    plain = Chain((), planes)
    started = time.perf_counter()
    way = chains(beginnings(plain)[-1])[0]
    seconds = time.perf_counter() - started
    back = undo(way.steps, way.planes)
    if not all(map(np.array_equal, back.channels, planes.channels)):
        sys.exit(f"{path}: the steps do not lead back to it")
    return way, seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path)
    sets: dict[str, list[Path]] = {}
    for file in find(parser.parse_args(arguments).paths):
        sets.setdefault(file.absolute().parent.name, []).append(file)
    code, totals = 0, []
    for name, files in sets.items():
        lines, counts, idle = [], Counter[str](), []
        for file in files:
            try:
                way, seconds = look(file)
            except (LinrError, OSError) as error:
                print(error, file=sys.stderr)
                code = 1
                continue
            past = ", ".join(found for step in way.steps if (found := step.past()))
            counts[past or "none"] += 1
            if not past:
                idle.append(seconds)
                continue
            facts = [step.facts() for step in way.steps if step.past()]
            numbers = [str(sum(each[key] for each in facts)) for key in EXCEPTIONS]
            lines.append([file.name, past, *numbers, f"{seconds:.2f}"])
        if lines:
            head = ["image", "history", "exceptions", "bytes of them", "seconds"]
            print(f"## {name}\n\n{markdown(head, lines)}\n")
        found = ", ".join(f"{past} {count}" for past, count in counts.most_common())
        times = (
            [f"{1000 * number:.1f}" for number in (median(idle), max(idle))] if idle else ["", ""]
        )
        totals.append([name, str(len(files)), found, *times])
    print(markdown(["set", "images", "found", "ms without, median", "longest"], totals))
    return code


if __name__ == "__main__":
    sys.exit(main())
