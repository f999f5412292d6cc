"""Components of JPEGs, and their coefficients in the plain form and the compiled one on each
instruction set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest

from inrcodec import kernels
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.rangecoder import Decoder, Encoder
from inrcodec.context.networks import Network, Tensor
from inrcodec.jpeg.coefficients import compiled
from inrcodec.jpeg.coefficients.frequencies import Frequency
from inrcodec.jpeg.coefficients.inputs import PAD, Known
from inrcodec.jpeg.coefficients.layout import Component, lay_out, levels_of
from inrcodec.jpeg.coefficients.prior import DEFAULT_PRIOR, network_shape, prior_networks
from inrcodec.jpeg.coefficients.traversal import traverse, used_networks, walk
from inrcodec.source.jpeg import find
from tests.context.forms import ISAS, random_tensors
from tests.jpeg.files import pillow
from tests.pictures import scene

FORMS: tuple[str | None, ...] = (None, *ISAS)
Networks = dict[int, Network]


@contextmanager
def in_form(isa: str | None) -> Iterator[None]:
    """Has everything use the library's instruction set; None: do without the library."""
    library = None if isa is None else kernels.Library(kernels.library_path(), isa)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "library", lambda: library)
        yield


@dataclass(frozen=True)
class Parts:
    """Components, and int16 (rows, cols, 64) of each."""

    components: list[Component]
    coefficients: list[np.ndarray]

    @classmethod
    def of(cls, coefficients: Sequence[np.ndarray], steps: Sequence[np.ndarray]) -> Parts:
        shapes = [(own.shape[0], own.shape[1]) for own in coefficients]
        levels = [levels_of(own) for own in coefficients]
        return cls(lay_out(shapes, steps, levels), list(coefficients))

    @classmethod
    def of_file(cls, data: bytes) -> Parts:
        found = find(data, "it")
        return cls.of(found.coefficients, list(found.markers.quantisation))

    @property
    def direct(self) -> list[np.ndarray]:
        return [own[:, :, 0].astype(np.int32) for own in self.coefficients]


def opencv(image: np.ndarray, factors: int, quality: int = 75, *more: int) -> bytes:
    options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factors, cv2.IMWRITE_JPEG_QUALITY, quality, *more]
    return cv2.imencode(".jpg", image, options)[1].tobytes()


@cache
def files() -> dict[str, bytes]:
    """Small JPEG files, by what they are."""

    def rgb(height: int, width: int) -> np.ndarray:
        return scene(height, width, 3, np.uint8)

    noise = np.random.default_rng(0).integers(0, 256, (20, 23, 3), dtype=np.uint8)
    return {
        "grey": pillow(scene(17, 33, 1, np.uint8), quality=60),
        "444": pillow(rgb(9, 20), quality=90, subsampling=0),
        "422": pillow(rgb(9, 25), quality=30, subsampling=1),
        "420": pillow(rgb(18, 33), quality=75, subsampling=2),
        "440": opencv(rgb(18, 9), 0x121111, 85),
        "411": opencv(rgb(9, 40), 0x411111, 85),
        "cmyk": pillow(scene(9, 7, 4, np.uint8), "CMYK", quality=90),
        "coarse": pillow(noise, quality=5),
        "fine": pillow(noise[:8, :9], quality=100, subsampling=0),
        "flat": pillow(np.full((30, 30, 3), (200, 90, 20), np.uint8), quality=80),
        "block": pillow(scene(8, 8, 1, np.uint8), quality=90),
        "blocks": pillow(rgb(8, 8), quality=90),
        "pixel": pillow(rgb(1, 1), quality=95),
        "row": pillow(rgb(1, 40), quality=85),
        "column": pillow(rgb(40, 1), quality=85, subsampling=1),
        "progressive": pillow(rgb(21, 34), quality=85, progressive=True),
    }


LARGE = (0, 1, -1, 2, 7, -8, 9, 63, -500, 1023, -2047, 8191, -12288, 14335, 14336, -16382, 16383,
         -16383)  # fmt: skip


def large(seed: int, shapes: Sequence[tuple[int, int]], step: int) -> Parts:
    """Coefficients of any size, under quantisation steps up to one."""
    rng = np.random.default_rng(seed)
    coefficients, steps = [], []
    for shape in shapes:
        values = rng.choice(LARGE, (*shape, 64)) * (rng.random((*shape, 64)) < rng.random(64))
        values[:, :, 0] = rng.choice((32767, -32767, 0, 5), shape)
        coefficients.append(values.astype(np.int16))
        steps.append(rng.integers(0, step, 64, endpoint=True).astype(np.uint16))
    return Parts.of(coefficients, steps)


