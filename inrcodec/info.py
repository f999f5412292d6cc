"""What a .linr file says about itself: sizes, and per plane what the networks get wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from .backend import backend_for
from .container import MODES, LinrFile, parse
from .decode import decode_parsed
from .layout import Channel, Layout


def info(data: bytes, *, planes: bool = True, threads: int | None = None) -> dict[str, Any]:
    """What a .linr file holds, as a dict that json can write.

    planes: decode the file to find, per channel and plane, the bit error rate (BER) of the
    networks' decisions before correction and the bits spent on the plane. Raises as decode.
    """
    file = parse(bytes(data))
    if not planes or file.models is None:
        return describe(file, len(data))
    statistics = PlaneStatistics(file.layout)
    decode_parsed(file, backend_for("cpu"), threads, statistics)
    return describe(file, len(data), statistics)


def describe(
    file: LinrFile, size: int, statistics: PlaneStatistics | None = None
) -> dict[str, Any]:
    """info's dict of a parsed file of that many bytes; statistics: as its decoding found them."""
    layout, models = file.layout, file.models
    samples = layout.height * layout.width * len(layout.channels)
    result: dict[str, Any] = {
        "version": file.version,
        "mode": MODES[models is not None],
        "height": layout.height,
        "width": layout.width,
        "channels": len(layout.channels),
        "bits": layout.sample_bits,
        "total_bytes": size,
        "header_bytes": size - len(file.weights) - len(file.data),  # exceptions to colour included
        "weights_bytes": len(file.weights),
        "data_bytes": len(file.data),
        "bpp": 8 * size / (layout.height * layout.width),
        "bpsp": 8 * size / samples,
        "weights": None if models is None else models.form,
        "conversion": "jfif" if layout.conversion else None,
    }
    if models is not None and statistics is not None:
        result["planes"] = statistics.rows()
    return result


class PlaneStatistics:
    """Counts, per channel and plane, bits, wrong decisions and bits spent (an Observer)."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._counts: dict[tuple[int, int], np.ndarray] = {}

    def __call__(
        self, channel: Channel, plane: int, p: np.ndarray, bits: np.ndarray, *_: Any
    ) -> None:
        right = np.where(bits, p, 65536 - p.astype(np.int64)) / 65536
        # a decision is P > 1/2; on the fence it is a 0
        wrong = (p > 32768) != (bits > 0)
        counts = self._counts.setdefault((channel.index, plane), np.zeros(3))
        counts += bits.size, wrong.sum(), -np.log2(right).sum()

    def rows(self) -> list[dict[str, Any]]:
        """One dict per channel and plane, in coding order: ber, bits spent, bits per sample."""
        return [
            {
                "channel": self._layout.name(channel),
                "plane": plane,
                "ber": float(wrong / count),
                "bits": round(float(spent)),
                "bpsp": float(spent / count),
            }
            for channel in self._layout.channels
            for plane in reversed(range(channel.planes))
            for count, wrong, spent in [self._counts[channel.index, plane]]
        ]
