"""What the experiments share: crops of images, options, the published training loop, tables."""

from __future__ import annotations

import argparse
import csv
import io
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inrcodec.coding.backend import backend_for
from inrcodec.coordinate.fit import Data, FloatNetworks
from inrcodec.coordinate.model import NETWORK, Coordinate, CoordinateModel
from inrcodec.coordinate.transforms import fit_transform
from inrcodec.errors import LinrError
from inrcodec.files.images import read_image
from inrcodec_cli.files import check_output, write_output
from inrcodec_cli.plots import need_matplotlib

NONE = "-"  # in a table: nobody published it
MISSING = "not implemented"

Row = dict[str, Any]  # of a CSV file: one fit
Loss = Callable[[Any, Any], Any]  # of outputs and targets


@dataclass(frozen=True)
class Scale:
    """How large an experiment is: pixels a side, hidden layers and their units, steps at most."""

    size: int
    width: int
    depth: int
    steps: int

    def __str__(self) -> str:
        return (
            f"{self.size} x {self.size}, {self.depth} hidden layers of {self.width}, "
            f"at most {self.steps} steps"
        )


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

    def of_bits(self, bits: int) -> list[Crop]:
        return [crop for crop in self.crops if crop.bits == bits]

    def print(
        self, title: str, crops: Sequence[Crop], head: list[str], rows: list[list[str]]
    ) -> None:
        """A table of some crops, with what was measured and what was published, as Markdown."""
        names = ", ".join(crop.name for crop in crops)
        print(f"## {title}\n")
        print(f"Measured: {self.scale}; {self.device}, seed {self.seed}; the middle of {names}.")
        print(f"Published: {self.published}.\n")
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
) -> Experiment:
    """The command line's. reduced: what is run on a CPU where the options say nothing else."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cuda = torch.cuda.is_available()
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="PNG, TIFF or PNM")
    for name, text in (
        ("size", "pixels a side, from the middle"),
        ("width", "units of a hidden layer"),
        ("depth", "hidden layers"),
        ("steps", "at most"),
    ):
        default = f"{getattr(reduced, name)}, on CUDA {getattr(published, name)}"
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"{text}  [{default}]")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if cuda else "cpu")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("-T", "--threads", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--csv", metavar="FILE", help="a row for each fit")
    parser.add_argument("--plot", metavar="FILE", help="a chart (.png, .svg or .pdf)")
    parser.add_argument("-f", "--force", action="store_true", help="overwrite existing files")
    options = parser.parse_args(arguments)
    usual = published if options.device == "cuda" else reduced
    scale = Scale(
        options.size or usual.size,
        options.width or usual.width,
        options.depth or usual.depth,
        options.steps or usual.steps,
    )
    try:
        if options.plot is not None:
            need_matplotlib()
        for output in (options.csv, options.plot):
            if output is not None:
                check_output(output, options.force)
        crops = [middle(path, scale.size) for path in options.paths]
    except (LinrError, OSError) as error:
        parser.error(str(error))
    torch.set_num_threads(options.threads)
    how = options.device, options.seed, options.threads
    return Experiment(crops, published, scale, *how, options.csv, options.plot, options.force)


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
    """The published training: Adam as it comes, all points a step, float weights.

    rate: by the part of the steps that is over. Yields outputs and targets of each step, of which
    (planes or 1, pixels, channels), before it changes the weights.
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
    optimiser = torch.optim.Adam(list(networks.parameters.values()))
    for step in range(run.scale.steps):
        for group in optimiser.param_groups:
            group["lr"] = rate(step / run.scale.steps)
        outputs = networks(networks.parameters, inputs).view(targets.shape)
        yield outputs.detach(), targets
        optimiser.zero_grad(set_to_none=True)
        loss(outputs, targets).backward()
        optimiser.step()


def mean(numbers: Sequence[float], form: str) -> str:
    """The mean of some images, with the standard deviation if there are several."""
    text = format(statistics.mean(numbers), form)
    return f"{text} ± {format(statistics.stdev(numbers), form)}" if len(numbers) > 1 else text


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
    for curve in curves:
        axes.plot(curve.x, curve.y, marker="o" if len(curve.x) == 1 else "", label=curve.label)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(True, alpha=0.3)
    axes.legend(fontsize=8)
    file = io.BytesIO()
    figure.savefig(file, format=Path(path).suffix[1:].lower())
    return file.getvalue()
