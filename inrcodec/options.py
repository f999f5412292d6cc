"""Options that travel together: of a fit, and of reading a file."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .coding.backend import INSTALL, Backend, Workers, can_fit
from .context.own_prior import Prior
from .context.step import Observer
from .limits import DEFAULT, Limits
from .progress import Progress

if TYPE_CHECKING:
    from .context.shared import SharedNetworks
    from .graphics.follow import Decoded
    from .history.planes import Planes

DEFAULT_EFFORT, LEAST_EFFORT = 5, 1

# Told of each plane that coordinate networks decide: decisions and bits, uint8 (channels, pixels).
Decided = Callable[[int, np.ndarray, np.ndarray], None]


MOST_SEED = (1 << 64) - 1


@dataclass(frozen=True)
class FitOptions:
    """How to fit: as encode's keywords of these names, but deadline: of time.monotonic(), tell: its
    progress, and decoded: where to put what decoders made of streams meanwhile, for verification,
    if anywhere."""

    effort: int
    weights: str = "int"
    device: str = "auto"
    seed: int = 0
    threads: int = 1
    deadline: float = math.inf
    tell: Callable[[Progress], None] = lambda _: None
    watch: Callable[[Any], None] | None = None
    prior: Prior | None = None
    decoded: Decoded | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= MOST_SEED:
            raise ValueError(f"seed is {self.seed}; it can be 0 to {MOST_SEED}")

    @property
    def priors(self) -> tuple[Prior, ...]:
        """Those of one's own that what is coded may name."""
        return () if self.prior is None else (self.prior,)


@dataclass(frozen=True)
class Reading:
    """How to decode: as decode's keywords of these names.

    priors: read, too, beside those that are known by the environment.
    observe: told of all that is coded of a context image (context.step.Observer), decided: of the
    planes of a coordinate image.
    shared: networks that images of a file share, and beside: the planes of the frames that one of
    them sees, of that scale.
    """

    backend: Backend
    threads: int | None = None
    limits: Limits = DEFAULT
    frame: int = 0
    scale: int = 1
    priors: Sequence[Prior] = ()
    observe: Observer | None = None
    decided: Decided | None = None
    shared: Sequence[SharedNetworks] = ()
    beside: Sequence[Planes] = ()
    decoded: Decoded | None = None

    def workers(self) -> Workers:
        """Threads to work on, for a `with` block."""
        return Workers(self.backend, self.threads or os.cpu_count() or 1)


def default_effort(tell: Callable[[str], None]) -> int:
    """The effort of who asks for none; the least where nothing can fit, which is told in a line."""
    if can_fit():
        return DEFAULT_EFFORT
    tell(
        f"effort {LEAST_EFFORT} without its fit, which needs the compiled loops or torch: {INSTALL}"
    )
    return LEAST_EFFORT
