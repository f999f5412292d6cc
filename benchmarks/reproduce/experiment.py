"""What the experiments share: crops of images, options, the published training loop, tables."""

from __future__ import annotations

import argparse
import csv
import io
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inrcodec.coding.backend import DEVICES, backend_for, is_cuda
from inrcodec.coordinate.fit import Data
from inrcodec.coordinate.float_networks import FloatNetworks
from inrcodec.coordinate.model import MAX_DEPTH, MAX_WIDTH, NETWORK, Coordinate, CoordinateModel
from inrcodec.coordinate.transforms import fit_transform
from inrcodec.errors import LinrError
from inrcodec.files.images import read_image
from inrcodec.options import MOST_SEED
from inrcodec_cli.files import IMAGES, check_output, write_output
from inrcodec_cli.plots import EXTENSIONS, need_matplotlib

from .journal import Journal

NONE = "-"  # in a table: nobody published it

Row = dict[str, Any]  # of a CSV file: one fit
Loss = Callable[[Any, Any], Any]  # of outputs and targets


def within(low: int, high: int) -> Callable[[str], int]:
    """A type of options: whole numbers, low .. high."""

    def number(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"it is {value}; it can be {low} to {high}")
        return value

    return number


SEED, THREADS = within(0, MOST_SEED), within(1, 1 << 12)
SIZES = {  # of a Scale
    "size": within(1, 1 << 24),
    "width": within(2, MAX_WIDTH),
    "depth": within(1, MAX_DEPTH),
    "steps": within(1, 1 << 30),
}


@dataclass(frozen=True)
class Scale:
    """How large an experiment is: pixels a side, hidden layers and their units, steps at most; 0
    steps where nothing is fitted. extent: what the size is of, with {0} in its place. known:
    whether what was published is of this scale; else it is only what a GPU runs."""

    size: int
    width: int
    depth: int
    steps: int
    extent: str = "{0} x {0}"
    known: bool = True

    def __str__(self) -> str:
        steps = f"at most {self.steps} steps" if self.steps else "as initialised"
        extent = self.extent.format(self.size)
        return f"{extent}, {self.depth} hidden layers of {self.width}, {steps}"


@dataclass(frozen=True)
class Crop:
    """The middle of an image, uint8 or uint16 (H, W, C)."""

    name: str
    samples: np.ndarray

    @property
    def bits(self) -> int:
        return 8 * self.samples.itemsize


