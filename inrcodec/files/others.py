"""Files of other kinds, read by Pillow or imagecodecs where these are installed.

Their samples are kept as they are decoded; the file itself does not come back, and a picture says
so (Picture.left_out).
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import re
from typing import Any, NamedTuple

import numpy as np

from ..errors import ImageError, LinrError
from ..limits import Limits, check_size
from .coded_size import SIZES
from .picture import Picture, PixelType


class Kind(NamedTuple):
    """name: Pillow's of it, if that reads it; extensions: of such files; codec: of imagecodecs, if
    that reads it."""

    signature: re.Pattern[bytes]
    name: str
    extensions: tuple[str, ...]
    codec: str = ""

    @property
    def package(self) -> str:
        """Which has to be installed."""
        return "imagecodecs" if self.codec else "pillow"

    @property
    def module(self) -> str:
        """Of the package."""
        return "imagecodecs" if self.codec else "PIL.Image"


def _kind(signature: bytes, name: str, extensions: str, codec: str = "") -> Kind:
    return Kind(re.compile(signature, re.DOTALL), name, tuple(extensions.split()), codec)


KINDS = (
    _kind(rb"BM", "BMP", ".bmp .dib"),
    _kind(rb"GIF8[79]a", "GIF", ".gif"),
    _kind(rb"RIFF....WEBP", "WebP", ".webp"),
    _kind(rb"qoif", "QOI", ".qoi"),
    _kind(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000", ".jp2 .j2k .j2c .jpf", "jpeg2k"),
    _kind(rb"\0\0\0\x0cJXL |\xff\x0a", "JPEG XL", ".jxl", "jpegxl"),
    # without a signature: of what a TGA begins with the type of image and the depth are few
    _kind(rb".[\0\1][\1\2\3\x09\x0a\x0b].{5}.{8}[\x01\x08\x0f\x10\x18\x20]", "TGA", ".tga"),
)
# Of what Pillow tells: how a file is packed, and what of a still image says nothing.
_NO_METADATA = {
    "background", "compression", "duration", "extension", "loop", "orientation", "timestamp",
    "transparency", "version",
}  # fmt: skip
_MODES = {"1": 1, "L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4}
_DEEP = ("I;16", "I;16B", "I;16L")


def kind_of(data: bytes, name: str) -> Kind | None:
    """The kind of a file; name: of which the ending tells a TGA."""
    found = next((kind for kind in KINDS if kind.signature.match(data[:32])), None)
    if found is not None and found.name == "TGA" and not name.lower().endswith(".tga"):
        return None
    return found


def extensions_read() -> tuple[str, ...]:
    """Of the kinds whose readers are installed."""
    return tuple(
        extension
        for kind in KINDS
        if importlib.util.find_spec(kind.module.partition(".")[0]) is not None
        for extension in kind.extensions
    )


def read_other(data: bytes, kind: Kind, name: str, limits: Limits) -> Picture:
    """Decode a file of a kind; see images.read_picture for errors."""
    try:
        library = importlib.import_module(kind.module)
    except ImportError:
        needed = f"need {kind.package} to be installed: pip install 'inrcodec[kinds]'"
        raise ImageError(f"{name}: {kind.name} files {needed}") from None
    try:
        if kind.codec:
            return _by_imagecodecs(library, data, kind, name, limits)
        return _by_pillow(library, data, kind, name, limits)
    except (LinrError, MemoryError):
        raise
    except Exception as error:  # damage shows in any way that a decoder has
        raise read_error(error, kind, name) from None


def read_error(error: Exception, kind: Kind, name: str) -> ImageError:
    """What a reader has raised, as what its file is."""
    said = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    said = "its header is damaged" if " object at 0x" in said else said
    return ImageError(f"{name}: this {kind.name} cannot be read ({said})")


def _by_pillow(library: Any, data: bytes, kind: Kind, name: str, limits: Limits) -> Picture:
    with library.open(io.BytesIO(data), formats=[kind.name.upper()]) as image:
        check_size(image.width, image.height, name, limits)
        if getattr(image, "n_frames", 1) > 1:
            raise ImageError(f"{name}: this {kind.name} holds several images")
        image.load()
        if image.mode not in (*_MODES, *_DEEP):
            raise ImageError(f"{name}: {kind.name} with samples of type {image.mode}")
        samples, clear = np.asarray(image), image.info.get("transparency")
        left_out = [itself(kind), *metadata_left_out(image)]
        if image.mode == "1":
            return Picture(samples.astype(np.uint8), PixelType(depth=1), None, tuple(left_out))
        if image.mode == "P":
            pixels = _palette(image, clear, samples)
            return Picture(samples.copy(), pixels, None, tuple(left_out))
        if clear is not None:
            left_out.append("its transparent colour")
        kept = np.uint16 if image.mode in _DEEP else np.uint8
        return Picture(samples.astype(kept), left_out=tuple(left_out))


def metadata_left_out(image: Any) -> list[str]:
    """What Pillow tells besides the picture, in words, if there is anything."""
    others = sorted(set(image.info) - _NO_METADATA)
    return [f"its metadata: {', '.join(map(str, others))[:200]}"] if others else []


def _palette(image: Any, clear: Any, samples: np.ndarray) -> PixelType:
    """The type of indices; clear: the one, or the alpha of the first ones, that is transparent."""
    colours = bytes(image.getpalette("RGB") or b"")
    count = max(int(samples.max()) + 1, min(len(colours) // 3, 256))
    alpha = b""
    if image.palette.mode.endswith("A"):
        alpha = bytes(image.getpalette("RGBA")[3::4])[:count]
    if isinstance(clear, int) and clear < count:
        alpha = b"\xff" * clear + b"\0"
    elif isinstance(clear, bytes):
        alpha = clear[:count]
    return PixelType(palette=colours[: 3 * count].ljust(3 * count, b"\0"), alpha=alpha)


def _by_imagecodecs(library: Any, data: bytes, kind: Kind, name: str, limits: Limits) -> Picture:
    told = SIZES[kind.name](data)
    if told is None:
        raise ImageError(f"{name}: this {kind.name} holds several images, or is damaged")
    check_size(told.width, told.height, name, limits)
    if told.channels > 4 or not told.colours:
        kinds = "other colours" if not told.colours else f"{told.channels} channels"
        raise ImageError(f"{name}: {kind.name} with {kinds} than grey or RGB is not supported")
    samples = np.asarray(getattr(library, f"{kind.codec}_decode")(data))
    if samples.ndim not in (2, 3) or samples.dtype not in (np.uint8, np.uint16):
        shape, dtype = samples.shape, samples.dtype
        raise ImageError(f"{name}: {kind.name} with samples of type {dtype} and shape {shape}")
    if samples.ndim == 3 and samples.shape[2] == 1:
        samples = samples[..., 0]
    if samples.ndim == 3 and samples.shape[2] > 4:
        raise ImageError(f"{name}: {kind.name} with {samples.shape[2]} channels")
    bits, stored = told.bits, 8 * samples.itemsize
    if not bits or bits >= stored:
        pixels = PixelType()
    elif bits >= 9 or (bits in (1, 2, 4) and samples.ndim == 2):
        pixels = PixelType(depth=bits)
    else:
        pixels = PixelType(top=(1 << bits) - 1)
    if not pixels.fits(samples):  # they were scaled as they were decoded
        pixels = PixelType()
    return Picture(samples, pixels, left_out=(itself(kind),))


def itself(kind: Kind, kept: str = "its picture is kept") -> str:
    """The file that does not come back, in words; kept: what does."""
    return f"the {kind.name} file itself ({kept})"
