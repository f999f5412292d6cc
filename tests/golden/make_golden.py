"""Makes the golden files anew, and golden.json, which says what each decodes to.

    python -m tests.golden.make_golden

What is said of a file comes from the picture that it was made of, not from a decoder: shape, bits
and SHA-256 of the samples (little-endian), that of every 2nd, 4th and 8th row and column, and,
where there is more to the picture, that of what test_golden.about() says of it. (Of subsampled
chroma the second decoder tells what every 2nd, 4th and 8th row and column are.) Fits differ from
machine to machine, and with them the files; what they decode to does not.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import inrcodec
from inrcodec import Metadata, Picture, PixelType
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.rangecoder import Encoder
from inrcodec.coding.weights import pack_weights
from inrcodec.contents import Contents, pack, parse, planes_of
from inrcodec.context.file import ContextImage, Models, network_shapes, read_networks
from inrcodec.context.fit import Plan, fit_planes, fit_trunks
from inrcodec.context.layout import Layout, choose_layout
from inrcodec.context.networks import Tensor
from inrcodec.context.prior import PRIORS
from inrcodec.context.scans import ScanEncoder
from inrcodec.context.traversal import traverse
from inrcodec.decode import digest
from inrcodec.history.chain import Chain
from inrcodec.history.chroma_search import Source
from inrcodec.history.colour_table import ColourTable
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.enlarged import Enlarged
from inrcodec.history.jfif import Jfif
from inrcodec.history.planes import Lattice, Planes
from inrcodec.history.step import Step
from inrcodec.history.subsampled import Subsampled
from inrcodec.history.upsampling import BICUBIC, COSITED, REPEATED, TRIANGLE
from inrcodec.history.value_ranks import ValueRanks
from tests.golden import models
from tests.pictures import (
    chroma_planes,
    chroma_scene,
    enlarged,
    jpeg_scene,
    scene,
    subsampled_file,
)
from tests.test_golden import FOLDER, SCALES, about, hashed

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
    prior: int = 0
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
        networks = read_networks(layout, made, weights, backend)
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
    return pack(Contents(geometry, samples, picture.type, picture.metadata, chain.steps, model))


def fitted_weights(layout: Layout, planes: Planes, made: Models, workers: Workers) -> bytes:
    """Networks after a short fit from nothing."""
    if not any(channel.planes for channel in layout.channels):
        return pack_weights(made.form, [])
    backend = numpy_backend()
    plan = Plan(5, 40, made.trunk_width, made.plane_width, 60, made.form, 0)
    trunks = fit_trunks(backend, workers, layout, planes, plan, lambda *_: None)
    corrections = fit_planes(backend, workers, layout, planes, trunks, plan, lambda *_: None)
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


def networks() -> Iterator[Made]:
    """Context images with networks of their own."""
    for form in ("int", "fp16", "ternary"):
        for kind, image in kinds(21, 18):
            recipe = Recipe(form, (5, 4) if form == "int" else (3, 3))
            yield f"context_{form}_{kind}", Picture(image), context(image, recipe)
    wide = scene(19, 24, 3, np.uint8)
    for name, image, recipe in (
        ("context_int_jfif_rgb8", jpeg_scene(40, 33, 2), Recipe(steps=(Jfif,))),
        ("context_fp16_jfif_rgba8", with_alpha(jpeg_scene(30, 26)), Recipe("fp16", steps=(Jfif,))),
        ("context_int_widest_grey8", wide[:, :, 0], Recipe(widths=(64, 64), random=(2, 5))),
        ("context_int_narrowest_rgb8", wide, Recipe(widths=(1, 1))),
        ("context_int_odd_widths_rgb8", wide, Recipe(widths=(7, 3))),
        # activations, outputs and means at their limits; sums just below theirs
        ("saturated_grey8", wide[:, :, 0], Recipe(widths=(8, 8), random=(1900, 0))),
        ("saturated_rgb8", wide, Recipe(widths=(6, 9), random=(950, 0))),
        ("saturated_rgb16", scene(11, 12, 3, np.uint16), Recipe(widths=(9, 5), random=(900, 2))),
        ("saturated_ycc8", jpeg_scene(24, 25), Recipe(random=(900, 3), steps=(Jfif,))),
        ("saturated_widest_grey16", scene(9, 13, 1, np.uint16), Recipe("int", (48, 64), (600, 0))),
    ):
        yield name, Picture(image), context(image, recipe)


def exponents() -> Iterator[Made]:
    """Units of more values than one."""
    for kind, image in kinds(14, 17):
        if kind in ("grey16", "rgb12", "rgba16", "grey_alpha8"):
            for exponent in (1, 5, 8):
                recipe = Recipe(prior=1 + exponent % 2, exponent=exponent)
                yield f"exponent{exponent}_{kind}", Picture(image), context(image, recipe)
    steep = scene(23, 20, 3, np.uint16)
    yield "exponent_networks_rgb16", Picture(steep), context(steep, Recipe(exponent=6))


def sections() -> Iterator[Made]:
    """Several data sections and streams, bands without a row, rows in several units."""
    crop = shallow(260, 300, 1, 3)
    yield "sections_grey8", Picture(crop), inrcodec.encode(crop, effort=1, model="context")
    crop = shallow(260, 300, 3, 5)
    yield "sections_rgb8", Picture(crop), context(crop, Recipe(prior=2))
    crop = jpeg_scene(260, 300) // 64
    crop[:, :, 1] = 1
    yield "sections_flat_rgb8", Picture(crop), context(crop, Recipe(prior=1))
    small, alpha = scene(19, 21, 3, np.uint8), scene(30, 9, 2, np.uint16)
    for streams in ((3,), (1, 2), (2, 1, 5), (1, 4, 3, 7), (64, 2, 64, 13)):
        name = f"sections_{'_'.join(map(str, streams))}"
        recipe = Recipe(prior=1, streams=streams)
        yield f"{name}_rgb8", Picture(small), context(small, recipe)
        if len(streams) > 2:
            yield f"{name}_grey_alpha16", Picture(alpha), context(alpha, recipe)
    for prior, size in ((1, (3, 2200)), (2, (2, 2120)), (1, (2200, 3))):
        image = shallow(*size, 3, 3)
        name = f"units_{size[0]}x{size[1]}_rgb8"
        yield name, Picture(image), context(image, Recipe(prior=prior))
    image = shallow(5, 2200, 1, 3)
    recipe = Recipe(prior=1, streams=(1, 2, 3))
    yield "units_streams_5x2200_grey8", Picture(image), context(image, recipe)


def tiny() -> Iterator[Made]:
    """One row, one column, one sample and hardly more."""
    for height, width in ((1, 1), (1, 2), (2, 1), (2, 2), (1, 33), (40, 1), (3, 2)):
        for number, (kind, image) in enumerate(kinds(height, width)):
            if kind in ("grey8", "grey_alpha12", "rgb8", "rgb16", "rgba8"):
                recipe = Recipe(prior=1 + number % 2)
                name = f"tiny_{height}x{width}_{kind}"
                yield name, Picture(image), context(image, recipe)
    for height, width in ((1, 21), (21, 1)):
        image = scene(height, width, 3, np.uint8)
        name = f"tiny_networks_{height}x{width}_rgb8"
        yield name, Picture(image), context(image, Recipe(streams=(2, 3)))
    one = np.array([[[7, 200, 3, 255]]], np.uint8)
    yield "tiny_1x1_stored_rgba8", Picture(one), inrcodec.encode(one, model="stored")
    flat = np.full((5, 6, 3), 77, np.uint8)
    yield "tiny_flat_rgb8", Picture(flat), context(flat, Recipe(prior=1))
    yield "tiny_flat_networks_rgb8", Picture(flat), context(flat, Recipe())


def priors() -> Iterator[Made]:
    """Priors as they are and with changes."""
    for prior in PRIORS:
        for kind, image in kinds(24, 29):
            yield f"prior{prior}_{kind}", Picture(image), context(image, Recipe(prior=prior))
        flat = scene(12, 13, 4, np.uint8)
        flat[:, :, 0], flat[:, :, 3] = 9, 255
        noise = np.random.default_rng(1).integers(0, 1 << 16, (12, 14), dtype=np.uint16)
        jpeg, alpha = jpeg_scene(37, 34), with_alpha(jpeg_scene(24, 25))
        for name, image, recipe in (
            ("flat_channels_rgba8", flat, Recipe()),
            ("noise_grey16", noise, Recipe()),
            ("jfif_rgb8", jpeg, Recipe(steps=(Jfif,))),
            ("jfif_exceptions_rgb8", spoilt(jpeg), Recipe(steps=(Jfif,))),
            ("jfif_rgba8", alpha, Recipe(steps=(Jfif,))),
            ("rank1_rgb8", scene(25, 22, 3, np.uint8), Recipe(rank=1)),
            ("rank3_grey16", scene(20, 23, 1, np.uint16), Recipe(rank=3)),
            ("rank5_rgba12", scene(19, 18, 4, np.uint16) >> 4, Recipe(rank=5)),
            ("rank5_jfif_rgb8", jpeg, Recipe(rank=5, steps=(Jfif,))),
            ("rank13_grey_alpha8", scene(17, 30, 2, np.uint8), Recipe(rank=13)),
            ("rank32_rgb8", scene(25, 22, 3, np.uint8), Recipe(rank=32)),
        ):
            random = (3, 7) if recipe.rank else None
            recipe = replace(recipe, prior=prior, random=random)
            yield f"prior{prior}_{name}", Picture(image), context(image, recipe)
    image = scene(50, 61, 3, np.uint8)
    for effort in (1, 2):
        name = f"effort{effort}_rgb8"
        yield name, Picture(image), inrcodec.encode(image, effort=effort, model="context")


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


def speckled(image: np.ndarray) -> np.ndarray:
    """A picture with some samples of its first channel that are others by one."""
    image = image.copy()
    image.reshape(-1, image.shape[2])[77::4999, 0] ^= 1
    return image


def types() -> Iterator[Made]:
    """Palettes, depths, transparent colours, metadata."""
    few = np.indices((20, 23)).sum(axis=0).astype(np.uint8) // 3
    palette = np.random.default_rng(2).integers(0, 256, 3 * 256, dtype=np.uint8).tobytes()
    text = ("tEXt", b"Comment\0hello")
    png = Metadata(
        "png", (text, ("PLTE", None), ("tRNS", None), ("IDAT", None), ("tIME", bytes(7)))
    )
    keyed = Metadata("png", (("gAMA", b"\0\0\xb1\x8f"), ("tRNS", None), ("IDAT", None), text))
    suggested = Metadata("png", (("PLTE", bytes(range(9))), ("IDAT", None), text))
    tiff = Metadata(
        "tiff", tags=((270, 2, b"a picture\0"), (282, 5, bytes([72, 0, 0, 0, 1, 0, 0, 0])))
    )
    long = Metadata(
        "tiff", tags=((270, 2, b"the same again, " * 40 + b"\0"), (34675, 7, bytes(99)))
    )
    rgb, grey = scene(14, 15, 3, np.uint8), scene(16, 19, 1, np.uint16)
    key = tuple(int(v) for v in rgb[3, 4])
    first, prior = Recipe(prior=1), Recipe(prior=2)
    clear = PixelType(4, palette[:48], b"\0\x80")
    for name, samples, pixels, metadata, how in (
        ("palette_stored_indexed2", few % 4, PixelType(2, palette[:12]), None, None),
        ("palette_alpha_stored_indexed4", few % 16, clear, None, None),
        ("palette_context_indexed8", few, PixelType(0, palette), None, first),
        ("palette_table_context_indexed8", few * 9, PixelType(0, palette, bytes(9)), png,
         Recipe(prior=1, steps=(ColourTable,))),
        ("palette_networks_indexed4", few % 13, PixelType(4, palette[:39]), None, Recipe()),
        ("palette_enlarged_indexed4", enlarged(few % 13, 3, 3, 1), PixelType(4, palette[:39]), None,
         Recipe(prior=1, steps=(Enlarged,))),
        ("depth_stored_grey1", few % 2, PixelType(1), None, None),
        ("depth_stored_grey2", few % 4, PixelType(2), None, None),
        ("depth_stored_grey4", few % 16, PixelType(4), None, None),
        ("depth_context_grey1", few // 2 % 2, PixelType(1), None, first),
        ("depth_context_grey2", few // 2 % 4, PixelType(2), None, prior),
        ("depth_context_grey4", few // 2 % 16, PixelType(4), None, first),
        ("key_context_grey4", few % 16, PixelType(4, key=(3,)), None, first),
        ("key_high_bits_grey2", few % 4, PixelType(2, key=(0x1A02,)), None, None),
        ("key_stored_grey16", grey, PixelType(key=(int(grey[5, 6]),)), None, None),
        ("key_metadata_context_rgb8", rgb, PixelType(key=key), keyed, first),
        ("metadata_suggested_palette_rgb8", rgb, PixelType(), suggested, None),
        ("metadata_prior2_rgb8", rgb, PixelType(), Metadata("png", (text,)), prior),
        ("metadata_tiff_grey16", grey, PixelType(), tiff, prior),
        ("metadata_long_tiff_rgb8", rgb, PixelType(), long, None),
    ):  # fmt: skip
        picture = Picture(samples, pixels, metadata)
        data = context(picture, how) if how else inrcodec.encode(picture, model="stored")
        yield name, picture, data


def files() -> Iterator[Made]:
    """All golden files."""
    for room in (networks, exponents, sections, tiny, priors, steps, subsampled, types):
        yield from room()
    yield from models.files()


def facts(picture: Picture, data: bytes) -> dict[str, Any]:
    """What golden.json says of a file of a picture."""
    image = picture.array()
    said: dict[str, Any] = {"shape": list(image.shape), "bits": 8 * image.itemsize}
    said["sha256"] = hashed(image)
    said["scales"] = {str(scale): hashed(image[::scale, ::scale]) for scale in SCALES}
    if any(isinstance(step, Subsampled) for step in parse(data).steps):
        sys.path.append(str(FOLDER.parent))
        from second_decoder import decode

        said["scales"] = {str(scale): hashed(decode(data, scale=scale)[0]) for scale in SCALES}
    if picture.type != PixelType() or picture.metadata is not None:
        said["about"] = hashlib.sha256(about(picture).encode()).hexdigest()
    return said


def main() -> None:
    """Writes all files in place of those that are there."""
    made, said = {}, {}
    for name, picture, data in files():
        assert name not in made, name
        assert np.array_equal(inrcodec.decode(data), picture.array()), name
        made[name], said[f"{name}.linr"] = data, facts(picture, data)
    for path in FOLDER.glob("*.linr"):
        path.unlink()
    for name, data in made.items():
        (FOLDER / f"{name}.linr").write_bytes(data)
    (FOLDER / "golden.json").write_text(json.dumps(said, indent=1) + "\n")
    print(f"{len(made)} files, {sum(map(len, made.values()))} bytes")


if __name__ == "__main__":
    main()
