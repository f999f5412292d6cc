"""`inrcodec info`: what a .linr file holds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inrcodec.errors import LinrError, PriorNotFoundError

from .batch import Batch, refuse_inputs
from .console import label, printable
from .files import (
    LINR,
    PATH,
    SOURCE,
    check_output,
    force_option,
    json_option,
    limit_option,
    priors_option,
    read_input,
    recursive_option,
    threads_option,
)
from .plots import EXTENSIONS, need_matplotlib, plot_file

if TYPE_CHECKING:
    from inrcodec import Limits, Prior

_Row = tuple[str, ...]
_COLUMNS = ("channel", "plane", "BER", "bytes", "bpsp", "of data")


@click.command()
@click.argument("files", type=SOURCE, metavar="FILE...", nargs=-1, required=True)
@recursive_option
@threads_option
@priors_option
@limit_option
@json_option
@click.option(
    "--no-planes", is_flag=True, help="Decode no pixel: leave out what each bit plane costs."
)
@click.option(
    "--plot",
    type=PATH,
    metavar="PICTURE",
    help="Also draw the image, where in it the bits go and in which planes (.png, .svg, .pdf).",
)
@force_option
def info(
    files: tuple[str, ...],
    recursive: bool,
    threads: int | None,
    priors: tuple[Prior, ...],
    limits: Limits,
    as_json: bool,
    no_planes: bool,
    plot: str | None,
    force: bool,
) -> None:
    """Show size, rate, metadata and what each bit plane costs."""
    if plot is not None:
        if no_planes:
            raise click.UsageError("--plot draws the planes that --no-planes leaves out.")
        if len(files) > 1:
            raise click.UsageError("--plot draws one FILE.")
        if Path(plot).suffix.lower() not in EXTENSIONS:
            raise click.UsageError(f"{label(plot)} must end in one of {', '.join(EXTENSIONS)}.")
        need_matplotlib()
        refuse_inputs([plot], files)
        check_output(plot, force)
    from inrcodec import info as describe
    from inrcodec.info import survey

    options: dict[str, Any] = {"threads": threads, "priors": priors, "limits": limits}
    batch = Batch()
    for path, _ in batch.find(files, LINR, recursive):
        with batch.each(path):
            data = read_input(path)
            missing = None
            if plot is None:
                try:
                    facts = describe(data, planes=not no_planes, **options)
                except PriorNotFoundError as error:  # all but the planes can be told
                    facts, missing = describe(data, planes=False, **options), error
            else:
                facts, image, bits = survey(data, **options)
            if as_json:
                batch.say(json.dumps({"file": path, **facts}))
            else:
                show(label(path), facts, batch.say)
            if missing is not None:
                raise missing
            if plot is not None:
                if bits is None:
                    raise LinrError(
                        f"{facts['mode']}, not coded in bit planes: there is nothing to draw"
                    )
                plot_file(plot, label(path), image, bits, facts["planes"], force)
    batch.end()


def show(name: str, facts: dict[str, Any], say: Callable[[str], None]) -> None:
    """Print what inrcodec.info says of a file."""
    kinds = ("header", "weights", "data", *(("metadata",) if facts["metadata_bytes"] else ()))
    parts = ", ".join(f"{part} {facts[f'{part}_bytes']}" for part in kinds)
    several = f", {facts['frames']} frames" if facts["frames"] > 1 else ""
    several += " of several sizes or kinds" if facts.get("sizes") else ""
    say(
        f"{name}\n"
        f"  format   .linr {facts['version']}, {facts['mode']}\n"
        f"  image    {facts['width']} x {facts['height']}, {facts['channels']} x"
        f" {facts['depth']} bit{_colours(facts)}{several}\n"
        f"  bytes    {facts['total_bytes']} ({parts})\n"
        f"  rate     {facts['bpp']:.3f} bpp, {facts['bpsp']:.4f} bpsp"
    )
    if facts["mode"] == "frames":
        tile = facts["tile"]
        what = "tiles of {1} x {0}".format(*tile) if tile else "frames"
        say(f"  parts    {facts['parts']} {what}, of which {facts['seeing']} see others")
    if facts["source"]:
        source = facts["source"]
        say(f"  source   {source['kind']}, {source['bytes']} bytes, comes back byte for byte")
    if facts["unread"]:
        say(f"  pixels   not read: {facts['unread']}")
    if facts["left_out"]:
        say(printable(f"  left out {', '.join(facts['left_out'])}"))
    for entry in facts["metadata"]:
        keyword = f": {entry['keyword']}" if entry.get("keyword") else ""
        say(printable(f"  metadata {entry['name']}, {entry['bytes']} bytes{keyword}"))
    if facts["history"]:
        say(f"  history  {', '.join(facts['history'])}")
    for step in facts["steps"]:
        told = ", ".join(f"{key} {_listed(value)}" for key, value in step.items() if key != "step")
        say(f"  step     {step['step']}: {told}")
    if facts["mode"] == "graphics":
        say(f"  level    {facts['level']}")
        for box in facts["boxes"]:
            place = "{top},{left},{height},{width}: {mode}, {bytes} bytes".format(**box)
            say(f"  box      {', '.join([place, *box['history']])}")
    if facts["mode"] in ("stored", "copy", "graphics"):
        return
    if facts["mode"] == "coordinate":
        _show_coordinate(facts, say)
        return
    if not facts["prior"]:
        say(f"  weights  {facts['weights']}")
    elif not facts["weights_bytes"]:
        say(f"  weights  prior {facts['prior']} as it is")
    else:
        rank = f" of rank {facts['rank']}" if facts["rank"] else ""
        say(f"  weights  {facts['weights']}, changes{rank} to prior {facts['prior']}")
    if "planes" not in facts:
        return
    sizes = facts.get("sizes") or [(facts["height"], facts["width"])] * facts["frames"]
    pixels = sum(height * width for height, width, *_ in sizes)
    total = sum(plane["bits"] for plane in facts["planes"]) or 1
    channels: dict[str, list[dict[str, Any]]] = {}
    for plane in facts["planes"]:
        channels.setdefault(plane["channel"], []).append(plane)
    table: list[tuple[_Row, list[_Row]]] = []
    for channel, planes in channels.items():
        bits = sum(plane["bits"] for plane in planes)
        head = (channel, "all", "", *_cost(bits, pixels, total))
        rows: list[_Row] = [
            ("", str(plane["plane"]), f"{plane['ber']:.5f}", *_cost(plane["bits"], pixels, total))
            for plane in planes
        ]
        table.append((head, rows))
    if sys.stdout.isatty():
        _print_rich(table)
    else:
        _print_plain(table, say)


def _show_coordinate(facts: dict[str, Any], say: Callable[[str], None]) -> None:
    model = facts["coordinate"]
    what = f"{model['layout']}, {model['backbone']}, {model['depth']} x {model['width']}"
    if model["transform"]:
        what += f", transform {model['transform']}"
    for name in ("levels", "features", "table_bits", "finest", "factor", "power", "lambda", "seed"):
        if name in model:
            what += f", {name.replace('_', ' ')} {model[name]:g}"
    count = model["networks"]
    say(
        f"  model    {what}, {count} network{'s' * (count != 1)}, {model['steps']} steps\n"
        f"  weights  {facts['weights']}"
    )
    rows = [
        (row["channel"], str(row["plane"]), row["mode"], _rate(row["ber"]))
        for row in facts.get("planes", ())
    ]
    for row in (("channel", "plane", "coded by", "BER"), *rows) if rows else ():
        say("  {:9}{:>11}  {:10}{:>10}".format(*row))


def _colours(facts: dict[str, Any]) -> str:
    """What is special of the picture's samples, in words."""
    palette = f", {facts['palette']} colours" if facts["palette"] else ""
    return palette + (", one or more transparent" if facts["transparent"] else "")


def _listed(value: Any) -> str:
    """A number, or one for each channel, with a dash for those that have none."""
    if isinstance(value, list):
        return " ".join("-" if each is None else str(each) for each in value)
    return str(value)


def _rate(ber: float | None) -> str:
    return "" if ber is None else f"{ber:.5f}"


def _cost(bits: float, pixels: int, total: float) -> tuple[str, str, str]:
    return f"{bits / 8:.0f}", f"{bits / pixels:.4f}", f"{bits / total:.1%}"


def _print_rich(table: list[tuple[_Row, list[_Row]]]) -> None:
    from rich.console import Console
    from rich.table import Table

    drawn = Table()
    for index, column in enumerate(_COLUMNS):
        drawn.add_column(column, justify="left" if index == 0 else "right")
    for head, rows in table:
        drawn.add_row(*head, style="bold")
        for row in rows:
            drawn.add_row(*row)
        drawn.add_section()
    Console().print(drawn)


def _print_plain(table: list[tuple[_Row, list[_Row]]], say: Callable[[str], None]) -> None:
    for cells in (_COLUMNS, *(row for head, rows in table for row in (head, *rows))):
        say("  " + cells[0].ljust(8) + "".join(cell.rjust(12) for cell in cells[1:]))
