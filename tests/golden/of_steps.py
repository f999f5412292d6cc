"""Golden files of steps: value ranks, tables of colours, conversions, enlargement, and chains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from inrcodec import Picture
from inrcodec.history.chroma_search import Source
from inrcodec.history.colour_table import ColourTable
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.enlarged import Enlarged
from inrcodec.history.jfif import Jfif
from inrcodec.history.planes import Lattice
from inrcodec.history.subsampled import Subsampled
from inrcodec.history.upsampling import BICUBIC, COSITED, REPEATED, TRIANGLE
from inrcodec.history.value_ranks import ValueRanks
from tests.golden import models
from tests.golden.recipes import (
    Made,
    Recipe,
    chained,
    context,
    sealed,
    shallow,
    spoilt,
    with_alpha,
)
from tests.pictures import (
    chroma_planes,
    chroma_scene,
    enlarged,
    jpeg_scene,
    scene,
    subsampled_file,
)


def steps() -> Iterator[Made]:
    """Value ranks, tables of colours, conversions with exceptions, and chains of several steps."""
    grey = scene(30, 34, 1, np.uint8).astype(np.uint16) * np.uint16(257)
    rgb = shallow(30, 31, 3, 3).astype(np.uint16) * np.uint16(2113)
    gaps = shallow(24, 20, 2, 4) * np.uint8(16)
    few = np.indices((26, 25)).sum(axis=0).astype(np.uint8) // 3 % 7
    table8 = np.stack([few * 36, 255 - few * 20, few // 2 * 90], axis=-1)
    table16 = table8.astype(np.uint16) * np.uint16(200) + np.uint16(5)
    graphic = np.stack([few * 36, 255 - few], axis=-1)
    coarse = coarse_jpeg(40, 41)
    art = spoilt(enlarged(table8, 3, 4, 2, 1))
    large = enlarged(scene(27, 29, 4, np.uint16), 2, 1, 1)
    photo = enlarged(jpeg_scene(31, 24), 2, 3, 0, 2)
    photo[3:9, 5:11] = photo[40:46, 31:37]
    for name, image, recipe in (
        ("values_prior1_grey16", grey, Recipe(prior=1, steps=(ValueRanks,))),
        ("values_networks_grey16", grey, Recipe(steps=(ValueRanks,))),
        ("values_prior2_rgb16", rgb, Recipe(prior=2, steps=(ValueRanks,))),
        ("values_rank4_rgb16", rgb, Recipe(prior=1, rank=4, random=(2, 8), steps=(ValueRanks,))),
        ("values_grey_alpha8", gaps, Recipe(prior=1, steps=(ValueRanks,))),
        ("table_prior1_rgb8", table8, Recipe(prior=1, steps=(ColourTable,))),
        ("table_networks_rgb8", table8, Recipe(steps=(ColourTable,))),
        ("table_prior2_rgb16", table16, Recipe(prior=2, steps=(ColourTable,))),
        ("table_prior1_grey_alpha8", graphic, Recipe(prior=1, steps=(ColourTable,))),
        ("chain_values_table_rgb16", table16, Recipe(prior=1, steps=(ValueRanks, ColourTable))),
        ("chain_jfif_values_rgb8", coarse, Recipe(prior=1, steps=(Jfif, ValueRanks))),
        ("chain_jfif_table_rgb8", coarse, Recipe(prior=2, steps=(Jfif, ColourTable))),
        ("chain_of_three_rgb8", coarse, Recipe(steps=(Jfif, ValueRanks, ColourTable))),
        ("enlarged_prior1_rgb8", art, Recipe(prior=1, steps=(Enlarged,))),
        ("enlarged_networks_rgba16", large, Recipe(steps=(Enlarged,), streams=(2, 1, 3))),
        ("chain_enlarged_table_rgb8", art, Recipe(prior=1, steps=(Enlarged, ColourTable))),
        ("chain_enlarged_jfif_rgb8", photo, Recipe(prior=2, steps=(Enlarged, Jfif))),
        ("chain_jfif_enlarged_rgb8", photo, Recipe(prior=1, steps=(Jfif, Enlarged))),
    ):
        yield name, Picture(image), context(image, recipe)
    for name, image, its in (
        ("table_stored_rgb16", table16, (ColourTable,)),
        ("table_stored_grey_alpha8", graphic, (ColourTable,)),
        ("values_stored_grey16", grey, (ValueRanks,)),
        ("chain_stored_rgb16", table16, (ValueRanks, ColourTable)),
        ("jfif_stored_rgb8", spoilt(jpeg_scene(24, 23)), (Jfif,)),
        ("enlarged_stored_grey_alpha8", speckled(enlarged(graphic, 5, 64, 4, 63)), (Enlarged,)),
    ):
        picture = Picture(image)
        chain = chained(picture, its)
        yield name, picture, sealed(picture, chain, models.StoredImage.encode(chain.planes))


def subsampled() -> Iterator[Made]:
    """Subsampled chroma, with exceptions in both forms."""
    photo_cd = Source(CONVERSIONS[1], COSITED, Lattice(2, 2))
    video = Source(CONVERSIONS[2], REPEATED, Lattice(1, 2))
    high = Source(CONVERSIONS[5], COSITED, Lattice(2, 2, 1, 1))
    jpeg = Source(CONVERSIONS[0], TRIANGLE, Lattice(2, 1, 1, 0))
    touched, framed = chroma_scene(45, 50, photo_cd), chroma_scene(38, 52, video)[:, 1:]
    touched[4:40:9, ::11, 1] += 1
    framed[:2], framed[:, -2:] = (16, 20, 90), (250, 90, 60)
    planes = chroma_planes(40, 44, video)
    even = replace(planes, channels=tuple(plane // 4 * 4 for plane in planes.channels))
    for name, image, recipe in (
        ("420_photo_cd_rgb8", touched, Recipe(prior=1, steps=(Subsampled,))),
        ("422_phase_rgb8", framed, Recipe(prior=2, steps=(Subsampled,), streams=(1, 2, 3))),
        ("420_phases_rgba8", with_alpha(chroma_scene(33, 36, high)), Recipe(steps=(Subsampled,))),
        (
            "values_rgb8",
            Subsampled(video).undo(even).array(),
            Recipe(prior=1, steps=(Subsampled, ValueRanks)),
        ),
    ):
        yield f"subsampled_{name}", Picture(image), context(image, recipe)
    for name, source, border in (
        ("440_triangle_rgb8", jpeg, 0),
        ("420_bicubic_rgb8", Source(CONVERSIONS[4], BICUBIC, Lattice(2, 2)), 2),
        ("422_border_rgb8", replace(video, lattice=Lattice(1, 2, 0, 1)), 2),
    ):
        height = 22 if source.rule == BICUBIC else 21
        planes, image = chroma_planes(height, 26, source), chroma_scene(height, 26, source)
        image[:border], image[height - border :] = (24, 24, 20), (250, 250, 90)
        data = subsampled_file(planes, source, image)
        yield f"subsampled_{name}", Picture(image), data


def coarse_jpeg(height: int, width: int) -> np.ndarray:
    """An RGB picture as a JPEG decoder makes them of few Y, Cb and Cr."""
    planes = chained(Picture(jpeg_scene(height, width)), (Jfif,)).planes
    coarse = tuple(plane // 3 * 3 for plane in planes.channels)
    return Jfif().undo(replace(planes, channels=coarse)).array()


def speckled(image: np.ndarray) -> np.ndarray:
    """A picture with some samples of its first channel that are others by one."""
    image = image.copy()
    image.reshape(-1, image.shape[2])[77::4999, 0] ^= 1
    return image
