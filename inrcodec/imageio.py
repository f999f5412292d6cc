"""imageio reads and writes .linr files once this is imported: `import inrcodec.imageio`.

With it comes inrcodec.pillow, which knows what imageio's users call metadata.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from types import EllipsisType
from typing import Any, BinaryIO

import numpy as np
from imageio.config import FileExtension, PluginConfig, known_extensions, known_plugins
from imageio.core.request import URI_BYTES, InitializationError, IOMode, Request
from imageio.core.v3_plugin_api import ImageProperties, PluginV3
from PIL import ExifTags, Image

from .container.linr import SIGNATURE
from .encode import encode
from .files.metadata import Metadata
from .files.picture import Picture
from .frames.encode import encode_frames
from .frames.reader import LinrFile, Region
from .limits import DEFAULT, Limits
from .pillow import EXTENSION, FORMAT, info_of
from .pillow_save import told

Index = int | EllipsisType | None


class LinrPlugin(PluginV3):
    """Of imageio: a .linr file, read or written. Arrays are those of inrcodec.decode, signed ones
    included. Index None is the image of a file of one, and all of a file of several, as `...` is.

    Damaged files and what cannot be written raise OSError, an index beyond the images ValueError.
    To files without a name, extension=".linr" is needed to write.
    """

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._opened: BinaryIO | None = None
        if request.mode.io_mode == IOMode.read:
            file: BinaryIO = request.get_file()
            self._opened = file if file.seekable() else io.BytesIO(file.read())
            self._opened.seek(0)  # others have looked at it
            if self._opened.read(len(SIGNATURE)) != SIGNATURE:
                raise InitializationError("not a .linr file: the signature is missing")
        elif request.extension != EXTENSION:
            raise InitializationError(f"the output's extension is not {EXTENSION}")

    def read(
        self,
        *,
        index: Index = None,
        region: Region | None = None,
        scale: int = 1,
        threads: int | None = None,
        limits: Limits = DEFAULT,
    ) -> np.ndarray:
        """The image, or with `...` all of them along a first axis; no more of the file is read than
        it takes. region, scale, threads, limits: as inrcodec.decode's. Raises OSError where all are
        wanted and differ in size or type."""
        with told(), self._linr(threads, limits) as file:
            index = _which(index, file.frames)
            if index is not ...:
                return file.array(index, region, scale)
            image = file.stack(region, scale)
            return image if file.frames > 1 else image[np.newaxis]

    def iter(
        self,
        *,
        region: Region | None = None,
        scale: int = 1,
        threads: int | None = None,
        limits: Limits = DEFAULT,
    ) -> Iterator[np.ndarray]:
        """Each image, one by one; as read."""
        with told(), self._linr(threads, limits) as file:
            for index in range(file.frames):
                yield file.array(index, region, scale)

    def properties(self, index: Index = None) -> ImageProperties:
        """Shape and type of what read returns; no pixel is decoded. Raises OSError as it does."""
        with told(), self._linr() as file:
            index = _which(index, file.frames)
            if index is not ...:
                shape, dtype = file.array_like(index)
                return ImageProperties(shape, dtype)
            found = {file.array_like(number) for number in range(file.frames)}
            if len(found) > 1:
                raise OSError("the images of this file differ in size or type: read them by index")
            shape, dtype = found.pop()
            count = file.frames
            return ImageProperties((count, *shape), dtype, n_images=count, is_batch=True)

    def metadata(self, index: Index = None, exclude_applied: bool = True) -> dict[str, Any]:
        """As of the PNG that equals the file, or the image of an index, through imageio's plug-in
        for Pillow: dpi, gamma, icc_profile, exif and its fields by name, xmp, texts; duration (of
        the first image without an index) and loop of animations. exclude_applied: without
        transparency and palette, which arrays have as alpha and colours."""
        with told(), self._linr() as file:
            index = _which(index, file.frames)
            picture = file.facts(0 if index is ... else index)
            found: dict[Any, Any] = info_of(picture)[0]
        exif = Image.Exif()
        exif.load(found.get("exif", b""))
        found |= {ExifTags.TAGS[tag]: value for tag, value in exif.items() if tag in ExifTags.TAGS}
        if picture.type.palette:
            found["palette"] = np.frombuffer(picture.type.palette, np.uint8).reshape(-1, 3)
        if exclude_applied:
            found.pop("transparency", None)
            found.pop("palette", None)
        return found

    def write(
        self,
        ndimage: Any,
        *,
        is_batch: bool | None = None,
        metadata: Metadata | None = None,
        **options: Any,
    ) -> bytes | None:
        """Encodes an array of 8 or 16 bits, signed ones grey only, as inrcodec.encode, or frames as
        encode_frames, of which the options are (effort, threads, tile, ...). Frames are a list of
        images, which may differ, an array of 4 axes, or one of 3 axes whose last one is no colour,
        of more than 4; is_batch says it where that is not so. metadata: of all frames. Returns the
        file for the target "<bytes>"."""
        frames = isinstance(ndimage, list | tuple) if is_batch is None else is_batch
        if is_batch is None and not frames:
            ndimage = np.asarray(ndimage)
            frames = ndimage.ndim == 4 or (ndimage.ndim == 3 and ndimage.shape[2] > 4)
        with told():
            if not frames:
                data = encode(_picture(ndimage, metadata), **options)
            else:
                pictures = [_picture(image, metadata) for image in ndimage]
                one = len(pictures) == 1
                data = encode(pictures[0], **options) if one else encode_frames(pictures, **options)
        self.request.get_file().write(data)
        return data if self.request._uri_type == URI_BYTES else None

    def _linr(self, threads: int | None = None, limits: Limits = DEFAULT) -> LinrFile:
        """The file, from its beginning."""
        assert self._opened is not None
        self._opened.seek(0)
        return LinrFile(self._opened, threads=threads, limits=limits)


def _which(index: Index, images: int) -> Any:
    """An index, or all (...). Raises ValueError beyond the images."""
    if index is None:
        return 0 if images == 1 else ...
    if index is not ... and not 0 <= index < images:
        raise ValueError(f"index is {index}; the file has {images} images")
    return index


def _picture(image: Any, metadata: Metadata | None) -> Picture:
    array = np.asarray(image)
    signed = array.dtype.kind == "i" and array.itemsize <= 2
    picture = Picture.of_numbers(array) if signed else Picture(array)
    return replace(picture, metadata=metadata)


def register() -> None:
    """Makes imageio read and write .linr files; importing the module does that."""
    others = {name: plugin for name, plugin in known_plugins.items() if name != FORMAT}
    known_plugins.clear()
    # the first to be asked: others may take it that know less of these files
    known_plugins[FORMAT] = PluginConfig(FORMAT, LinrPlugin.__name__, __name__)
    known_plugins.update(others)
    known_extensions[EXTENSION] = [
        FileExtension(extension=EXTENSION, priority=[FORMAT], name="inrcodec lossless image")
    ]


register()
