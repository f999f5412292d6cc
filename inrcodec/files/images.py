"""Image files to pictures or arrays and back.

Arrays are uint8 or uint16 of shape (H, W) for grey and (H, W, C) for 2 (grey + alpha), 3 (RGB) or
4 (RGBA) channels; pictures (picture.py) also have the palettes, depths and metadata of their file.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import ImageError
from ..limits import DEFAULT, Limits
from . import jpeg, others, png, pnm, tiff
from .metadata import PNG, TIFF, for_kind
from .picture import PREMULTIPLIED, Picture, PixelType, inverted
from .timing import still

EXTENSIONS = (".png", ".tif", ".tiff", *pnm.EXTENSIONS, *jpeg.EXTENSIONS)

KINDS_READ = "PNG, JPEG, TIFF, PNM; by Pillow and imagecodecs " + ", ".join(
    kind.name for kind in others.KINDS
)

_OTHERS = (
    (b"\x8aMNG", "MNG"),
    (b"\x8bJNG", "JNG"),
)


def read_picture(data: bytes, name: str = "image", limits: Limits = DEFAULT) -> Picture:
    """Decode a PNG, JPEG, TIFF, PBM, PGM, PPM or PAM file, told apart by its first bytes; or one of
    the kinds of others.py (BMP, GIF, WebP, QOI, TGA, JPEG 2000, JPEG XL) where its reader is there.

    Raises ImageError, with `name` in front, for a damaged file and for one that a picture cannot
    represent exactly, and LimitError above limits.pixels.
    """
    if data.startswith(png.SIGNATURE):
        return png.read_png(data, name, limits)
    if data.startswith(tiff.SIGNATURES):
        return tiff.read_tiff(data, name, limits)
    if data.startswith(pnm.SIGNATURES):
        return pnm.read_pnm(data, name, limits)
    if data.startswith(jpeg.SIGNATURE):
        return jpeg.read_jpeg(data, name, limits)
    if not data:
        raise ImageError(f"{name}: the file is empty")
    other = others.kind_of(data, name)
    if other is not None:
        return others.read_other(data, other, name, limits)
    for signature, kind in _OTHERS:
        if data.startswith(signature):
            raise ImageError(f"{name}: {kind} files are not supported")
    raise ImageError(f"{name}: not an image of a kind that is read ({KINDS_READ})")


def read_image(data: bytes, name: str = "image", limits: Limits = DEFAULT) -> np.ndarray:
    """The array of a file that read_picture reads.

    Returns uint8 or uint16 of shape (H, W), (H, W, 2), (H, W, 3) or (H, W, 4). Palettes come back
    as RGB or RGBA, a colour key as alpha, 1, 2 and 4-bit grey scaled to 8 bits. Raises as
    read_picture.
    """
    return read_picture(data, name, limits).array()


def write_picture(picture: Picture, extension: str) -> bytes:
    """Encode as the file type of `extension` (one of EXTENSIONS, in any case).

    The picture is the same, and so are the numbers where the kind of file can hold what they stand
    for (not_kept names what it cannot). Metadata of a PNG or TIFF stay in one; of the other kind,
    colour profile and resolution are carried over. PNM has none. Raises ImageError for samples that
    are no image's, an unknown extension, and one that cannot hold the channels.
    """
    _check_known(picture)
    if picture.type.space and extension.lower() not in jpeg.EXTENSIONS:
        raise ImageError(f"{extension} cannot hold the colours of this JPEG, .jpg can")
    extension, metadata = extension.lower(), picture.metadata
    if extension == ".png":
        return png.write_png(as_of_png(picture), 6)
    if extension in (".tif", ".tiff"):
        carried = for_kind(metadata, TIFF) if metadata else None
        return tiff.write_tiff(replace(picture, metadata=carried))
    if extension in pnm.EXTENSIONS:
        return pnm.write_pnm(picture, extension)
    if extension in jpeg.EXTENSIONS:
        return jpeg.write_jpeg(picture)
    raise ImageError(f"unknown image type '{extension}', known are {', '.join(EXTENSIONS)}")


def as_of_png(picture: Picture) -> Picture:
    """A picture as write_picture puts it into a PNG: samples, type and metadata. Raises
    ImageError."""
    _check_known(picture)
    pixels = picture.type
    if pixels.space:
        raise ImageError(".png cannot hold the colours of this JPEG, .jpg can")
    if pixels.signed or pixels.extra:
        kind = "signed samples" if pixels.signed else "a channel that is no alpha"
        raise ImageError(f".png cannot hold {kind}, .tif can")
    carried = for_kind(picture.metadata, PNG) if picture.metadata else None
    return replace(as_png(picture), metadata=still(carried))


def not_kept(picture: Picture, extension: str) -> tuple[str, ...]:
    """What of a picture a file of a type does not hold, in words; but for metadata."""
    pixels, extension, found = picture.type, extension.lower(), list[str]()
    tiff_file = extension in (".tif", ".tiff")
    if pixels.palette and extension != ".png":
        found.append("the palette")
    if pixels.key and extension != ".png":
        found.append("the transparent colour")
    if pixels.white and not tiff_file and not (pixels.depth == 1 and extension in (".pbm", ".pnm")):
        found.append("that 0 is white (samples are inverted)")
    if pixels.depth > 8 and (tiff_file or extension == ".png"):
        found.append(f"that samples have {pixels.depth} bits")
    small = pixels.depth in (1, 2, 4) and not pixels.palette
    if small and extension in (".pgm", ".ppm", ".pnm", ".pam"):
        found.append(f"that samples have {pixels.depth} bits")
    if pixels.extra == PREMULTIPLIED and extension == ".pam":
        found.append("that colours are multiplied by alpha")
    if pixels.top and extension not in pnm.EXTENSIONS:
        found.append(f"that {pixels.top} is white")
    return tuple(found)


def as_png(picture: Picture) -> Picture:
    """A picture with samples as a PNG has them: 0 is black, and depths beyond 8 are 16 bits."""
    pixels, samples = picture.type, picture.samples
    if pixels.white:
        top = pixels.top or (1 << (pixels.depth or 8 * samples.itemsize)) - 1
        samples = inverted(samples, top)
    depth = pixels.depth if pixels.depth < 8 else 0
    kept = PixelType(depth, pixels.palette, pixels.alpha, pixels.key)
    return replace(picture, samples=samples, type=kept)


def write_image(image: np.ndarray, extension: str) -> bytes:
    """Encode an array, uint8 or uint16 of shape (H, W), (H, W, 2), (H, W, 3) or (H, W, 4); as
    write_picture."""
    return write_picture(Picture(image), extension)


def png_level9(image: np.ndarray) -> bytes:
    """Encode as PNG at compression level 9, the yardstick of benchmarks. Raises ImageError."""
    _check(image)
    return png.write_png(Picture(image), 9)


def _check_known(picture: Picture) -> None:
    _check(picture.samples)
    if picture.unread:
        raise ImageError(f"the pixels of this file are not read ({picture.unread})")


def _check(image: np.ndarray) -> None:
    if image.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"samples of type {image.dtype} cannot be kept, only uint8 and uint16")
    if image.ndim not in (2, 3) or (image.ndim == 3 and not 2 <= image.shape[2] <= 4):
        raise ImageError(f"shape {image.shape} is not (H, W) or (H, W, C) with 2 to 4 channels")
    if 0 in image.shape:
        raise ImageError("the image is empty")
