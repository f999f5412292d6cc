"""`inrcodec bench`: size and speed over images and folders, checked for exactness."""

from __future__ import annotations

import csv
import io
import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from inrcodec.errors import LinrError

from .batch import FAILURES, Batch, refuse_inputs
from .console import STREAM, label, tell
from .files import (
    FOLDER,
    IMAGES,
    JPEGS,
    PATH,
    check_output,
    fit_device_option,
    force_option,
    json_option,
    threads_option,
    write_output,
)
from .measurement import Settings, compare, measure, open_image, total, warm_up
from .plots import need_matplotlib, plot_file, plot_rates
from .rates import rates_of

_FIELDS = (
    "image",
    "width",
    "height",
    "channels",
    "bits",
    "effort",
    "png_bytes",
    "png9_bytes",
    "png9_encode_seconds",
    "png9_decode_seconds",
    "linr_bytes",
    "no_history_bytes",
    "history",
    "bpp",
    "bpsp",
    "encode_seconds",
    "encode_mp_per_s",
    "decode_seconds",
    "decode_mp_per_s",
)


@click.command()
@click.argument("paths", type=PATH, metavar="PATH...", nargs=-1, required=True)
@click.option(
    "-e",
    "--effort",
    "efforts",
    type=click.IntRange(1, 9),
    multiple=True,
    help="Can be given several times.  [default: 5]",
)
@click.option(
    "--weights", type=click.Choice(["int", "fp16", "ternary"]), default="int", show_default=True
)
@fit_device_option
@threads_option
@json_option
@click.option(
    "--csv", "table", type=PATH, metavar="FILE", help="Write the figures of each image too."
)
@click.option(
    "--plot",
    "folder",
    type=FOLDER,
    metavar="DIR",
    help="Draw size against time, and where the bits of each image go.",
)
@click.option(
    "--html",
    "page",
    type=PATH,
    metavar="REPORT",
    help="Write a page of all there is to see, compared with WebP and JPEG XL if imagecodecs is"
    " there.",
)
@force_option
def bench(paths: tuple[str, ...], efforts: tuple[int, ...], as_json: bool, **given: Any) -> None:
    """Encode and decode images, or all in a folder, and compare with PNG.

    MP/s are millions of pixels per second, PNG -9 is the file that OpenCV writes at level 9. Images
    that came from something (Photo CD, video, JPEG) are encoded without that history too.
    JPEG files in folders are passed over. Fails (1) if an image does not come back exactly.
    """
    settings = Settings(given["weights"], given["device"], given["threads"])
    outputs = _Outputs(given["table"], given["page"], given["folder"], given["force"])
    batch = Batch(others=JPEGS, what="JPEG files, whose sizes encode tells,")
    files = [file for file, _ in batch.find(paths, IMAGES - JPEGS, recursive=True)]
    if not files:
        raise click.UsageError("no images that are read here.")
    if not efforts:
        from inrcodec.options import default_effort

        efforts = (default_effort(tell),)
    efforts = tuple(sorted(set(efforts)))
    pictures = outputs.check(files, efforts)
    results: list[dict[str, Any]] = []
    report = None
    if outputs.page is not None:
        from .report import Report

        report = Report()
    try:
        warm_up(max(efforts), settings, compared=report is not None)
    except FAILURES as error:
        batch.fail("bench", error)
        batch.end()
    width = max(len("total"), *(len(label(file)) for file in files))
    if not as_json:
        batch.say(_heading(width))
    for file in files:
        with batch.each(file):
            image, facts = open_image(file)
            if report is not None:
                facts["peers"] = compare(image, settings)
            measured = []
            for effort in efforts:
                result, packed = measure(image, facts, effort, settings)
                measured.append((result, packed))
                batch.say(json.dumps(result) if as_json else _line(result, width))
            rows = [result for result, _ in measured]
            results += rows
            if report is not None:
                report.add(image, rows, packed, settings.threads)
            if pictures:
                for result, packed in measured:
                    picture = pictures[file, result["effort"]]
                    _draw(result, packed, picture, settings.threads, outputs.force)
    totals = [total([r for r in results if r["effort"] == e]) for e in efforts if results]
    for sums in totals:
        batch.say(json.dumps({"total": sums}) if as_json else _line(sums, width))
    if outputs.table is not None and results:
        write_output(outputs.table, _csv(results), outputs.force)
    if outputs.folder is not None and totals:
        plot_rates(outputs.chart, f"{len(files)} images", rates_of(totals), outputs.force)
    if outputs.page is not None and report is not None and results:
        page = report.page(shlex.join(["inrcodec", *sys.argv[1:]]), batch.failures)
        write_output(outputs.page, page, outputs.force)
    batch.end()


