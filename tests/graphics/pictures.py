"""Small pictures as they are drawn, and files of them that are made as a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from inrcodec import Limits, Picture
from inrcodec.coding.rangecoder import Encoder
from inrcodec.container.linr import SIGNATURE
from inrcodec.graphics.boxes import Box, CodedBox
from inrcodec.graphics.code import code_graphics
from inrcodec.graphics.file import GraphicsImage, coded_samples
from inrcodec.history.step import Step
from tests.golden.recipes import chained, sealed
from tests.pictures import scene

# Where a box is, and what makes a file of one image of its samples.
Boxed = tuple[Box, Callable[[Picture], bytes]]

GLYPH = 7, 5  # rows and columns
ALPHABET = 9


def drawn(
    height: int, width: int, channels: int = 3, dtype: type = np.uint8, seed: int = 0
) -> np.ndarray:
    """Boxes and lines of text in a few colours on a flat ground, (H, W) or (H, W, C); what is at
    the top left stands at the bottom right again. Alpha is 0 in places, above colours."""
    rng, top = np.random.default_rng(seed), np.iinfo(dtype).max
    colours = rng.integers(0, top, (8, channels), endpoint=True).astype(dtype)
    if channels in (2, 4):
        colours[:, -1] = [top, top, 0, top, top // 3, 0, top, top]
    numbers = np.zeros((height, width), dtype=np.intp)
    for number in (1, 2, 5):
        row, col = rng.integers(0, height), rng.integers(0, width)
        numbers[row : row + height // 3, col : col + width // 3] = number
    rows, cols = GLYPH
    glyphs = rng.random((ALPHABET, rows, cols)) < 0.45
    for row in range(height // 3, height - rows, rows + 3):
        for col in range(2, (2 * width) // 3 - cols, cols + 1):
            glyph = glyphs[rng.integers(ALPHABET)]
            numbers[row : row + rows, col : col + cols][glyph] = 3 + row % 2
    again = numbers[: height // 4, : width // 4]
    numbers[height - len(again) :, width - again.shape[1] :] = again
    image = colours[numbers]
    return image[:, :, 0] if channels == 1 else image


def of_many_colours(height: int, width: int, channels: int, dtype: type) -> np.ndarray:
    """A photograph in a drawing."""
    image = drawn(height, width, channels, dtype)
    photo = scene(height // 2, width // 2, channels, dtype)
    image[height // 4 :, width // 4 :][: height // 2, : width // 2] = photo
    return image


def with_photographs(image: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """A picture with another photograph in each of the boxes."""
    image, channels = image.copy(), image.shape[2] if image.ndim == 3 else 1
    for number, box in enumerate(boxes):
        photo = scene(box.height, box.width, channels, image.dtype.type, number)
        image[box.slices] = photo
    return image


def graphics_file(
    image: np.ndarray | Picture,
    level: int = 2,
    steps: tuple[type[Step], ...] = (),
    bits: int | None = None,
    boxes: Sequence[Boxed] = (),
) -> bytes:
    """The file of a picture, of the graphics model behind steps, each of which applies; bits: as
    many are stated, with all channels coded, even those that are constant; boxes: of the planes, in
    ascending order."""
    picture = image if isinstance(image, Picture) else Picture(image)
    chain = chained(picture, steps)
    geometry, (samples, constant) = chain.planes.geometry, coded_samples(chain.planes)
    if bits is not None:
        samples, constant = np.stack(chain.planes.channels, axis=-1).astype(np.uint16), {}
    parts = []
    for box, file in boxes:
        crop = samples[box.slices].astype(geometry.dtype)
        data = file(Picture(crop[:, :, 0] if crop.shape[2] == 1 else crop))[len(SIGNATURE) + 2 :]
        parts.append(CodedBox.parse(box, data, geometry, samples.shape[2], Limits()))
    coded = GraphicsImage.encode(chain.planes, level, None, parts)
    if bits is not None:
        encoder = Encoder()
        code_graphics(encoder, samples, bits, level, [box for box, _ in boxes])
        coded = replace(coded, bits=bits, constant=constant, stream=encoder.finish())
    return sealed(picture, chain, coded)