@dataclass(frozen=True)
class Curve:
    """A line of a chart."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Experiment:
    """The crops of the images that were asked for, how to fit them, and where results go."""

    crops: list[Crop]
    published: Scale
    scale: Scale
    device: str
    seed: int
    threads: int
    csv: str | None
    plot: str | None
    force: bool
    journal: Journal
    pictures: Path | None = None  # a folder
    paths: Sequence[Path] = ()  # of signals that are no images
    seconds: list[float] = field(default_factory=list)  # of the fits since the last table

    def of_bits(self, bits: int) -> list[Crop]:
        return [crop for crop in self.crops if crop.bits == bits]

    def once(self, what: Sequence[str], work: Callable[[], tuple[Row, Curve]]) -> tuple[Row, Curve]:
        """A fit's row and curve: from the journal, if it is there, else of work, and noted there.

        what: the experiment, the signal and the setting, which tell the fit from all others of this
        scale, device and seed.
        """
        key = [*what, str(self.scale), self.device, str(self.seed)]
        found = self.journal.find(key)
        if found is None:
            print(", ".join(what), file=sys.stderr)
            started = time.perf_counter()
            row, curve = work()
            found = {
                "row": row,
                "curve": {"label": curve.label, "x": list(curve.x), "y": list(curve.y)},
                "seconds": time.perf_counter() - started,
            }
            self.journal.note(key, found)
        self.seconds.append(found["seconds"])
        return found["row"], Curve(**found["curve"])

    def print(self, title: str, signals: str, head: list[str], rows: list[list[str]]) -> None:
        """A table, with what was measured, of which signals, and what was published, as
        Markdown."""
        print(f"## {title}\n")
        took = f"; fits took {sum(self.seconds):.0f} s" if self.seconds else ""
        print(f"Measured: {self.scale}; {self.device}, seed {self.seed}; {signals}{took}.")
        self.seconds.clear()
        size = self.published if self.published.known else f"unknown, on CUDA {self.published}"
        print(f"Published: {size}.\n")
        for line in [head, ["---"] * len(head), *rows]:
            print("| " + " | ".join(line) + " |")
        print(flush=True)

    def write(self, rows: list[Row], curves: list[Curve], x: str, y: str) -> None:
        """The CSV file and the chart, if they were asked for. x, y: what is on the axes."""
        if self.csv is not None:
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            write_output(self.csv, text.getvalue().encode(), self.force)
        if self.plot is not None:
            write_output(self.plot, chart(self.plot, curves, x, y), self.force)


def experiment(
    description: str | None,
    published: Scale,
    reduced: Scale,
    arguments: Sequence[str] | None,
    *,
    images: bool = True,
    cut: Callable[[Path, int], list[Crop]] | None = None,
    pictures: bool = False,
    signals: str | None = None,
) -> Experiment:
    """The command line's. reduced: what is run on a CPU where the options say nothing else.
    images: whether it is of image files, else it brings its own signals. cut: what is taken of an
    image, of so many pixels a side, if not its middle. pictures: whether it can save some.
    signals: what other files it takes in the place of its own. There is no --steps where the
    published scale has none.
    """
    cut = cut or (lambda path, size: [middle(path, size)])
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cuda = torch.cuda.is_available()
    if images:
        parser.add_argument(
            "paths", metavar="PATH", nargs="+", type=Path, help="images, or folders of such"
        )
    elif signals is not None:
        parser.add_argument("paths", metavar="PATH", nargs="*", type=Path, help=signals)
    for name, text in (
        ("size", "pixels a side" if images else published.extent.format("N")),
        ("width", "units of a hidden layer"),
        ("depth", "hidden layers"),
        ("steps", "at most"),
    ):
        if not getattr(published, name):
            continue
        default = f"{getattr(reduced, name)}, on CUDA {getattr(published, name)}"
        what = f"{text}  [{default}]"
        parser.add_argument(f"--{name}", type=SIZES[name], metavar="N", help=what)
    parser.add_argument("--device", default="cuda" if cuda else "cpu", help=DEVICES)
    parser.add_argument("--seed", type=SEED, default=0, metavar="N")
    cores = os.cpu_count() or 1
    parser.add_argument("-T", "--threads", type=THREADS, default=cores, metavar="N")
    parser.add_argument(
        "--resume", metavar="FILE", type=Path, help="keep each fit here, and do none twice"
    )
    parser.add_argument("--csv", metavar="FILE", help="a row for each fit")
    parser.add_argument("--plot", metavar="FILE", help="a chart (.png, .svg or .pdf)")
    if pictures:
        parser.add_argument("--pictures", metavar="DIR", type=Path, help="PNG files, as NAME.png")
    parser.add_argument("-f", "--force", action="store_true", help="overwrite existing files")
    options = parser.parse_args(arguments)
    usual = published if is_cuda(options.device) else reduced
    given = {name: getattr(options, name, None) for name in SIZES}
    scale = replace(usual, **{name: size for name, size in given.items() if size is not None})
    try:
        backend_for(options.device)  # which says so if there is none
        if options.plot is not None:
            need_matplotlib()
            if Path(options.plot).suffix.lower() not in EXTENSIONS:
                raise LinrError(f"{options.plot}: charts are {', '.join(EXTENSIONS)}")
        for output in (options.csv, options.plot):
            if output is not None:
                check_output(output, options.force)
        folder = options.pictures if pictures else None
        if folder is not None and not (options.force or options.resume) and folder.exists():
            raise LinrError(f"{folder} exists; --force overwrites pictures in it")
        files = image_files(options.paths) if images else []
        crops = [crop for path in files for crop in cut(path, scale.size)]
        journal = Journal(options.resume)
    except (LinrError, OSError) as error:
        parser.error(str(error))
    torch.set_num_threads(options.threads)
    how = options.device, options.seed, options.threads
    outputs = options.csv, options.plot, options.force
    paths = () if images or signals is None else options.paths
    return Experiment(crops, published, scale, *how, *outputs, journal, folder, paths)


def image_files(paths: Sequence[Path]) -> list[Path]:
    """Files as they are, and in place of folders the images in them, in the order of their names.
    Raises LinrError for a folder without."""
    found = []
    for path in paths:
        inside = [path]
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGES)
        if not inside:
            raise LinrError(f"{path}: no images in it")
        found += inside
    return found


def middles(crops: Sequence[Crop]) -> str:
    """What a table says of its crops."""
    return "the middle of " + ", ".join(crop.name for crop in crops)


def middle(path: Path, size: int) -> Crop:
    """The middle of an image file. Raises LinrError for one that is no image or too small."""
    image = read_image(path.read_bytes(), str(path))
    height, width = image.shape[:2]
    if min(height, width) < size:
        raise LinrError(f"{path}: {width} x {height} has no crop of {size} x {size}")
    top, left = (height - size) // 2, (width - size) // 2
    samples = image.reshape(height, width, -1)[top : top + size, left : left + size]
    return Crop(path.name, np.ascontiguousarray(samples))


def train(
    run: Experiment,
    crop: Crop,
    options: Coordinate,
    loss: Loss,
    rate: Callable[[float], float],
) -> Iterator[tuple[Any, Any]]:
    """The published training of an image, as optimise has it. Yields outputs and targets of each
    step, of which (planes or 1, pixels, channels), before it changes the weights.
    """
    transform = None
    if options.layout == "value":
        transform = fit_transform(options.transform, crop.samples, crop.bits)
    size = options.width, options.depth
    model = CoordinateModel(
        "int", options.layout, options.backbone, *size, options.constants(),
        (NETWORK,) * crop.bits, 0, transform,
    )  # fmt: skip
    backend, rng = backend_for(run.device), torch.Generator().manual_seed(run.seed)
    device = torch.device(backend.device)
    networks = FloatNetworks(model, options, crop.samples.shape[2], device, rng)
    inputs, targets = Data(model, [crop.samples], backend, device).batch(
        crop.samples.shape[0] * crop.samples.shape[1], rng
    )
    batches = repeat((inputs, targets))
    for outputs in optimise(networks, batches, run.scale.steps, loss, rate):
        yield outputs, targets


def optimise(
    networks: FloatNetworks,
    batches: Iterable[tuple[Any, Any]],
    steps: int,
    loss: Loss,
    rate: Callable[[float], float],
) -> Iterator[Any]:
    """The published training: Adam as it comes, float weights.

    batches: of each step inputs as the networks take them, and targets; images have all points in
    each. rate: by the part of the steps that is over. Coefficients are fitted, too, where they
    require a gradient. Yields the outputs of each step, in the shape of the targets, before it
    changes the weights.
    """
    parameters = list(networks.parameters.values())
    if networks.coefficients is not None and networks.coefficients.requires_grad:
        parameters.append(networks.coefficients)
    optimiser = torch.optim.Adam(parameters)
    for step, (inputs, targets) in zip(range(steps), batches, strict=False):
        for group in optimiser.param_groups:
            group["lr"] = rate(step / steps)
        outputs = networks(networks.parameters, inputs).view(targets.shape)
        yield outputs.detach()
        optimiser.zero_grad(set_to_none=True)
        loss(outputs, targets).backward()
        optimiser.step()


def mean(numbers: Sequence[float], form: str) -> str:
    """The mean of some images, with the standard deviation if there are several; infinite if one
    is, as the PSNR of an exact fit."""
    text = format(statistics.mean(numbers), form)
    if len(numbers) == 1 or not all(map(math.isfinite, numbers)):
        return text
    return f"{text} ± {format(statistics.stdev(numbers), form)}"


def steps_to_zero(rows: Sequence[Row], field: str, scale: Scale) -> str:
    """The mean steps to BER 0 of some images, field: of rows, which is None for those that did not
    get there; these are counted, with the BER that they came to."""
    reached = [row[field] for row in rows if row[field] is not None]
    parts = [mean(reached, ".0f")] if reached else []
    if len(reached) < len(rows):
        ber = statistics.mean(row["ber"] for row in rows if row[field] is None)
        which = "" if len(rows) == 1 else f"{len(rows) - len(reached)} of {len(rows)} "
        parts.append(f"{which}not in {scale.steps} (BER {ber:.2g})")
    return ", ".join(parts)


def chart(path: str, curves: Sequence[Curve], x: str, y: str) -> bytes:
    """A picture of curves, its type as path's extension says."""
    from matplotlib.figure import Figure

    figure = Figure((9, 5), dpi=100, layout="constrained")
    axes = figure.subplots()
    for number, curve in enumerate(curves):
        line = "-" if number < 10 else "--"  # there are ten colours
        marker = "o" if len(curve.x) == 1 else ""
        axes.plot(curve.x, curve.y, line, marker=marker, label=curve.label)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(True, alpha=0.3)
    axes.legend(fontsize=8)
    file = io.BytesIO()
    figure.savefig(file, format=Path(path).suffix[1:].lower())
    return file.getvalue()
