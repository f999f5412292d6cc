"""How far an encode is, as callers are told."""

from __future__ import annotations

from dataclasses import dataclass

# What part of an encode's time the stages take, roughly.
FIT_TRUNKS, FIT_PLANES, CODE = 0.8, 0.92, 0.96


@dataclass(frozen=True)
class Progress:
    """How far an encode is: stage, fraction of the whole, the loss in bits per sub-pixel."""

    stage: str
    fraction: float
    bpsp: float | None
