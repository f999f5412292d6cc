"""The shipped priors: networks trained on other photographs (training/prior.py), to start from;
own_prior.py has those that others train.

A file that names a prior holds what its networks add to the prior's weights; without a fit that is
nothing at all. The priors never change: files depend on them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from ..coding.weights import MAX_SHIFT, Tensors, unpack_weights
from ..errors import CorruptError
from .layout import Networked
from .networks import TENSORS, Shape, Tensor, factors
from .step import plane_shape, trunk_shape

MAX_RANK = 32  # of changes to a prior
MOST_FINER = 15  # bits of a prior below its changes, which have 48 at most, so that sums fit 64


@dataclass(frozen=True)
class Shipped:
    """What a shipped prior is made of."""

    digest: str  # BLAKE2b-128 of its file
    trunk_width: int
    plane_width: int = 16


PRIORS = {
    1: Shipped("02a2082af4d8a06019bc00cc0d686b6f", 32),
    2: Shipped("c95854d39bce8c8db9f254794508e722", 64),
}
# What encoders use: small networks, which may do as they are, and large ones, to fit from.
QUICK, THOROUGH = 1, 2
POSITIONS = 3  # networks for channels with 0, 1 and 2 references,
CONVERSIONS = 3  # of G, R, B, of Y, Cb, Cr, and of these with subsampled chroma
NETWORKS = 3 * POSITIONS * CONVERSIONS  # trunk A, trunk B and plane INR of each


def is_fine(conversion: int, references: int) -> bool:
    """Whether such a channel sees a Y of more samples."""
    return conversion == 2 and references > 0


def shapes_of(prior: int) -> list[Shape]:
    """The shapes of all networks of a prior, in its order."""
    shapes, facts = [], PRIORS[prior]
    for conversion in range(CONVERSIONS):
        for references in range(POSITIONS):
            fine = is_fine(conversion, references)
            shapes += [trunk_shape(references, facts.trunk_width, fine)] * 2
            shapes.append(plane_shape(references, facts.plane_width))
    return shapes


@cache
def all_networks(prior: int) -> list[Tensors]:
    """All networks of a prior."""
    name, facts = f"prior{prior}.bin", PRIORS[prior]
    data = resources.files(__package__).joinpath(name).read_bytes()
    if hashlib.blake2b(data, digest_size=16).hexdigest() != facts.digest:
        raise CorruptError(f"{name} of this installation is not the one that files depend on")
    return unpack_weights("int", [shape.tensors() for shape in shapes_of(prior)], data)


def forget_prior() -> None:
    """Priors are read from their files again when they are next asked for."""
    all_networks.cache_clear()


def numbers_of(of: Networked) -> list[int]:
    """Which of a prior's networks others start from: trunk A, trunk B and plane INR of each
    channel, in coding order."""
    found: list[int] = []
    for kind in of.kinds:
        at = 3 * (POSITIONS * of.conversion + kind.references)
        found += range(at, at + 3)
    return found


def prior_networks(of: Networked, prior: int) -> list[Tensors]:
    """A prior of each network, in the order of numbers_of; of those that see other frames, too,
    without the inputs that are of these."""
    networks = all_networks(prior)
    return [networks[number] for number in numbers_of(of)]


def widened(tensors: Tensors, inputs: int) -> Tensors:
    """A network that takes no notice of the inputs that it has beyond those of `tensors`."""
    more = inputs - tensors["bypass"].values.shape[1]
    if not more:
        return tensors
    wide = {
        name: Tensor(np.pad(tensors[name].values, ((0, 0), (0, more))), tensors[name].shift)
        for name in ("w1", "bypass")
    }
    return {**tensors, **wide}


def add(prior: Tensors, changes: Tensors) -> Tensors:
    """The tensors that differ from a prior's by `changes`, at the finer of the two shifts. Raises
    CorruptError for factors whose product is too fine."""
    result = {}
    for name in TENSORS:
        start, change = prior[name], changes.get(name)
        if change is None:
            u, v = (changes[factor] for factor in factors(name))
            if u.shift + v.shift > MAX_SHIFT:
                raise CorruptError(f"the factors of {name} have shifts above {MAX_SHIFT} together")
            change = Tensor(u.values @ v.values, u.shift + v.shift)
        shift = max(start.shift, change.shift)
        if shift - change.shift > MOST_FINER:
            raise CorruptError(f"the changes to {name} are too coarse for the prior")
        values = (start.values << (shift - start.shift)) + (change.values << (shift - change.shift))
        result[name] = Tensor(values, shift)
    return result
