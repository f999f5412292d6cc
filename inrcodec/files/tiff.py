"""TIFF files with one image of up to 16 bits per sample.

Samples are the numbers in the file, never inverted, turned or multiplied; what they stand for is
the picture's type. The directory is read within bounds first (tiff_directory.py, tiff_layout.py);
strips and tiles are then unpacked by us (tiff_pages.py) where they are not, or by PackBits, LZW or
Deflate, and else by tifffile and imagecodecs (tiff_others.py), where that is installed. What this
reader does not know it refuses by name.
"""

from __future__ import annotations

import io

from ..errors import ImageError
from ..limits import DEFAULT, Limits
from .metadata import Metadata
from .picture import Picture
from .tiff_directory import SIGNATURES, Bytes, Whole, read_directory
from .tiff_pages import open_pages
from .tiff_tags import tags_of
from .tiff_write import PageToWrite, write_tiff_pages

__all__ = ["SIGNATURES", "metadata_of", "read_tiff", "write_tiff"]


def read_tiff(data: bytes, name: str, limits: Limits = DEFAULT) -> Picture:
    """Decode a TIFF of one image; see images.read_picture for errors."""
    pages = open_pages(Whole(data), name, limits)
    if len(pages) > 1:
        raise ImageError(f"{name}: this TIFF holds several images, and one is wanted here")
    page = pages[0]
    samples = page.read(0, 0, page.height, page.width)
    return Picture(samples, page.type, page.metadata, pages.left_out)


def metadata_of(file: Bytes, name: str) -> Metadata | None:
    """The tags of a file's first directory that do not describe how the image is stored."""
    return tags_of(read_directory(file, name))


def write_tiff(picture: Picture) -> bytes:
    """Encode a valid picture as a TIFF with deflate compression; palettes and colour keys as
    colours and alpha; metadata, if any, are a TIFF's."""
    (height, width, channels), file = picture.cube.shape, io.BytesIO()
    page = PageToWrite(
        height,
        width,
        channels,
        8 * picture.samples.itemsize,
        lambda top, bottom: picture.samples[top:bottom],
        picture.type,
        picture.metadata,
    )
    write_tiff_pages(file, [page])
    return file.getvalue()
