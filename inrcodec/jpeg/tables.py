"""Quantisation tables: the standard ones, and those that coefficients of decoded pixels show."""

from __future__ import annotations

from functools import cache

import numpy as np

from .idct import ZIGZAG

LUMA, CHROMA = 0, 1
# ITU-T T.81, annex K, tables K.1 and K.2, row by row.
_ANNEX_K = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80"
    " 62 18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101"
    " 72 92 95 98 112 100 103 99",
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66" + 38 * " 99",
)
NOISE = 0.3  # standard deviation of what rounding of samples leaves in a coefficient
SEEN = 7.5  # times the noise: a coefficient from there on is not zero
SMALL = 6  # steps of which several are near a coefficient
OUTLIERS = 0.02  # of the coefficients
LEAST_POWER = 200.0  # of the coefficients of a block that varies
LEAST_BLOCKS = 100  # that are looked at even so
MOST_SEEN = 120  # coefficients of a frequency that are looked at
TOLD = 8.0  # nats, from which on a frequency tells its step
CERTAIN = 16.0  # the same, whatever is beside it
BESIDE = 8  # frequencies
HINT = 3.0  # nats that tell qualities apart, or that a step is none of the larger ones
DAMAGE = -20.0  # nats that one frequency counts against a standard table at most: captions
STANDARD = 0.7  # of the frequencies that tell their step have a standard one's


@cache
def standard_table(kind: int, quality: int) -> np.ndarray:
    """The table for LUMA or CHROMA at a quality, 1 .. 100, as libjpeg scales it: uint16 (64,) in
    zigzag order."""
    table = np.array(_ANNEX_K[kind].split(), dtype=np.int64)[ZIGZAG]
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    found = np.clip((table * scale + 50) // 100, 1, 255).astype(np.uint16)
    found.setflags(write=False)
    return found


def quality_of(table: np.ndarray, kind: int) -> int | None:
    """The quality of a standard table; None of others."""
    for quality in range(100, 0, -1):
        if np.array_equal(table, standard_table(kind, quality)):
            return quality
    return None


def likely_table(
    coefficients: np.ndarray, kind: int, noise: float = NOISE, quality: int | None = None
) -> np.ndarray:
    """The table, uint16 (64,), with which coefficients (n, 64) of decoded blocks, in zigzag order,
    can have been quantised: a standard one, or else for each frequency the likeliest step.
    noise: the standard deviation of coefficients; quality: that of a table beside, if known."""
    varied, places = _varied(coefficients), np.arange(64)
    gains = _gains(varied, noise)
    # of those that nothing tells apart the finest
    standard = np.array([standard_table(kind, each) for each in range(100, 0, -1)])
    totals = np.maximum(gains[places, standard - 1], DAMAGE).sum(axis=1)
    if quality is not None:
        totals[100 - quality] += HINT
    table = standard[int(totals.argmax())].copy()
    likely, evidence = gains.argmax(axis=1) + 1, gains.max(axis=1)
    tells = evidence > TOLD
    if not tells.any() or np.mean((likely == table)[tells]) >= STANDARD:
        other = tells & (likely > 2) & (evidence > gains[places, table - 1] + TOLD)
        table[other] = likely[other]
        return table
    return _uneven_table(gains, (np.abs(varied) >= SEEN * noise).mean(axis=0) > OUTLIERS)


def _uneven_table(gains: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The likeliest step for each frequency; where few coefficients tell it, a step of frequencies
    beside, if it is hardly less likely. seen: bool (64,), those that are often not zero."""
    places, table = np.arange(64), gains.argmax(axis=1) + 1
    evidence = gains.max(axis=1)
    told = (evidence > TOLD) | (seen & (gains.min(axis=1) < -HINT))
    if told.any():
        for k in np.flatnonzero(evidence <= CERTAIN):
            beside = table[told][np.argsort(np.abs(places[told] - k), kind="stable")[:BESIDE]]
            gain = gains[k, beside - 1]
            nothing = not told[k] and evidence[k] <= HINT
            if nothing or gain.max() >= evidence[k] - HINT:
                table[k] = beside[gain.argmax()]
    return table.astype(np.uint16)


def _varied(coefficients: np.ndarray) -> np.ndarray:
    """Those of the blocks that vary most: in flat ones all samples are rounded alike, and what that
    leaves in a coefficient can be anything."""
    power = (coefficients[:, 1:] ** 2).sum(axis=1)
    most = np.argsort(-power, kind="stable")
    return coefficients[most[: max(LEAST_BLOCKS, int((power > LEAST_POWER).sum()))]]


def _gains(coefficients: np.ndarray, noise: float) -> np.ndarray:
    """How much likelier each step, 1 .. 255, makes the coefficients of each frequency that are not
    zero than a smooth distribution does: float64 (64, 255), in nats; 0 where all are zero."""
    steps = np.arange(1, 256, dtype=np.float32)
    gains = np.zeros((64, 255))
    for k in range(64):
        values = np.abs(coefficients[:, k]).astype(np.float32)
        values = values[values >= SEEN * noise, None][:MOST_SEEN]
        if not len(values):
            continue
        number = np.rint(values / steps)
        density = np.zeros((len(values), 255), dtype=np.float32)
        for near, few in ((0, 255), (-1, SMALL), (1, SMALL)):
            whole = number[:, :few] + near
            off = values - whole * steps[:few]
            near_it = np.where(whole > 0, np.exp(off**2 * (-0.5 / noise**2)), 0)
            density[:, :few] += near_it
        density *= steps / (noise * np.sqrt(2 * np.pi))
        gains[k] = np.log(OUTLIERS + (1 - OUTLIERS) * density).sum(axis=0)
    return gains
