"""The shipped prior: networks trained on other JPEGs (training/coefficients.py), to start from."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

from ...coding.weights import Tensors, unpack_weights
from ...context.mixture import OUTPUTS
from ...context.networks import TRUNK_INPUT_BITS, Shape
from ...errors import CorruptError
from .frequencies import NETWORKS, references_of
from .inputs import input_count

WIDTH = 64
# BLAKE2b-128 of the file of each prior.
PRIORS = {1: "e52d03487fa4aa29ca6053a6a917cf90"}
DEFAULT_PRIOR = 1


def network_shape(number: int) -> Shape:
    """That of a network (frequencies.network_number); the bypass reaches the means."""
    inputs = input_count(references_of(number))
    return Shape(inputs, WIDTH, OUTPUTS, OUTPUTS // 3, TRUNK_INPUT_BITS)


@cache
def prior_networks(prior: int) -> list[Tensors]:
    """A prior of each network."""
    data = resources.files(__package__).joinpath(f"prior{prior}.bin").read_bytes()
    if hashlib.blake2b(data, digest_size=16).hexdigest() != PRIORS[prior]:
        raise CorruptError(f"prior{prior}.bin of this installation is not the one of the files")
    return unpack_weights("int", [network_shape(n).tensors() for n in range(NETWORKS)], data)
