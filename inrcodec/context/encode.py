"""Encoding with the context model: a representation, a fit from the prior, the traversal."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..coding.backend import Workers, can_fit, fitting_backend, numpy_backend
from ..coding.weights import pack_weights
from ..history.chain import Chain
from ..history.planes import Planes
from ..options import LEAST_EFFORT, FitOptions
from ..progress import FIT_PLANES, FIT_TRUNKS, Progress
from .file import ContextImage, Models, read_networks, start_of
from .fit import Material, Plan, fit_planes, fit_trunks
from .layout import Layout, choose_layout
from .own_prior import Prior
from .prior import MAX_RANK, PRIORS, QUICK, THOROUGH
from .samples import Scene
from .scans import ScanEncoder
from .traversal import traverse


@dataclass(frozen=True)
class Effort:
    """How an effort fits: from which prior; how many times the trunk INRs see each sample; how many
    batches they see at least, and how many the plane INRs; of how many fits of each trunk INR the
    best is taken."""

    prior: int
    passes: float
    steps: int
    plane_steps: int
    tries: int = 1


# Each takes about twice the time of the one before.
EFFORTS = {
    1: Effort(QUICK, 1, 100, 40),
    2: Effort(QUICK, 8, 200, 150),
    3: Effort(THOROUGH, 10, 400, 300),
    4: Effort(THOROUGH, 18, 600, 400),
    5: Effort(THOROUGH, 34, 800, 500),
    6: Effort(THOROUGH, 70, 1200, 800),
    7: Effort(THOROUGH, 140, 1600, 1500),
    8: Effort(THOROUGH, 140, 1600, 2000, 2),
    9: Effort(THOROUGH, 140, 1600, 2000, 4),
}
# From here on a fit may run where CUDA is: to ask torch for it takes longer than lower efforts do.
CUDA_EFFORT = 4
# The large networks are for images that have pixels enough to fit them, and few enough that
# anyone's limit of multiply-adds allows to decode them.
THOROUGH_PIXELS = range(40_000, (1 << 27) + 1)
# From so many on a fit does better than the prior as it is.
SURE_PIXELS = 100_000
# Under a time limit: passes over the image that come after the fit, the trunks' share of the fit.
AFTER_FIT, TRUNKS_SHARE, MIN_SECONDS = 3.5, 0.85, 0.5
PLAIN_WIDTH, PLAIN_PASSES = 16, 2  # of networks without a prior; passes that these take more
# So many pixels pay for each rank of the changes to a prior, up to a rank; from there on for this,
# and so many for the largest.
PIXELS_PER_RANK, SMALL_RANKS = 60_000, 5
LARGE_RANK = {PRIORS[QUICK].trunk_width: MAX_RANK, PRIORS[THOROUGH].trunk_width: 16}
LARGEST_RANK_PIXELS = 900_000

# Makes a file of what was coded: adds the digest and what goes with the image, and packs it.
Seal = Callable[[Chain, ContextImage], bytes]


def choose_rank(pixels: int, width: int) -> int:
    """The rank of an image's changes to a prior of trunk INRs of a width."""
    rank = max(1, pixels // PIXELS_PER_RANK)
    if rank <= SMALL_RANKS:
        return rank
    return LARGE_RANK[width] if pixels < LARGEST_RANK_PIXELS else MAX_RANK


def choose_models(form: str, effort: int, pixels: int, own: Prior | None = None) -> Models:
    """What the fit to an image starts from; own: a prior that is to be used."""
    if own is not None:
        return Models.of_prior(own)
    if form != "int":
        return Models(form, PLAIN_WIDTH, PLAIN_WIDTH)
    prior = EFFORTS[effort].prior
    return Models.of_prior(prior if pixels in THOROUGH_PIXELS else QUICK)


def encode_context(chains: list[Chain], options: FitOptions, seal: Seal) -> bytes:
    """The smallest context file of an image: that of the chain for which the prior does best, as it
    is or after a fit. At the least effort a prior of one's own is taken as it is: it was fitted.
    seal: makes a file of a chain and its coded planes."""
    pixels, tell, own = _pixels(chains[-1]), options.tell, options.prior
    models = choose_models(options.weights, options.effort, pixels, own)
    quick = Models.of_prior(own or QUICK)
    ways = [(chain, choose_layout(chain.planes)) for chain in chains]
    least = options.effort == LEAST_EFFORT
    fitted = own is not None and least and all(own.covers(layout) for _, layout in ways)
    effort = EFFORTS[options.effort]
    early = options.device == "auto" and options.effort < CUDA_EFFORT
    backend = fitting_backend("cpu" if early else options.device)
    rate: float | None = None

    def fitting(fraction: float, bpsp: float) -> None:
        nonlocal rate
        rate = bpsp
        tell(Progress("fit", FIT_TRUNKS * fraction, bpsp))

    def correcting(fraction: float, _: float) -> None:
        tell(Progress("fit", FIT_TRUNKS + (FIT_PLANES - FIT_TRUNKS) * fraction, rate))

    with Workers(backend, options.threads) as workers:

        def file(way: tuple[Chain, Layout], models: Models, weights: bytes) -> bytes:
            chain, layout = way
            return seal(chain, code(chain.planes, layout, models, weights, workers, options.priors))

        candidates, reserve, way = [], 0.0, ways[-1]
        sure = len(ways) == 1 and pixels >= SURE_PIXELS and math.isinf(options.deadline)
        if models.prior and (fitted or not (sure and can_fit())):
            # a fit may lose, where the image is small; and the prior knows which way to go
            started = time.monotonic()
            unchanged = [file(way, quick, b"") for way in ways]
            candidates = [min(unchanged, key=len)]
            way = ways[unchanged.index(candidates[0])]
            pixels = _pixels(way[0])
            models = choose_models(options.weights, options.effort, pixels, own)
            reserve = AFTER_FIT * (time.monotonic() - started)
            slower = models.trunk_width / quick.trunk_width
            if options.deadline - time.monotonic() > 2 * slower * reserve:
                reserve *= slower
            else:  # there would be little time to fit the large networks
                models = quick
        chain, layout = way
        prior = start_of(layout, models, options.priors)
        rank = choose_rank(pixels, models.trunk_width) if prior else 0
        left = options.deadline - time.monotonic() - reserve
        if not candidates or (left > 0 and can_fit() and not fitted):
            plan = Plan(
                effort.passes if models.prior else effort.passes + PLAIN_PASSES,
                effort.steps,
                models.trunk_width,
                models.plane_width,
                effort.plane_steps,
                options.weights,
                options.seed,
                prior,
                rank,
                effort.tries,
                max(left, MIN_SECONDS) * TRUNKS_SHARE,
                max(left, MIN_SECONDS) * (1 - TRUNKS_SHARE),
            )
            material = Material.alone(Scene(layout, chain.planes))
            trunks = fit_trunks(backend, workers, material, plan, fitting)
            planes = fit_planes(backend, workers, material, trunks, plan, correcting)
            pairs = zip(trunks, planes, strict=True)
            tensors = [tensor for (a, b), plane in pairs for tensor in (a, b, plane)]
            tell(Progress("code", FIT_PLANES, rate))
            weights = pack_weights(options.weights, tensors)
            candidates.append(file(way, replace(models, rank=rank), weights))
    return min(candidates, key=len)


def _pixels(chain: Chain) -> int:
    """How many a chain leads to."""
    size = chain.planes.geometry
    return size.height * size.width


def code(
    planes: Planes,
    layout: Layout,
    models: Models,
    weights: bytes,
    workers: Workers,
    priors: Sequence[Prior] = (),
) -> ContextImage:
    """Planes coded with the weights that a decoder will read, not with those that were packed; on
    the CPU, wherever the fit was."""
    backend = numpy_backend()
    networks = read_networks(layout, models, weights, backend, priors)
    scans = ScanEncoder(planes.geometry.height, planes.geometry.width)
    traverse(backend, workers, layout, networks, scans, planes)
    payloads = tuple(scans.finish())
    return ContextImage(layout, models, weights, payloads, len(payloads))
