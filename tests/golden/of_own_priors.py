"""Golden files that start from priors of one's own, and these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from inrcodec import Picture, Prior
from inrcodec.context.networks import Tensor
from inrcodec.context.prior import shapes_of
from inrcodec.history.jfif import Jfif
from tests.golden.recipes import Made, Recipe, context
from tests.pictures import jpeg_scene, scene

FOLDER = Path(__file__).parent


def changed_prior(base: int, rank: int, numbers: tuple[int, ...]) -> Prior:
    """A shipped prior with small changes at random to some networks."""
    rng, shapes = np.random.default_rng(base), shapes_of(base)
    changes = {
        number: {
            name: Tensor(rng.integers(-1, 2, size) * (rng.random(size) < 0.05), 5)
            for name, size in shapes[number].changes(rank).items()
        }
        for number in numbers
    }
    return Prior.of(base, rank, changes)


def own_priors() -> Iterator[Made]:
    """Some networks changed by factors, and some whole; images that use these, others, and both."""
    for base, rank, numbers in ((1, 2, (0, 1, 2, 4, 5)), (2, 64, (0, 2))):
        prior = changed_prior(base, rank, numbers)
        (FOLDER / f"own{base}.prior").write_bytes(prior.data)
        for name, image, recipe in (
            ("grey8", scene(22, 27, 1, np.uint8), Recipe()),
            ("rank2_rgb16", scene(18, 21, 3, np.uint16), Recipe(rank=2, random=(2, 7))),
            ("jfif_rgb8", jpeg_scene(20, 18), Recipe(steps=(Jfif,))),
        ):
            data = context(image, replace(recipe, prior=prior))
            yield f"own_prior_{base}_{name}", Picture(image), data
