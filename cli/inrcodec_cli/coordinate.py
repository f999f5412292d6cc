"""Options of `inrcodec encode --model coordinate`, and the record of a fit."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from inrcodec.files.places import prepare

from .batch import FAILURES, Batch, Writing, refuse_inputs
from .console import STREAM, label, tell_left_out
from .files import FOLDER, check_output, read_input, write_output
from .progress import progress_bar

_NAMES = (
    "layout", "backbone", "width", "depth", "omega", "scale", "bias_range", "levels", "features",
    "table_bits", "finest", "learning_rate", "steps", "batch", "optimize", "target", "transform",
    "factor", "power", "log_dir", "preview", "preview_every", "tag", "mixture", "coefficients",
)  # fmt: skip
_BACKBONES = (
    "siren", "finer", "gauss", "wire", "pe-relu", "pe-gelu", "hash-grid", "diner",
)  # fmt: skip
_TRANSFORMS = (
    "none", "zscore", "gamma", "box-cox", "sym-power", "0-1", "scale", "inverse", "rpp",
)  # fmt: skip
_POSITIVE = click.FloatRange(min=0, min_open=True)
# Backbones that have these options
_OF_OMEGA, _OF_SCALE = ("siren", "finer", "wire", "diner"), ("gauss", "wire")


def _tag(given: str | None) -> str | None:
    """Raise BadParameter for what would be no folder, or another one."""
    if given is not None and not re.fullmatch(r"\w[\w.+-]{0,99}", given):
        raise click.BadParameter("a tag is of letters, digits, '_', '.', '+' and '-'.")
    return given


def coordinate_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of the coordinate model to a command."""
    for option in reversed(
        (
            click.option(
                "--layout",
                type=click.Choice(["joint", "per-plane"]),
                help="One network f(x, y, plane), or one f(x, y) for each plane.  [joint]",
            ),
            click.option(
                "--backbone",
                type=click.Choice(_BACKBONES),
                help="[finer]",
            ),
            click.option("--width", type=click.IntRange(2, 1024), help="Units a layer.  [256]"),
            click.option("--depth", type=click.IntRange(1, 16), help="Hidden layers.  [3]"),
            click.option("--omega", type=_POSITIVE, help="Of SIREN, FINER, WIRE and DINER.  [30]"),
            click.option("--scale", type=_POSITIVE, help="Of Gauss [30] and WIRE [10]."),
            click.option(
                "--bias-range", type=click.FloatRange(min=0), help="FINER's first biases.  [1]"
            ),
            click.option("--levels", type=click.IntRange(1, 16), help="Of a hash grid.  [8]"),
            click.option(
                "--features",
                type=click.IntRange(1, 8),
                help="In a row of the tables of a hash grid or DINER.  [2]",
            ),
            click.option(
                "--table-bits",
                type=click.IntRange(1, 22),
                metavar="N",
                help="At most 2^N rows a level of a hash grid.  [14]",
            ),
            click.option(
                "--finest",
                type=click.IntRange(1, 65536),
                metavar="N",
                help="Cells a side of a hash grid's last level.  [one from pixel to pixel]",
            ),
            click.option("--learning-rate", type=_POSITIVE, help="[the backbone's own]"),
            click.option("--steps", type=click.IntRange(min=1), help="At most.  [5000]"),
            click.option("--batch", type=click.IntRange(min=1), help="Pixels a step.  [as fit]"),
            click.option(
                "--optimize",
                type=click.Choice(["ber", "size"]),
                help="Fit until BER is 0, or look for the smallest file.  [ber]",
            ),
            click.option(
                "--target",
                type=click.Choice(["bits", "value"]),
                help="Fit bit planes, or values whose residuals are coded.  [bits]",
            ),
            click.option(
                "--transform",
                type=click.Choice(_TRANSFORMS),
                help="Of values.  [none]",
            ),
            click.option(
                "--factor",
                type=click.FloatRange(1 / 16, 16),
                help="Of --transform scale: the targets' range.  [1]",
            ),
            click.option(
                "--power", type=click.FloatRange(0.2, 5), help="Of --transform gamma.  [fitted]"
            ),
            click.option(
                "--mixture",
                type=click.IntRange(1, 16),
                metavar="N",
                help="Put all IMAGEs, of one size, into the file OUT, from N shared weight sets.",
            ),
            click.option(
                "--coefficients",
                type=click.Choice(["learned", "fixed"]),
                help="Of the weight sets: fitted, or in even steps.  [learned]",
            ),
            click.option(
                "--log-dir",
                type=FOLDER,
                metavar="DIR",
                help="Write TensorBoard curves and a text record.",
            ),
            click.option(
                "--preview",
                type=FOLDER,
                metavar="DIR",
                help="Write the image as the networks alone have it.",
            ),
            click.option(
                "--preview-every",
                type=click.IntRange(min=1),
                metavar="N",
                help="Write it after every N steps of the fit, too.",
            ),
            click.option(
                "--tag",
                callback=lambda _, __, given: _tag(given),
                metavar="NAME",
                help="Name this run: a folder for it in those of --log-dir and --preview.",
            ),
        )
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class Research:
    """The options of the coordinate networks: `networks` are keywords of inrcodec.Coordinate."""

    networks: dict[str, Any]
    log_dir: str | None
    preview: str | None
    mixture: int | None
    preview_every: int | None

    @classmethod
    def of(cls, given: dict[str, Any]) -> Research:
        """Takes them out of a command's arguments.

        Raises UsageError for options without --model coordinate, or that contradict each other."""
        chosen = {name: value for name in _NAMES if (value := given.pop(name)) is not None}
        if chosen and given["model"] != "coordinate":
            option = next(iter(chosen)).replace("_", "-")
            raise click.UsageError(f"--{option} is for --model coordinate.")
        target = chosen.pop("target", "bits")
        if target == "value" and "layout" in chosen:
            raise click.UsageError("--layout is of bit planes; --target value has one network.")
        if "coefficients" in chosen and "mixture" not in chosen:
            raise click.UsageError("--coefficients is for --mixture.")
        if "transform" in chosen and target != "value":
            raise click.UsageError("--transform is for --target value.")
        for name, transform in (("factor", "scale"), ("power", "gamma")):
            if name in chosen and chosen.get("transform") != transform:
                raise click.UsageError(f"--{name} is for --transform {transform}.")
        backbone = chosen.get("backbone", "finer")
        for name, kinds in (("omega", _OF_OMEGA), ("scale", _OF_SCALE), ("bias_range", ("finer",))):
            if name in chosen and backbone not in kinds:
                option = name.replace("_", "-")
                raise click.UsageError(f"--{option} is for --backbone {' or '.join(kinds)}.")
        if target == "value":
            chosen["layout"] = "value"
        folders = {name: chosen.pop(name, None) for name in ("log_dir", "preview")}
        every, tag = chosen.pop("preview_every", None), chosen.pop("tag", None)
        if every is not None and folders["preview"] is None:
            raise click.UsageError("--preview-every is for --preview.")
        if every is not None and chosen.get("optimize") == "size":
            raise click.UsageError("--preview-every is of one fit; --optimize size has several.")
        if tag is not None:
            if not any(folders.values()):
                raise click.UsageError("--tag is for --log-dir and --preview.")
            folders = {name: place and str(Path(place, tag)) for name, place in folders.items()}
        return cls(chosen, **folders, mixture=chosen.pop("mixture", None), preview_every=every)

    def preview_of(self, source: str, step: int | None = None) -> str:
        """The name of an image's preview, or of that after a step."""
        assert self.preview is not None
        when = "preview" if step is None else f"step{step:06}"
        return str(Path(self.preview, f"{Path(label(source)).stem}.{when}.png"))

    def previews_of(self, source: str) -> list[str]:
        """All previews that there can be of an image: the last one, and steps' that exist."""
        assert self.preview is not None
        steps = Path(self.preview).glob(f"{glob.escape(Path(label(source)).stem)}.step*.png")
        return [self.preview_of(source), *map(str, sorted(steps))]


def with_option(error: ValueError) -> str:
    """What inrcodec.Coordinate refuses, with the option's name in the place of the keyword's."""
    name, _, what = str(error).partition(" ")
    return f"--{name.replace('_', '-')} {what}" if name in _NAMES else str(error)


class ResearchCommand(click.Command):
    """A command whose help has the options of the coordinate networks by themselves."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        plain: list[tuple[str, str]] = []
        research: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if isinstance(param, click.Option) and record is not None:
                (research if param.name in (*_NAMES, "bits") else plain).append(record)
        for title, records in (
            ("Options", plain),
            ("Options of the coordinate networks", research),
        ):
            with formatter.section(title):
                formatter.write_dl(records)


class Record:
    """What a fit writes into a folder: TensorBoard curves, and a line of text every so often.

    Called with each step (inrcodec's `watch`).
    """

    def __init__(
        self, folder: str, source: str, planes: bool, force: bool, stack: ExitStack
    ) -> None:
        """Raises OutputExistsError for that of an earlier run, unless forced."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise click.UsageError(
                "--log-dir needs TensorBoard: pip install inrcodec[log]"
            ) from None
        place = Path(folder) / Path(label(source)).stem
        prepare(str(place / "fit.txt"), force=force, make_folder=True)
        self._planes, self._last = planes, 0
        self._writer = SummaryWriter(str(place))  # type: ignore[no-untyped-call]
        stack.callback(self._writer.close)
        self._text = stack.enter_context((place / "fit.txt").open("w"))
        self._text.write("step\tloss\tBER\tPSNR\tbpp\n")

    def __call__(self, step: Any) -> None:
        add = self._writer.add_scalar
        add("loss", step.loss, step.step)
        add("PSNR", step.psnr, step.step)
        if self._planes:
            add("bpp", step.bpp, step.step)
            for plane, ber in enumerate(step.ber):
                add(f"BER/plane {plane}", ber, step.step)
        ber = float(step.ber.mean())
        if step.step >= 1.1 * self._last or (self._planes and ber == 0):
            self._last = step.step
            row = (f"{step.loss:.6f}", f"{ber:.6f}", f"{step.psnr:.2f}", f"{step.bpp:.3f}")
            self._text.write("\t".join((str(step.step), *row)) + "\n")


class Previews:
    """The pictures that a fit comes to, every so many steps. Called as Record."""

    def __init__(self, research: Research, source: str, force: bool) -> None:
        """Raises OutputExistsError for those of an earlier run, unless forced."""
        self._research, self._source, self._force = research, source, force
        for path in research.previews_of(source):
            prepare(path, force=force, make_folder=True)

    def __call__(self, step: Any) -> None:
        from inrcodec.files.images import write_image

        every = self._research.preview_every
        if every is not None and step.step % every == 0:
            path = self._research.preview_of(self._source, step.step)
            write_output(path, write_image(step.pictures()[0], ".png"), self._force)


def encode_mixture(
    images: tuple[str, ...],
    research: Research,
    writing: Writing,
    given: dict[str, Any],
    strip: bool,
) -> None:
    """Compresses images into one file, from shared weight sets; given: the command's options."""
    from inrcodec import Coordinate, encode_set
    from inrcodec.files.images import read_picture

    target = writing.output
    if target is None or writing.folder or research.preview or research.log_dir:
        raise click.UsageError("--mixture needs a file -o OUT, and has no record or preview.")
    if writing.remove or writing.recursive or writing.skip_existing:
        raise click.UsageError("--mixture is of files, and has no --rm, -r or --skip-existing.")
    refuse_inputs([target], images)
    shared = ("device", "seed", "threads", "time_limit", "limits", "weights")
    options = {name: given[name] for name in shared}
    batch = Batch(writing.quiet)
    source = images[0]
    try:
        check_output(target, writing.force)
        arrays, size = [], 0
        for source in images:
            data = read_input(source)
            size += len(data)
            picture = read_picture(data, label(source), given["limits"])
            arrays.append(picture.array())
            if not strip:
                carried = ["the metadata"] if picture.metadata is not None else []
                tell_left_out(source, [*picture.left_out, *carried])
        with progress_bar(label(target), writing.quiet) as progress:
            packed = encode_set(
                arrays,
                sets=research.mixture or 1,
                coordinate=Coordinate(**research.networks),
                progress=progress,
                **options,
            )
        source = target
        write_output(target, packed, writing.force)
        if not strip:
            tell_left_out(target, ["the images' source files"])
    except ValueError as error:
        raise click.UsageError(f"{with_option(error)}.") from None
    except FAILURES as error:
        batch.fail(source, error)
        batch.end()
    if not writing.quiet:
        bpsp = 8 * len(packed) / sum(array.size for array in arrays)
        change = 100 * len(packed) / size - 100
        batch.say(
            f"{len(images)} images -> {label(target, 'stdout')}  {len(packed)} bytes"
            f"  {bpsp:.3f} bpsp  (input {change:+.1f} %)",
            err=target == STREAM,
        )
    batch.end()
