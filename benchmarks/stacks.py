"""Stacks of frames, as one file of frames and frame by frame, beside what others make of them.

    python benchmarks/stacks.py [-e EFFORT] [--quick] STACK.tif ...

Of each stack: bytes and seconds of one .linr over those of its frames one by one; over JPEG XL
(effort 9) of the frames, a TIFF under deflate with its better predictor, FFV1 and HEVC lossless
(with PyAV: pip install av; HEVC has 12 bits at most); and how long one frame alone takes, a key
frame and the slowest, over a file of one image of its size. Times are of this process, the least of
three; --quick leaves out what only compares.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile

import inrcodec


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("stacks", nargs="+", type=Path)
    parser.add_argument("-e", "--effort", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    total: dict[str, float] = {}
    for path in given.stacks:
        frames = tifffile.imread(path)
        row = measure(frames, given.effort, given.quick)
        for key, value in row.items():
            total[key] = total.get(key, 0) + value
        print(f"{path.name} {frames.shape} {frames.dtype}")
        show(row)
    if len(given.stacks) > 1:
        print("all")
        show(total)


def show(row: dict[str, float]) -> None:
    """Prints ratios of a row to what they are measured by."""
    mine = row["bytes"]
    others = {key: value for key, value in row.items() if key.endswith(" bytes")}
    print(f"  {mine:.0f} bytes, {row['seconds']:.1f} s; decoded in {row['decoding']:.2f} s")
    for key, value in others.items():
        print(f"  over {key.removesuffix(' bytes'):12} {mine / value:.4f}")
    if "one by one seconds" in row:
        print(f"  time over one by one {row['seconds'] / row['one by one seconds']:.3f}")
    single = row["single"]
    print(
        f"  key frame {row['key'] / single:.2f}, slowest {row['slowest'] / single:.2f} of a single"
    )


def measure(frames: np.ndarray, effort: int, quick: bool) -> dict[str, float]:
    """Bytes and seconds of a stack."""
    started = time.perf_counter()
    data = inrcodec.encode_frames(frames, effort=effort)
    row = {"bytes": float(len(data)), "seconds": time.perf_counter() - started}
    started = time.perf_counter()
    if not np.array_equal(inrcodec.decode(data), frames):
        raise SystemExit("the frames do not come back")
    row["decoding"] = time.perf_counter() - started
    single = inrcodec.encode(frames[len(frames) // 2], effort=effort)
    row["single"] = seconds(lambda: inrcodec.decode(single))
    row["key"] = seconds(lambda: inrcodec.decode(data, frame=0))
    row["slowest"] = max(
        seconds(lambda frame=frame: inrcodec.decode(data, frame=frame))  # type: ignore[misc]
        for frame in range(len(frames))
    )
    if quick:
        return row
    started = time.perf_counter()
    row["one by one bytes"] = sum(len(inrcodec.encode(frame, effort=effort)) for frame in frames)
    row["one by one seconds"] = time.perf_counter() - started
    row["JPEG XL bytes"] = sum(
        len(imagecodecs.jpegxl_encode(frame, lossless=True, effort=9)) for frame in frames
    )
    row["deflate bytes"] = min(deflated(frames, predictor) for predictor in (1, 2))
    for name, size in videos(frames).items():
        row[f"{name} bytes"] = size
    return row


def seconds(work: Callable[[], Any]) -> float:
    """The least of three."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def deflated(frames: np.ndarray, predictor: int) -> int:
    """The bytes of a TIFF under deflate of level 9."""
    file = io.BytesIO()
    tifffile.imwrite(
        file, frames, compression="zlib", compressionargs={"level": 9}, predictor=predictor,
        photometric="rgb" if frames.ndim == 4 else "minisblack",
    )  # fmt: skip
    return len(file.getvalue())


def videos(frames: np.ndarray) -> dict[str, int]:
    """The bytes of packets, without a container, of lossless video where PyAV is there."""
    try:
        import av
    except ImportError:
        return {}
    bits = int(frames.max()).bit_length()
    wide = frames.dtype.itemsize > 1
    grey = {8: "gray", 10: "gray10le", 12: "gray12le", 16: "gray16le"}
    depth = next(d for d in grey if d >= max(bits, 9 if wide else 8))
    kinds = {
        "FFV1": ("ffv1", {"level": "3", "context": "1", "slicecrc": "0", "coder": "range_tab"})
    }
    if depth <= 12:
        kinds["HEVC"] = (
            "libx265",
            {"preset": "veryslow", "x265-params": "lossless=1:log-level=none"},
        )
    found = {}
    for name, (codec, options) in kinds.items():
        pixels = grey[depth] if frames.ndim == 3 else "gbrp"
        context: Any = av.CodecContext.create(codec, "w")
        context.height, context.width, context.pix_fmt = *frames.shape[1:3], pixels
        context.time_base, context.options, context.gop_size = Fraction(1, 25), options, 300
        packets = []
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(
                frame, format=pixels if frames.ndim == 3 else "rgb24"
            )
            picture = picture.reformat(format=pixels) if frames.ndim == 4 else picture
            picture.pts = number
            packets += context.encode(picture)
        packets += context.encode(None)
        found[name] = sum(packet.size for packet in packets)
    return found


if __name__ == "__main__":
    main()
