"""Source files taken apart, and put together again."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import Any

from ..errors import ChecksumError, CorruptError, LinrError
from ..files import jpeg as jpeg_files
from ..files import png as png_files
from ..files import pnm as pnm_files
from ..files import tiff as tiff_files
from ..files.images import write_picture
from ..files.metadata import Metadata
from ..files.packing import Packed, Packing
from ..files.picture import Picture, PixelType, digest
from ..files.tiff_directory import Bytes, Whole
from ..files.tiff_pages import TiffPages, open_pages
from ..limits import DEFAULT, Limits
from . import jpeg, png, pnm, tiff
from .skeleton import JPEG, PNG, PNM, TIFF, Found, Pack, Skeleton, digest_of, digest_of_file
from .tiff_find import find_pages

_PNM_EXTENSIONS = {
    b"P1": (".pbm", ".pnm"), b"P2": (".pgm", ".pnm"), b"P3": (".ppm", ".pnm"),
    b"P4": (".pbm", ".pnm"), b"P5": (".pgm", ".pnm"), b"P6": (".ppm", ".pnm"), b"P7": (".pam",),
}  # fmt: skip
_SIGNATURES = {
    PNG: (png_files.SIGNATURE,),
    TIFF: tiff_files.SIGNATURES,
    PNM: pnm_files.SIGNATURES,
    JPEG: (jpeg_files.SIGNATURE,),
}
# What is left out where a file cannot be put together, or is that of another picture by now.
ELSEWISE = "how its image data are packed"
OF_COEFFICIENTS = "the JPEG file, which comes of coefficients alone"
CHANGED = "its source file, as the picture is no more the one that was read from it"


def keep(data: bytes, picture: Picture, name: str, limits: Limits = DEFAULT) -> Picture:
    """A picture that was read from a file, with what is needed to put the file together again byte
    for byte, if it is known how; nothing of the file is left out then."""
    found = _taken_apart(data, picture, name, limits)
    if found is not None:
        skeleton, pack = found
        try:
            same = restore(replace(picture, source=skeleton), limits, pack) == data
            # tags can point into the pixel data, which are not there when they are read again
            if same and metadata_of(skeleton, picture.type) == picture.metadata:
                checked = replace(skeleton, verified=(digest(picture.samples), picture.type))
                return replace(picture, source=checked, left_out=())
        except (LinrError, ValueError):
            pass  # then it is not known how
    known = data.startswith(tuple(chain.from_iterable(_SIGNATURES.values())))
    return replace(picture, left_out=(*picture.left_out, *[ELSEWISE] * known))


def keep_pages(
    file: Bytes, pages: TiffPages, name: str, limits: Limits = DEFAULT, threads: int = 1
) -> Skeleton | None:
    """With what a TIFF of several images can be put together again byte for byte
    (tiff.restored_chunks), if it is known how. Neither the file nor an image need fit in memory.
    Raises ImageError for pixel data that are damaged."""
    found = find_pages(file, pages, name, limits, threads=threads)
    if found is None:
        return None
    skeleton = Skeleton(TIFF, digest_of_file(file), found.sparse, found.recipe)
    samples = sum(page.height * page.width * page.channels * page.bits // 8 for page in pages)
    return skeleton if _fits(skeleton, samples, limits) else None


def restore(picture: Picture, limits: Limits = DEFAULT, pack: Pack = Packing.pack) -> bytes:
    """The source file of a picture that has one. Raises ChecksumError where another one comes out,
    as from another zlib-ng, and CorruptError where none does."""
    skeleton = picture.source
    assert skeleton is not None, "a picture without a source file"
    if skeleton.kind == TIFF:
        return tiff.restored(skeleton, picture, limits, pack)
    room = {PNG: png, PNM: pnm, JPEG: jpeg}[skeleton.kind]
    try:
        data = skeleton.sparse.filled(room.bodies(skeleton, picture, limits, pack))
    except (ValueError, struct.error, zlib.error) as error:
        raise CorruptError(f"the source file does not go together ({error})") from error
    if digest_of(data) != skeleton.digest:
        raise ChecksumError("the source file does not come back byte for byte")
    return data


def file_of(
    picture: Picture, extension: str, warn: Callable[[str], None], limits: Limits = DEFAULT
) -> bytes:
    """The file of a picture: the source file itself where it has that type, else as
    images.write_picture. warn: told where the former does not come back."""
    source = picture.source
    if source is not None and extension.lower() in extensions_of(source):
        try:
            return restore(picture, limits)
        except LinrError as error:
            warn(f"{error}; picture and metadata do")
    return write_picture(picture, extension)


def is_source(skeleton: Skeleton, file: Bytes) -> bool:
    """Whether a file is the source file."""
    return len(file) == len(skeleton.sparse) and digest_of_file(file) == skeleton.digest


def extensions_of(skeleton: Skeleton) -> tuple[str, ...]:
    """Of the names of such a file, the usual one first."""
    if skeleton.kind == PNM:
        return _PNM_EXTENSIONS.get(bytes(skeleton.sparse.read(0, 2)), (".pnm",))
    if skeleton.kind == JPEG:
        return jpeg_files.EXTENSIONS
    return (".png",) if skeleton.kind == PNG else (".tif", ".tiff")


def source_facts(skeleton: Skeleton) -> dict[str, Any]:
    """What info() says of a source file."""
    return {
        "kind": skeleton.kind,
        "bytes": len(skeleton.sparse),
        "digest": skeleton.digest.hex(),
        "extension": extensions_of(skeleton)[0],
    }


def metadata_of(skeleton: Skeleton, pixels: PixelType) -> Metadata | None:
    """The metadata in the source file of a picture of a type. Raises CorruptError where it is none
    of its kind."""
    name = "the source file"
    if not bytes(skeleton.sparse.read(0, 8)).startswith(_SIGNATURES[skeleton.kind]):
        raise CorruptError(f"{name} is no {skeleton.kind} file as it says")
    try:
        if skeleton.kind == TIFF:
            return tiff_files.metadata_of(skeleton.sparse, name)
        if skeleton.kind == JPEG:
            whole = skeleton.sparse
            return jpeg_files.metadata_of(bytes(whole.read(0, len(whole))))
        if skeleton.kind == PNG:
            return png_files.metadata_of(png.without_image(skeleton.sparse, pixels), name)
    except CorruptError:
        raise
    except LinrError as error:
        raise CorruptError(str(error)) from error
    return None


def _taken_apart(
    data: bytes, picture: Picture, name: str, limits: Limits
) -> tuple[Skeleton, Pack] | None:
    kind: str
    found: Found | None
    if data.startswith(png_files.SIGNATURE):
        kind, found = PNG, png.find(data, picture)
    elif data.startswith(jpeg_files.SIGNATURE):
        file = jpeg.find(data, name, limits)
        kind, found = JPEG, Found(file.sparse, file.recipe)
    elif data.startswith(tiff_files.SIGNATURES):
        whole = Whole(data)
        pages = open_pages(whole, name, limits)
        kind, found = TIFF, find_pages(whole, pages, name, limits, Packed())
    elif not data.startswith(pnm_files.SIGNATURES):
        return None
    else:
        kind, found = PNM, pnm.find(data, pnm_files.read_header(data, name, limits), picture)
    if found is None:
        return None
    skeleton = Skeleton(kind, digest_of(data), found.sparse, found.recipe)
    fits = _fits(skeleton, picture.samples.nbytes, limits)
    return (skeleton, found.pack) if fits else None


def _fits(skeleton: Skeleton, samples: int, limits: Limits) -> bool:
    """Whether a reader takes it, of a picture of so many bytes of samples."""
    literals = len(skeleton.sparse.literals) + sum(
        len(value) for value in skeleton.recipe.values() if isinstance(value, bytes)
    )
    return literals + 1024 < limits.metadata and skeleton.fits(samples)
