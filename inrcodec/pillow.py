"""Pillow opens and saves .linr files once this is imported: `import inrcodec.pillow`.

What of a file is no sample (palette, transparency, colour profile, resolution, EXIF, XMP, text) is
told and taken as Pillow does with PNGs: by its own plug-in, of a PNG of one pixel.
"""

from __future__ import annotations

import inspect
import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO, Any, BinaryIO, cast

import numpy as np
from PIL import Image, ImageFile, ImagePalette, PngImagePlugin, UnidentifiedImageError

from .coding.backend import backend_for
from .container.linr import SIGNATURE
from .contents import Contents
from .encode import encode
from .errors import LinrError, LinrWarning
from .files.images import as_png, read_picture, write_picture
from .files.metadata import FIELD_BYTES, TIFF, Tag
from .files.picture import ALPHA, PREMULTIPLIED, UNSPECIFIED, Picture, PixelType
from .limits import DEFAULT
from .options import Reading
from .reconstruct import SCALES, picture_of, read_contents
from .source.copy import Copy

FORMAT, EXTENSION, MIME = "LINR", ".linr", "image/x-linr"

# Of files that are opened, as Pillow's Image.MAX_IMAGE_PIXELS; may be set.
LIMITS = DEFAULT
# To decode and encode with, None for all cores; may be set, as in one of several workers.
THREADS: int | None = None

# Of 2 to 4 channels of 8 bits, by what the last one is.
_MODES = {
    (2, ALPHA): "LA", (2, PREMULTIPLIED): "La", (3, ALPHA): "RGB", (4, ALPHA): "RGBA",
    (4, UNSPECIFIED): "RGBX", (4, PREMULTIPLIED): "RGBa",
}  # fmt: skip
_SAVED = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B", "I")
_ENCODING = frozenset(inspect.signature(encode).parameters) - {"image"}
_PROFILE, _XMP = 34675, 700  # tags of a TIFF


