"""Chunks of N-dimensional arrays as images: what the codecs of numcodecs and of zarr share.

A chunk becomes one image. A last axis of 2 to 4, of three axes or more, is that of channels; the
one before it is that of columns, and all others are rows: planes are below each other, each as it
is. (1, 1, 512, 512) is an image of 512 x 512, (8, 512, 512) one of 4096 rows of 512, (512, 512, 3)
RGB. Booleans are 0 and 1; of signed numbers the file says that they are.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from .coding.backend import numpy_backend
from .contents import parse
from .context.own_prior import Prior, find_prior
from .encode import encode
from .errors import CorruptError, ImageError
from .files.picture import Picture
from .frames.file import Frames
from .options import DEFAULT_EFFORT, Reading
from .reconstruct import picture_of

DIGEST = re.compile("[0-9a-f]{32}")  # of a prior
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

    effort, history: as encode's. prior: one of one's own that networks start from, its file, or the
    digest of one that the environment's INRCODEC_PRIORS has; the attribute is the digest. Whoever
    reads the chunks needs it, too. embed_prior: whether the configuration holds it, not its digest
    alone. threads: of one chunk; several are coded at once as a rule, so one is the default. It is
    not in the configuration, which is for whoever reads the array. Raises ValueError for a bad
    option, and as Prior.read.
    """

    effort: int = DEFAULT_EFFORT
    history: bool = True
    prior: Prior | str | Path | None = None
    embed_prior: bool = False
    threads: int = field(default=1, compare=False)
    _priors: tuple[Prior, ...] = field(default=(), init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name, kind, least, most in (
            ("effort", int, 1, 9),
            ("history", bool, False, True),
            ("embed_prior", bool, False, self.prior is not None),
            ("threads", int, 1, 1 << 16),
        ):
            value = getattr(self, name)
            if type(value) is not kind or not least <= value <= most:
                raise ValueError(f"{name} is {value!r}; it can be {least} to {most}")
        prior = self.prior
        if isinstance(prior, str) and DIGEST.fullmatch(prior):
            if not self.embed_prior:
                return
            prior = find_prior(prior)
        if prior is not None:
            prior = prior if isinstance(prior, Prior) else Prior.read(prior)
            object.__setattr__(self, "prior", prior.digest)
            object.__setattr__(self, "_priors", (prior,))

    def configuration(self) -> dict[str, Any]:
        """What is kept beside the chunks, as JSON has it."""
        found: dict[str, Any] = {"effort": self.effort, "history": self.history}
        if self.prior is not None:
            found["prior"] = self.prior
        if self.embed_prior:
            found["prior_data"] = base64.b64encode(self._priors[0].data).decode()
        return found

    @classmethod
    def from_configuration(cls, configuration: Mapping[str, Any]) -> Self:
        """Undoes configuration. Raises ValueError for what that does not give, and as Prior.read
        for what is no prior."""
        unknown = configuration.keys() - {"effort", "history", "prior", "prior_data"}
        if unknown:
            raise ValueError(f"the linr codec has no {', '.join(sorted(map(str, unknown)))}")
        options = dict(configuration)
        digest, data = options.get("prior"), options.pop("prior_data", None)
        # which is never a path: who writes a configuration does not say what its reader opens
        if digest is not None and not (isinstance(digest, str) and DIGEST.fullmatch(digest)):
            raise ValueError(f"prior is {digest!r}; it can be a digest of 32 hexadecimal digits")
        if data is not None:
            try:
                prior = Prior.read(base64.b64decode(data, validate=True))
            except (TypeError, ValueError):
                raise ValueError("prior_data is no base64") from None
            if prior.digest != digest:
                raise ValueError(f"prior_data is of prior {prior.digest}, not {digest}")
            options |= {"prior": prior, "embed_prior": True}
        return cls(**options)

    def encode_chunk(self, chunk: np.ndarray) -> bytes:
        """The .linr file of an array. Raises ChunkTypeError for its dtype, else as encode."""
        check_dtype(chunk.dtype)
        image = chunk.reshape(image_shape(chunk.shape))
        return encode(
            Picture.of_numbers(image),
            effort=self.effort,
            history=self.history,
            prior=self._prior(),
            device="cpu",  # of which each thread and worker process has its part
            threads=self.threads,
        )

    def _prior(self) -> Prior | None:
        return find_prior(self.prior, self._priors) if isinstance(self.prior, str) else None

    def decode_chunk(
        self, data: bytes, shape: tuple[int, ...] | None = None, most: float = math.inf
    ) -> np.ndarray:
        """The image in a .linr file, as decode has it; a chunk in its shape, where that is known.
        most: pixels that there is room for at most. Raises as decode, and CorruptError where the
        file holds another image than the chunk."""
        contents = parse(data)
        found = contents.picture
        if contents.images > 1 or isinstance(contents.model, Frames):
            raise CorruptError(f"a chunk of {contents.images} frames, or of tiles")
        # first, so that no more is decoded than a chunk has pixels
        if found.height * found.width > most:
            raise CorruptError(f"a chunk of {most} bytes holds an image of {found.shape}")
        if shape is not None and image_shape(shape)[:2] != (found.height, found.width):
            raise CorruptError(f"a chunk of shape {shape} holds an image of {found.shape}")
        reading = Reading(numpy_backend(), self.threads, priors=self._priors)
        image = picture_of(contents, reading).array()
        if shape is None:
            return image
        if image.shape != image_shape(shape):
            raise CorruptError(f"a chunk of shape {shape} holds an image of {image.shape}")
        return image.reshape(shape)
