"""`inrcodec bench`: size and speed over images and folders, checked for exactness."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from inrcodec.errors import LinrError, VerificationError

from .batch import FAILURES, Batch, refuse_inputs
from .console import label, tell
from .files import (
    FOLDER,
    IMAGES,
    JPEGS,
    PATH,
    check_output,
    force_option,
    json_option,
    read_input,
    threads_option,
    write_output,
)
from .plots import Rate, need_matplotlib, plot_file, plot_rates
from .progress import progress_bar

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
_SUMS = (
    "pixels",
    "samples",
    "png_bytes",
    "png9_bytes",
    "png9_encode_seconds",
    "png9_decode_seconds",
    "linr_bytes",
    "no_history_bytes",
    "encode_seconds",
    "decode_seconds",
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
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
@threads_option
@json_option
@click.option(
    "--csv", "csv_path", type=PATH, metavar="FILE", help="Write the figures of each image too."
)
@click.option(
    "--plot",
    "folder",
    type=FOLDER,
    metavar="DIR",
    help="Draw size against time, and where the bits of each image go.",
)
@force_option
def bench(
    paths: tuple[str, ...],
    efforts: tuple[int, ...],
    weights: str,
    device: str,
    threads: int | None,
    as_json: bool,
    csv_path: str | None,
    folder: str | None,
    force: bool,
) -> None:
    """Encode and decode images, or all in a folder, and compare with PNG.

    MP/s are millions of pixels per second, PNG -9 is the file that OpenCV writes at level 9. Images
    that came from something (Photo CD, video, JPEG) are encoded without that history too.
    Fails (1) if an image does not come back exactly.
    """
    batch = Batch()
    files = [file for file, _ in batch.find(paths, IMAGES - JPEGS, recursive=True)]
    if not files:
        raise click.UsageError("no images that are read here.")
    if not efforts:
        from inrcodec.options import default_effort

        efforts = (default_effort(tell),)
    efforts = tuple(sorted(set(efforts)))
    pictures = {} if folder is None else _pictures(files, efforts, folder, force)
    results: list[dict[str, Any]] = []
    width = max(len("total"), *(len(label(file)) for file in files))
    if csv_path is not None:
        refuse_inputs([csv_path], files)
        check_output(csv_path, force)
    try:
        _warm_up(max(efforts), device)
    except FAILURES as error:
        batch.fail("bench", error)
        batch.end()
    if not as_json:
        batch.say(_heading(width))
    for file in files:
        with batch.each(file):
            image, facts = _open(file)
            measured = []
            for effort in efforts:
                result, packed = _measure(image, facts, effort, weights, device, threads)
                measured.append((result, packed))
                batch.say(json.dumps(result) if as_json else _line(result, width))
            results += [result for result, _ in measured]
            if folder is not None:
                for result, packed in measured:
                    _draw(result, packed, pictures[file, result["effort"]], threads, force)
    totals = [_total([r for r in results if r["effort"] == e]) for e in efforts if results]
    for total in totals:
        batch.say(json.dumps({"total": total}) if as_json else _line(total, width))
    if csv_path is not None:
        write_output(csv_path, _csv(results), force)
    if folder is not None and totals:
        plot_rates(_chart(folder), f"{len(files)} images", _rates(totals), force)
    batch.end()


def _pictures(
    files: list[str], efforts: tuple[int, ...], folder: str, force: bool
) -> dict[tuple[str, int], str]:
    """Return the picture of each file and effort; raise now where one could not be written."""
    need_matplotlib()
    try:
        Path(folder).mkdir(exist_ok=True)
    except OSError as error:
        raise LinrError(f"cannot write {label(folder)}: {error.strerror}") from None
    pictures: dict[tuple[str, int], str] = {}
    for effort in efforts:
        for file in files:
            pictures[file, effort] = str(Path(folder, f"{Path(file).stem}.e{effort}.png"))
    refuse_inputs((_chart(folder), *pictures.values()), files)
    for target in (_chart(folder), *pictures.values()):
        check_output(target, force)
    return pictures


def _chart(folder: str) -> str:
    return str(Path(folder, "rates.png"))


def _draw(
    result: dict[str, Any], packed: bytes, picture: str, threads: int | None, force: bool
) -> None:
    """Draw where a file's bits go, or say on stderr that a stored file has none to draw."""
    from inrcodec.info import survey

    facts, image, bits = survey(packed, threads=threads)
    title = f"{label(result['image'])}, effort {result['effort']}"
    if bits is None:
        tell(f"{title}: stored, not coded in bit planes: no picture")
    else:
        plot_file(picture, title, image, bits, facts["planes"], force)