class LinrImageFile(ImageFile.ImageFile):
    """An open .linr file; text: as of a PNG.

    Where Pillow's own plug-ins leave Image.open to say that it cannot identify a damaged file, its
    UnidentifiedImageError says here what is wrong, and so it does of images of samples that no mode
    holds (16 bits with colour or alpha, components of CMYK). Later errors are OSErrors.
    """

    format = FORMAT
    format_description = "inrcodec lossless image"
    n_frames = 1
    is_animated = False
    _frame, _scale = 0, 1

    def _open(self) -> None:
        with told(UnidentifiedImageError):
            contents = read_contents(cast(BinaryIO, self.fp), max(SCALES), LIMITS)
        self._mode = _mode_of(contents)
        self._size = contents.picture.width, contents.picture.height
        self.info, self.text = info_of(contents)
        if contents.type.palette:
            self.palette = ImagePalette.raw("RGB", contents.type.palette)
        self.n_frames = contents.images
        self.is_animated = self.n_frames > 1
        self._close_exclusive_fp_after_loading = not self.is_animated
        self._fp = cast(IO[bytes], self.fp)
        self._expect()

    def _expect(self) -> None:
        """Pixels to load, of the current size."""
        raw = "1;8" if self.mode == "1" else self.mode
        tile: Any = "raw", (0, 0, *self.size), 0, raw
        self.tile = [tile]

    def load(self) -> Any:
        if self.tile:
            pixels = self._pixels()
            if self._exclusive_fp and self._close_exclusive_fp_after_loading:
                self._fp.close()
            self.fp = io.BytesIO(pixels)
        return super().load()

    def load_seek(self, pos: int) -> None:
        """Nowhere: the pixels are all there is to load from."""

    def _pixels(self) -> bytes:
        self._fp.seek(0)
        reading = Reading(backend_for("cpu"), THREADS, LIMITS, self._frame, self._scale)
        with told():
            picture = picture_of(
                read_contents(cast(BinaryIO, self._fp), self._scale, LIMITS), reading
            )
        return _raw(picture, self.mode)

    def draft(
        self, mode: str | None, size: tuple[int, int] | None
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Decodes a half, a quarter or an eighth of the rows and columns, the fewest that are no
        less than `size`, as Pillow's JPEG plug-in does; mode: of no consequence."""
        if not self.tile or self._scale > 1:
            return None
        width, height = self.size
        if size is not None:
            most = max(1, min(width // size[0], height // size[1]))
            self._scale = max(scale for scale in SCALES if scale <= most)
            self._size = -(-width // self._scale), -(-height // self._scale)
            self._expect()
        return self.mode, (0, 0, width / self._scale, height / self._scale)

    def seek(self, frame: int) -> None:
        if self._seek_check(frame):
            self._frame = frame
            self._expect()

    def tell(self) -> int:
        return self._frame

    def verify(self) -> None:
        """Checks all checksums, without decoding."""
        if self.fp is None:
            raise RuntimeError("verify must be called directly after open")
        self.fp.seek(0)
        with told():
            read_contents(cast(BinaryIO, self.fp), 1, LIMITS)
        super().verify()


@contextmanager
def told(kind: type[OSError] = OSError) -> Iterator[None]:
    """LinrErrors as Pillow's users expect them, with what they say."""
    try:
        yield
    except LinrError as error:
        raise kind(str(error)) from error


def _mode_of(contents: Contents) -> str:
    """Raises UnidentifiedImageError where there is none that holds all of the samples."""
    pixels, channels = contents.type, contents.picture.channels
    bits = contents.picture.sample_bits
    if isinstance(contents.model, Copy):
        raise UnidentifiedImageError(f"the pixels of this file are not read ({contents.model.why})")
    if pixels.palette:
        return "P"
    if channels == 1 and not pixels.space:
        if pixels.signed:
            return "I"
        return "I;16" if bits == 16 else "1" if pixels.depth == 1 else "L"
    mode = _MODES.get((channels, pixels.extra))
    if mode is None or bits > 8 or pixels.signed or pixels.space:
        kind = "components of a JPEG" if pixels.space else "signed " * pixels.signed + "samples"
        if pixels.extra:
            kind += " beside one that is no alpha"
        raise UnidentifiedImageError(
            f"Pillow has no mode for {kind}, {channels} x {bits} bits; inrcodec.decode reads them"
        )
    return mode


def _raw(picture: Picture, mode: str) -> bytes:
    """The samples as Pillow's decoder of raw pixels takes them."""
    pixels = picture.type
    if mode == "I":
        return picture.array().astype(np.int32).tobytes()
    samples = as_png(picture).samples
    if pixels.depth in (2, 4) and mode == "L":
        samples = samples * np.uint8(255 // ((1 << pixels.depth) - 1))
    return samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()


def info_of(contents: Contents) -> tuple[dict[str | tuple[int, int], Any], dict[str, str]]:
    """Info, and texts alone, as of the PNG that equals a file."""
    pixels, metadata = contents.type, contents.metadata
    if metadata is None and not (pixels.alpha or pixels.key):
        return {}, {}
    samples = np.zeros((1, 1, *contents.picture.shape[2:]), contents.picture.dtype)
    one = Picture(samples, replace(pixels, signed=False, extra=ALPHA), metadata)
    try:
        head = PngImagePlugin.PngImageFile(io.BytesIO(write_picture(one, ".png")))
        head.load()
    except ValueError as error:  # texts that are too long for it
        raise UnidentifiedImageError(str(error)) from error
    info = head.info
    if metadata is not None and metadata.kind == TIFF:
        tags = {tag: body for tag, _, body in metadata.tags}
        if _XMP in tags:
            info["xmp"] = tags[_XMP]
        described = [tag for tag in metadata.tags if tag[0] not in (_PROFILE, _XMP)]
        if described:
            info["exif"] = b"Exif\0\0" + _directory(described)
    return info, dict(head.text)


def _directory(tags: list[Tag]) -> bytes:
    """A TIFF of tags alone, as EXIF is one."""
    entries, values = [], b""
    start = 8 + 2 + 12 * len(tags) + 4
    for tag, kind, body in tags:
        place = body.ljust(4, b"\0")
        if len(body) > 4:
            place = struct.pack("<I", start + len(values))
            values += body + bytes(len(body) % 2)
        entries.append(struct.pack("<HHI", tag, kind, len(body) // FIELD_BYTES[kind]) + place)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(entries) + bytes(4) + values


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """save()'s options are those of Pillow's PNG plug-in (transparency, icc_profile, exif, dpi,
    pnginfo, bits), xmp, and those of inrcodec.encode (effort, threads, ...)."""
    if image.mode not in _SAVED:
        raise OSError(f"cannot write mode {image.mode} as LINR")
    if 0 in image.size:
        raise ValueError("cannot write empty image as LINR")
    given = dict(image.encoderinfo)
    options = {"threads": THREADS} | {n: given.pop(n) for n in _ENCODING & given.keys()}
    xmp = given.pop("xmp", None)
    if xmp:
        info = PngImagePlugin.PngInfo()
        info.chunks = list(given["pnginfo"].chunks) if given.get("pnginfo") else []
        info.add_itxt("XML:com.adobe.xmp", xmp)
        given["pnginfo"] = info
    with told():
        picture = _picture_of(image, given)
        file.write(encode(picture, **options))
    if picture.left_out:
        warnings.warn(f"left out are {', '.join(picture.left_out)}", LinrWarning, stacklevel=3)


def _picture_of(image: Image.Image, given: dict[str, Any]) -> Picture:
    """An image with what Pillow would write into a PNG of it."""
    pixel = image.crop((0, 0, 1, 1))
    if image.mode == "P":
        pixel.putpixel((0, 0), 0)  # which every palette has
    bits = given.pop("bits", 8) if image.mode == "L" else 8  # which older Pillows do not know of
    png = io.BytesIO()
    (pixel.convert("I;16") if image.mode == "I" else pixel).save(png, "PNG", **given)
    head = read_picture(png.getvalue(), "the image")
    samples, pixels = np.asarray(image), head.type
    if image.mode == "I":
        samples, pixels = _of_integers(samples, pixels)
    elif image.mode == "1":
        samples = samples.astype(np.uint8)
    elif bits != 8:
        samples, pixels = _of_bits(samples, bits), replace(pixels, depth=bits)
    return replace(head, samples=samples, type=pixels)


def _of_bits(samples: np.ndarray, bits: int) -> np.ndarray:
    """Grey samples of 8 bits in fewer. Raises OSError where these do not hold them."""
    step = 255 // ((1 << bits) - 1) if bits in (1, 2, 4) else 0
    if not step or (samples % step).any():
        raise OSError(f"cannot write this image in {bits} bits as LINR")
    return samples // step


def _of_integers(samples: np.ndarray, pixels: PixelType) -> tuple[np.ndarray, PixelType]:
    """Numbers of 32 bits that 16 bits hold as 16-bit samples. Raises OSError for others."""
    low, high = int(samples.min()), int(samples.max())
    if low >= 0 and high < 1 << 16:
        return samples.astype(np.uint16), pixels
    if low < -(1 << 15) or high >= 1 << 15 or pixels.key:
        raise OSError(f"cannot write mode I as LINR where samples are {low} to {high}")
    return (samples + (1 << 15)).astype(np.uint16), replace(pixels, signed=True)


def _save_all(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    if image.encoderinfo.get("append_images") or getattr(image, "n_frames", 1) > 1:
        raise OSError("cannot write several images as LINR")
    _save(image, file, filename)


def accept(prefix: bytes) -> bool:
    """Whether a file of so few first bytes is a .linr file."""
    return prefix.startswith(SIGNATURE)


def register() -> None:
    """Makes Pillow open and save .linr files; importing the module does that."""
    Image.register_open(FORMAT, LinrImageFile, accept)
    Image.register_save(FORMAT, _save)
    Image.register_save_all(FORMAT, _save_all)
    Image.register_extension(FORMAT, EXTENSION)
    Image.register_mime(FORMAT, MIME)


register()
