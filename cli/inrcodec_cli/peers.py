"""Other lossless codecs to compare with: WebP and JPEG XL, of imagecodecs (inrcodec[bench])."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Data = bytes | bytearray
Codec = tuple[Callable[[np.ndarray], Data], Callable[[Data], np.ndarray]]

FAILS = "fails"


def peers(image: np.ndarray, threads: int) -> dict[str, Codec]:
    """The other codecs by name, for images like this one; none without imagecodecs."""
    if importlib.util.find_spec("imagecodecs") is None:
        return {}
    return {
        "WebP": webp(image),
        "JPEG XL e7": jpeg_xl(7, threads),
        "JPEG XL e9": jpeg_xl(9, threads),
    }


def webp(image: np.ndarray) -> Codec:
    """Lossless WebP at level 100, for images like this one."""
    import imagecodecs

    # without being told, it drops an alpha channel that is opaque
    alpha = image.ndim == 3 and image.shape[2] == 4
    return (
        lambda x: imagecodecs.webp_encode(x, level=100, lossless=True),
        lambda data: imagecodecs.webp_decode(data, hasalpha=alpha),
    )


def jpeg_xl(effort: int, threads: int) -> Codec:
    """Lossless JPEG XL."""
    import imagecodecs

    return (
        lambda x: imagecodecs.jpegxl_encode(x, lossless=True, effort=effort, numthreads=threads),
        # a grey image comes back as (H, W, 1) from some versions
        lambda data: _squeezed(imagecodecs.jpegxl_decode(data, numthreads=threads)),
    )


def measure(image: np.ndarray, codec: Codec) -> tuple[Data | None, dict[str, Any]]:
    """A codec's file of an image and its figures: bytes, encode_seconds, decode_seconds. Where it
    refuses the image, or does not return it, None and a note that says so."""
    encode, decode = codec
    try:
        data, encode_seconds = timed(encode, image)
    except Exception as error:  # each codec has its own class for what it cannot hold
        return None, {"note": f"refuses: {error}"}
    try:
        decoded, decode_seconds = timed(decode, data)
    except Exception as error:
        return None, {"note": f"{FAILS}: {error}"}
    if not equal(decoded, image):
        return None, {"note": f"{FAILS}: decodes to other samples"}
    return data, {
        "bytes": len(data),
        "encode_seconds": encode_seconds,
        "decode_seconds": decode_seconds,
    }


def timed(call: Callable[[Any], Any], argument: Any) -> tuple[Any, float]:
    """What a call returns, and its seconds."""
    started = time.perf_counter()
    result = call(argument)
    return result, time.perf_counter() - started


def equal(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether type, shape and every sample are the same."""
    return a.dtype == b.dtype and np.array_equal(a, b)


def _squeezed(image: np.ndarray) -> np.ndarray:
    """(H, W) for (H, W, 1)."""
    return image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image
