"""A second decoder of .linr images, written from format_spec.md alone, to be read beside it.

It is the specification's test, in plain integers and arrays of them, and shares its names and
section numbers but no code with inrcodec. The chapters are in second_container.py (1, 2),
second_source.py (2.3, 2.5), second_tiff.py (2.3), second_packing.py (2.4), second_markers.py and
second_scans.py (2.6), second_steps.py (3), second_jpeg.py (3.7), second_context.py,
second_inputs.py and second_networks.py (4), second_coordinate.py (5), second_coding.py (6),
second_coefficients.py (10), second_parts.py (12) and second_graphics.py (13). What a reader
refuses it refuses by AssertionError or what Python raises by itself; it does not bound its memory
as a reader has to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from second_coding import stored_image
from second_coefficients import coefficient_image
from second_container import (
    COEFFICIENTS,
    CONTEXT,
    ENLARGED,
    GRAPHICS,
    JPEG,
    PARTS,
    STORED,
    Array,
    Fields,
    check_keys,
    check_samples,
    read_header,
    read_metadata,
    read_pixel_type,
    read_sections,
)
from second_context import Networks, context_image
from second_coordinate import coordinate_image
from second_graphics import graphics_image
from second_jpeg import Jpeg
from second_parts import Decoded, Part, PartsFile
from second_source import left_out, read_source
from second_steps import channels_of, check_whole, picture_planes, planes_after, undo


def decode(data: bytes, index: int = 0, scale: int = 1) -> tuple[Array, Fields]:
    """The samples (height, width, channels) of a file's image, uint8 or uint16, and their type."""
    return decode_all(data, index, scale)[:2]


class Page(NamedTuple):
    """What decode gives, and metadata and names of what was left out."""

    samples: Array
    pixel: Fields
    metadata: tuple[str, list] | None
    left_out: list[str]


def decode_pages(data: bytes, scale: int = 1) -> list[Page]:
    """All pages of a file of parts; of other files the first image."""
    sections = read_sections(data, cut=scale > 1)
    if read_header(sections)["m"][0] != PARTS:
        metadata = read_metadata(data) if scale == 1 else None
        return [Page(*decode(data, 0, scale), metadata, left_out(sections))]
    file = PartsFile(data, image_of)
    read_source(sections, file.header, file.pages)
    pages = range(len(file.pages))
    found = [Page(*file.page(page, scale)[:2], *file.about(page)) for page in pages]
    file.check_digest()
    return found


def decode_all(data: bytes, index: int = 0, scale: int = 1) -> tuple[Array, Fields, list[Array]]:
    """What decode gives, and the planes that the model has, of a page those of its first tile.

    With a scale of 2, 4 or 8 they are those of every scale-th row and column; of context images
    what is not needed for them may be missing.
    """
    sections = read_sections(data, cut=scale > 1)
    header = read_header(sections)
    read_source(sections, header)
    left_out(sections)
    if header["m"][0] == PARTS:
        file = PartsFile(data, image_of)
        result = file.page(index, scale)
        if len(file.pages) == 1:
            file.check_digest()
        return result
    pixel = read_pixel_type(sections, header)
    assert "g" not in header["m"][1] or header["m"][0] != CONTEXT, "shared networks"
    result = image_of(Part(sections, header, pixel, []), scale, None, lambda _: [], index)
    return result.samples, pixel, result.coded


def whole(part: Part) -> Decoded:
    """Of a part that shares nothing and sees no others."""
    return image_of(part, 1, None, lambda _: [])


def image_of(
    part: Part,
    scale: int,
    shared: Networks | None,
    pages: Callable[[int], list[list[Array]]],
    index: int = 0,
) -> Decoded:
    """What a chain of sections has; shared: networks in place of its own; pages: planes that it
    sees, at 1/scale of their size."""
    sections, header, pixel, _ = part
    chain = list(
        accumulate(
            header["t"],
            lambda planes, step: planes_after(step, planes, sections),
            initial=picture_planes(header, pixel),
        )
    )
    (model, fields), planes, digest, there = header["m"], chain[-1], header["d"], 1
    assert (planes.kind == "DCT") == (model == COEFFICIENTS), "the model of coefficients"
    jpeg = Jpeg(header["t"][-1][1], chain[-2]) if planes.kind == "DCT" else None
    if jpeg is not None:
        samples = coefficient_image(sections, fields, jpeg.components)
    elif model == STORED:
        check_keys(fields, "", "", "fields of a stored image")
        shape = planes.height, planes.width, planes.channels
        check_whole(planes)
        samples = channels_of(stored_image(sections["D"][0], shape, planes.bits))
    elif model == CONTEXT:
        weights = sections.get("W", [None])[0]
        there = 1 if ENLARGED in dict(header["t"]) else scale
        level = there.bit_length() - 1
        samples = context_image(sections["D"], weights, fields, planes, level, shared, pages(there))
    elif model == GRAPHICS:
        samples = channels_of(
            graphics_image(sections, fields, planes, lambda part: whole(part).samples)
        )
    else:
        check_whole(planes)
        image, digest = coordinate_image(sections, fields, planes, digest, index)
        samples = channels_of(image)
    coded = samples
    for step, before in zip(header["t"][::-1], chain[-2::-1], strict=True):
        if jpeg is not None and step[0] == JPEG:
            samples = jpeg.undo(samples, before, sections)
        else:
            samples = undo(step, samples, before, sections, there)
    image = np.stack(samples, axis=-1).astype(f"<u{header['b'] // 8}")
    check_samples(image, pixel)
    if there == 1:
        assert hashlib.blake2b(image.tobytes(), digest_size=16).digest() == digest, "digest"
        image = image[::scale, ::scale]
    return Decoded(image, coded, planes, [number for number, _ in header["t"]], there)
