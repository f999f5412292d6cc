"""The 64 frequencies of a component: what each sees of the others, and which networks code it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...coding.tables import log2_table
from ..zigzag import PLACE, ZIGZAG

UNIT = 1024  # of signed inputs, for 2^exponent steps
EDGE_ONE, EDGE_FIRST = 256, 181  # of sums of cosines at a block's border: sqrt(1/2) for frequency 0
# Frequencies of the own block, as differences in u and v, the first of which are seen with signs;
# of neighbours, and of references.
OWN = ((-1, 0), (0, -1), (-1, -1), (-2, 0), (0, -2), (1, -1), (-1, 1), (-2, 1), (1, -2))
SIGNED = 5
NEARBY = ((-1, 0), (0, -1), (-1, -1))
OTHERS = ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1))
RECENT, LONG_AGO = 6, 16  # places
MAX_EXPONENT = 8
# A level tells the mean magnitude of a frequency's coefficients: 0 where all are 0, else 1 +
# 4 log2 of it, from 1/1024 on, rounded down.
LEVEL_ONE, MAX_LEVEL = 41, 97
MAX_REFERENCES = 2
# Where groups of frequencies begin that share networks, by the number of references.
GROUPS = ((1, 3, 6, 10, 15, 21, 36), (1, 3, 6, 15), (1, 3, 6, 15))
STEPS = 2  # blocks of even and of odd i + j
NETWORKS = STEPS * sum(map(len, GROUPS))


def network_number(references: int, place: int, step: int) -> int:
    """Which network codes a place's coefficients in a step."""
    group = sum(first <= place for first in GROUPS[references]) - 1
    return STEPS * (sum(map(len, GROUPS[:references])) + group) + step


def references_of(network: int) -> int:
    """How many references a network's components have."""
    bounds = [STEPS * sum(map(len, GROUPS[: n + 1])) for n in range(len(GROUPS))]
    return sum(network >= bound for bound in bounds)


def level_of(magnitudes: np.ndarray) -> int:
    """That of coefficients' magnitudes."""
    total, count = int(magnitudes.sum()), magnitudes.size
    if not total:
        return 0
    # 4 log2 of a mean, rounded down: how often 2^(1/4) is in it
    level = LEVEL_ONE - 40
    while level < MAX_LEVEL and total**4 << 40 >= count**4 << (level + 1 - (LEVEL_ONE - 40)):
        level += 1
    return level


@dataclass(frozen=True)
class Frequency:
    """A place in zigzag order, from 1 on; places of others are -1 where there is none that is known
    yet.

    u, v: horizontal and vertical frequency; step: of the quantisation; exponent: inputs are
    in units of 2^exponent steps; level: see LEVEL_ONE. own, nearby, others: places of
    the frequencies of OWN, NEARBY and OTHERS; own_factors, edge_factors: what brings coefficients
    of the former, and sums at borders (left and right; above and below), to the unit of inputs, in
    1/4096 and 1/65536. recent, long_ago: the first places of two runs that end before this one;
    following: how many places follow that are seen of references; before: the place coded before,
    or 0.
    """

    place: int
    u: int
    v: int
    step: int
    exponent: int
    level: int
    own: tuple[int, ...]
    nearby: tuple[int, ...]
    others: tuple[int, ...]
    own_factors: tuple[int, ...]
    edge_factors: tuple[int, int]
    recent: int
    long_ago: int
    following: int
    before: int

    @property
    def log_step(self) -> int:
        """512 log2 of the step, rounded down in steps."""
        e = self.step.bit_length() - 1
        return (1024 * e + int(log2_table()[(self.step << 10 >> e) - 1024])) >> 1


def frequencies(steps: np.ndarray, levels: np.ndarray) -> list[Frequency]:
    """Those of a component that are coded, in their order. steps: of the quantisation, (64,) in
    zigzag order; levels: (64,)."""
    sizes = [max(1, int(step)) for step in steps]
    found: list[Frequency] = []
    for place in range(1, 64):
        level = int(levels[place])
        if not level:
            continue
        u, v = ZIGZAG[place]

        def places(offsets: tuple[tuple[int, int], ...], u: int = u, v: int = v) -> list[int]:
            return [PLACE.get((u + a, v + b), -1) for a, b in offsets]

        exponent = min(MAX_EXPONENT, max(0, (level - LEVEL_ONE) // 4 - 1))
        unit = sizes[place] << exponent
        own = tuple(at if 0 < at < place else -1 for at in places(OWN))
        found.append(
            Frequency(
                place,
                u,
                v,
                sizes[place],
                exponent,
                level,
                own,
                tuple(at if at > 0 else -1 for at in places(NEARBY)),
                tuple(places(OTHERS)),
                tuple((sizes[at] * UNIT << 12) // unit if at > 0 else 0 for at in own[:SIGNED]),
                (_edge_factor(u, unit), _edge_factor(v, unit)),
                max(1, place - RECENT),
                max(1, place - LONG_AGO),
                min(RECENT, 63 - place),
                found[-1].place if found else 0,
            )
        )
    return found


def direct(steps: np.ndarray) -> Frequency:
    """That of the DC coefficients, which networks only see."""
    none = (-1,) * len(OWN), (-1,) * len(NEARBY), (-1,) * len(OTHERS), (0,) * SIGNED, (0, 0)
    return Frequency(0, 0, 0, max(1, int(steps[0])), 0, 0, *none, 0, 0, 0, 0)


def _edge_factor(frequency: int, unit: int) -> int:
    return (UNIT << 16) // ((EDGE_ONE if frequency else EDGE_FIRST) * unit)
