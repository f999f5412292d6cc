"""The specification alone is enough to decode what the encoder makes of JPEG files: coefficients,
pixels, and the files byte for byte."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from second_container import read_header, read_metadata, read_sections, show
from second_decoder import decode_all
from second_source import source_file

import inrcodec
from inrcodec.encode import source_picture
from tests.jpeg.files import picture, pillow

COLOUR, FOUR = picture(29, 35), picture(17, 24, 4)
FILES = {
    "grey": pillow(picture(21, 30, 1), quality=60),
    "4:4:4": pillow(COLOUR[:17], subsampling=0),
    "4:2:0": pillow(COLOUR, progressive=True, restart_marker_blocks=2),
    "cmyk": pillow(FOUR, "CMYK", quality=30),
}


@cache
def encoded(name: str) -> tuple[bytes, inrcodec.Picture]:
    given = source_picture(FILES[name], name)
    limit = None if name == "4:2:0" else 1e-9  # no time for a fit
    return inrcodec.encode(given, effort=1, time_limit=limit), given


@pytest.mark.parametrize("name", FILES)
def test_files(name: str) -> None:
    data, given = encoded(name)
    sections = read_sections(data)
    assert ("U" in sections) == (name == "4:2:0")
    assert read_header(sections)["m"][0] == 3
    samples, pixel, planes = decode_all(data)
    assert np.array_equal(show(samples, pixel).reshape(given.samples.shape), given.samples)
    assert given.jpeg is not None
    assert all(map(np.array_equal, planes, given.jpeg.coefficients))
    assert source_file(data, samples, planes) == FILES[name]
