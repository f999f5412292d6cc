"""Trains the prior of the graphics model: the weights that it starts from on levels 4 to 6.

    python training/graphics.py [-o FILE] FOLDER ...

The folders hold photographs (RGB, 8 bits). Pictures like graphics are made of each: of few colours,
dithered or not, of large pixels, with smooth edges, of two colours. Each is coded on levels 1 to 3,
on which all inputs of a mixer have one weight at first. What the weights have become is averaged
over all of a mixer's sets and all pictures, each as often as it was taught, MOST times at most;
what was hardly taught stays near what it was.

Writes inrcodec/graphics/weights.py. Files depend on it: once released it never changes, and
format_spec.md, 13.9, has the same numbers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from versions import read_images

from inrcodec import Picture, kernels
from inrcodec.coding.rangecoder import Encoder
from inrcodec.contents import planes_of
from inrcodec.graphics.code import Drawing, most_bits
from inrcodec.graphics.file import coded_samples
from inrcodec.graphics.levels import LEVELS

FROM = (1, 2, 3)  # levels
BEHIND = 3  # of each one with a prior, in their numbers
SIDE = 448  # of a photograph as much is looked at, its top left
MOST = 2000  # how often a set counts at most; and as often all sets together count as not taught
DARK = 110  # greys above it are white in a mask
ROW = 12  # numbers in a line
OUTPUT = Path(__file__).parents[1] / "inrcodec" / "graphics" / "weights.py"
HEAD = '''"""Initial weights on levels 4 to 6, in 1/65536 and in the order of their inputs:
a part of the format (format_spec.md, 13.9), made by training/graphics.py."""
'''

NAMES = ("PIXEL_WEIGHTS", "SAMPLE_WEIGHTS", "EXPECTED_WEIGHTS")  # in the order of Level.weights

Weights = dict[int, list[np.ndarray]]  # by level


def few(photograph: Image.Image, colours: int, dithered: bool = False) -> Image.Image:
    """In so many colours."""
    dither = Image.Dither.FLOYDSTEINBERG if dithered else Image.Dither.NONE
    return photograph.quantize(colours, dither=dither).convert("RGB")


def drawn(photograph: Image.Image) -> Iterator[np.ndarray]:
    """Pictures like graphics of a photograph, uint8 (H, W, 3) or (H, W)."""
    width, height = photograph.size
    yield np.array(few(photograph, 16))
    yield np.array(few(photograph, 32, dithered=True))
    small = few(photograph.resize((width // 4, height // 4)), 24)
    yield np.array(small.resize((width, height), Image.Resampling.NEAREST))  # pixel art
    flat = few(photograph.resize((width // 2, height // 2)), 8)
    yield np.array(flat.resize((width, height), Image.Resampling.BILINEAR))  # smooth edges
    yield np.where(np.array(photograph.convert("L")) > DARK, np.uint8(255), np.uint8(0))


def learned(library: kernels.Library, image: np.ndarray, level: int) -> list[np.ndarray]:
    """Drawing.learned of a picture that is coded on a level."""
    samples, _ = coded_samples(planes_of(Picture(image)))
    bits, encoder = max(1, int(samples.max()).bit_length()), Encoder()
    with (
        encoder.lent(most_bits(samples, bits)) as state,
        Drawing(library, samples, bits, level, (), state) as drawing,
    ):
        for rows in drawing.steps():
            drawing.code(rows)
        return drawing.learned(MOST)


def averaged(sums: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """Weights int64 (inputs,) of sums of Drawing.learned over pictures; fresh: what they were."""
    taught = sums[-1]
    share = taught / (taught + MOST)
    return np.rint(share * sums[:-1] / max(taught, 1) + (1 - share) * fresh).astype(np.int64)


def train(library: kernels.Library, photographs: Iterable[np.ndarray]) -> Weights:
    """The weights of the levels with a prior."""
    sums = {n: [np.zeros(count + 1, np.int64) for count in LEVELS[n].inputs] for n in FROM}
    for number, photograph in enumerate(photographs, 1):
        for image in drawn(Image.fromarray(photograph[:SIDE, :SIDE])):
            for level in FROM:
                for total, more in zip(sums[level], learned(library, image, level), strict=True):
                    total += more
        print(f"photograph {number}", file=sys.stderr)
    return {
        level + BEHIND: list(map(averaged, sums[level], LEVELS[level].weights())) for level in FROM
    }


def written(found: Weights) -> str:
    """The module that has them."""
    lines = [HEAD]
    for number, name in enumerate(NAMES):
        lines.append(f"{name}: dict[int, tuple[int, ...]] = {{")
        for level, weights in found.items():
            its = weights[number]
            rows = [its[i : i + ROW] for i in range(0, len(its), ROW)]
            lines.append(f"    {level}: (")
            lines += ["        " + " ".join(f"{weight}," for weight in row) for row in rows]
            lines.append("    ),")
        lines.append("}  # fmt: skip")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains the prior of the graphics model.")
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT, metavar="FILE")
    given = parser.parse_args()
    library = kernels.library()
    if library is None:
        parser.error("the compiled loops are needed")
    images = read_images([(folder, 1) for folder in given.folders])
    photographs = [image.samples for image in images if image.photograph]
    if not photographs:
        parser.error("no photograph in the folders")
    given.output.write_text(written(train(library, photographs)))


if __name__ == "__main__":
    main()
