"""Pillow opens and saves .linr files once this is imported: `import inrcodec.pillow`.

What of a file is no sample (palette, transparency, colour profile, resolution, EXIF, XMP, text) is
told and taken as Pillow does with PNGs: by its own plug-in, of a PNG of one pixel.
"""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from typing import IO, Any, BinaryIO, cast

import numpy as np
from PIL import Image, ImageFile, ImagePalette, PngImagePlugin, UnidentifiedImageError

from .container.linr import SIGNATURE
from .files.images import as_png, write_picture
from .files.metadata import FIELD_BYTES, TIFF, Metadata, Tag
from .files.picture import ALPHA, PREMULTIPLIED, UNSPECIFIED, Picture
from .files.timing import delay_of, repeats_of, still
from .frames.reader import LinrFile
from .limits import DEFAULT
from .pillow_save import save, save_all, told
from .reconstruct import SCALES

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
_PROFILE, _XMP = 34675, 700  # tags of a TIFF


class LinrImageFile(ImageFile.ImageFile):
    """An open .linr file; text: as of a PNG. Of a file of frames the current one alone is decoded;
    size, mode and info are its own.

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
            self._linr = LinrFile(cast(BinaryIO, self.fp), threads=THREADS, limits=LIMITS)
            self._show(0)
        self.n_frames = self._linr.frames
        self.is_animated = self.n_frames > 1
        self._close_exclusive_fp_after_loading = not self.is_animated
        self._fp = cast(IO[bytes], self.fp)

    def _show(self, frame: int) -> None:
        """Makes a frame the current one."""
        facts = self._linr.facts(frame)
        mode, (info, text) = _mode_of(facts), info_of(facts)
        self._mode, self.info, self.text = mode, info, text
        self._size = facts.samples.shape[1], facts.samples.shape[0]
        colours = facts.type.palette
        self.palette = ImagePalette.raw("RGB", colours) if colours else None
        self.im = None  # type: ignore[assignment]  # that of another frame
        self._frame, self._scale = frame, 1
        self._expect()

    def _expect(self) -> None:
        """Pixels to load, of the current size."""
        tile: Any = "raw", (0, 0, *self.size), 0, _raw_mode(self.mode)
        self.tile = [tile]

    def load(self) -> Any:
        if self.tile:
            with told():
                picture = self._linr.picture(self._frame, None, self._scale)
            pixels = _raw(picture, self.mode)
            if self._exclusive_fp and self._close_exclusive_fp_after_loading:
                self._fp.close()
            self.fp = io.BytesIO(pixels)
        return super().load()

    def load_seek(self, pos: int) -> None:
        """Nowhere: the pixels are all there is to load from."""

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

    def crop(self, box: tuple[float, float, float, float] | None = None) -> Image.Image:
        """As of any image; of one of tiles that was not loaded no others are decoded than those
        that the box touches."""
        left, upper, right, lower = map(round, box or (0, 0, 0, 0))
        width, height = self.size
        inside = 0 <= left < right <= width and 0 <= upper < lower <= height
        if not (inside and self.tile and self._scale == 1 and self._linr.tile):
            return super().crop(box)
        region = upper, left, lower - upper, right - left
        with told():
            picture = self._linr.picture(self._frame, region)
        size = right - left, lower - upper
        part = Image.frombytes(
            self.mode, size, _raw(picture, self.mode), "raw", _raw_mode(self.mode)
        )
        part.info = self.info.copy()
        if self.palette is not None:
            part.palette = self.palette.copy()
        return part

    def seek(self, frame: int) -> None:
        """Makes a frame the current one. Raises EOFError where there is none."""
        if self._seek_check(frame):
            with told():
                self._show(frame)

    def tell(self) -> int:
        return self._frame

    def verify(self) -> None:
        """Checks all checksums, without decoding."""
        if self.fp is None:
            raise RuntimeError("verify must be called directly after open")
        self.fp.seek(0)
        with told():
            self._linr.check()
        super().verify()


def _mode_of(picture: Picture) -> str:
    """Raises UnidentifiedImageError where there is none that holds all of the samples."""
    pixels, bits = picture.type, 8 * picture.samples.itemsize
    channels = picture.samples.shape[2] if picture.samples.ndim == 3 else 1
    if picture.unread:
        raise UnidentifiedImageError(f"the pixels of this file are not read ({picture.unread})")
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


def _raw_mode(mode: str) -> str:
    """That of samples as _raw has them."""
    return "1;8" if mode == "1" else mode


def _raw(picture: Picture, mode: str) -> bytes:
    """The samples as Pillow's decoder of raw pixels takes them."""
    pixels = picture.type
    if mode == "I":
        return picture.array().astype(np.int32).tobytes()
    samples = as_png(picture).samples
    if pixels.depth in (2, 4) and mode == "L":
        samples = samples * np.uint8(255 // ((1 << pixels.depth) - 1))
    return samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()


def info_of(picture: Picture) -> tuple[dict[str | tuple[int, int], Any], dict[str, str]]:
    """Info, and texts alone, as of the PNG that equals a picture, whose samples are of no
    consequence; of a frame of an animation with duration and loop as of an APNG."""
    pixels, metadata = picture.type, picture.metadata
    times = _times(metadata)
    if still(metadata) is None and not (pixels.alpha or pixels.key):
        return times, {}
    samples = np.zeros((1, 1, *picture.samples.shape[2:]), picture.samples.dtype)
    one = Picture(samples, replace(pixels, signed=False, extra=ALPHA), metadata)
    try:
        head = PngImagePlugin.PngImageFile(io.BytesIO(write_picture(one, ".png")))
        head.load()
    except ValueError as error:  # texts that are too long for it
        raise UnidentifiedImageError(str(error)) from error
    info = head.info | times
    if metadata is not None and metadata.kind == TIFF:
        tags = {tag: body for tag, _, body in metadata.tags}
        if _XMP in tags:
            info["xmp"] = tags[_XMP]
        described = [tag for tag in metadata.tags if tag[0] not in (_PROFILE, _XMP)]
        if described:
            info["exif"] = b"Exif\0\0" + _directory(described)
    return info, dict(head.text)


def _times(metadata: Metadata | None) -> dict[str | tuple[int, int], Any]:
    """How long a frame is shown, in milliseconds, and how often all are, 0 for ever."""
    delay, repeats = delay_of(metadata), repeats_of(metadata)
    found: dict[str | tuple[int, int], Any] = {}
    if repeats is not None:
        found["loop"] = repeats.plays
    if delay is not None:
        found["duration"] = delay.milliseconds
    return found


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
    save(image, file, THREADS)


def _save_all(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    save_all(image, file, THREADS)


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
