"""The fit of the coefficients' networks to a picture, from the prior."""

from __future__ import annotations

from ..context.parameters import Parameters


def start_mixture(parameters: Parameters) -> None:
    """Starts a network at a mixture around 0."""
    biases = [0.0, 0.0, 0.0, -2.0, 0.0, 2.0, 0.0, 0.0, 0.0]
    parameters.start(biases, [0.0] * parameters.shape.inputs)
