"""Coding of a unit's planes from a channel's networks, with whole arrays.

This is the definition, in the array API: what runs on CUDA, and where the compiled kernels are
missing. kernels/context_code.c does the same with all that a unit needs in a core's caches, and
tests hold the two together.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import numpy as np

from ..coding.backend import Backend
from ..coding.tables import UNIT
from .evidence import Evidence
from .lattice import tap
from .mixture import Mixture
from .neighbours import Surroundings, context_inputs
from .networks import Network
from .pyramid import Unit
from .step import NOT_ASKED, UNDECIDED, Coder, Codes, Observer, StepJob


def code_arrays(
    backend: Backend,
    job: StepJob,
    streams: list[Any],
    truth: np.ndarray | None,
    observe: Observer | None,
) -> None:
    """Codes a step into job.own; truth: the samples of the level's lattice for an encoder."""
    seen = job.surroundings(backend)
    known = [
        backend.xp.concat([backend.whole(p.phase(n)).reshape(-1) for n in job.known])
        for p in (job.own, *job.references)
    ]
    evidence = Evidence(backend, known, [job.channel.planes, *job.reference_bits])
    for grid in job.grids:
        bands = [grid.units(grid.band(k, len(streams))) for k in range(len(streams))]
        # units of all streams at a time, as arrays like to be large
        for row in zip_longest(*bands):
            units = [(unit, coder) for unit, coder in zip(row, streams, strict=True) if unit]
            _code_units(backend, job, seen, evidence, units, truth, observe)


def _code_units(
    backend: Backend,
    job: StepJob,
    seen: Surroundings,
    evidence: Evidence,
    units: list[tuple[Unit, Coder]],
    truth: np.ndarray | None,
    observe: Observer | None,
) -> None:
    """Codes a unit of each of some streams."""
    xp, channel = backend.xp, job.channel
    assert job.networks is not None
    contexts = [context_inputs(backend, unit, seen) for unit, _ in units]
    base = xp.concat([context[0] for context in contexts])
    inputs = xp.concat([context[1] for context in contexts], axis=1)
    outputs = job.networks.trunks[units[0][0].grid.step].run(inputs)
    mixture = Mixture(backend, outputs, base, channel.planes, job.exponent)
    here = [xp.concat([tap(r, unit, (0, 0)) for unit, _ in units]) for r in seen.references]
    ends = np.cumsum([unit.samples for unit, _ in units])[:-1]
    wanted = None
    if truth is not None:
        values = [_of_unit(unit.grid.points(truth), unit).reshape(-1) for unit, _ in units]
        wanted = np.concatenate(values).astype(np.int64) - channel.lowest
    codes = []
    for plane in reversed(range(channel.planes)):
        logit = mixture.split(plane)
        p, features = _corrected(backend, job.networks.plane, evidence, here, mixture, logit, plane)
        probabilities = backend.get(p).astype(np.uint16)
        chosen: list[Any] = [None] * len(units)
        if wanted is not None:
            chosen = np.split(((wanted >> plane) & 1).astype(np.uint8), ends)
        parts = np.split(probabilities, ends)
        bits = [u[1].code(*pair) for u, *pair in zip(units, parts, chosen, strict=True)]
        together = np.concatenate(bits)
        mixture.learn(plane, backend.whole(together))
        codes.append((probabilities, together, features))
    found = np.split(backend.get(mixture.low).astype(np.uint16), ends)
    for (unit, _), value in zip(units, found, strict=True):
        _of_unit(job.own.phase(unit.grid.phase), unit)[:] = value.reshape(unit.rows, unit.cols)
    if observe is not None:
        coded = [[np.split(a, ends) for a in code[:2]] for code in codes]
        features = [np.split(backend.get(code[2]).T, ends) for code in codes]
        for n, (unit, _) in enumerate(units):
            observe(
                Codes(
                    channel,
                    unit,
                    np.stack([part[0][n] for part in coded]),
                    np.stack([part[1][n] for part in coded]),
                    np.stack([feature[n] for feature in features]).astype(np.int16),
                )
            )


def _of_unit(grid: np.ndarray, unit: Unit) -> np.ndarray:
    """A unit's part of an array of its grid's points."""
    return grid[unit.row : unit.row + unit.rows, unit.col : unit.col + unit.cols]


def _corrected(
    backend: Backend,
    network: Network,
    evidence: Evidence,
    here: list[Any],
    mixture: Mixture,
    logit: Any,
    plane: int,
) -> tuple[Any, Any]:
    """P(1) * 65536 (n,) of a plane's bits, and the plane INR's inputs (m, n), all of the first
    NOT_ASKED where it is not asked."""
    xp = backend.xp
    asked = xp.abs(logit) <= UNDECIDED
    inputs = xp.stack(
        [logit, xp.zeros_like(logit) + plane * UNIT, *evidence.inputs(here, mixture.low, plane)]
    )
    corrected = xp.where(asked, network.run(inputs)[0, :], logit)
    inputs[0, :] = xp.where(asked, logit, xp.zeros_like(logit) + NOT_ASKED)
    return backend.probability(corrected), inputs
