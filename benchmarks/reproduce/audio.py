"""Sound: 16-bit samples by bit planes, and by values under target transforms.

    python -m benchmarks.reproduce.audio [WAV...] [--size N] [--width N] ... [--csv FILE]

LosslessINR (Han et al., CVPR 2025) also fits sound, one network f(t, plane), BCE, Adam at 1e-4
for 512 units and in proportion more for fewer, until BER is 0; symmetric power transformation
(Zhang et al., AAAI 2025) fits LibriSpeech by its values. Figures of theirs are not at hand.

Here: the middle of 16-bit WAV files, or of a plucked string, two channels at 11 kHz, which Python
comes with for its own tests. Channels are outputs of one network. Neighbouring samples are as far
apart in t as in an image of SIDE pixels a side whose coordinates are -1 .. 1: sound has far more
periods than such a range can hold. Values are samples shifted to 0 .. 65535; SNR is to the power
about their mean.
"""

from __future__ import annotations

import math
import sys
import wave
from collections.abc import Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from inrcodec.coordinate.model import Coordinate
from inrcodec.errors import LinrError

from .experiment import NONE, Curve, Experiment, Row, Scale, experiment, optimise, steps_to_zero
from .journal import signal_key
from .signals import (
    BACKBONES,
    Fit,
    Signal,
    fit_transforms,
    fit_values,
    grid,
    middles,
    own_or_given,
    put,
    signal_networks,
)

PUBLISHED_SCALE = Scale(16384, 512, 6, 10_000, "{0} samples", known=False)
REDUCED = Scale(512, 48, 6, 2000, "{0} samples")
BITS, SIDE = 16, 128
BIT_RATE = 1e-4  # for 512 units


def read_sound(path: Path, size: int) -> Signal:
    """The middle of a WAV file, at most so many samples of it, as uint16 (samples, channels).
    Raises LinrError for one that is not of 16 bits."""
    try:
        with wave.open(str(path)) as file:
            channels, width = file.getnchannels(), file.getsampwidth()
            count = min(size, file.getnframes())
            file.setpos((file.getnframes() - count) // 2)
            data = file.readframes(count)
    except (wave.Error, EOFError) as error:
        raise LinrError(f"{path} is no WAV file: {error}") from error
    if 8 * width != BITS or not data or len(data) % (width * channels):
        raise LinrError(f"{path}: sound of 16 bits is needed")
    signed = np.frombuffer(data, "<i2").reshape(-1, channels)
    samples = (signed.astype(np.int32) + (1 << (BITS - 1))).astype(np.uint16)
    places = (np.arange(len(samples)) - (len(samples) - 1) / 2) * 2 / (SIDE - 1)
    return Signal(path.name, samples, grid(places))


def row_of(signal: Signal, options: Coordinate, **found: Any) -> Row:
    """A fit's row, with what was found."""
    empty = {"transform": "", "steps": None, "ber": None, "psnr": None, "snr": None}
    return {
        "sound": signal.name,
        "samples": len(signal.samples),
        "channels": signal.channels,
        "backbone": options.backbone,
        "rate": options.rate,
        **empty,
        **found,
    }


def fit_bits(run: Experiment, signal: Signal, options: Coordinate) -> Fit:
    """Fits f(t, plane) until BER is 0; the curve is the PSNR of the samples that the bits make."""
    samples = signal.samples.astype(np.int64)
    planes = np.linspace(-1, 1, BITS)  # the lowest first
    inputs = put(run, grid(planes, signal.points[:, 0]))
    bits = np.stack([samples >> plane & 1 for plane in range(BITS)])
    targets = put(run, bits.reshape(-1, signal.channels).astype(np.float32))
    powers = put(run, 1 << np.arange(BITS)).view(BITS, 1, 1)
    right = put(run, samples)[0]
    levels: list[float] = []
    ber, steps = math.nan, None
    networks = signal_networks(run, options, 2, signal.channels)
    batches = repeat((inputs, targets))
    for outputs in optimise(
        networks, batches, run.scale.steps, cross_entropy, lambda _: options.rate
    ):
        decided = (outputs > 0).view(BITS, *samples.shape)
        error = ((decided * powers).sum(0) - right).double()
        levels.append(signal.psnr(float(error.square().mean())))
        ber = float((decided != targets.view(decided.shape)).double().mean())
        if ber == 0:
            steps = len(levels)
            break
    label = f"{options.backbone}, bits, {signal.name}"
    found = row_of(signal, options, steps=steps, ber=ber, psnr=levels[-1] if ber else None)
    return found, Curve(label, range(1, len(levels) + 1), levels)


def fit_sound(run: Experiment, signal: Signal, options: Coordinate) -> Fit:
    """Fits f(t), the values."""
    levels = fit_values(run, signal, options)
    power = float(signal.samples.astype(np.float64).var(axis=0).mean())
    found = row_of(
        signal, options, transform=options.transform, psnr=levels[-1],
        snr=levels[-1] - signal.psnr(power),
    )  # fmt: skip
    label = f"{options.backbone}, {options.transform}, {signal.name}"
    return found, Curve(label, range(1, len(levels) + 1), levels)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit code."""
    run = experiment(
        __doc__, PUBLISHED_SCALE, REDUCED, arguments, images=False, signals="WAV files of 16 bits"
    )
    sounds = own_or_given(run, read_sound, "test", "audiodata/pluck-pcm16.wav", "give WAV files")
    fits: list[Fit] = []
    lines = []
    for backbone in BACKBONES:
        options = Coordinate(
            backbone=backbone, width=run.scale.width, depth=run.scale.depth,
            learning_rate=BIT_RATE * 512 / run.scale.width,
        )  # fmt: skip
        found = [
            run.once(
                ["audio", signal_key(sound.name, sound.samples), "bits", backbone],
                partial(fit_bits, run, sound, options),
            )
            for sound in sounds
        ]
        steps = steps_to_zero([row for row, _ in found], "steps", run.scale)
        lines.append([backbone, NONE, steps])
        fits += found
    head = ["backbone", "published", "measured"]
    run.print("Sound, steps to BER 0", middles(sounds), head, lines)
    lines, by_values = fit_transforms(run, "audio", sounds, fit_sound, ["psnr", "snr"])
    head = ["transform", "published"]
    head += [f"{backbone}, {what} in dB" for backbone in BACKBONES for what in ("PSNR", "SNR")]
    run.print("Sound, by values", middles(sounds), head, lines)
    fits += by_values
    run.write([row for row, _ in fits], [curve for _, curve in fits], "step", "PSNR in dB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
