"""Compiled loops: what has to go sample by sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def compiled(function: Callable[..., Any]) -> Any:
    """numba.njit without the interpreter's lock, cached on disk where there is a place for it."""
    # numba takes a while to import: images that need none of its loops do not wait for it
    import numba

    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        return numba.njit(nogil=True)(function)
