"""The `inrcodec` command: encode and decode; the others have their own modules."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inrcodec.errors import LinrError

from .bench import bench
from .coordinate import Record, coordinate_arguments, coordinate_options, encode_mixture
from .files import (
    FAILURES,
    STREAM,
    check_output,
    choose_outputs,
    device_option,
    force_option,
    json_option,
    kind_of,
    label,
    limit_option,
    member_names,
    not_carried,
    open_input,
    quiet_option,
    read_input,
    refuse_inputs,
    report,
    tell_left_out,
    threads_option,
    write_output,
)
from .info import info, show
from .progress import progress_bar
from .verify import verify

if TYPE_CHECKING:
    from inrcodec import Limits


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="inrcodec", message="%(prog)s %(version)s")
def cli() -> None:
    """Lossless image compression with small networks fitted to each image.

    Reads PNG, TIFF and PNM with 8 or 16 bits per sample; '-' stands for stdin and stdout.
    """


@cli.command()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", help="File or existing folder to write to.")
@click.option(
    "-e",
    "--effort",
    type=click.IntRange(1, 9),
    help="1 is fastest, 9 smallest.  [5]",
)
@click.option(
    "--model",
    type=click.Choice(["auto", "context", "stored", "coordinate"]),
    default="auto",
    show_default=True,
    help="auto is the smaller of context and stored.",
)
@click.option(
    "--weights",
    type=click.Choice(["int", "fp16", "ternary"]),
    default="int",
    show_default=True,
    help="How the networks' weights are stored.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to fit the networks.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the fit."
)
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Stop fitting in time to be done in about S seconds an image.",
)
@click.option(
    "--no-history",
    is_flag=True,
    help="Do not look for what images came from: Photo CD, video, JPEG, fewer pixels.",
)
@click.option(
    "--strip", is_flag=True, help="Leave metadata out: colour profile, resolution, text, EXIF."
)
@threads_option
@limit_option
@force_option
@quiet_option
@click.option(
    "-v", "--verbose", is_flag=True, help="Also show what the networks got wrong, per bit plane."
)
@json_option
@coordinate_options
def encode(
    images: tuple[str, ...],
    output: str | None,
    effort: int | None,
    model: str,
    weights: str,
    device: str,
    seed: int,
    time_limit: float | None,
    no_history: bool,
    strip: bool,
    threads: int | None,
    limits: Limits,
    force: bool,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    **rest: Any,
) -> None:
    """Compress images to .linr files, beside the images unless -o says where.

    The options from --layout on are for --model coordinate, the published networks of (x, y).
    """
    chosen = coordinate_arguments(model, rest)
    log_dir, preview = chosen.pop("log_dir", None), chosen.pop("preview", None)
    sets = chosen.pop("mixture", None)
    if sets is not None:
        if output is None or Path(output).is_dir() or preview or log_dir:
            raise click.UsageError("--mixture needs a file -o OUT, and has no record or preview.")
        common = {"device": device, "seed": seed, "threads": threads, "time_limit": time_limit}
        common["limits"] = limits
        encode_mixture(images, output, sets, chosen, weights, common, strip, force, quiet)
        return
    outputs = choose_outputs(images, output, ".linr")
    if preview is not None:
        refuse_inputs([_preview(preview, source) for source in images], images)
    if (as_json or verbose) and STREAM in outputs:
        raise click.UsageError("Only the file itself can go to stdout.")
    # Imported here, so that help and usage errors do not wait for the library.
    from inrcodec import Coordinate, resample
    from inrcodec import encode as encode_image
    from inrcodec.files.images import read_picture, write_image
    from inrcodec.options import default_effort

    try:
        coordinate = Coordinate(**chosen) if model == "coordinate" else None
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    if effort is None and model in ("auto", "context"):
        effort = default_effort(
            lambda text: None if quiet else click.echo(f"inrcodec: {text}", err=True)
        )
    failed = False
    for source, target in zip(images, outputs, strict=True):
        try:
            check_output(target, force)
            started = time.perf_counter()
            data = read_input(source)
            picture = read_picture(data, label(source), limits)
            if strip:
                picture = replace(picture, metadata=None)
            else:
                tell_left_out(source, picture.left_out, quiet)
            facts: dict[str, Any] = {}
            with ExitStack() as stack:
                progress = stack.enter_context(progress_bar(label(source), quiet))
                watch = None
                if log_dir is not None:
                    watch = Record(log_dir, source, chosen.get("layout") != "value", stack)
                packed = encode_image(
                    picture,
                    effort=effort,
                    model=model,
                    coordinate=coordinate,
                    weights=weights,
                    device=device,
                    seed=seed,
                    threads=threads,
                    time_limit=time_limit,
                    history=not no_history,
                    limits=limits,
                    progress=progress,
                    # what the planes took is counted only where it will be shown
                    report=facts.update if verbose or as_json else None,
                    watch=watch,
                )
            write_output(target, packed, force)
            if preview is not None:
                Path(preview).mkdir(parents=True, exist_ok=True)
                alone = write_image(resample(packed, threads=threads, limits=limits), ".png")
                write_output(_preview(preview, source), alone, force)
        except FAILURES as error:
            report(source, error)
            failed = True
            continue
        samples = picture.samples
        height, width = samples.shape[:2]
        result = {
            "input": source,
            "output": target,
            "height": height,
            "width": width,
            "channels": samples.size // (height * width),
            "bits": samples.itemsize * 8,
            "input_bytes": len(data),
            "bytes": len(packed),
            "bpp": 8 * len(packed) / (height * width),
            "bpsp": 8 * len(packed) / samples.size,
            "seconds": time.perf_counter() - started,
            "info": facts,
        }
        if as_json:
            click.echo(json.dumps(result))
        elif not quiet:
            kind = "PNG" if data.startswith(b"\x89PNG") else "input"
            change = 100 * len(packed) / len(data) - 100
            click.echo(
                f"{label(source)} -> {label(target, 'stdout')}  {result['bytes']} bytes"
                f"  {result['bpp']:.2f} bpp  {result['bpsp']:.3f} bpsp  ({kind} {change:+.1f} %)"
                f"  {result['seconds']:.1f} s",
                err=target == STREAM,
            )
            if verbose:
                show(target, facts)
    if failed:
        click.get_current_context().exit(1)


def _preview(folder: str, source: str) -> str:
    return str(Path(folder, f"{Path(label(source)).stem}.preview.png"))


@cli.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    help="File (.png, .tif, .tiff, .pgm, .ppm, .pnm, .pam) or existing folder to write to.",
)
@click.option(
    "--scale",
    type=click.IntRange(1, 64),
    help="Evaluate coordinate networks so many times as densely: not the original image.",
)
@click.option(
    "--reduce",
    type=click.Choice(["2", "4", "8"]),
    help="Every so many rows and columns only, for previews; not checked by the digest.",
)
@click.option(
    "--bits",
    type=click.IntRange(8, 16),
    help="Continue a joint coordinate network to more bits: not the original image.",
)
@device_option
@threads_option
@limit_option
@force_option
@quiet_option
def decode(
    files: tuple[str, ...],
    output: str | None,
    scale: int | None,
    reduce: str | None,
    bits: int | None,
    device: str,
    threads: int | None,
    limits: Limits,
    force: bool,
    quiet: bool,
) -> None:
    """Decompress .linr files to images: PNG unless the name of OUT says otherwise."""
    original = scale is None and bits is None
    if reduce is not None and not original:
        raise click.UsageError("--reduce takes pixels of the image, --scale and --bits do not.")
    every = int(reduce or 1)
    suffix = ".resampled.png" if not original else ".reduced.png" if reduce else ".png"
    outputs = choose_outputs(files, output, suffix)
    from inrcodec import resample
    from inrcodec.coding.backend import backend_for
    from inrcodec.decode import picture_of, read_contents
    from inrcodec.files.images import EXTENSIONS, write_picture
    from inrcodec.files.picture import Picture
    from inrcodec.options import Reading

    failed = False
    for source, target in zip(files, outputs, strict=True):
        plain = target == STREAM or Path(target).is_char_device()
        extension = ".png" if plain else Path(target).suffix.lower()
        if extension not in EXTENSIONS:
            raise click.UsageError(f"{target} must end in one of {', '.join(EXTENSIONS)}.")
        try:
            started = time.perf_counter()
            with open_input(source) as file:
                contents = read_contents(file, every, limits)
                file.seek(0)
                data = b"" if original else file.read()
            options: dict[str, Any] = {"threads": threads, "limits": limits}
            names = member_names(target, contents.images)
            refuse_inputs(names, files)
            for index, name in enumerate(names):
                check_output(name, force)
                if original:
                    reading = Reading(backend_for(device), index=index, scale=every, **options)
                    picture = picture_of(contents, reading)
                else:
                    options |= {"bits": bits, "index": index, "device": device}
                    picture = Picture(resample(data, scale=scale or 1, **options))
                write_output(name, write_picture(picture, extension), force)
                tell_left_out(name, not_carried(picture, extension), quiet)
        except ValueError as error:
            raise click.UsageError(f"{error}.") from None
        except FAILURES as error:
            report(source, error)
            failed = True
            continue
        if not quiet:
            samples = picture.samples
            height, width = samples.shape[:2]
            click.echo(
                f"{label(source)} -> {', '.join(label(n, 'stdout') for n in names)}"
                f"  {width} x {height}, {kind_of(samples, picture.type)}"
                + (f", {len(names)} images" if len(names) > 1 else "")
                + f"  {time.perf_counter() - started:.1f} s"
                + ("" if original else "  (the networks' picture, not the original image)"),
                err=target == STREAM,
            )
    if failed:
        click.get_current_context().exit(1)


cli.add_command(verify)
cli.add_command(info)
cli.add_command(bench)


def main() -> None:
    """Run the command line and exit: 0 done, 1 a file failed, 2 wrong usage, 130 interrupted."""
    try:
        code = cli.main(prog_name="inrcodec", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except LinrError as error:
        click.echo(f"inrcodec: {error}", err=True)
        code = 1
    except (KeyboardInterrupt, click.Abort):
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
