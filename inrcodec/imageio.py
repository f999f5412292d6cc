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
from .contents import Contents
from .decode import decode
from .encode import encode
from .files.metadata import Metadata
from .files.picture import Picture
from .limits import DEFAULT, Limits
from .pillow import EXTENSION, FORMAT, info_of, told
from .reconstruct import SCALES, read_contents

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
            if self._file().read(len(SIGNATURE)) != SIGNATURE:
                raise InitializationError("not a .linr file: the signature is missing")
        elif request.extension != EXTENSION:
            raise InitializationError(f"the output's extension is not {EXTENSION}")

    def read(
        self,
        *,
        index: Index = None,
        scale: int = 1,
        threads: int | None = None,
        limits: Limits = DEFAULT,
    ) -> np.ndarray:
        """The image, or with `...` all of them along a first axis. scale, threads, limits: as
        inrcodec.decode's."""
        options: dict[str, Any] = {"scale": scale, "threads": threads, "limits": limits}
        index = self._which(index, limits)
        if index is ...:
            return np.stack(list(self.iter(**options)))
        data = self._file().read()
        with told():
            return decode(data, frame=index, **options)

    def iter(
        self, *, scale: int = 1, threads: int | None = None, limits: Limits = DEFAULT
    ) -> Iterator[np.ndarray]:
        """Each image; as read."""
        for index in range(self._contents(limits).images):
            yield self.read(index=index, scale=scale, threads=threads, limits=limits)

    def properties(self, index: Index = None) -> ImageProperties:
        """Shape and type of what read returns; no pixel is decoded."""
        contents = self._contents()
        _, _, *channels = contents.picture.shape
        one = Picture(np.zeros((1, 1, *channels), contents.picture.dtype), contents.type).array()
        shape = (contents.picture.height, contents.picture.width, *one.shape[2:])
        if self._which(index) is ...:
            return ImageProperties(
                (contents.images, *shape), one.dtype, n_images=contents.images, is_batch=True
            )
        return ImageProperties(shape, one.dtype)

    def metadata(self, index: Index = None, exclude_applied: bool = True) -> dict[str, Any]:
        """As of the PNG that equals the file through imageio's plug-in for Pillow: dpi, gamma,
        icc_profile, exif and its fields by name, xmp, texts. exclude_applied: without transparency
        and palette, which arrays have as alpha and colours."""
        self._which(index)
        contents = self._contents()
        with told():
            found: dict[Any, Any] = info_of(contents)[0]
        exif = Image.Exif()
        exif.load(found.get("exif", b""))
        found |= {ExifTags.TAGS[tag]: value for tag, value in exif.items() if tag in ExifTags.TAGS}
        if contents.type.palette:
            found["palette"] = np.frombuffer(contents.type.palette, np.uint8).reshape(-1, 3)
        if exclude_applied:
            found.pop("transparency", None)
            found.pop("palette", None)
        return found

    def write(
        self, ndimage: Any, *, metadata: Metadata | None = None, **options: Any
    ) -> bytes | None:
        """Encodes an array of 8 or 16 bits, signed ones grey only, as inrcodec.encode, of which the
        options are (effort, threads, ...); a list or a batch (4 axes) may be of one image. Returns
        the file for the target "<bytes>"."""
        if isinstance(ndimage, list | tuple) or np.ndim(ndimage) == 4:
            if len(ndimage) != 1:
                raise ValueError(f"{len(ndimage)} images in one .linr file")
            (ndimage,) = ndimage
        image = np.asarray(ndimage)
        signed = image.dtype.kind == "i" and image.itemsize <= 2
        picture = Picture.of_numbers(image) if signed else Picture(image)
        with told():
            data = encode(replace(picture, metadata=metadata), **options)
        self.request.get_file().write(data)
        return data if self.request._uri_type == URI_BYTES else None

    def _file(self) -> BinaryIO:
        """The file from its beginning."""
        if self._opened is None:
            file: BinaryIO = self.request.get_file()
            self._opened = file if file.seekable() else io.BytesIO(file.read())
        self._opened.seek(0)
        return self._opened

    def _contents(self, limits: Limits = DEFAULT) -> Contents:
        with told():
            return read_contents(self._file(), max(SCALES), limits)

    def _which(self, index: Index, limits: Limits = DEFAULT) -> Any:
        """An index, or all (...). Raises ValueError beyond the images."""
        images = self._contents(limits).images
        if index is None:
            return 0 if images == 1 else ...
        if index is not ... and not 0 <= index < images:
            raise ValueError(f"index is {index}; the file has {images} images")
        return index


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