def of_prior(components: Sequence[Component]) -> Networks:
    """Those of the prior as it is."""
    tensors = prior_networks(DEFAULT_PRIOR)
    return {
        n: Network(network_shape(n), tensors[n], numpy_backend()) for n in used_networks(components)
    }


def at_random(components: Sequence[Component], seed: int, size: float) -> Networks:
    """Networks at random; see tests.context.forms.random_tensors."""
    rng = np.random.default_rng(seed)
    shapes = {n: network_shape(n) for n in used_networks(components)}
    return {n: Network(s, random_tensors(s, rng, size), numpy_backend()) for n, s in shapes.items()}


def of_mixture(components: Sequence[Component], outputs: Sequence[int]) -> Networks:
    """Networks with these outputs, whatever they see."""
    found = {}
    for number in used_networks(components):
        shape = network_shape(number)
        tensors = {n: Tensor(np.zeros(s, np.int64), 0) for n, s in shape.tensors().items()}
        tensors["b3"] = Tensor(np.array(outputs, np.int64), 10)
        found[number] = Network(shape, tensors, numpy_backend())
    return found


def coded(parts: Parts, networks: Networks, bands: int = 1, threads: int = 1) -> list[list[bytes]]:
    """The streams of each component in the form in use."""
    coders = [[Encoder() for _ in range(bands)] for _ in parts.components]
    with Workers(numpy_backend(), threads) as workers:
        made = traverse(
            workers, parts.components, parts.direct, networks, coders, parts.coefficients
        )
    assert all(map(np.array_equal, made, parts.coefficients))
    return [[coder.finish() for coder in own] for own in coders]


def decoded(
    parts: Parts, networks: Networks, streams: list[list[bytes]], threads: int = 1
) -> list[np.ndarray]:
    """The coefficients of streams in the form in use."""
    coders = [list(map(Decoder, own)) for own in streams]
    with Workers(numpy_backend(), threads) as workers:
        return traverse(workers, parts.components, parts.direct, networks, coders)


def hold_together(parts: Parts, networks: Networks, bands: int = 1) -> list[list[bytes]]:
    """All forms write the same bytes, and each compiled one reads them; returns them. Of the plain
    form golden files prove that."""
    written: list[list[list[bytes]]] = []
    for isa in FORMS:
        with in_form(isa):
            for threads in (1,) if isa is None or bands == 1 else (1, 3):
                written.append(coded(parts, networks, bands, threads))
                assert written[-1] == written[0], isa
                if isa is None:
                    continue
                found = decoded(parts, networks, written[0], threads)
                assert all(map(np.array_equal, found, parts.coefficients)), isa
                assert all(own.dtype == np.int16 for own in found)
    return written[0]


def seen(parts: Parts, threads: int = 1) -> list[Any]:
    """All that the form in use knows and sees at each step, as integers."""
    found: list[Any] = []

    def look(number: int, known: Known | compiled.CompiledKnown, f: Frequency, step: int) -> None:
        inputs = known.inputs(f, step)
        inputs = inputs.T if isinstance(known, Known) else inputs
        assert np.abs(inputs.astype(int)).max(initial=0) <= 32767
        found.append((number, f.place, step, inputs.astype(np.int16), *_state(known)))

    with Workers(numpy_backend(), threads) as workers:
        walk(workers, parts.components, parts.direct, look, parts.coefficients)
    return found


def _state(known: Known | compiled.CompiledKnown) -> list[np.ndarray]:
    """What is kept of blocks besides their coefficients, without what is around them."""
    if isinstance(known, Known):
        ring = known._recent + known._nearby
        own = [known._recent, known._count, known._run, known._total, known._nearby, ring]
    else:
        own = list(known._planes)
    rows, cols = slice(PAD, PAD + known.rows), slice(PAD, PAD + known.cols)
    planes = [*own, *known._edges.reshape(32, *own[0].shape)]
    planes += [plane for each in known._products for plane in each]
    return [plane[rows, cols].astype(np.int64) for plane in planes]


def alike(one: list[Any], other: list[Any]) -> bool:
    """Whether two of seen()'s are."""
    return len(one) == len(other) and all(
        a[:3] == b[:3] and all(map(np.array_equal, a[3:], b[3:]))
        for a, b in zip(one, other, strict=True)
    )
