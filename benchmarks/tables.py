"""Tables of what compare.py measured: CSV, Markdown, and the points of charts."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from inrcodec_cli.peers import FAILS
from inrcodec_cli.rates import Rate

GIVEN, JXL = "as given", "JPEG XL e9"
TIMES = ("encode_seconds", "decode_seconds", "encode_process_seconds", "decode_process_seconds")
FIELDS = ("set", "image", "height", "width", "channels", "bits", "codec", "bytes", "bpp", "bpsp")

# One image under one codec: FIELDS, TIMES and a note; None where there is none.
Row = dict[str, Any]
Image = dict[str, Row]  # the rows of one image, by codec


def own_name(effort: int, history: bool = True) -> str:
    return f"inrcodec e{effort}" + ("" if history else ", no history")


def table(rows: list[Row]) -> bytes:
    """The rows as CSV."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, (*FIELDS, *TIMES, "note"), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def report(name: str, images: list[Image], efforts: Sequence[int]) -> str:
    """Markdown of a set: a table of bytes, and a table of sizes and times for each effort."""
    parts = [f"## {name}", sizes_table(images)]
    for effort in efforts:
        parts += [f"### {own_name(effort)}", effort_table(images, own_name(effort))]
    return "\n\n".join(parts) + "\n"


def sizes_table(images: list[Image]) -> str:
    """Bytes of each image under each codec, their sums, and mean bits per sample."""
    codecs = list(images[0])
    lines = []
    for image in images:
        cells = [FAILS if failed(row) else shown(row["bytes"], "d") for row in image.values()]
        lines.append([image[GIVEN]["image"], *cells])
    sums = [total([image[codec]["bytes"] for image in images]) for codec in codecs]
    rates = [total([image[codec]["bpsp"] for image in images]) for codec in codecs]
    means = [None if rate is None else rate / len(images) for rate in rates]
    lines.append(["total", *(shown(number, "d") for number in sums)])
    lines.append(["mean bpsp", *(shown(mean, ".4f") for mean in means)])
    return markdown(["image", *codecs], lines)


def effort_table(images: list[Image], name: str) -> str:
    """Sizes and times of inrcodec at an effort, and their ratios to JPEG XL and the best peer.

    Ratios of times are to JPEG XL's encode time.
    """
    times = [field for field in TIMES if any(image[name][field] is not None for image in images)]
    head = [
        "image",
        "bytes",
        "bpsp",
        "/ JPEG XL e9",
        "/ best peer",
        "best peer",
        "JPEG XL e9 enc s",
    ]
    for field in times:
        head += [field.removesuffix("_seconds").replace("_", " ") + " s", "/ JPEG XL e9 enc"]
    lines = []
    sums: list[Row] = []
    for image in images:
        ours = image[name]
        held = [row for row in image.values() if row["bytes"] and not is_own(row["codec"])]
        best = min(held, key=lambda row: row["bytes"])
        numbers = {
            "bytes": ours["bytes"],
            "bpsp": ours["bpsp"],
            "jxl": image[JXL]["bytes"],
            "best": best["bytes"],
            "jxl_seconds": image[JXL]["encode_seconds"],
            **{field: ours[field] for field in times},
        }
        sums.append(numbers)
        lines.append(effort_line(ours["image"], best["codec"], numbers, times))
    everything = {field: total([numbers[field] for numbers in sums]) for field in sums[0]}
    if everything["bpsp"] is not None:
        everything["bpsp"] /= len(images)
    lines.append(effort_line("total, mean bpsp", "", everything, times))
    return markdown(head, lines)


def effort_line(label: str, best: str, numbers: Row, times: list[str]) -> list[str]:
    """The cells of a line of effort_table."""
    cells = [
        label,
        shown(numbers["bytes"], "d"),
        shown(numbers["bpsp"], ".4f"),
        shown(ratio(numbers["bytes"], numbers["jxl"]), ".3f"),
        shown(ratio(numbers["bytes"], numbers["best"]), ".3f"),
        best,
        shown(numbers["jxl_seconds"], ".2f"),
    ]
    for field in times:
        cells.append(shown(numbers[field], ".2f"))
        cells.append(shown(ratio(numbers[field], numbers["jxl_seconds"]), ".2f"))
    return cells


def failed(row: Row) -> bool:
    """Whether the codec took the image and did not return it."""
    return (row["note"] or "").startswith(FAILS)


def is_own(codec: str) -> bool:
    return codec.startswith("inrcodec")


def total(numbers: list[Any]) -> Any:
    """The sum, None if one is missing."""
    return None if None in numbers else sum(numbers)


def ratio(number: Any, to: Any) -> float | None:
    return None if number is None or to is None else number / to


def shown(number: Any, form: str) -> str:
    return "" if number is None else format(number, form)


def markdown(head: list[str], lines: list[list[str]]) -> str:
    """A table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def rates(images: list[Image]) -> list[Rate]:
    """Each codec that holds all images of a set, as a point of its chart."""
    samples = sum(
        row[GIVEN]["height"] * row[GIVEN]["width"] * row[GIVEN]["channels"] for row in images
    )
    millions = sum(row[GIVEN]["height"] * row[GIVEN]["width"] for row in images) / 1e6
    points = []
    for codec in images[0]:
        fields = ("bytes", "encode_seconds", "decode_seconds")
        sums = [total([image[codec][field] for image in images]) for field in fields]
        if None not in sums:
            size, encode, decode = sums
            bpsp = 8 * size / samples
            points.append(Rate(codec, bpsp, encode / millions, decode / millions, is_own(codec)))
    return points
