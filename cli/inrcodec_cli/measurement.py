"""What `inrcodec bench` measures of an image: size and time, checked for exactness."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inrcodec.errors import VerificationError

from .console import label
from .files import read_input
from .peers import equal, peers
from .peers import measure as measure_peer
from .progress import progress_bar

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


@dataclass(frozen=True)
class Settings:
    """How images are encoded, whatever the effort."""

    weights: str
    device: str
    threads: int | None


def warm_up(effort: int, settings: Settings, compared: bool) -> None:
    """Encode and decode a few pixels, so that no image's time is that of imports.

    compared: with the other codecs, too."""
    from inrcodec import decode, encode

    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    # efforts above 2 need nothing that 2 does not
    decode(encode(noise, effort=min(effort, 2), model="context", device=settings.device))
    if compared:
        compare(noise, settings)


def open_image(file: str) -> tuple[np.ndarray, dict[str, Any]]:
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


def compare(image: np.ndarray, settings: Settings) -> dict[str, dict[str, Any]]:
    """The figures of the other codecs by name, as peers.measure has them."""
    threads = settings.threads or os.cpu_count() or 1
    return {name: measure_peer(image, codec)[1] for name, codec in peers(image, threads).items()}


def measure(
    image: np.ndarray, facts: dict[str, Any], effort: int, settings: Settings
) -> tuple[dict[str, Any], bytes]:
    """Return an image's row of results, which begins with its facts, and its file.

    Raises VerificationError if the image does not come back exactly."""
    from inrcodec import decode, encode, info

    options: dict[str, Any] = {
        "effort": effort,
        "weights": settings.weights,
        "device": settings.device,
        "threads": settings.threads,
    }
    with progress_bar(label(facts["image"]), quiet=False) as progress:
        started = time.perf_counter()
        packed = encode(image, progress=progress, **options)
        encoded = time.perf_counter()
    device = "cpu" if settings.device == "auto" else settings.device
    decode_started = time.perf_counter()
    decoded = decode(packed, device=device, threads=settings.threads)
    decode_seconds = time.perf_counter() - decode_started
    if not equal(decoded, image):
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


def total(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The sums of rows of one effort; None where an image has no such number."""
    sums: dict[str, Any] = {"image": "total", "effort": results[0]["effort"]}
    for field in _SUMS:
        sums[field] = _sum([result[field] for result in results])
    if "peers" in results[0]:
        sums["peers"] = {
            name: {
                field: _sum([result["peers"][name].get(field) for result in results])
                for field in ("bytes", "encode_seconds", "decode_seconds")
            }
            for name in results[0]["peers"]
        }
    return _with_rates(sums)


def _sum(values: list[Any]) -> Any:
    return None if None in values else sum(values)


def _with_rates(result: dict[str, Any]) -> dict[str, Any]:
    bits = 8 * result["linr_bytes"]
    return {
        **result,
        "bpp": bits / result["pixels"],
        "bpsp": bits / result["samples"],
        "encode_mp_per_s": result["pixels"] / 1e6 / result["encode_seconds"],
        "decode_mp_per_s": result["pixels"] / 1e6 / result["decode_seconds"],
    }
