"""Makes golden files, and golden.json, which says what each decodes to.

    python -m tests.golden.make_golden [ROOM]...

makes those that are not there yet, of all rooms or of some (as `jpegs`, without a fit).
Formats 2.0 to 2.2 are frozen: files that have been released are never made anew.
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
from dataclasses import replace
from typing import Any

import numpy as np

import inrcodec
from inrcodec import Metadata, Picture, PixelType
from inrcodec.contents import parse
from inrcodec.context.prior import PRIORS
from inrcodec.frames.file import Frames
from inrcodec.history.colour_table import ColourTable
from inrcodec.history.enlarged import Enlarged
from inrcodec.history.jfif import Jfif
from inrcodec.history.subsampled import Subsampled
from tests.golden import models
from tests.golden.of_graphics import graphics
from tests.golden.of_jpegs import jpegs
from tests.golden.of_own_priors import own_priors
from tests.golden.of_parts import parts
from tests.golden.of_sources import sources
from tests.golden.of_steps import steps, subsampled
from tests.golden.recipes import (
    Made,
    Recipe,
    context,
    kinds,
    shallow,
    spoilt,
    with_alpha,
)
from tests.pictures import (
    enlarged,
    jpeg_scene,
    scene,
)
from tests.test_golden import FOLDER, SCALES, about, hashed, is_rich


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


ROOMS = {
    room.__name__: room
    for room in (
        networks, exponents, sections, tiny, priors, own_priors, steps, subsampled, types, sources,
        models.files, jpegs, parts, graphics,
    )
}  # fmt: skip


def facts_of_pages(pictures: list[Picture], data: bytes) -> dict[str, Any]:
    """What golden.json says of a file of several: of the first page, and of all."""
    said = [facts(picture, data, number) for number, picture in enumerate(pictures)]
    whole: dict[str, Any] = said[0] | {"pages": said}
    source = parse(data).source
    return whole | ({} if source is None else {"source": source.digest.hex()})


def facts(picture: Picture, data: bytes, frame: int = 0) -> dict[str, Any]:
    """What golden.json says of a file of a picture, or of a page of it."""
    image = picture.array()
    said: dict[str, Any] = {"shape": list(image.shape), "bits": 8 * image.itemsize}
    said["sha256"] = hashed(image)
    said["scales"] = {str(scale): hashed(image[::scale, ::scale]) for scale in SCALES}
    with inrcodec.LinrFile(data) as file:
        model = file.contents.model
        contents = file.contents
        if isinstance(model, Frames):
            contents = file.contents_of(model.first_parts[frame])
    if any(isinstance(step, Subsampled) for step in contents.steps):
        sys.path.append(str(FOLDER.parent))
        from second_decoder import decode

        near = {str(scale): decode(data, frame, scale)[0] for scale in SCALES}
        said["scales"] = {scale: hashed(image) for scale, image in near.items()}
    if is_rich(picture):
        said["about"] = hashlib.sha256(about(picture).encode()).hexdigest()
    if picture.source is not None:
        said["source"] = picture.source.digest.hex()
    return said


def main() -> None:
    """Writes the files that are not there yet, of all rooms or of those that are named."""
    there = {path.name for path in FOLDER.glob("*.linr")}
    kept = json.loads((FOLDER / "golden.json").read_text())
    said, count = {name: kept[name] for name in kept if name in there}, 0
    for name, picture, data in (each for room in sys.argv[1:] or ROOMS for each in ROOMS[room]()):
        if f"{name}.linr" in there:
            continue
        assert f"{name}.linr" not in said, name
        pages = picture if isinstance(picture, list) else [picture]
        for frame, page in enumerate(pages):
            assert np.array_equal(inrcodec.decode(data, frame=frame), page.array()), name
        several, count = isinstance(picture, list), count + 1
        (FOLDER / f"{name}.linr").write_bytes(data)
        said[f"{name}.linr"] = facts_of_pages(pages, data) if several else facts(picture, data)
    (FOLDER / "golden.json").write_text(json.dumps(said, indent=1) + "\n")
    print(f"{count} files")


if __name__ == "__main__":
    main()
