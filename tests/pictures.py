"""Small pictures for the tests, and a rough way to make a file without a fit."""

from __future__ import annotations

import numpy as np

from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.rangecoder import Encoder
from inrcodec.coding.weights import pack_weights
from inrcodec.container.linr import LinrFile, Models, pack
from inrcodec.context.encode import representations
from inrcodec.context.networks import Tensor
from inrcodec.context.prior import QUICK, is_wide
from inrcodec.context.traversal import traverse
from inrcodec.decode import digest, network_shapes, read_networks
from inrcodec.history.jfif import jfif_to_rgb


def scene(height: int, width: int, channels: int, dtype: type, seed: int = 0) -> np.ndarray:
    """A shaded disc on a gradient with some noise, its channels alike; alpha is a mask."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    y, x = y / max(height - 1, 1), x / max(width - 1, 1)
    disc = (y - 0.5) ** 2 + (x - 0.4) ** 2 < 0.1
    light = 0.2 + 0.5 * x * y + 0.25 * disc + rng.normal(0, 0.01, y.shape)
    planes = [light * (0.9 + 0.1 * k) + rng.normal(0, 0.003, y.shape) for k in range(channels)]
    if channels in (2, 4):
        planes[-1] = 1.0 - 0.5 * disc
    top = np.iinfo(dtype).max
    image = (np.clip(np.stack(planes, axis=-1), 0, 1) * top).astype(dtype)
    return image[:, :, 0] if channels == 1 else image


def jpeg_scene(height: int, width: int, exceptions: int = 0) -> np.ndarray:
    """An RGB picture as a JPEG decoder makes them, but for some pixels."""
    planes = scene(height, width, 3, np.uint8)
    planes[:, :, 1:] = planes[:, :, 1:] // 4 + 90
    image = jfif_to_rgb(planes)
    image.reshape(-1, 3)[5 : 5 + 7 * exceptions : 7] = (200, 20, 30)  # which no JPEG decodes to
    return image


def unfitted_file(image: np.ndarray, form: str = "int") -> bytes:
    """A context file whose networks have zero weights but for the plane INR's bypass: no fit, so
    the same bytes on every machine."""
    layout = representations(image)[-1].layout
    models = Models(form, 1, 1)
    networks = []
    for number, shape in enumerate(network_shapes(layout, models)):
        tensors = {n: Tensor(np.zeros(s, np.int64), 0) for n, s in shape.tensors().items()}
        if number % 3 == 2:
            tensors["bypass"].values[0, 0] = 1
        else:
            tensors["b3"].values[3:6] = 2  # log2 of the scales
        networks.append(tensors)
    return file_of(image, models, pack_weights(form, networks))


def changed_prior_file(image: np.ndarray, rank: int = 3, prior: int = QUICK) -> bytes:
    """A context file with small changes at random to a prior's weights."""
    models = Models.of_prior(prior, rank)
    layout, rng = representations(image, wide=True)[-1].layout, np.random.default_rng(0)
    networks = [
        {
            name: Tensor(rng.integers(-1, 2, size) * (rng.random(size) < 0.1), 3)
            for name, size in shape.changes(rank).items()
        }
        for shape in network_shapes(layout, models)
    ]
    return file_of(image, models, pack_weights("int", networks))


def file_of(image: np.ndarray, models: Models, weights: bytes) -> bytes:
    """The context file of an image under given weights."""
    backend, wide = numpy_backend(), is_wide(models.prior)
    way, encoder = representations(image, wide)[-1], Encoder()
    with Workers(backend, 1) as workers:
        read = read_networks(way.layout, models, weights, backend)
        traverse(backend, workers, way.layout, read, encoder, way.samples)
    data, hashed = encoder.finish(), digest(image)
    return pack(LinrFile("", way.layout, hashed, models, weights, data, way.exceptions, way.values))
