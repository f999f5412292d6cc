"""`inrcodec bench`: size and speed over images and folders, checked for exactness."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import click

from inrcodec.errors import VerificationError

from .files import (
    FAILURES,
    check_output,
    force_option,
    json_option,
    read_input,
    report,
    threads_option,
    write_output,
)
from .progress import progress_bar

_READABLE = frozenset((".png", ".tif", ".tiff", ".pbm", ".pgm", ".ppm", ".pnm", ".pam"))
_FIELDS = (
    "image",
    "width",
    "height",
    "channels",
    "bits",
    "png_bytes",
    "png9_bytes",
    "linr_bytes",
    "bpp",
    "bpsp",
    "encode_seconds",
    "encode_mp_per_s",
    "decode_seconds",
    "decode_mp_per_s",
)


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("-e", "--effort", type=click.IntRange(1, 9), default=5, show_default=True)
@click.option(
    "--weights", type=click.Choice(["int", "fp16", "ternary"]), default="int", show_default=True
)
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
@threads_option
@json_option
@click.option("--csv", "csv_path", metavar="FILE", help="Write the figures of each image too.")
@force_option
def bench(
    paths: tuple[str, ...],
    effort: int,
    weights: str,
    device: str,
    threads: int | None,
    as_json: bool,
    csv_path: str | None,
    force: bool,
) -> None:
    """Encode and decode images, or all in a folder, and compare with PNG.

    MP/s are millions of pixels per second, PNG -9 is the file that OpenCV writes at level 9.
    Fails (1) if an image does not come back exactly.
    """
    files = [file for path in paths for file in _images(path)]
    if not files:
        raise click.UsageError("no PNG, TIFF or PNM files there.")
    failed = False
    results: list[dict[str, Any]] = []
    width = max(len("total"), *(len(file) for file in files))
    if csv_path is not None:
        check_output(csv_path, force)
    if not as_json:
        click.echo(_heading(width))
    for file in files:
        try:
            result = _measure(file, effort, weights, device, threads)
        except FAILURES as error:
            report(file, error)
            failed = True
            continue
        results.append(result)
        click.echo(json.dumps(result) if as_json else _line(result, width))
    if results:
        total = _total(results)
        click.echo(json.dumps({"total": total}) if as_json else _line(total, width))
    if csv_path is not None:
        write_output(csv_path, _csv(results), force)
    if failed:
        click.get_current_context().exit(1)


def _images(path: str) -> list[str]:
    if not Path(path).is_dir():
        return [path]
    return sorted(
        str(file)
        for file in Path(path).rglob("*")
        if file.suffix.lower() in _READABLE and file.is_file()
    )


def _measure(
    file: str, effort: int, weights: str, device: str, threads: int | None
) -> dict[str, Any]:
    from inrcodec import decode, encode
    from inrcodec.images import png_level9, read_image

    data = read_input(file)
    image = read_image(data, file)
    with progress_bar(file, quiet=False) as progress:
        started = time.perf_counter()
        packed = encode(
            image, effort=effort, weights=weights, device=device, threads=threads, progress=progress
        )
        encoded = time.perf_counter()
    decode_started = time.perf_counter()
    decoded = decode(packed, device="cuda" if device == "cuda" else "cpu", threads=threads)
    decode_seconds = time.perf_counter() - decode_started
    if decoded.dtype != image.dtype or decoded.shape != image.shape or (decoded != image).any():
        raise VerificationError("the decoded image differs")
    return _with_rates(
        {
            "image": file,
            "width": image.shape[1],
            "height": image.shape[0],
            "channels": image.size // (image.shape[0] * image.shape[1]),
            "bits": image.itemsize * 8,
            "pixels": image.shape[0] * image.shape[1],
            "samples": image.size,
            "png_bytes": len(data) if data.startswith(b"\x89PNG") else None,
            "png9_bytes": len(png_level9(image)),
            "linr_bytes": len(packed),
            "encode_seconds": encoded - started,
            "decode_seconds": decode_seconds,
        }
    )


def _total(results: list[dict[str, Any]]) -> dict[str, Any]:
    total: dict[str, Any] = {"image": "total"}
    for field in ("pixels", "samples", "png_bytes", "png9_bytes", "linr_bytes"):
        values = [result[field] for result in results]
        total[field] = None if None in values else sum(values)
    for field in ("encode_seconds", "decode_seconds"):
        total[field] = sum(result[field] for result in results)
    return _with_rates(total)


def _with_rates(result: dict[str, Any]) -> dict[str, Any]:
    bits = 8 * result["linr_bytes"]
    return {
        **result,
        "bpp": bits / result["pixels"],
        "bpsp": bits / result["samples"],
        "encode_mp_per_s": result["pixels"] / 1e6 / result["encode_seconds"],
        "decode_mp_per_s": result["pixels"] / 1e6 / result["decode_seconds"],
    }


def _heading(width: int) -> str:
    return (
        f"{'image':{width}} {'PNG':>10} {'PNG -9':>10} {'.linr':>10} {'vs PNG -9':>9}"
        f" {'bpp':>7} {'bpsp':>7} {'enc s':>7} {'MP/s':>7} {'dec s':>7} {'MP/s':>7}"
    )


def _line(result: dict[str, Any], width: int) -> str:
    given = "-" if result["png_bytes"] is None else result["png_bytes"]
    change = result["linr_bytes"] / result["png9_bytes"] - 1
    return (
        f"{result['image']:{width}} {given:>10} {result['png9_bytes']:>10}"
        f" {result['linr_bytes']:>10} {change:>+9.1%} {result['bpp']:>7.3f}"
        f" {result['bpsp']:>7.4f} {result['encode_seconds']:>7.2f}"
        f" {result['encode_mp_per_s']:>7.3f} {result['decode_seconds']:>7.2f}"
        f" {result['decode_mp_per_s']:>7.3f}"
    )


def _csv(results: list[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _FIELDS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(results)
    return text.getvalue().encode("utf-8")
