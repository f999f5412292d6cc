"""Small animations: made by Pillow, and APNGs put together by hand."""

from __future__ import annotations

import io
import struct
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image

from inrcodec.files.picture import Picture
from inrcodec.files.png import assemble, chunks_of, write_png

NONE, BACKGROUND, PREVIOUS = range(3)
SOURCE, OVER = range(2)


class Stored(NamedTuple):
    """A frame of an APNG, of samples in the form that the file has."""

    samples: np.ndarray
    top: int = 0
    left: int = 0
    disposal: int = NONE
    blending: int = SOURCE
    delay: tuple[int, int] = (1, 20)


def saved(frames: list[Image.Image], kind: str, **options: object) -> bytes:
    """Pillow's file of several frames."""
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], **options)
    return file.getvalue()


def shown_by_pillow(data: bytes) -> list[np.ndarray]:
    """RGBA of each frame as Pillow composes it."""
    found = []
    with Image.open(io.BytesIO(data)) as image:
        for number in range(image.n_frames):
            image.seek(number)
            found.append(np.asarray(image.convert("RGBA")))
    return found


def drawn(count: int, height: int = 24, width: int = 31, colours: int = 200) -> list[Image.Image]:
    """Frames with palettes of their own, a square that moves over what stays."""
    rng = np.random.default_rng(count)
    ground = rng.integers(0, colours, (height, width)).astype(np.uint8)
    found = []
    for number in range(count):
        indices = ground.copy()
        indices[4 + number : 12 + number, 3 + 2 * number : 12 + 2 * number] = number
        image = Image.frombytes("P", (width, height), indices.tobytes())
        palette = np.arange(768, dtype=np.uint8).reshape(256, 3) * np.uint8(3)
        palette[:count] = rng.integers(0, 256, (count, 3))
        image.putpalette(palette.tobytes())
        found.append(image)
    return found


def apng(
    stored: list[Stored],
    *,
    like: Picture | None = None,
    hidden: np.ndarray | None = None,
    plays: int = 0,
    sequence: int = 0,
) -> bytes:
    """An APNG of frames as they are stored. like: a picture with their type; hidden: the samples of
    an image that is no frame; sequence: of the first frame."""
    pixels = like.type if like is not None else Picture(stored[0].samples).type

    def parts(samples: np.ndarray) -> list[tuple[str, bytes]]:
        whole = write_png(Picture(samples, pixels), 6)
        return [(kind, body) for kind, body, _ in chunks_of(whole, "it")]

    first = hidden if hidden is not None else stored[0].samples
    head = [chunk for chunk in parts(first) if chunk[0] not in ("IDAT", "IEND")]
    chunks = [head[0], ("acTL", struct.pack(">II", len(stored), plays)), *head[1:]]
    if hidden is not None:
        chunks += [chunk for chunk in parts(hidden) if chunk[0] == "IDAT"]
    number = sequence
    for frame in stored:
        height, width = frame.samples.shape[:2]
        place = width, height, frame.left, frame.top
        control = struct.pack(
            ">IIIIIHHBB", number, *place, *frame.delay, frame.disposal, frame.blending
        )
        chunks.append(("fcTL", control))
        number += 1
        for kind, body in parts(frame.samples):
            if kind == "IDAT" and frame is stored[0] and hidden is None:
                chunks.append((kind, body))
            elif kind == "IDAT":
                chunks.append(("fdAT", struct.pack(">I", number) + body))
                number += 1
    return assemble(chunks)


def composed(stored: list[Stored], height: int, width: int, top: int) -> list[np.ndarray]:
    """What is shown of frames of RGBA, pixel by pixel as the specification says; top: the alpha of
    what is opaque."""
    canvas = [[(0, 0, 0, 0)] * width for _ in range(height)]
    found = []
    for number, frame in enumerate(stored):
        before = [row[:] for row in canvas]
        rows, cols = frame.samples.shape[:2]
        for i in range(rows):
            for j in range(cols):
                y, x = frame.top + i, frame.left + j
                pixel = tuple(int(value) for value in frame.samples[i, j])
                if frame.blending == OVER and number:
                    pixel = _blended(pixel, canvas[y][x], top)
                canvas[y][x] = pixel
        found.append(np.array(canvas, frame.samples.dtype))
        disposal = BACKGROUND if frame.disposal == PREVIOUS and not number else frame.disposal
        for y in range(frame.top, frame.top + rows):
            for x in range(frame.left, frame.left + cols):
                if disposal == BACKGROUND:
                    canvas[y][x] = (0, 0, 0, 0)
                elif disposal == PREVIOUS:
                    canvas[y][x] = before[y][x]
    return found


def _blended(front: tuple[int, ...], back: tuple[int, ...], top: int) -> tuple[int, ...]:
    if front[3] == top:
        return front
    if front[3] == 0:
        return back
    mine, its = front[3] * top, (top - front[3]) * back[3]
    colours = [(front[k] * mine + back[k] * its) // (mine + its) for k in range(3)]
    return (*colours, (mine + its) // top)


def with_chunk(data: bytes, kind: str, body: bytes, before: str) -> bytes:
    """A PNG with one more chunk, in front of the first one of a name."""
    at = data.index(before.encode()) - 4
    tagged = kind.encode() + body
    more = struct.pack(">I", len(body)) + tagged + struct.pack(">I", zlib.crc32(tagged))
    return data[:at] + more + data[at:]
