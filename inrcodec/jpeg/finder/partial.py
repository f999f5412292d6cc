"""Blocks of which a picture shows a part: at its ends, and where it was cropped.

Samples that are not known leave the coefficients to the others, and to what is likely: a normal
distribution for each, as wide as those of the whole blocks are. Given the known samples, the
coefficient that is surest is rounded to its step, then the surest of the rest given that one too,
and so on; the best few ways to round are kept (Babai's nearest plane with a list, in the order of
V-BLAST: Agrell et al., "Closest point search in lattices", IEEE Trans. Inf. Theory 48(8), 2002).
What is surest depends on which samples are known only, so all blocks of an end go together.
"""

from __future__ import annotations

import numpy as np

from ... import kernels
from ..idct import component_samples
from .forward import CENTRE, basis

LIST = 24  # ways that are kept
SCALES = (1.0, 0.2, 5.0)  # of the variances, as blocks vary more or less than others
MASKS = 16  # ways in which samples are known: more are none of ends
NOISE = 0.32  # standard deviation of samples that were rounded
SURE = 1e-3  # a share of the step: as sure as that is sure
FLOOR = 0.02  # of a step: the standard deviation of coefficients that are zero everywhere


def variances(coefficients: np.ndarray, table: np.ndarray) -> np.ndarray:
    """How wide the distributions of the coefficients of blocks, int16 (n, 64), are: float64
    (64,)."""
    steps = table.astype(np.float64)
    spread = np.square(coefficients * steps).mean(axis=0) if len(coefficients) else steps**2
    return np.maximum(spread, np.square(FLOOR * steps))


def groups(known: np.ndarray, most: int = MASKS) -> list[tuple[np.ndarray, np.ndarray]]:
    """The blocks, places (n,), whose samples are known alike, and where, bool (64,), of known, bool
    (blocks, 64); none where there are more ways than the most."""
    masks, which = np.unique(np.packbits(known, axis=1), axis=0, return_inverse=True)
    if len(masks) > most:
        return []
    found = []
    for n, mask in enumerate(np.unpackbits(masks, axis=1).astype(bool)):
        found.append((np.flatnonzero(which.reshape(-1) == n), mask))
    return found


def solve_partial(
    samples: np.ndarray, known: np.ndarray, table: np.ndarray, whole: np.ndarray
) -> np.ndarray:
    """The coefficients, int16 (n, 64), of blocks with samples (n, 64) of which some are known, bool
    (n, 64), that lead to most of these; whole: those of blocks of the same component, (m, 64)."""
    found = np.zeros(samples.shape, dtype=np.int16)
    spread = variances(whole, table)
    for blocks, mask in groups(known):
        left = np.full(len(blocks), 65)
        for scale in SCALES:
            bad = np.flatnonzero(left)
            if not bad.size or not mask.any():
                break
            own = samples[blocks[bad]]
            ways = complete(own, mask, table, spread * scale, NOISE)
            made = component_samples(ways, table).reshape(len(bad), 8, -1, 8).swapaxes(1, 2)
            off = made.reshape(len(bad), -1, 64) != own[:, None]
            wrong = off[..., mask].sum(axis=2)
            best = wrong.argmin(axis=1)
            fewest = wrong[np.arange(len(bad)), best]
            better = fewest < left[bad]
            found[blocks[bad[better]]] = ways[better, best[better]]
            left[bad[better]] = fewest[better]
    return found


def complete(
    samples: np.ndarray, known: np.ndarray, table: np.ndarray, widths: np.ndarray, noise: float
) -> np.ndarray:
    """The likeliest coefficients, int16 (n, LIST, 64), the best first, of blocks whose samples,
    (n, 64), are known where known, bool (64,), is set.

    table: uint16 (64,); widths: of variances(); noise: the standard deviation of the samples.
    """
    steps = table.astype(np.float64)
    shown = basis().astype(np.float64)[:, known]
    # the inverse of the covariance, and the mean, of all coefficients given the samples
    precision = shown @ shown.T / noise**2 + np.diag(1 / widths)
    covariance = np.linalg.inv(precision)
    wanted = samples[:, known].astype(np.float64) - CENTRE
    mean = (wanted @ shown.T / noise**2) @ covariance
    library = kernels.library()
    if library is None:
        return _plain(covariance, mean, steps)
    found = np.empty((len(samples), LIST, 64), dtype=np.int16)
    library.round_likely(covariance, mean, steps, SURE, len(samples), found)
    return found


def _plain(covariance: np.ndarray, mean: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """What the kernel does: its definition. covariance: (64, 64); mean: (n, 64)."""
    blocks = len(mean)
    means, costs = mean[:, None], np.zeros((blocks, 1))
    found = np.zeros((blocks, 1, 64), dtype=np.int16)
    left = np.ones(64, dtype=bool)
    for _ in range(64):
        k = int(np.argmin(np.where(left, np.diag(covariance) / (steps * steps), np.inf)))
        left[k] = False
        variance = max(covariance[k, k], SURE * steps[k] * (SURE * steps[k]))
        gain = covariance[k] / variance
        covariance = covariance - covariance[k][:, None] * gain
        here = means[..., k] / steps[k]
        nearest = np.trunc(here + np.where(here < 0, -0.5, 0.5))
        second = nearest + np.where(here > nearest, 1, -1)
        ways = np.stack([nearest, second], axis=2)
        off = ways * steps[k] - means[..., k, None]
        cost = (costs[..., None] + off * off / variance).reshape(blocks, -1)
        kept = np.argsort(cost, axis=1, kind="stable")[:, :LIST]
        own, rows = kept // 2, np.arange(blocks)[:, None]
        found, means = found[rows, own], means[rows, own]
        found[..., k] = np.clip(ways.reshape(blocks, -1)[rows, kept], -32767, 32767)
        means = means + off.reshape(blocks, -1)[rows, kept][..., None] * gain
        costs = cost[rows, kept]
    return found
