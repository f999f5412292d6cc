"""Images as a screen shows them, and the small ones of a page."""

from __future__ import annotations

import base64

import numpy as np

# The longest side of a small picture: twice what a page gives it, for dense screens.
SIDE = 520
# Lossy, as it is only looked at; above 100 OpenCV writes lossless WebP.
_QUALITY, _LOSSLESS = 88, 101


def displayable(image: np.ndarray) -> tuple[np.ndarray, str]:
    """An image as floats in 0..1, (H, W) or RGB(A), and what was done to it to show it."""
    note = ""
    colours = image.reshape(*image.shape[:2], -1)
    alpha = None
    if colours.shape[2] in (2, 4):
        alpha = colours[:, :, -1:] / np.iinfo(image.dtype).max
        colours = colours[:, :, :-1]
    low, high = 0.0, 255.0
    if image.dtype == np.uint16:
        # most deep images use a small part of their 65536 values
        low, high = np.quantile(colours, (0.001, 0.999))
        note = f", {low:.0f} to {high:.0f} as black to white"
    shown = np.clip((colours - low) / max(high - low, 1.0), 0, 1)
    if alpha is not None:
        return np.concatenate([np.broadcast_to(shown, (*shown.shape[:2], 3)), alpha], 2), note
    return (shown[:, :, 0] if shown.shape[2] == 1 else shown), note


def heat_top(bits: np.ndarray) -> float:
    """The bits per pixel that are shown as the brightest: a few dear pixels must not darken the
    rest."""
    return float(np.quantile(bits, 0.999)) or 1.0


def small_picture(image: np.ndarray) -> tuple[str, str]:
    """A data URI of an image, (H, W) or (H, W, C) of uint8 or uint16, and displayable's note."""
    shown, note = displayable(_reduced(image))
    samples = np.rint(shown * 255).astype(np.uint8)
    if samples.ndim == 3:
        samples = samples[:, :, (2, 1, 0, 3)[: samples.shape[2]]]  # as OpenCV has colours
    return _data_uri(samples), note


def small_heat(bits: np.ndarray) -> tuple[str, float]:
    """A data URI of a map of bits, float64 (H, W), and the number that is the brightest in it."""
    import cv2

    top = heat_top(bits)
    levels = np.rint(np.clip(_reduced(bits) / top, 0, 1) * 255).astype(np.uint8)
    return _data_uri(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)), top


def _reduced(image: np.ndarray) -> np.ndarray:
    import cv2

    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    if scale >= 1:
        return image
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _data_uri(samples: np.ndarray) -> str:
    import cv2

    # of small pictures, which are shown enlarged, each pixel is to be seen as it is
    quality = _QUALITY if max(samples.shape[:2]) == SIDE else _LOSSLESS
    _, data = cv2.imencode(".webp", samples, (cv2.IMWRITE_WEBP_QUALITY, quality))
    return f"data:image/webp;base64,{base64.b64encode(data.tobytes()).decode()}"
