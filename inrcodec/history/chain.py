"""Chains of steps: those that are worth a trial, and the loop that undoes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..jpeg.step import Jpeg
from .colour_table import ColourTable
from .enlarged import Enlarged
from .jfif import Jfif
from .planes import Planes
from .step import Step
from .subsampled import Subsampled
from .value_ranks import ValueRanks

STEPS: tuple[type[Step], ...] = (Enlarged, Subsampled, Jfif, ValueRanks, ColourTable)
# Of the pixels: so few leave no doubt of a step. Fewer samples are worth more than other colours.
FEW_EXCEPTIONS = {
    Enlarged.number: 1 / 1024, Jfif.number: 1 / 1024, Subsampled.number: 1 / 64,
    Jpeg.number: 1 / 64,
}  # fmt: skip
FEW_PIXELS = 1 << 14  # of which the fields of a step may be more than it saves


@dataclass(frozen=True)
class Chain:
    """Steps in the order in which they were applied, and the planes that they lead to."""

    steps: tuple[Step, ...]
    planes: Planes

    def then(self, step: type[Step]) -> Chain | None:
        """The chain with one more step, where that applies."""
        found = step.find(self.planes)
        if found is None:
            return None
        return Chain((*self.steps, found), found.forward(self.planes))


def beginnings(plain: Chain) -> list[Chain]:
    """What all ways to code a picture begin with: its own size if it was enlarged, before which it
    stands as it is where that may take less."""
    small = plain.then(Enlarged)
    if small is None:
        return [plain]
    size = plain.planes.geometry
    both = doubtful(small, plain) or size.height * size.width <= FEW_PIXELS
    return [plain, small] if both else [small]


def chains(plain: Chain, history: bool = True) -> list[Chain]:
    """The ways to code planes of a beginning as channels: as what they came from if that is found,
    where history is looked for, and as ranks where they may pay."""
    converted = (plain.then(Subsampled) or plain.then(Jfif)) if history else None
    found = [converted or plain]
    if converted is not None and doubtful(converted, plain):
        found.append(plain)
    for start in (converted, plain):
        ranked = start and start.then(ValueRanks)
        if ranked is not None:
            found.append(ranked)
    return found


def has_history(chain: Chain) -> bool:
    """Whether any of its steps is one that only a search for a history finds."""
    return any(isinstance(step, Enlarged | Subsampled | Jfif) for step in chain.steps)


def doubtful(chain: Chain, before: Chain) -> bool:
    """Whether the last step has so many exceptions that planes may take less as they were."""
    step, size = chain.steps[-1], before.planes.geometry
    return step.facts()["exceptions"] > FEW_EXCEPTIONS[step.number] * size.height * size.width


def undo(steps: Sequence[Step], planes: Planes) -> Planes:
    """The planes that steps were applied to. Raises CorruptError as they do."""
    for step in reversed(steps):
        planes = step.undo(planes)
    return planes