@dataclass(frozen=True)
class _Outputs:
    """What a run writes: figures as CSV, a page, a folder of pictures."""

    table: str | None
    page: str | None
    folder: str | None
    force: bool

    @property
    def chart(self) -> str:
        return str(Path(self.folder or "", "rates.png"))

    def check(self, files: list[str], efforts: tuple[int, ...]) -> dict[tuple[str, int], str]:
        """Return the picture of each file and effort, if there are to be any; raise now what could
        not be written after minutes of work."""
        if self.page == STREAM:
            raise click.UsageError("--html needs the name of a file.")
        pictures: dict[tuple[str, int], str] = {}
        if self.folder is not None:
            need_matplotlib()
            try:
                Path(self.folder).mkdir(exist_ok=True)
            except OSError as error:
                reason = f"cannot write {label(self.folder)}: {error.strerror}"
                raise LinrError(reason) from None
            for effort in efforts:
                for file in files:
                    name = f"{Path(file).stem}.e{effort}.png"
                    pictures[file, effort] = str(Path(self.folder, name))
        chart = None if self.folder is None else self.chart
        given = [each for each in (self.table, self.page, chart) if each is not None]
        targets = [*given, *pictures.values()]
        refuse_inputs(targets, files)
        for target in targets:
            check_output(target, self.force)
        return pictures


def _draw(
    result: dict[str, Any], packed: bytes, picture: str, threads: int | None, force: bool
) -> None:
    """Draw where a file's bits go, or say on stderr that a file has none to draw."""
    from inrcodec.info import survey

    facts, image, bits = survey(packed, threads=threads)
    title = f"{label(result['image'])}, effort {result['effort']}"
    if bits is None:
        tell(f"{title}: {facts['mode']}, not coded in bit planes: no picture")
    else:
        plot_file(picture, title, image, bits, facts["planes"], force)


def _heading(width: int) -> str:
    return (
        f"{'image':{width}} {'-e':>2} {'PNG':>10} {'PNG -9':>10} {'.linr':>10} {'vs PNG -9':>9}"
        f" {'no history':>10}"
        f" {'bpp':>7} {'bpsp':>7} {'enc s':>7} {'MP/s':>7} {'dec s':>7} {'MP/s':>7}  history"
    )


def _line(result: dict[str, Any], width: int) -> str:
    given = "-" if result["png_bytes"] is None else result["png_bytes"]
    change = result["linr_bytes"] / result["png9_bytes"] - 1
    return (
        f"{label(result['image']):{width}} {result['effort']:>2} {given:>10}"
        f" {result['png9_bytes']:>10} {result['linr_bytes']:>10} {change:>+9.1%}"
        f" {result['no_history_bytes']:>10}"
        f" {result['bpp']:>7.3f} {result['bpsp']:>7.4f} {result['encode_seconds']:>7.2f}"
        f" {result['encode_mp_per_s']:>7.3f} {result['decode_seconds']:>7.2f}"
        f" {result['decode_mp_per_s']:>7.3f}  {result.get('history', '')}".rstrip()
    )


def _csv(results: list[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _FIELDS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(results)
    return text.getvalue().encode("utf-8", "surrogateescape")
