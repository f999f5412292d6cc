"""The shipped prior: networks trained on other photographs (training/prior.py), to start from.

A file that names a prior holds what its networks add to the prior's weights; without a fit that is
nothing at all. prior1.bin never changes: files depend on it.
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

PRIOR = 1  # as files name it
TRUNK_WIDTH, PLANE_WIDTH = 32, 16
POSITIONS = 3  # networks for channels with 0, 1 and 2 references,
CONVERSIONS = 2  # of G, R, B and of Y, Cb, Cr
DIGEST = "30186a5e9546098a35b855283f0d2ea5"  # BLAKE2b-128 of prior1.bin


@cache
def _networks() -> list[Tensors]:
    data = resources.files(__package__).joinpath("prior1.bin").read_bytes()
    if hashlib.blake2b(data, digest_size=16).hexdigest() != DIGEST:
        raise CorruptError("prior1.bin of this installation is not the one that files depend on")
    shapes = []
    for _ in range(CONVERSIONS):
        for references in range(POSITIONS):
            shapes += [trunk_shape(references, TRUNK_WIDTH)] * 2
            shapes.append(plane_shape(references, PLANE_WIDTH))
    return unpack_weights("int", shapes, data)


def prior_networks(layout: Layout) -> list[Tensors]:
    """The prior of each of a file's networks: trunk A, trunk B and plane INR of each channel with
    planes, in coding order."""
    found = []
    for channel in layout.channels:
        if channel.planes:
            at = 3 * (POSITIONS * (layout.conversion != 0) + len(channel.references))
            found += _networks()[at : at + 3]
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
