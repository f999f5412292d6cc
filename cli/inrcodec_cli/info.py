"""`inrcodec info`: what a .linr file holds."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from .files import FAILURES, json_option, label, read_input, report, threads_option

_Row = tuple[str, ...]
_COLUMNS = ("channel", "plane", "BER", "bytes", "bpsp", "of data")


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@threads_option
@json_option
def info(files: tuple[str, ...], threads: int | None, as_json: bool) -> None:
    """Show size, rate and what each bit plane costs."""
    from inrcodec import info as describe

    failed = False
    for path in files:
        try:
            facts = describe(read_input(path), threads=threads)
        except FAILURES as error:
            report(path, error)
            failed = True
            continue
        if as_json:
            click.echo(json.dumps({"file": path, **facts}))
        else:
            show(label(path), facts)
    if failed:
        click.get_current_context().exit(1)


def show(name: str, facts: dict[str, Any]) -> None:
    """Print what inrcodec.info says of a file."""
    parts = ", ".join(f"{part} {facts[f'{part}_bytes']}" for part in ("header", "weights", "data"))
    click.echo(
        f"{name}\n"
        f"  format   .linr {facts['version']}, {facts['mode']}\n"
        f"  image    {facts['width']} x {facts['height']}, {facts['channels']} x"
        f" {facts['bits']} bit\n"
        f"  bytes    {facts['total_bytes']} ({parts})\n"
        f"  rate     {facts['bpp']:.3f} bpp, {facts['bpsp']:.4f} bpsp"
    )
    if "planes" not in facts:
        return
    click.echo(f"  weights  {facts['weights']}")
    if facts["conversion"]:
        click.echo(f"  colour   {facts['conversion']}: R, G, B are coded as Y, Cb, Cr")
    pixels = facts["width"] * facts["height"]
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
        _print_plain(table)


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


def _print_plain(table: list[tuple[_Row, list[_Row]]]) -> None:
    for cells in (_COLUMNS, *(row for head, rows in table for row in (head, *rows))):
        click.echo("  " + cells[0].ljust(8) + "".join(cell.rjust(12) for cell in cells[1:]))
