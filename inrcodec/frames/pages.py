"""What is encoded: pages, of which any rectangle can be read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..errors import ImageError
from ..files.metadata import Metadata
from ..files.picture import Picture, PixelType
from ..files.timing import as_frame
from ..limits import Limits, check_size
from .index import PageSize

SOURCE = "its source file, as a file of frames has none for each"


class Page(Protocol):
    """A page: its size in pixels, the channels and bits (8 or 16) of its samples, what these stand
    for, and what else its file has of it; left_out: what of that cannot be kept, in words."""

    @property
    def height(self) -> int: ...

    @property
    def width(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def bits(self) -> int: ...

    @property
    def type(self) -> PixelType: ...

    @property
    def metadata(self) -> Metadata | None: ...

    @property
    def left_out(self) -> tuple[str, ...]: ...

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """The samples of a rectangle, uint8 or uint16 (height, width) or (height, width, C).
        Raises ImageError where the file is damaged."""


def size_of(page: Page) -> PageSize:
    """That of a page's samples."""
    return PageSize(page.height, page.width, page.channels, page.bits)


@dataclass(frozen=True)
class ArrayPage:
    """A page in memory, or in a memory map."""

    picture: Picture

    @classmethod
    def of(cls, image: np.ndarray | Picture, name: str, limits: Limits) -> ArrayPage:
        """That of an array as encode takes it, or of a picture. Raises ImageError, with `name` in
        front, for what is no image, LimitError for a too large one."""
        picture = image if isinstance(image, Picture) else Picture(image)
        samples = picture.samples
        native = samples.dtype.newbyteorder("=") if isinstance(samples, np.ndarray) else None
        if native not in (np.uint8, np.uint16):
            kind = getattr(samples, "dtype", type(samples).__name__)
            raise ImageError(f"{name}: an image is a NumPy array of uint8 or uint16, not {kind}")
        if samples.ndim not in (2, 3) or (samples.ndim == 3 and not 1 <= samples.shape[2] <= 4):
            raise ImageError(
                f"{name}: an image has shape (H, W) or (H, W, 1..4), not {samples.shape}"
            )
        if picture.unread:
            raise ImageError(f"{name}: the pixels of this file are not read ({picture.unread})")
        check_size(samples.shape[1], samples.shape[0], name, limits)
        return cls(picture)

    def copy(self) -> ArrayPage:
        """The page with samples of its own."""
        return ArrayPage(replace(self.picture, samples=self.picture.samples.copy()))

    @property
    def height(self) -> int:
        return self.picture.samples.shape[0]

    @property
    def width(self) -> int:
        return self.picture.samples.shape[1]

    @property
    def channels(self) -> int:
        samples = self.picture.samples
        return samples.shape[2] if samples.ndim == 3 else 1

    @property
    def bits(self) -> int:
        return 8 * self.picture.samples.itemsize

    @property
    def type(self) -> PixelType:
        return self.picture.type

    @property
    def metadata(self) -> Metadata | None:
        return as_frame(self.picture.metadata, self.height, self.width)

    @property
    def left_out(self) -> tuple[str, ...]:
        return (*self.picture.left_out, *[SOURCE] * (self.picture.source is not None))

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """The samples of a rectangle."""
        samples = self.picture.samples[top : top + height, left : left + width]
        samples = np.ascontiguousarray(samples, samples.dtype.newbyteorder("="))
        return samples[:, :, 0] if samples.ndim == 3 and samples.shape[2] == 1 else samples
