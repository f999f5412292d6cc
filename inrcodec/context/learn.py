"""Learning a prior of one's own from alike images: the changes to a shipped prior's networks that
suit all of them, fitted as an encode fits those of one image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..coding.backend import Workers, can_fit, fitting_backend
from ..coding.weights import Tensors
from ..errors import DeviceError
from ..options import FitOptions
from ..progress import Progress
from .fit import PLANE_BATCH, Material, Plan, fit_planes, fit_trunks
from .layout import Kind
from .own_prior import Prior
from .prior import CONVERSIONS, POSITIONS, PRIORS, THOROUGH, all_networks, is_fine, numbers_of
from .samples import Scene

BASE, RANK = THOROUGH, 16
# Of each network: about so many samples of all images together, which it sees so many times, in
# batches of so many, and in so many of these at least.
SAMPLES, PASSES, BATCH, LEAST_STEPS = 1 << 20, 20, 2048, 500
TRUNKS = 0.9  # of the time is theirs, roughly


def learn(images: Sequence[Scene], options: FitOptions) -> Prior:
    """A prior that was learnt from images; options: device, seed, threads and tell count. On the
    CPU it needs no torch. Raises DeviceError where there is nothing to fit with."""
    if not can_fit():
        raise DeviceError("to learn a prior needs the compiled loops, or torch")
    backend = fitting_backend(options.device)
    # seats are those of a prior, three networks each, of which those are fitted that an image has
    prior, widths = all_networks(BASE), PRIORS[BASE]
    seats = [number // 3 for number in sorted({n for i in images for n in numbers_of(i.layout)})]
    seats = list(dict.fromkeys(seats))
    kinds = [_kind(seat) for seat in seats]
    material = Material(images, kinds, [_seats(image, seats) for image in images])
    plan = Plan(
        PASSES, LEAST_STEPS, widths.trunk_width, widths.plane_width,
        max(LEAST_STEPS, PASSES * SAMPLES // PLANE_BATCH), "int", options.seed,
        [prior[3 * seat + n] for seat in seats for n in range(3)], RANK,
        samples=SAMPLES, batch=BATCH,
    )  # fmt: skip

    def part(begin: float, end: float) -> Callable[[float, float], None]:
        def report(fraction: float, bits: float) -> None:
            options.tell(Progress("fit", begin + (end - begin) * fraction, bits))

        return report

    with Workers(backend, options.threads) as workers:
        trunks = fit_trunks(backend, workers, material, plan, part(0.0, TRUNKS))
        planes = fit_planes(backend, workers, material, trunks, plan, part(TRUNKS, 1.0))
    changes: dict[int, Tensors] = {}
    for seat, pair, plane in zip(seats, trunks, planes, strict=True):
        changes.update(zip(range(3 * seat, 3 * seat + 3), (*pair, plane), strict=True))
    return Prior.of(BASE, RANK, changes)


def _kind(seat: int) -> Kind:
    """Of the channels that have the networks of a prior from 3 * seat on."""
    conversion, references = divmod(seat, POSITIONS)
    assert conversion < CONVERSIONS
    return Kind(references, is_fine(conversion, references), 0)


def _seats(image: Scene, seats: list[int]) -> dict[int, int]:
    """Of each coded channel of an image, by its index, where its networks are among seats."""
    coded = [channel for channel in image.layout.channels if channel.planes]
    numbers = numbers_of(image.layout)[::3]
    return {c.index: seats.index(n // 3) for c, n in zip(coded, numbers, strict=True)}
