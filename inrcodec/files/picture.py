"""A picture as an image file has it: its samples, what they stand for, and its metadata.

Arrays are what most callers deal with: grey, RGB, with or without alpha, 8 or 16 bits. Files also
have palettes, grey of 1, 2 or 4 bits and colours that stand for transparent; a Picture keeps those,
so that the same file comes back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgpack
import numpy as np

from ..container.fields import unpack_fields
from ..errors import CorruptError, ImageError, UnsupportedVersionError
from ..source.skeleton import Skeleton
from .metadata import PNG, Metadata, frame_of

if TYPE_CHECKING:
    from ..jpeg.step import Jpeg

MAX_PALETTE = 256
MAX_TYPE_BYTES = 2048  # of a packed PixelType
# What a last channel is that is no alpha; the numbers are those of TIFF's ExtraSamples but for 1.
ALPHA, UNSPECIFIED, PREMULTIPLIED = range(3)
OTHER_COLOURS = 1
_SMALL, _LARGE = (1, 2, 4), range(9, 16)  # depths of arrays of 8 and of 16 bits


@dataclass(frozen=True)
class PixelType:
    """What samples stand for where that is not plain grey or RGB of 8 or 16 bits.

    depth: 1, 2 or 4 where grey samples, or indices, have so few bits, 9 to 15 where samples of 16
    bits do; 0: all of their array's. top: the value that stands for white, where that is no 2^n - 1
    (PNM's maxval); 0: all bits set. white: whether 0 is white, in grey (TIFF's WhiteIsZero, PBM).
    signed: whether samples are numbers from -2^(bits - 1) on, which are kept from 0 on. extra: what
    the last of 2 or 4 channels is: ALPHA, UNSPECIFIED or PREMULTIPLIED.
    space: OTHER_COLOURS where samples are not of grey or RGB, but a JPEG's components as they are.
    palette: R, G, B of each colour, of which the samples are indices. alpha: of its first colours,
    the others being opaque. key: the grey value or RGB colour that is transparent (PNG's tRNS, of
    which the low bits count).
    """

    depth: int = 0
    palette: bytes = b""
    alpha: bytes = b""
    key: tuple[int, ...] = ()
    top: int = 0
    white: bool = False
    signed: bool = False
    extra: int = ALPHA
    space: int = 0

    @property
    def colours(self) -> int:
        """How many the palette has."""
        return len(self.palette) // 3

    def problem(self, channels: int, bits: int) -> str | None:
        """Why samples of so many channels and bits cannot be of this type."""
        grey = channels == 1
        if self.depth and not (
            (self.depth in _SMALL and grey and bits == 8) or (self.depth in _LARGE and bits == 16)
        ):
            return f"a depth of {self.depth} bits"
        if not 0 <= self.top < (1 << (self.depth or bits)) - 1 or (self.top and self.palette):
            return f"samples up to {self.top}"
        if self.white and (channels > 2 or self.palette or self.key):
            return "a white of 0 of samples that are not grey"
        if self.signed and (self.depth or self.top or self.palette or self.key or self.white):
            return "signed samples of another kind"
        if not ALPHA <= self.extra <= PREMULTIPLIED or (self.extra and channels not in (2, 4)):
            return f"a last channel of kind {self.extra}"
        if self.space and (self.space != OTHER_COLOURS or bits != 8 or self != OF_OTHER_COLOURS):
            return "other colours of another kind"
        if len(self.palette) % 3 or self.colours > MAX_PALETTE:
            return f"a palette of {len(self.palette)} bytes"
        if self.palette and not (grey and bits == 8 and not self.key):
            return "a palette of samples that are no indices"
        if len(self.alpha) > self.colours:
            return "more alpha values than colours"
        if self.key and not (channels in (1, 3) and len(self.key) == channels):
            return "a transparent colour of another kind"
        if not all(0 <= value < 1 << 16 for value in self.key):
            return "a transparent colour beyond 16 bits"
        return None

    def fits(self, samples: np.ndarray) -> bool:
        """Whether all samples are below what depth and palette allow."""
        top = self.top + 1 if self.top else 1 << (self.depth or 8 * samples.itemsize)
        if self.palette:
            top = min(top, self.colours)
        return top >= 1 << 8 * samples.itemsize or int(samples.max()) < top

    def allows(self, metadata: Metadata | None) -> bool:
        """Whether the metadata may stand beside samples of this type: those of a PNG have places
        for its palette, transparency and image data, in this order, and for no more."""
        if metadata is None or metadata.kind != PNG:
            return True
        frame = frame_of(bool(self.palette), bool(self.alpha or self.key))
        placed = [name for name, body in metadata.chunks if body is None]
        suggested = [name for name, body in metadata.chunks if name == "PLTE" and body is not None]
        return placed == frame[: len(placed)] and len(suggested) <= (not self.palette)

    def expand(self, samples: np.ndarray) -> np.ndarray:
        """Grey or RGB, with alpha where there is transparency: an array like those of
        images.read_image. Grey of 1, 2 and 4 bits has all bits, and 0 for black; other samples come
        back as they are, signed ones as int8 or int16."""
        if self.palette:
            table = np.zeros((1 << 8, 3 + bool(self.alpha)), dtype=np.uint8)
            table[: self.colours, :3] = np.frombuffer(self.palette, np.uint8).reshape(-1, 3)
            if self.alpha:
                table[:, 3] = 255
                table[: len(self.alpha), 3] = np.frombuffer(self.alpha, np.uint8)
            return table[samples]
        if self.signed:
            kind = np.dtype(f"i{samples.itemsize}")
            return (samples ^ samples.dtype.type(1 << 8 * samples.itemsize - 1)).view(kind)
        top = (1 << (self.depth or 8 * samples.itemsize)) - 1
        full = np.iinfo(samples.dtype).max
        image = samples
        if self.depth in _SMALL:
            image = samples * samples.dtype.type(full // top)
            image = full - image if self.white else image
        if self.key:
            pixels = samples.reshape(*samples.shape[:2], -1)
            clear = (pixels == np.array(self.key) & top).all(axis=2)
            alpha = np.where(clear, 0, full).astype(samples.dtype)
            image = np.dstack([image, alpha])
        return image


PLAIN = PixelType()
SIGNED = PixelType(signed=True)
OF_OTHER_COLOURS = PixelType(space=OTHER_COLOURS)


def digest(samples: np.ndarray) -> bytes:
    """BLAKE2b-128 of samples, little-endian, in C order."""
    ordered = np.ascontiguousarray(samples, dtype=samples.dtype.newbyteorder("<"))
    return hashlib.blake2b(ordered.data, digest_size=16).digest()


def inverted(samples: np.ndarray, top: int) -> np.ndarray:
    """Grey samples (H, W), or (H, W, 2) with alpha, from the other end; alpha as it is."""
    result = samples.copy()
    grey = result if result.ndim == 2 else result[..., 0]
    np.subtract(samples.dtype.type(top), grey, out=grey)
    return result


@dataclass(frozen=True)
class Picture:
    """What an image file holds.

    samples: uint8 or uint16, (H, W) or (H, W, 2..4), as the file has them. left_out: what of the
    file could not be kept, in words; nothing of it decides a sample. source: with what the file
    itself comes back (source.restore), metadata being what it has of them. jpeg: the coefficients
    that the samples are made of, if it is a JPEG. unread: why the samples are not known, where they
    are not (and are all 0): then there is the source alone.
    """

    samples: np.ndarray
    type: PixelType = PLAIN
    metadata: Metadata | None = None
    left_out: tuple[str, ...] = ()
    source: Skeleton | None = None
    jpeg: Jpeg | None = None
    unread: str = ""

    @classmethod
    def of_numbers(cls, image: np.ndarray) -> Picture:
        """That of an array of (u)int8 or (u)int16, (H, W) or (H, W, 2..4), in any byte order, which
        PixelType.expand gives again; or of bool, as 0 and 1."""
        native = np.ascontiguousarray(image, image.dtype.newbyteorder("="))
        unsigned = native.view(f"u{native.itemsize}")
        if native.dtype.kind != "i":
            return cls(unsigned)
        return cls(unsigned ^ unsigned.dtype.type(1 << 8 * native.itemsize - 1), SIGNED)

    @property
    def cube(self) -> np.ndarray:
        """The samples as (H, W, C), grey ones too."""
        return self.samples.reshape(*self.samples.shape[:2], -1)

    def array(self) -> np.ndarray:
        """The picture in grey or RGB, with alpha where there is transparency; of OTHER_COLOURS the
        components as they are. Raises ImageError where its samples are not known."""
        if self.unread:
            raise ImageError(f"the pixels of this file are not read ({self.unread})")
        return self.type.expand(self.samples)

    def check(self, name: str) -> None:
        """Raises ImageError, with `name` in front, where samples, type and metadata do not go
        together."""
        channels = self.samples.shape[2] if self.samples.ndim == 3 else 1
        problem = self.type.problem(channels, 8 * self.samples.itemsize)
        if problem is not None:
            raise ImageError(f"{name}: {problem}")
        if not self.type.fits(self.samples):
            raise ImageError(f"{name}: a sample is beyond its depth or its palette")
        try:
            if self.metadata is not None:
                self.metadata.check()
        except CorruptError as error:
            raise ImageError(f"{name}: {error}") from None
        if not self.type.allows(self.metadata):
            raise ImageError(f"{name}: metadata of another type of picture")


def pack_type(pixels: PixelType) -> bytes:
    """A MessagePack map of what is there."""
    fields = {
        "d": pixels.depth, "c": pixels.palette, "a": pixels.alpha, "k": list(pixels.key),
        "t": pixels.top, "w": int(pixels.white), "s": int(pixels.signed), "e": pixels.extra,
        "o": pixels.space,
    }  # fmt: skip
    return msgpack.packb({key: value for key, value in fields.items() if value})  # type: ignore[no-any-return]


def unpack_type(payload: bytes, channels: int, bits: int) -> PixelType:
    """Undoes pack_type. Raises CorruptError for a type that such samples cannot have, and
    UnsupportedVersionError for a field that this reader does not know."""
    fields = unpack_fields(payload, "pixel type", MAX_TYPE_BYTES)
    if not fields:
        raise CorruptError("a pixel type without a field")
    wanted = dict.fromkeys("dtwseo", int) | {"c": bytes, "a": bytes, "k": list}
    for key, value in fields.items():
        if key not in wanted:
            raise UnsupportedVersionError(f"pixel type field {key!r} needs a newer reader")
        if type(value) is not wanted[key] or not value:
            raise CorruptError(f"pixel type field {key!r} is empty or of another type")
    key = fields.get("k", [])
    if not all(type(value) is int for value in key):
        raise CorruptError("the transparent colour is not of integers")
    if not {fields.get("w", 1), fields.get("s", 1)} == {1}:
        raise CorruptError("a pixel type's yes is no 1")
    pixels = PixelType(
        fields.get("d", 0), fields.get("c", b""), fields.get("a", b""), tuple(key),
        fields.get("t", 0), "w" in fields, "s" in fields, fields.get("e", ALPHA),
        fields.get("o", 0),
    )  # fmt: skip
    problem = pixels.problem(channels, bits)
    if problem is not None:
        raise CorruptError(f"pixel type: {problem}")
    return pixels
