"""The shipped priors: networks trained on other photographs (training/prior.py), to start from.

A file that names a prior holds what its networks add to the prior's weights; without a fit that is
nothing at all. The priors never change: files depend on them.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

from .errors import CorruptError
from .layout import Layout
from .networks import TENSORS, Tensor
from .traversal import plane_shape, trunk_shape
from .weights import Tensors, unpack_weights

NEWEST = 2  # what encoders use
# Of each prior as files name it: BLAKE2b-128 of its file, and whether trunks see windows.py's sums.
PRIORS = {
    1: ("30186a5e9546098a35b855283f0d2ea5", False),
    2: ("9330d2ec359e3b1af00b4485bac6ce75", True),
}
TRUNK_WIDTH, PLANE_WIDTH = 32, 16
POSITIONS = 3  # networks for channels with 0, 1 and 2 references,
CONVERSIONS = 2  # of G, R, B and of Y, Cb, Cr


def has_windows(prior: int) -> bool:
    """Whether trunk INRs of a prior, or of none (0), see the statistics of windows.py."""
    return prior in PRIORS and PRIORS[prior][1]


@cache
def _networks(prior: int) -> list[Tensors]:
    name, (digest, windows) = f"prior{prior}.bin", PRIORS[prior]
    data = resources.files(__package__).joinpath(name).read_bytes()
    if hashlib.blake2b(data, digest_size=16).hexdigest() != digest:
        raise CorruptError(f"{name} of this installation is not the one that files depend on")
    shapes = []
    for _ in range(CONVERSIONS):
        for references in range(POSITIONS):
            shapes += [trunk_shape(references, TRUNK_WIDTH, windows)] * 2
            shapes.append(plane_shape(references, PLANE_WIDTH))
    return unpack_weights("int", shapes, data)


def prior_networks(layout: Layout, prior: int) -> list[Tensors]:
    """A prior of each of a file's networks: trunk A, trunk B and plane INR of each channel with
    planes, in coding order."""
    found = []
    for channel in layout.channels:
        if channel.planes:
            at = 3 * (POSITIONS * (layout.conversion != 0) + len(channel.references))
            found += _networks(prior)[at : at + 3]
    return found


def add(prior: Tensors, changes: Tensors) -> Tensors:
    """The tensors that differ from a prior's by `changes`, at the finer of the two shifts."""
    result = {}
    for name in TENSORS:
        start, change = prior[name], changes[name]
        shift = max(start.shift, change.shift)
        values = (start.values << (shift - start.shift)) + (change.values << (shift - change.shift))
        result[name] = Tensor(values, shift)
    return result
