"""What codecs make of some images, as points of a chart: size against time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rate:
    """What a codec makes of some images: bits per sample, and seconds per million pixels."""

    name: str
    bpsp: float
    encode: float
    decode: float
    ours: bool


def rates_of(totals: Sequence[dict[str, Any]]) -> list[Rate]:
    """PNG, the other codecs that took all images, and inrcodec, from measurement.total of each
    effort."""
    first = totals[0]
    measured = [("PNG -9", first["png9_bytes"], _seconds(first, "png9_"), False)]
    for name, peer in first.get("peers", {}).items():
        if peer.get("bytes") is not None:
            measured.append((name, peer["bytes"], _seconds(peer), False))
    for total in totals:
        name = f"inrcodec -e {total['effort']}"
        measured.append((name, total["linr_bytes"], _seconds(total), True))
    millions = first["pixels"] / 1e6
    return [
        Rate(name, 8 * size / first["samples"], encode / millions, decode / millions, ours)
        for name, size, (encode, decode), ours in measured
    ]


def _seconds(row: dict[str, Any], prefix: str = "") -> tuple[float, float]:
    return row[f"{prefix}encode_seconds"], row[f"{prefix}decode_seconds"]


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points of which no other is at least as low in both numbers, the first number rising.

    >>> pareto_front([(3, 3), (1, 5), (2, 6), (4, 3), (5, 1)])
    [(1, 5), (3, 3), (5, 1)]
    """
    front: list[tuple[float, float]] = []
    for point in sorted(points):
        if not front or point[1] < front[-1][1]:
            front.append(point)
    return front


def spaced(heights: Sequence[float], gap: float) -> list[float]:
    """The heights, lowered where it takes that for no two to be closer than a gap.

    >>> spaced([1, 9, 5, 4], 2)
    [1, 9, 5, 3]
    """
    result, lowest = list(heights), float("inf")
    for i in sorted(range(len(heights)), key=lambda i: -heights[i]):
        result[i] = lowest = min(heights[i], lowest - gap)
    return result
