"""The DC coefficients as an image of their own, which the context model codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import CorruptError
from ...history.planes import GREY, WHOLE, YCC, Blocks, Geometry, Lattice, Planes

OFFSET = 1 << 15  # of coefficients


def direct_geometry(blocks: Sequence[Blocks]) -> Geometry:
    """That of the DC coefficients of components: Y, Cb, Cr where there are three of which the first
    has as many blocks as the others, or twice as many in each direction; else the components one
    below the other."""
    (rows, cols), *others = ((own.rows, own.cols) for own in blocks)
    if len(others) == 2 and others[0] == others[1]:
        steps = rows // others[0][0], cols // others[0][1]
        size = others[0][0] * steps[0], others[0][1] * steps[1]
        if size == (rows, cols) and set(steps) <= {1, 2}:
            chroma = Lattice(*steps)
            return Geometry(rows, cols, 16, YCC, False, (WHOLE, chroma, chroma))
    height, width = sum(own.rows for own in blocks), max(own.cols for own in blocks)
    return Geometry(height, width, 16, GREY, False, (WHOLE,))


def direct_planes(blocks: Sequence[Blocks], coefficients: Sequence[np.ndarray]) -> Planes:
    """The planes of the DC coefficients of int16 (rows, cols, 64) each."""
    geometry = direct_geometry(blocks)
    parts = [(own[:, :, 0].astype(np.int32) + OFFSET).astype(np.uint16) for own in coefficients]
    if geometry.kind == YCC:
        return Planes(geometry, tuple(parts))
    width = geometry.width
    padded = [np.pad(p, ((0, 0), (0, width - p.shape[1])), mode="edge") for p in parts]
    return Planes(geometry, (np.concatenate(padded),))


def direct_parts(blocks: Sequence[Blocks], planes: Planes) -> list[np.ndarray]:
    """The DC coefficients of each component, int32 (rows, cols), of such planes. Raises
    CorruptError for one that a JPEG cannot have."""
    if planes.geometry.kind == YCC:
        parts = list(planes.channels)
    else:
        ends = np.cumsum([own.rows for own in blocks])
        parts = np.split(planes.channels[0], ends[:-1])
        parts = [part[:, : own.cols] for part, own in zip(parts, blocks, strict=True)]
    found = [part.astype(np.int32) - OFFSET for part in parts]
    if any(np.abs(part).max() >= OFFSET for part in found):
        raise CorruptError("a DC coefficient that no JPEG has")
    return found
