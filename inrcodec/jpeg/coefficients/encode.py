"""Encoding coefficients: the DC ones as an image, a fit from the prior, the traversal."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ...coding.backend import Workers, can_fit, fitting_backend, numpy_backend
from ...coding.rangecoder import Encoder
from ...context.encode import code, encode_context
from ...context.file import ContextImage, Models
from ...context.layout import choose_layout
from ...context.prior import QUICK
from ...context.scans import pack_streams
from ...history.chain import Chain
from ...history.planes import Planes
from ...options import FitOptions
from ...progress import FIT_PLANES, FIT_TRUNKS, Progress
from .direct import direct_parts, direct_planes
from .file import MAX_STREAMS, CoefficientImage, read_networks
from .fit import Plan, fit_networks
from .layout import lay_out, levels_of
from .prior import DEFAULT_PRIOR
from .traversal import traverse

BLOCKS_PER_STREAM = 1 << 11
RANK = 1


@dataclass(frozen=True)
class Effort:
    """How an effort fits, if it does: how many samples of each network, how many times it sees
    each, at what rate; of how many fits the best is taken."""

    samples: int
    passes: float
    rate: float
    tries: int = 1


# Each takes about twice the time of the one before.
EFFORTS = {
    1: Effort(0, 0, 0),
    2: Effort(1 << 13, 1.5, 2e-2),
    3: Effort(1 << 14, 3, 2e-2),
    4: Effort(1 << 16, 4, 1.5e-2),
    5: Effort(1 << 17, 6, 1e-2),
    6: Effort(1 << 18, 8, 1e-2),
    7: Effort(1 << 19, 12, 1e-2),
    8: Effort(1 << 19, 24, 1e-2),
    9: Effort(1 << 19, 24, 1e-2, 2),
}

# Makes a file of what was coded.
Seal = Callable[[Chain, CoefficientImage], bytes]


def encode_coefficients(chain: Chain, options: FitOptions, seal: Seal) -> bytes:
    """The file of a chain that ends with coefficients."""
    planes, tell = chain.planes, options.tell
    blocks, coefficients = planes.geometry.blocks, planes.channels
    quiet = replace(options, tell=lambda _: None)
    levels = [levels_of(own) for own in coefficients]
    shapes = [(own.rows, own.cols) for own in blocks]
    components = lay_out(shapes, [own.table() for own in blocks], levels)
    effort = EFFORTS[options.effort]
    changes, image_of_direct = b"", direct_planes(blocks, coefficients)
    fits = effort.samples > 0 and can_fit()
    with Workers(numpy_backend(), options.threads) as workers:
        if fits:
            direct = _fit_direct(image_of_direct, quiet)
        else:
            quick = Models.of_prior(QUICK)
            direct = code(image_of_direct, choose_layout(image_of_direct), quick, b"", workers)
        left = options.deadline - time.monotonic()
        if fits and left > 0:
            plan = Plan(
                effort.samples,
                effort.passes,
                effort.rate,
                effort.tries,
                RANK,
                options.seed,
                DEFAULT_PRIOR,
                left / 2 if math.isfinite(left) else math.inf,
            )

            def fitting(fraction: float, bits: float) -> None:
                tell(Progress("fit", FIT_TRUNKS * fraction, bits))

            backend = fitting_backend("cpu" if options.device == "auto" else options.device)
            changes = fit_networks(backend, workers, components, coefficients, plan, fitting)
        tell(Progress("code", FIT_PLANES, None))
        networks = read_networks(components, DEFAULT_PRIOR, RANK, changes, numpy_backend())
        coders = [
            [Encoder() for _ in range(min(MAX_STREAMS, -(-r * c // BLOCKS_PER_STREAM)))]
            for r, c in shapes
        ]
        given = direct_parts(blocks, image_of_direct)
        traverse(workers, components, given, networks, coders, coefficients)
    image = CoefficientImage(
        planes.geometry,
        tuple(tuple(own.tolist()) for own in levels),
        direct,
        DEFAULT_PRIOR,
        RANK if changes else 0,
        changes,
        tuple(map(pack_streams, coders)),
    )
    return seal(chain, image)


def _fit_direct(planes: Planes, options: FitOptions) -> ContextImage:
    """The DC coefficients as the context model codes them."""
    found: dict[bytes, ContextImage] = {}

    def seal(_: Chain, image: ContextImage) -> bytes:
        size = len(image.weights) + len(image.data)
        name = size.to_bytes(8, "big") + bytes(size)  # of which the shortest is taken
        found[name] = image
        return name

    return found[encode_context([Chain((), planes)], options, seal)]
