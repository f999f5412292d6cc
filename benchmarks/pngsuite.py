"""PngSuite, or any folder of PNG files: all that are valid come back, all that are broken are
refused by name.

    python benchmarks/pngsuite.py FOLDER [--model auto] [--effort 1]

Files whose names begin with x are broken on purpose, as in PngSuite (Willem van Schaik,
http://www.schaik.com/pngsuite/). For the others the PNG that comes back is taken apart by this
script's own few lines, without the library, and compared chunk by chunk: type and depth, palette,
transparency, every ancillary chunk in its place; and sample by sample, as OpenCV decodes both
files. Files that come back byte for byte are counted. Prints a table; exit code 1 if anything
differs.
"""

from __future__ import annotations

import argparse
import struct
import sys
from pathlib import Path

import cv2
import numpy as np

import inrcodec
from inrcodec.encode import source_picture
from inrcodec.files.images import write_picture
from inrcodec.source.restore import ELSEWISE, restore

FRAME = ("PLTE", "tRNS", "IDAT")


def chunks(data: bytes) -> list[tuple[str, bytes]]:
    """Names and bodies of a PNG's chunks."""
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.append((data[at + 4 : at + 8].decode("latin-1"), data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def skeleton(data: bytes) -> list[tuple[str, bytes]]:
    """What has to be the same of two PNGs of one image: all chunks, those of image data as one
    without its body, the header without the interlace method."""
    kept: list[tuple[str, bytes]] = []
    for name, body in chunks(data):
        if name == "IDAT":
            if kept[-1] != (name, b""):
                kept.append((name, b""))
        else:
            kept.append((name, body[:-1] if name == "IHDR" else body))
    return kept


def check(path: Path, model: str, effort: int) -> tuple[int, int, bool]:
    """Bytes of the PNG and of its .linr file, and whether the same PNG comes back; raises
    AssertionError where something is lost."""
    given = path.read_bytes()
    picture = source_picture(given, path.name)
    assert picture.left_out in ((), (ELSEWISE,)), f"left out: {', '.join(picture.left_out)}"
    packed = inrcodec.encode(picture, model=model, effort=effort, device="cpu")
    decoded = inrcodec.decode_picture(packed)
    assert np.array_equal(decoded.samples, picture.samples), "samples differ"
    assert inrcodec.read_metadata(packed) == picture.metadata, "metadata differ"
    if picture.source is not None:
        assert restore(decoded) == given, "the file is another"
    back = write_picture(decoded, ".png")
    assert skeleton(back) == skeleton(given), "chunks differ"
    # another decoder, of both files as they are
    for flag in (cv2.IMREAD_UNCHANGED, cv2.IMREAD_COLOR):
        ours, theirs = (cv2.imdecode(np.frombuffer(d, np.uint8), flag) for d in (back, given))
        assert ours is not None, "OpenCV cannot decode the PNG"
        assert theirs is not None, "OpenCV cannot decode the original"
        assert np.array_equal(ours, theirs), "OpenCV sees other samples"
    return len(given), len(packed), picture.source is not None


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", choices=["auto", "context", "stored"], default="auto")
    parser.add_argument("--effort", type=int, default=1)
    arguments = parser.parse_args()
    exact, refused = 0, 0
    wrong, sizes = list[str](), list[tuple[int, int, bool, str]]()
    paths = sorted(arguments.folder.glob("*.png"))
    for path in paths:
        broken = path.name.startswith("x")
        try:
            sizes.append((*check(path, arguments.model, arguments.effort), path.name))
        except inrcodec.ImageError as error:
            refused += broken
            if not broken or "\n" in str(error):
                wrong.append(f"{path.name}: {error}")
        except AssertionError as error:
            wrong.append(f"{path.name}: {error}")
        else:
            exact += not broken
            if broken:
                wrong.append(f"{path.name}: broken, and not refused")
    valid = sum(not path.name.startswith("x") for path in paths)
    columns = ("valid", "exact", "byte for byte", "broken", "refused", "PNG bytes", ".linr bytes")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    png, linr = sum(size[0] for size in sizes), sum(size[1] for size in sizes)
    same = sum(size[2] for size in sizes)
    print(f"| {valid} | {exact} | {same} | {len(paths) - valid} | {refused} | {png} | {linr} |")
    larger = sorted((linr - png, name) for png, linr, _, name in sizes if linr > png)[::-1]
    if larger:
        worst = ", ".join(f"{name} +{more}" for more, name in larger[:5])
        print(f"\nlarger than the PNG given: {len(larger)}, most: {worst}")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
