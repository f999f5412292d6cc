"""JPEG files of the tests: of Pillow, OpenCV and imagecodecs, and of any frame and scans."""

from __future__ import annotations

import io
import struct
from functools import cache
from typing import Any, NamedTuple

import cv2
import imagecodecs
import numpy as np
from PIL import Image

from inrcodec.jpeg.entropy.markers import Component, Frame

# One code of 2 bits, and so on: 256 in all.
_COUNTS = [0, 1, 0, 2, 0, 4, 0, 16, 0, 60, 0, 80, 0, 60, 0, 33]


class Script(NamedTuple):
    """A scan: components, ss, se, ah, al, and the restart interval."""

    components: tuple[int, ...]
    ss: int = 0
    se: int = 63
    ah: int = 0
    al: int = 0
    restart: int = 0


def picture(height: int, width: int, channels: int = 3, noise: int = 6) -> np.ndarray:
    """Something smooth and something flat, and noise."""
    y, x = np.mgrid[:height, :width]
    planes = [x * 3 + y, y * 2, (x // 8 + y // 8) % 2 * 200, np.full_like(x, 90)][:channels]
    image = np.stack(planes, -1) + np.random.default_rng(1).integers(0, noise, (height, width, 1))
    return np.squeeze(np.clip(image, 0, 255).astype(np.uint8))


def pillow(image: np.ndarray, mode: str | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    source = Image.fromarray(image) if mode is None else Image.frombytes(
        mode, image.shape[1::-1], image.tobytes()
    )  # fmt: skip
    source.save(file, "JPEG", **options)
    return file.getvalue()


@cache
def written() -> dict[str, bytes]:
    """Small files, by what they are."""
    colour, grey = picture(45, 59), picture(45, 59, 1)
    noisy, four = picture(80, 72, noise=250), picture(33, 40, 4)
    files = {f"pillow-{s}": pillow(colour, subsampling=s) for s in ("4:4:4", "4:2:2", "4:2:0")}
    files |= {
        "pillow-grey": pillow(grey),
        "pillow-optimize": pillow(colour, optimize=True, quality=30),
        "pillow-noise": pillow(noisy, quality=100),
        "pillow-blocks": pillow(colour, restart_marker_blocks=2),
        "pillow-rows": pillow(colour, restart_marker_rows=1, subsampling=0),
        "pillow-cmyk": pillow(four, "CMYK", quality=95),
        "pillow-progressive": pillow(colour, progressive=True),
        "pillow-progressive-grey": pillow(grey, progressive=True, quality=20),
        "pillow-progressive-blocks": pillow(colour, progressive=True, restart_marker_blocks=3),
        "pillow-progressive-cmyk": pillow(four, "CMYK", progressive=True),
        # more than 937 correction bits, which end an EOB run
        "pillow-progressive-noise": pillow(noisy, progressive=True, quality=100),
        "one": pillow(colour[:1, :1]),
        "row": pillow(colour[:1], progressive=True),
    }
    for name, factors in (("440", 0x121111), ("411", 0x411111), ("420", 0x221111)):
        for progressive in (0, 1):
            options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factors]
            options += [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive, cv2.IMWRITE_JPEG_RST_INTERVAL, 3]
            _, file = cv2.imencode(".jpg", colour, options)
            files[f"opencv-{name}-{progressive}"] = file.tobytes()
    files["imagecodecs"] = imagecodecs.jpeg8_encode(colour, level=95, subsampling="444")
    baseline, start = files["pillow-4:2:0"], files["pillow-4:2:0"].index(b"\xff\xdb")
    files["behind"] = baseline + b"anything" + baseline
    files["no-end"] = baseline[:-2]
    files["motion"] = without_tables(baseline)
    files["fill"] = baseline[:start] + b"\xff\xff\xff" + baseline[start:]
    files["garbage"] = baseline[:start] + b"garbage\xff\x00\xff" + baseline[start:]
    return files


def without_tables(data: bytes) -> bytes:
    """Without its Huffman tables."""
    start, end = data.index(b"\xff\xc4"), data.index(b"\xff\xda")
    return data[:start] + data[end:]


def frame_of(
    width: int, height: int, factors: list[tuple[int, int]], progressive: bool = False
) -> Frame:
    components = tuple(Component(i + 1, h, v, 0) for i, (h, v) in enumerate(factors))
    return Frame(width, height, 8, progressive, components)


def headers(frame: Frame, scripts: list[Script], rng: np.random.Generator) -> list[bytes]:
    """What stands before each scan's bytes and, at last, behind them: with all codes that there
    can be."""
    table = bytes(_COUNTS) + rng.permutation(256).astype(np.uint8).tobytes()
    body = struct.pack(">BHHB", frame.precision, frame.height, frame.width, len(frame.components))
    for each in frame.components:
        body += bytes((each.id, each.h << 4 | each.v, each.table))
    start = b"\xff\xd8" + segment(0xDB, b"\0" + bytes(range(1, 65)))
    start += segment(0xC2 if frame.progressive else 0xC0, body)
    start += segment(0xC4, b"\0" + table + b"\x10" + table)
    parts = []
    for each in scripts:
        ids = b"".join(bytes((frame.components[i].id, 0)) for i in each.components)
        head = bytes((len(each.components),)) + ids
        head += bytes((each.ss, each.se, each.ah << 4 | each.al))
        restart = segment(0xDD, each.restart.to_bytes(2, "big"))
        parts.append(start + restart + segment(0xDA, head))
        start = b""
    return [*parts, b"\xff\xd9"]


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


def joined(heads: list[bytes], bodies: list[bytes]) -> bytes:
    return b"".join(a + b for a, b in zip(heads, [*bodies, b""], strict=True))
