"""How the bit planes of a coordinate image are coded: what makes the networks' decisions exact.

A network plane is coded as where its network is wrong, under adaptive probabilities that go by how
sure it is. Planes without a network are coded by templates of known bits (as in JBIG2, ITU-T T.88,
6.2), or as they are. One function both encodes and decodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..coding.rangecoder import integer_model
from ..coding.tables import PROBABILITY_ONE
from .model import NETWORK, TEMPLATE

# |logit| in units of 2^-16 has so many of these steps below it: its context.
STEPS = 1 << np.arange(10, 25)
# P(wrong) * 65536 to begin with, about that of a logit in the middle of the steps
FIRST = np.array(
    [32764, 32384, 32000, 31232, 29700, 26700, 20900, 11950, 3110, 163] + [16] * 6, dtype=np.uint16
)
TEMPLATES = 1 << 10

# Logits (channels, pixels) of a plane, integers in units of 2^-16.
Logits = Callable[[int], np.ndarray]


def code_planes(
    coder: Any,
    shape: tuple[int, int, int],
    modes: tuple[int, ...],
    logits: Logits,
    samples: np.ndarray | None,
    decided: Callable[[int, np.ndarray, np.ndarray], None] | None = None,
) -> np.ndarray:
    """Codes all planes of an image, the highest first; takes (for an encoder) and returns the
    samples int64 (H, W, C).

    coder: rangecoder.Encoder or Decoder; modes: of each plane, the lowest first; decided: told of
    each network plane, its decisions and its bits, uint8 (channels, pixels).
    """
    height, width, channels = shape
    result = np.zeros((channels, height, width), dtype=np.int64)
    for plane in reversed(range(len(modes))):
        truth = None
        if samples is not None:
            truth = (np.moveaxis(samples, 2, 0) >> plane & 1).astype(np.uint8)
        if modes[plane] == NETWORK:
            answers = logits(plane)
            bits = network_plane(coder, answers, truth).reshape(result.shape)
            if decided is not None:
                decided(plane, (answers > 0).astype(np.uint8), bits.reshape(answers.shape))
        else:
            bits = other_plane(coder, modes[plane], result >> (plane + 1), truth)
        result |= bits.astype(np.int64) << plane
    return np.moveaxis(result, 0, 2)


def network_plane(coder: Any, logits: np.ndarray, truth: np.ndarray | None) -> np.ndarray:
    """Codes where a plane's decisions, of logits (channels, pixels), are wrong; the bits, flat."""
    contexts = np.searchsorted(STEPS, np.abs(logits.reshape(-1)), side="right")
    decisions = (logits.reshape(-1) > 0).astype(np.uint8)
    wrong = None if truth is None else truth.reshape(-1) ^ decisions
    wrong = coder.code_flags(contexts.astype(np.int64), FIRST.copy(), wrong)
    return np.asarray(decisions ^ wrong)


def other_plane(coder: Any, mode: int, above: np.ndarray, truth: np.ndarray | None) -> np.ndarray:
    """Codes a plane (C, H, W) without a network. above: the values of its pixels without this plane
    and lower ones."""
    channels, height, width = above.shape
    bits = np.empty(above.shape, dtype=np.uint8)
    for channel in range(channels):
        one = None if truth is None else truth[channel]
        if mode == TEMPLATE:
            model = np.full(TEMPLATES, PROBABILITY_ONE // 2, dtype=np.uint16)
            around = _around(above[channel], bits[:channel])
            bits[channel] = coder.code_plane(around, model, one)
        else:
            even = np.full(height * width, PROBABILITY_ONE // 2, dtype=np.uint16)
            flat = coder.code(even, None if one is None else one.reshape(-1))
            bits[channel] = flat.reshape(height, width)
    return bits


def code_residuals(coder: Any, predicted: np.ndarray, samples: np.ndarray | None) -> np.ndarray:
    """Codes samples as differences to their prediction, int64 (H, W, C), channel by channel."""
    result = predicted.copy()
    for channel in range(predicted.shape[2]):
        model = integer_model()
        if samples is None:
            size = predicted.shape[0] * predicted.shape[1]
            differences = coder.decode_integers(size, model).reshape(predicted.shape[:2])
            result[:, :, channel] += differences
        else:
            differences = samples[:, :, channel] - predicted[:, :, channel]
            coder.encode_integers(differences.reshape(-1), model)
            result[:, :, channel] = samples[:, :, channel]
    return result


def _around(above: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """Of each pixel four bits known from elsewhere: of the plane above, here, to the right and
    below; of this plane, here in the channel before. above: the values without this plane, (H, W).
    """
    high = above & 1
    right, below = np.zeros_like(high), np.zeros_like(high)
    right[:, :-1], below[:-1] = high[:, 1:], high[1:]
    before = channels[-1].astype(np.int64) if len(channels) else 0
    return high | right << 1 | below << 2 | before << 3
