"""PBM, PGM, PPM and PAM files: every kind is read, broken ones are refused."""

from __future__ import annotations

import numpy as np
import pytest

from inrcodec.encode import source_picture
from inrcodec.errors import ImageError
from inrcodec.files.images import read_image, read_picture
from inrcodec.files.picture import PixelType
from tests.files.test_images import equal

PAM = b"P7\nWIDTH 2\nHEIGHT 1\nMAXVAL 255\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"P1 # note\n3 2\n1 0 1\n011", [[0, 255, 0], [255, 0, 0]]),
        (b"P4\n3 2\n\xa0\x60", [[0, 255, 0], [255, 0, 0]]),
        (b"P2\n# note\n2 1\n255\n7 200\n", [[7, 200]]),
        (b"P5 2 1 255\n\7\xc8", [[7, 200]]),
        (b"P3 1 1 255 1 2 3", [[[1, 2, 3]]]),
        (b"P6\n1 1\n255\n\1\2\3", [[[1, 2, 3]]]),
        (
            b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n\0\1",
            [[0, 255]],
        ),
    ],
)
def test_pnm_kinds(data: bytes, expected: list) -> None:
    equal(read_image(data), np.array(expected, np.uint8))


def test_deep_pnm() -> None:
    equal(read_image(b"P5 2 1 65535\n\1\2\3\4"), np.array([[0x0102, 0x0304]], np.uint16))


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"P5 2 1 255\n\7", "1 of 2 bytes"),
        (b"P5 2 1 255\n\7\7P5 2 1 255\n\7\7", "several images"),
        (b"P2 2 1 255 7 7\nP2 2 1 255 7 7", "several images"),
        (b"P1 2 1 11\nP1 2 1 11", "several images"),
        (b"P5 2 1 0\n\0\0", "maxval 0"),
        (b"P5 2 1 65536\n\0\7\0\7", "maxval 65536"),
        (b"P5 2 1 1023\n\0\7\4\0", "exceeds maxval"),
        (b"P5 2 1", "header"),
        (b"P5 2 x 255\n\7\7", "header"),
        (b"P5 0 1 255\n", "empty"),
        (b"P2 2 1 255 1", "1 samples instead of 2"),
        (b"P2 2 1 255 1 256", "exceeds maxval"),
        (b"P2 2 1 255 1 -2", "not a number"),
        (b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\n", "header"),
        (b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nENDHDR\n", "5 channels"),
        (b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nTUPLTYPE CMY\nENDHDR\n", "0 of 6 bytes"),
        (b"P7\nWIDTH 2\nDEPTH 1\nMAXVAL 255\nENDHDR\n\0\0", "damaged PAM header"),
    ],
)
def test_broken_pnm(data: bytes, cause: str) -> None:
    with pytest.raises(ImageError, match=cause):
        read_image(data)


@pytest.mark.parametrize(
    ("data", "pixels", "left_out"),
    [
        (b"P5 2 1 255\n\7\7\n", PixelType(), ("1 bytes behind the image",)),
        (b"P5 2 1 1023\n\0\7\0\7", PixelType(10), ()),
        (b"P5 2 1 7\n\7\7", PixelType(top=7), ()),
        (b"P5 2 1 15\n\7\7", PixelType(4), ()),
        (b"P5 2 1 1000\n\0\7\0\7", PixelType(top=1000), ()),
        (b"P5 2 1 255#c\n\7\7", PixelType(), ("comments",)),
        (b"P2 2 1 255 7\n7 8 9\n", PixelType(), ("3 bytes behind the image",)),
        (b"P3 1 1 255 7 7 7 # the end\n", PixelType(), ("9 bytes behind the image",)),
        (b"P5 # of\n2 1 255\n\7\7", PixelType(), ("comments",)),
        (PAM + b"DEPTH 1\nTUPLTYPE \x1b[2J\xff\nENDHDR\n\7\7", PixelType(), ()),
        (PAM + b"DEPTH 2\nENDHDR\n\7\7\7\7", PixelType(extra=1), ()),
        (PAM + b"DEPTH 2\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n\7\7\7\7", PixelType(), ()),
        (PAM + b"DEPTH\t2\nTUPLTYPE\tCMY\nENDHDR\n\7\7\7\7", PixelType(extra=1), ()),
    ],
)
def test_numbers_and_what_they_stand_for(
    data: bytes, pixels: PixelType, left_out: tuple[str, ...]
) -> None:
    picture = read_picture(data)
    assert (picture.type, picture.left_out) == (pixels, left_out)
    assert set(picture.samples.ravel().tolist()) == {7}
    assert source_picture(data, "it").left_out == ()


def test_numbers_with_leading_zeros() -> None:
    picture = read_picture(b"P2 2 1 255 000004 5")
    assert picture.samples.tolist() == [[4, 5]]
