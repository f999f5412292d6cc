"""How large an image may be, checked before anything of its size is allocated."""

from __future__ import annotations

from .errors import ImageError, LimitError

MAX_PIXELS = 2**28
MAX_MULTIPLY_ADDS = 1 << 44  # of a decoder


def check_size(width: int, height: int, name: str) -> None:
    """Raise ImageError for an empty image and LimitError for one above MAX_PIXELS."""
    if width < 1 or height < 1:
        raise ImageError(f"{name}: the image is empty ({width} x {height} pixels)")
    if width * height > MAX_PIXELS:
        raise LimitError(f"{name}: {width} x {height} pixels exceed the limit of {MAX_PIXELS}")
