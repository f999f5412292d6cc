"""Images for the tests of Pillow's plug-in, and .linr files of them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

import inrcodec
import inrcodec.pillow
from inrcodec import Picture
from tests.pictures import scene

QUICK = {"model": "stored", "history": False}
PROFILE = b"a profile of colours" * 9
PALETTE = [value for colour in range(5) for value in (40 * colour, 7, 255 - colour)]


def linr(image: np.ndarray | Picture) -> bytes:
    return inrcodec.encode(image, **QUICK)


@cache
def coded(model: str, height: int, width: int) -> bytes:
    return inrcodec.encode(scene(height, width, 3, np.uint8), effort=1, model=model, history=False)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def saved(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "LINR", **{**QUICK, **options})
    return file.getvalue()


def with_palette(alpha: bytes = b"") -> Image.Image:
    image = Image.fromarray(scene(11, 13, 1, np.uint8) % 5)
    image.putpalette(PALETTE)
    if alpha:
        image.info["transparency"] = alpha
    return image


def of_alpha_palette() -> Image.Image:
    image = with_palette()
    colours = [PALETTE[3 * n : 3 * n + 3] + [50 * n] for n in range(5)]
    image.putpalette([value for colour in colours for value in colour], "RGBA")
    return image


def deep(mode: str) -> Image.Image:
    return Image.frombytes(mode, (13, 11), scene(11, 13, 1, np.uint16).tobytes())


IMAGES: dict[str, Callable[[], Image.Image]] = {
    "1": lambda: Image.fromarray(scene(11, 13, 1, np.uint8) > 99),
    "L": lambda: Image.fromarray(scene(11, 13, 1, np.uint8)),
    "LA": lambda: Image.fromarray(scene(11, 13, 2, np.uint8)),
    "RGB": lambda: Image.fromarray(scene(11, 13, 3, np.uint8)),
    "RGBA": lambda: Image.fromarray(scene(11, 13, 4, np.uint8)),
    "P": with_palette,
    "P with an index": lambda: with_palette(b"\xff\xff\x00"),
    "P with alpha": lambda: with_palette(b"\x10\xff\x80"),
    "P of RGBA": of_alpha_palette,
    "I;16": lambda: deep("I;16"),
    "I;16B": lambda: deep("I;16B"),
}


def look(image: Image.Image) -> tuple[object, ...]:
    palette = image.getpalette("RGB") if image.mode == "P" else None
    return image.mode, image.size, palette, image.info, image.tobytes()


def metadata_options() -> dict[str, Any]:
    exif, texts = Image.Exif(), PngImagePlugin.PngInfo()
    exif[0x0112] = 6
    texts.add_text("Title", "A disc", zip=True)
    texts.add_itxt("Author", "Zoë", "de", "Autor")
    texts.add(b"gAMA", struct.pack(">I", 45455))
    return {"icc_profile": PROFILE, "exif": exif, "dpi": (300, 72), "pnginfo": texts}


@cache
def rich() -> bytes:
    """The file of an image with all kinds of metadata."""
    return saved(IMAGES["RGB"](), model="context", effort=1, **metadata_options())
