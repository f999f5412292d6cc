"""Good files, and what puts one fault into them."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import zstandard

import inrcodec
from inrcodec import Picture
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.rangecoder import Encoder, integer_model
from inrcodec.contents import Contents, digest_of_digests, pack, planes_of
from inrcodec.context.networks import Tensor
from inrcodec.coordinate.encode import Trial
from inrcodec.coordinate.file import CoordinateImage
from inrcodec.coordinate.mixture import Member
from inrcodec.coordinate.model import CoordinateModel
from inrcodec.files.picture import PLAIN, digest
from tests.container.test_damage import sealed, sections, with_fields
from tests.pictures import scene, unfitted_file

CORRUPT, TRUNCATED, CHECKSUM = "CorruptError", "TruncatedError", "ChecksumError"
NEWER, LIMIT, OTHER = "UnsupportedVersionError", "LimitError", "NotLinrError"
NOT_HERE = "PriorNotFoundError"

Case = tuple[str, bytes, str, str]  # name, file, error, reason

GREY = np.array([[10, 20, 30], [40, 50, 60]], np.uint8)
ROWS = bytes([1, 10, 10, 10, 1, 40, 10, 10])  # of it, with filter 1
STORED = inrcodec.encode(GREY, model="stored")
IMAGE = scene(9, 7, 3, np.uint8)
CONTEXT = unfitted_file(IMAGE)


def replaced(data: bytes, tag: bytes, payload: bytes) -> bytes:
    """The file with another payload in a section."""
    return sealed([(each, payload if each == tag else own) for each, own in sections(data)])


def with_section(data: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """The file with sections behind its header."""
    header, *rest = sections(data)
    return sealed([header, *more, *rest])


def without(data: bytes, tag: bytes) -> bytes:
    """The file without a section."""
    return sealed([section for section in sections(data) if section[0] != tag])


def other_digest(data: bytes) -> bytes:
    """The file with the digest of other samples."""
    return with_fields(data, {"d": bytes(16)})


def coordinate_file(image: np.ndarray, **changes: Any) -> bytes:
    """A file of coordinate networks with weights of zero; changes: of the CoordinateModel."""
    model = {"form": "int", "layout": "joint", "backbone": "finer", "width": 4, "depth": 1}
    model |= {"constants": (100,), "modes": (0,) * 8, "step": 3} | changes
    planes = planes_of(Picture(image))
    coded = _coordinate(CoordinateModel(**model), image)
    return pack(Contents(planes.geometry, digest(image), PLAIN, None, (), coded))


def _coordinate(model: CoordinateModel, image: np.ndarray) -> CoordinateImage:
    geometry = planes_of(Picture(image)).geometry
    sizes = model.sizes(geometry.channels)
    zeros = {name: Tensor(np.zeros(size, np.int64), 0) for name, size in sizes.items()}
    tensors = [zeros] * model.networks()
    with Workers(numpy_backend(), 1) as workers:
        trial = Trial(image.reshape(*image.shape[:2], -1), numpy_backend(), workers)
        mixed = (1 << 16,) * model.sets if model.sets > 1 else None
        return CoordinateImage(geometry, model, *trial.code(model, tensors, mixed))


def set_file(sets: int = 2) -> bytes:
    """A file of two images from sets of weights of zero."""
    model = CoordinateModel("int", "joint", "finer", 4, 1, (100,), (0,) * 8, 3, sets=sets)
    coded = [_coordinate(model, image) for image in (GREY, GREY[::-1])]
    members = tuple(
        Member(digest(image), len(one.data), (1 << 16,) * sets)
        for image, one in zip((GREY, GREY[::-1]), coded, strict=True)
    )
    data = b"".join(one.data for one in coded)
    whole = CoordinateImage(coded[0].geometry, model, coded[0].weights, data, members)
    digests = digest_of_digests(whole.digests)
    return pack(Contents(whole.geometry, digests, PLAIN, None, (), whole))


def deflated(data: bytes) -> bytes:
    """One raw deflate stream."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(data) + squeeze.flush()


def framed(data: bytes) -> bytes:
    """One Zstandard frame."""
    return zstandard.ZstdCompressor().compress(data)


def integers(*groups: list[int]) -> bytes:
    """A stream of adaptive integers, a model for each group."""
    encoder = Encoder()
    for group in groups:
        encoder.encode_integers(np.array(group, dtype=np.int64), integer_model())
    return encoder.finish()
