"""Chunks of N-dimensional arrays as images: what the codecs of numcodecs and of zarr share.

A chunk becomes one image. A last axis of 2 to 4, of three axes or more, is that of channels; the
one before it is that of columns, and all others are rows: planes are below each other, each as it
is. (1, 1, 512, 512) is an image of 512 x 512, (8, 512, 512) one of 4096 rows of 512, (512, 512, 3)
RGB. Booleans are 0 and 1; of signed numbers the file says that they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from .coding.backend import numpy_backend
from .contents import parse
from .decode import picture_of
from .encode import encode
from .errors import CorruptError, ImageError
from .files.picture import Picture
from .options import DEFAULT_EFFORT, Reading

DTYPES = ("bool", "int8", "uint8", "int16", "uint16")


class ChunkTypeError(ImageError, TypeError):
    """The chunks of an array are of a dtype that no .linr file holds."""


def check_dtype(dtype: np.dtype) -> None:
    """Raises ChunkTypeError for a dtype that is none of DTYPES, whatever its byte order."""
    if dtype.name not in DTYPES:
        raise ChunkTypeError(f"linr chunks are of {', '.join(DTYPES)}, not {dtype}")


def image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of the image, (H, W) or (H, W, 2..4), that a chunk of any shape becomes."""
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    channels = shape[-1:] if len(shape) > 2 and shape[-1] <= 4 else ()
    plane = [length for length in shape[: len(shape) - len(channels)] if length != 1]
    return (math.prod(plane[:-1]), math.prod(plane[-1:]), *channels)


@dataclass(frozen=True, kw_only=True)
class Chunks:
    """How chunks are coded, each by itself.

    effort, history: as encode's. threads: of one chunk; several are coded at once as a rule, so one
    is the default. It is not in the configuration, which is for whoever reads the array. Raises
    ValueError for a bad one.
    """

    effort: int = DEFAULT_EFFORT
    history: bool = True
    threads: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        for name, kind, least, most in (
            ("effort", int, 1, 9),
            ("history", bool, False, True),
            ("threads", int, 1, 1 << 16),
        ):
            value = getattr(self, name)
            if type(value) is not kind or not least <= value <= most:
                raise ValueError(f"{name} is {value!r}; it can be {least} to {most}")

    def configuration(self) -> dict[str, Any]:
        """What is kept beside the chunks, as JSON has it."""
        return {"effort": self.effort, "history": self.history}

    @classmethod
    def from_configuration(cls, configuration: Mapping[str, Any]) -> Self:
        """Undoes configuration. Raises ValueError for what that does not give."""
        unknown = configuration.keys() - cls().configuration().keys()
        if unknown:
            raise ValueError(f"the linr codec has no {', '.join(sorted(unknown))}")
        return cls(**configuration)

    def encode_chunk(self, chunk: np.ndarray) -> bytes:
        """The .linr file of an array. Raises ChunkTypeError for its dtype, else as encode."""
        check_dtype(chunk.dtype)
        image = chunk.reshape(image_shape(chunk.shape))
        return encode(
            Picture.of_numbers(image),
            effort=self.effort,
            history=self.history,
            threads=self.threads,
        )

    def decode_chunk(self, data: bytes, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """The image in a .linr file, as decode has it; a chunk in its shape, where that is known.
        Raises as decode, and CorruptError where the file holds another image than the chunk."""
        contents = parse(data)
        found = contents.picture
        if contents.images > 1:
            raise CorruptError(f"a chunk of {contents.images} images")
        # first, so that no more is decoded than a chunk has pixels
        if shape is not None and image_shape(shape)[:2] != (found.height, found.width):
            raise CorruptError(f"a chunk of shape {shape} holds an image of {found.shape}")
        image = picture_of(contents, Reading(numpy_backend(), self.threads)).array()
        if shape is None:
            return image
        if image.shape != image_shape(shape):
            raise CorruptError(f"a chunk of shape {shape} holds an image of {image.shape}")
        return image.reshape(shape)
