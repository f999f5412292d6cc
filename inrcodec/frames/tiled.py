"""Encoding of one picture in tiles that decode alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..encode import pixels_alone
from ..files.picture import Picture
from ..limits import Limits
from .encode import Outer, encode_pages
from .facts import describe_frames
from .pages import ArrayPage
from .reader import LinrFile
from .source import Source
from .tiles import Tile


def tiled(picture: Picture, tile: Tile, limits: Limits) -> Source:
    """A picture, in memory or a memory map, that is to be tiles. Of a JPEG the pixels alone."""
    if picture.jpeg is not None:
        picture = pixels_alone(picture)
    outer = Outer(picture.metadata, picture.left_out, picture.source)
    alone = replace(picture, metadata=None, left_out=(), source=None)
    return Source([ArrayPage.of(alone, "the image", limits)], outer, tile)


def encode_tiled(
    picture: Picture,
    tile: Tile,
    *,
    limits: Limits,
    report: Callable[[dict[str, Any]], None] | None,
    **options: Any,
) -> bytes:
    """encode of a picture in tiles; options: of encode_frames."""
    source = tiled(picture, tile, limits)
    with tempfile.TemporaryFile() as spool:
        coded = encode_pages(
            source.pages, source.tile, spool, outer=source.outer, limits=limits, **options
        )
        data = b"".join(coded.chunks())
    if report is not None:
        with LinrFile(data, limits=limits, priors=coded.priors) as file:
            report(describe_frames(file, len(data), planes=True))
    return data
