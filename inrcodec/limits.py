"""What a file or an image may ask for, checked before anything of that size is allocated."""

from __future__ import annotations

from dataclasses import dataclass, fields

from .errors import CorruptError, ImageError, LimitError

# A bit costs at least log2(65536 / 65535) bits, so a byte of data holds fewer than this many.
MAX_BITS_PER_BYTE = 363_409
SLACK_BYTES = 16  # what the range coder may leave out at the end, and then some


@dataclass(frozen=True)
class Limits:
    """The most that a reader accepts. The defaults are format_spec.md's; a reader that trusts its
    files may raise them, one that does not may lower them. ValueError for what is no whole number.

    pixels: height times width of an image, in a file of several of each.
    multiply_adds: of the networks, to decode one image.
    weights: numbers in all networks of a file.
    sections: of a file.
    metadata: bytes of it, inflated.
    pages: images in a file of several.
    """

    pixels: int = 1 << 28
    multiply_adds: int = 1 << 44
    weights: int = 1 << 24
    sections: int = 64
    metadata: int = 1 << 26
    pages: int = 1 << 20

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or value < 0:
                raise ValueError(f"limit {field.name} is {value!r}; it can be any whole number")

    def check(self, name: str, asked: int, what: str) -> None:
        """Raise LimitError where `asked` is above the limit `name`; what: asks for it, in words."""
        allowed = getattr(self, name)
        if asked > allowed:
            raise LimitError(f"{what} exceed the limit of {allowed} (limit: {name})")


DEFAULT = Limits()


def check_size(width: int, height: int, name: str, limits: Limits = DEFAULT) -> None:
    """Raise ImageError for an empty image and LimitError for one above limits.pixels."""
    if width < 1 or height < 1:
        raise ImageError(f"{name}: the image is empty ({width} x {height} pixels)")
    limits.check("pixels", width * height, f"{name}: {width} x {height} pixels")


def check_bits(bits: int, data_bytes: int) -> None:
    """Raise CorruptError where so many bytes of the range coder cannot hold so many bits."""
    if bits > (data_bytes + SLACK_BYTES) * MAX_BITS_PER_BYTE:
        raise CorruptError(f"{data_bytes} bytes of data are too few for {bits} bits")