def _rates(totals: list[dict[str, Any]]) -> list[Rate]:
    """Return PNG and each effort as points of the chart."""

    def rate(name: str, total: dict[str, Any], size: str, prefix: str, ours: bool) -> Rate:
        millions = total["pixels"] / 1e6
        encode, decode = (total[f"{prefix}{work}_seconds"] for work in ("encode", "decode"))
        bpsp = 8 * total[size] / total["samples"]
        return Rate(name, bpsp, encode / millions, decode / millions, ours)

    ours = [
        rate(f"inrcodec -e {total['effort']}", total, "linr_bytes", "", True) for total in totals
    ]
    return [rate("PNG -9", totals[0], "png9_bytes", "png9_", False), *ours]


def _warm_up(effort: int, device: str) -> None:
    """Encode and decode a few pixels, so that no image's time is that of imports."""
    from inrcodec import decode, encode

    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    # efforts above 2 need nothing that 2 does not
    decode(encode(noise, effort=min(effort, 2), model="context", device=device))


def _open(file: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Return an image, and what there is to say of it before it is encoded."""
    from inrcodec.files.images import png_level9, read_image

    data = read_input(file)
    image = read_image(data, file)
    started = time.perf_counter()
    png = png_level9(image)
    encoded = time.perf_counter()
    read_image(png)
    return image, {
        "image": file,
        "width": image.shape[1],
        "height": image.shape[0],
        "channels": image.size // (image.shape[0] * image.shape[1]),
        "bits": image.itemsize * 8,
        "pixels": image.shape[0] * image.shape[1],
        "samples": image.size,
        "png_bytes": len(data) if data.startswith(b"\x89PNG") else None,
        "png9_bytes": len(png),
        "png9_encode_seconds": encoded - started,
        "png9_decode_seconds": time.perf_counter() - encoded,
    }


def _measure(
    image: np.ndarray,
    facts: dict[str, Any],
    effort: int,
    weights: str,
    device: str,
    threads: int | None,
) -> tuple[dict[str, Any], bytes]:
    """Return an image's row of results, and its file."""
    from inrcodec import decode, encode, info

    options: dict[str, Any] = {
        "effort": effort,
        "weights": weights,
        "device": device,
        "threads": threads,
    }
    with progress_bar(label(facts["image"]), quiet=False) as progress:
        started = time.perf_counter()
        packed = encode(image, progress=progress, **options)
        encoded = time.perf_counter()
    decode_started = time.perf_counter()
    decoded = decode(packed, device="cuda" if device == "cuda" else "cpu", threads=threads)
    decode_seconds = time.perf_counter() - decode_started
    if decoded.dtype != image.dtype or decoded.shape != image.shape or (decoded != image).any():
        raise VerificationError("the decoded image differs")
    history, plain = info(packed, planes=False)["history"], packed
    if history:
        with progress_bar(label(facts["image"]), quiet=False) as progress:
            plain = encode(image, progress=progress, history=False, **options)
    measured = {
        "effort": effort,
        "linr_bytes": len(packed),
        "no_history_bytes": len(plain),
        "history": ", ".join(history),
        "encode_seconds": encoded - started,
        "decode_seconds": decode_seconds,
    }
    return _with_rates({**facts, **measured}), packed


def _total(results: list[dict[str, Any]]) -> dict[str, Any]:
    total: dict[str, Any] = {"image": "total", "effort": results[0]["effort"]}
    for field in _SUMS:
        values = [result[field] for result in results]
        total[field] = None if None in values else sum(values)
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
