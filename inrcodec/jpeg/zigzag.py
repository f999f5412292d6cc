"""The order of a block's 64 frequencies (ITU-T T.81, figure A.6)."""

from __future__ import annotations


def _zigzag() -> list[tuple[int, int]]:
    """(u, v) of each place: horizontal and vertical frequency."""
    places = [(u, v) for u in range(8) for v in range(8)]
    return sorted(places, key=lambda f: (sum(f), f[1] if sum(f) % 2 else f[0]))


ZIGZAG = tuple(_zigzag())
PLACE = {frequency: place for place, frequency in enumerate(ZIGZAG)}
