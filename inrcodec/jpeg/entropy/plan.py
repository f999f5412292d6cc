"""How a scan goes over the coefficients, and what these do not tell of its bytes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .markers import Frame, Scan

SEQUENTIAL, DC_FIRST, DC_REFINE, AC_FIRST, AC_REFINE = range(5)
MOST_SIZE = 15  # bits of a difference or coefficient
LONGEST_RUN = 0x7FFF
# libjpeg ends an EOB run with more correction bits, as its room for them is full
MOST_CORRECTIONS = 937

LIBJPEG, BARE = range(2)  # of Notes


class Plan(NamedTuple):
    """A scan as its loops want it. kind: SEQUENTIAL and so on; down, across: its MCUs; parts: for
    each component the blocks of an MCU, across and down, and those of a row in its array."""

    kind: int
    ss: int
    se: int
    al: int
    restart: int
    down: int
    across: int
    parts: tuple[tuple[int, int, int], ...]

    @property
    def mcus(self) -> int:
        return self.down * self.across

    @property
    def blocks(self) -> int:
        """How many blocks all its MCUs have."""
        return self.mcus * sum(h * v for h, v, _ in self.parts)

    def ends(self, mcus: int) -> int:
        """How often the bits of so many MCUs are padded to a whole byte: before each restart
        marker, and at the end where these are all."""
        restarts = max(mcus - 1, 0) // self.restart if self.restart else 0
        return restarts + (mcus == self.mcus)


class Notes(NamedTuple):
    """What coefficients do not tell of a scan's bytes.

    rule: of EOB runs; LIBJPEG: they end with 0x7FFF blocks or more than 937 correction bits; BARE:
    with 0x7FFF blocks, and a block that has a symbol or correction bits has one of its own.
    mcus: how many MCUs they hold; what follows is in no coefficient, or nothing does.
    pads: uint8 (ends,), for each end the padding bits, below what does not matter.
    breaks: uint32, the numbers of blocks before which an EOB run ends where it would go on, or goes
    on where it would end, ascending.
    zeros: uint32 (n, 2), numbers of blocks, ascending, and how many runs of 16 zeros are written
    before the EOB.
    """

    rule: int
    mcus: int
    pads: np.ndarray
    breaks: np.ndarray
    zeros: np.ndarray


def plan_of(frame: Frame, scan: Scan) -> Plan:
    """How a scan goes over the coefficients."""
    if not frame.progressive:
        kind = SEQUENTIAL
    elif scan.ss == 0:
        kind = DC_REFINE if scan.ah else DC_FIRST
    else:
        kind = AC_REFINE if scan.ah else AC_FIRST
    if len(scan.components) == 1:
        (number,) = scan.components
        down, across = frame.blocks(number)
        parts: tuple[tuple[int, int, int], ...] = ((1, 1, frame.shape(number)[1]),)
    else:
        down, across = frame.mcus
        members = [(frame.components[i], frame.shape(i)[1]) for i in scan.components]
        parts = tuple((c.h, c.v, columns) for c, columns in members)
    return Plan(kind, scan.ss, scan.se, scan.al, scan.restart, down, across, parts)
