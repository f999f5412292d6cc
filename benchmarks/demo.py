"""Encode a real photograph, decode it, compare, and print what it takes in each format.

The photograph is one that scikit-image installs with itself; the files stay in demo/.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import imagecodecs
import numpy as np
import skimage.data

import inrcodec
from inrcodec.files.images import png_level9, read_image

FOLDER = Path("demo")


def command(*arguments: str) -> float:
    """Run the command line and return the seconds it took."""
    started = time.perf_counter()
    subprocess.run([Path(sys.executable).with_name("inrcodec"), *arguments], check=True)
    return time.perf_counter() - started


def main() -> None:
    source = Path(skimage.data.__file__).with_name("chelsea.png")
    FOLDER.mkdir(exist_ok=True)
    photo = FOLDER / "chelsea.png"
    photo.write_bytes(source.read_bytes())
    packed, unpacked = FOLDER / "chelsea.linr", FOLDER / "chelsea.decoded.png"

    encoding = command("encode", "-f", str(photo), "-o", str(packed))
    decoding = command("decode", "-f", str(packed), "-o", str(unpacked))
    command("verify", str(packed), str(photo))
    original, decoded = read_image(photo.read_bytes()), read_image(unpacked.read_bytes())
    if original.dtype != decoded.dtype or not np.array_equal(original, decoded):
        sys.exit("the decoded photograph differs from the original")

    height, width, channels = original.shape
    equal = "byte" if unpacked.read_bytes() == photo.read_bytes() else "sample"
    print(f"\n{photo.name}: {width} x {height}, {channels} x 8 bit, every {equal} equal")
    print(f"encoded in {encoding:.1f} s, decoded in {decoding:.1f} s, start of Python included\n")
    rows = {
        "PNG as given": photo.stat().st_size,
        "PNG level 9": len(png_level9(original)),
        "WebP": len(imagecodecs.webp_encode(original, lossless=True, level=100)),
        "JPEG XL e9": len(imagecodecs.jpegxl_encode(original, lossless=True, effort=9)),
        "inrcodec": packed.stat().st_size,
    }
    # the others, but for the PNG as given, hold the samples alone
    kept = inrcodec.info(packed.read_bytes(), planes=False)["metadata_bytes"]
    rows[f"less {kept} beside pixels"] = rows["inrcodec"] - kept
    smallest_png = min(rows["PNG as given"], rows["PNG level 9"])
    print(f"{'':22}{'bytes':>10}{'bpsp':>9}{'vs PNG':>10}")
    for name, size in rows.items():
        rate = 8 * size / original.size
        print(f"{name:22}{size:>10}{rate:>9.3f}{size / smallest_png - 1:>+10.1%}")


if __name__ == "__main__":
    main()
