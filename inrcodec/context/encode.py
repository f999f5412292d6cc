"""Encoding with the context model: a representation, a fit from the prior, the traversal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..coding.backend import Workers, fitting_backend
from ..coding.rangecoder import Encoder
from ..coding.weights import pack_weights
from ..container.linr import LinrFile, Models
from ..decode import read_networks
from ..history.colour_table import Indexed
from ..history.jfif import JFIF, find_jfif, jfif_to_rgb, pack_exceptions
from ..history.value_ranks import Values, find_values, to_ranks
from ..progress import FIT_PLANES, FIT_TRUNKS, Progress
from .layout import Layout, choose_layout
from .prior import MAX_RANK, QUICK, THOROUGH, is_wide, prior_networks
from .traversal import traverse

# Passes over the pixels by effort: each level about doubles the time.
EPOCHS = {1: 0, 2: 2, 3: 5, 4: 12, 5: 28, 6: 45, 7: 70, 8: 100, 9: 140}
MIN_EPOCHS = 2  # where there is no prior
# From here on fits start from the large networks, which take longer: of images that have pixels
# enough to fit them, and few enough that anyone's limit of multiply-adds allows to decode them.
THOROUGH_EFFORT, THOROUGH_PIXELS = 6, range(40_000, (1 << 27) + 1)
PLANE_STEPS = (60, 10, 2000)  # batches for the plane INRs: at least, per epoch, at most
# Under a time limit: passes over the image that come after the fit, the trunks' share of the fit.
AFTER_FIT, TRUNKS_SHARE, MIN_SECONDS = 3.5, 0.85, 0.5
PLAIN_WIDTH = 16  # of networks without a prior
# So many pixels pay for each rank of the changes to a prior, up to a rank; from there on for this.
PIXELS_PER_RANK, SMALL_RANKS, LARGE_RANK = 60_000, 5, {QUICK: MAX_RANK, THOROUGH: 16}

# Makes a file of what was coded: adds the digest and what goes with the image, and packs it.
Seal = Callable[[LinrFile], bytes]


@dataclass(frozen=True)
class Coded:
    """An image as the networks see it: the layout, the samples there, and what leads back."""

    layout: Layout
    samples: np.ndarray  # shape and dtype as the image's but for a table's indices, uint8 (H, W)
    exceptions: bytes = b""  # to the layout's colour conversion
    values: Values = ()  # of which the samples are ranks
    table: np.ndarray | None = None  # of which they are indices


def representations(
    image: np.ndarray, wide: bool = False, indexed: Indexed | None = None
) -> list[Coded]:
    """The ways to code an image: without its colour history; as ranks if they may pay; and as
    indices if it has few colours."""
    planes, values = find_jfif(image), find_values(image)
    if planes is None:
        found = [Coded(choose_layout(image, wide=wide), image)]
    else:
        exceptions = pack_exceptions(image[:, :, :3], jfif_to_rgb(planes[:, :, :3]))
        found = [Coded(choose_layout(planes, JFIF, wide), planes, exceptions)]
    if any(used is not None for used in values):
        ranks = to_ranks(image, values)
        found.append(Coded(choose_layout(ranks, wide=wide), ranks, values=values))
    if indexed is not None:
        table, indices = indexed
        found.append(Coded(choose_layout(indices, wide=wide), indices, table=table))
    return found


def choose_rank(pixels: int, prior: int) -> int:
    """The rank of an image's changes to a prior."""
    rank = max(1, pixels // PIXELS_PER_RANK)
    return rank if rank <= SMALL_RANKS else LARGE_RANK[prior]


def choose_models(form: str, effort: int, pixels: int) -> Models:
    """What the fit to an image starts from."""
    if form != "int":
        return Models(form, PLAIN_WIDTH, PLAIN_WIDTH)
    thorough = effort >= THOROUGH_EFFORT and pixels in THOROUGH_PIXELS
    return Models.of_prior(THOROUGH if thorough else QUICK)


def encode_context(
    image: np.ndarray,
    indexed: Indexed | None,
    effort: int,
    form: str,
    seed: int,
    device: str,
    threads: int,
    deadline: float,
    tell: Callable[[Progress], None],
    seal: Seal,
) -> bytes:
    """The context file of an image: its samples, and as indices if its colours are few; the other
    arguments are encode's. deadline: of time.monotonic()."""
    models = choose_models(form, effort, image.shape[0] * image.shape[1])
    quick = Models.of_prior(QUICK)
    ways = representations(image, is_wide(models.prior), indexed)
    epochs = EPOCHS[effort] if models.prior else max(EPOCHS[effort], MIN_EPOCHS)
    # whether there is a CUDA device is torch's to say, which takes longer than effort 1 does
    backend = fitting_backend("cpu" if device == "auto" and not epochs else device)
    size: float | None = None

    def fitting(fraction: float, bpsp: float) -> None:
        nonlocal size
        size = bpsp
        tell(Progress("fit", FIT_TRUNKS * fraction, bpsp))

    def correcting(fraction: float, _: float) -> None:
        tell(Progress("fit", FIT_TRUNKS + (FIT_PLANES - FIT_TRUNKS) * fraction, size))

    def file(way: Coded, models: Models, weights: bytes) -> bytes:
        # coded with the weights that a decoder will read, not with those that were packed
        networks = read_networks(way.layout, models, weights, backend)
        encoder = Encoder()
        traverse(backend, workers, way.layout, networks, encoder, way.samples)
        return seal(
            LinrFile(
                "", way.layout, b"", models, weights, encoder.finish(), way.exceptions, way.values,
                table=way.table,
            )
        )  # fmt: skip

    with Workers(backend, threads) as workers:
        candidates, reserve, way = [], 0.0, ways[-1]
        if models.prior:
            # a fit may lose, where the image is small; and the prior knows which way to go
            started = time.monotonic()
            unchanged = [file(way, quick, b"") for way in ways]
            candidates = [min(unchanged, key=len)]
            way = ways[unchanged.index(candidates[0])]
            reserve = AFTER_FIT * (time.monotonic() - started)
            reserve *= models.trunk_width / quick.trunk_width
        layout = way.layout
        samples = way.samples.reshape(layout.height, layout.width, -1)
        prior = prior_networks(layout, models.prior) if models.prior else None
        rank = choose_rank(layout.height * layout.width, models.prior) if prior else 0
        left = deadline - time.monotonic() - reserve
        if epochs and (left > 0 or not candidates):
            # torch is for encoders that fit
            from .fit import Plan, fit_planes, fit_trunks

            plan = Plan(
                epochs,
                models.trunk_width,
                models.plane_width,
                min(PLANE_STEPS[0] + PLANE_STEPS[1] * epochs, PLANE_STEPS[2]),
                form,
                seed,
                prior,
                rank,
                max(left, MIN_SECONDS) * TRUNKS_SHARE,
                max(left, MIN_SECONDS) * (1 - TRUNKS_SHARE),
            )
            trunks = fit_trunks(backend, workers, layout, samples, plan, fitting)
            planes = fit_planes(backend, workers, layout, samples, trunks, plan, correcting)
            pairs = zip(trunks, planes, strict=True)
            tensors = [tensor for (a, b), plane in pairs for tensor in (a, b, plane)]
            tell(Progress("code", FIT_PLANES, size))
            candidates.append(file(way, replace(models, rank=rank), pack_weights(form, tensors)))
    return min(candidates, key=len)
