"""How the golden context files are made where the encoder does not make them so by itself, and the
pictures that they are of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from inrcodec import Picture
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.rangecoder import Encoder
from inrcodec.coding.weights import pack_weights
from inrcodec.contents import Contents, pack, planes_of
from inrcodec.context.file import ContextImage, Models, network_shapes, read_networks
from inrcodec.context.fit import Material, Plan, fit_planes, fit_trunks
from inrcodec.context.layout import Layout, choose_layout
from inrcodec.context.networks import Tensor
from inrcodec.context.own_prior import Prior
from inrcodec.context.samples import Scene
from inrcodec.context.scans import ScanEncoder
from inrcodec.context.traversal import traverse
from inrcodec.files.picture import digest
from inrcodec.history.chain import Chain
from inrcodec.history.planes import Planes
from inrcodec.history.step import Step
from tests.pictures import (
    scene,
)

KINDS = ("grey", "grey_alpha", "rgb", "rgba")

Made = tuple[str, Picture, bytes]  # name, what it is of, file


@dataclass(frozen=True)
class Recipe:
    """How a context file is made where the encoder does not make it so by itself.

    form, widths: of networks that are fitted, of a trunk and a plane INR; random: instead, they or
    the changes to a prior are at random, of that magnitude at most, with that shift. prior, rank:
    as in the file; without a rank the prior is as it is. steps: of its chain. exponent: another
    than the encoder's. streams: how many each data section has, if not as the encoder chooses.
    """

    form: str = "int"
    widths: tuple[int, int] = (5, 4)
    random: tuple[int, int] | None = None
    prior: int | Prior = 0
    rank: int = 0
    steps: tuple[type[Step], ...] = ()
    exponent: int | None = None
    streams: tuple[int, ...] = ()


def context(image: np.ndarray | Picture, recipe: Recipe) -> bytes:
    """The context file of a picture."""
    picture = image if isinstance(image, Picture) else Picture(image)
    chain, backend = chained(picture, recipe.steps), numpy_backend()
    planes, layout = chain.planes, choose_layout(chain.planes)
    if recipe.exponent is not None:
        layout = replace(layout, exponent=recipe.exponent)
    made = Models(recipe.form, *recipe.widths)
    if recipe.prior:
        made = Models.of_prior(recipe.prior, recipe.rank)
    scans = ScanEncoder(planes.geometry.height, planes.geometry.width)
    if recipe.streams:
        scans.coders = [[Encoder() for _ in range(count)] for count in recipe.streams]
    with Workers(backend, 1) as workers:
        weights = b""
        if recipe.random is not None:
            weights = random_weights(layout, made, *recipe.random)
        elif not recipe.prior:
            weights = fitted_weights(layout, planes, made, workers)
        priors = [recipe.prior] if isinstance(recipe.prior, Prior) else []
        networks = read_networks(layout, made, weights, backend, priors)
        traverse(backend, workers, layout, networks, scans, planes)
    payloads = tuple(scans.finish())
    return sealed(picture, chain, ContextImage(layout, made, weights, payloads, len(payloads)))


def chained(picture: Picture, steps: tuple[type[Step], ...]) -> Chain:
    """A picture's planes after steps, each of which applies."""
    chain = Chain((), planes_of(picture))
    for step in steps:
        longer = chain.then(step)
        assert longer is not None, step.name
        chain = longer
    return chain


def sealed(picture: Picture, chain: Chain, model: Any) -> bytes:
    """The file of a picture whose planes a model has coded."""
    geometry, samples = planes_of(picture).geometry, digest(picture.samples)
    contents = Contents(geometry, samples, picture.type, picture.metadata, chain.steps, model)
    return pack(replace(contents, left_out=picture.left_out, source=picture.source))


def fitted_weights(layout: Layout, planes: Planes, made: Models, workers: Workers) -> bytes:
    """Networks after a short fit from nothing."""
    if not any(channel.planes for channel in layout.channels):
        return pack_weights(made.form, [])
    backend = numpy_backend()
    plan = Plan(5, 40, made.trunk_width, made.plane_width, 60, made.form, 0)
    material = Material.alone(Scene(layout, planes))
    trunks = fit_trunks(backend, workers, material, plan, lambda *_: None)
    corrections = fit_planes(backend, workers, material, trunks, plan, lambda *_: None)
    pairs = zip(trunks, corrections, strict=True)
    return pack_weights(made.form, [t for (a, b), plane in pairs for t in (a, b, plane)])


def random_weights(layout: Layout, made: Models, most: int, shift: int) -> bytes:
    """Networks, or changes to a prior, at random; biases have shifts of at most 10, outputs and
    bypasses of networks without a prior 4 or more, as the format bounds both."""
    rng, networks = np.random.default_rng(most), []
    for shape in network_shapes(layout, made):
        sizes = shape.changes(made.rank) if made.rank else shape.tensors()
        tensors = {}
        for name, size in sizes.items():
            values = rng.integers(-most, most, size, endpoint=True)
            own = max(shift, 4) if name in ("w3", "bypass") and not made.prior else shift
            tensors[name] = Tensor(values, min(own, 10) if name in ("b1", "b2", "b3") else own)
        networks.append(tensors)
    return pack_weights(made.form, networks)


def shallow(height: int, width: int, channels: int, shift: int) -> np.ndarray:
    """A scene of few values."""
    return scene(height, width, channels, np.uint8) >> shift


def kinds(height: int, width: int) -> Iterator[tuple[str, np.ndarray]]:
    """A scene of each number of channels and 8, 12 and 16 bits."""
    for channels, kind in enumerate(KINDS, 1):
        for bits in (8, 12, 16):
            image = scene(height, width, channels, np.uint8 if bits == 8 else np.uint16, channels)
            yield f"{kind}{bits}", image >> 4 if bits == 12 else image


def with_alpha(image: np.ndarray) -> np.ndarray:
    """An RGB picture with the alpha channel of a scene."""
    return np.dstack([image, scene(*image.shape[:2], 4, np.uint8)[:, :, 3]])


def spoilt(image: np.ndarray) -> np.ndarray:
    """A picture with some pixels, alone and in runs, that no JPEG decodes to."""
    image = image.copy()
    pixels = image.reshape(-1, 3)
    pixels[11:14] = (255, 0, 255)
    pixels[40:400:90] = (0, 255, 0)
    pixels[-1] = (200, 20, 30)
    return image
