"""What Pillow saves as .linr files: an image, or frames of several (pillow.py)."""

from __future__ import annotations

import inspect
import io
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import IO, Any

import numpy as np
from PIL import Image, ImageSequence, PngImagePlugin

from .encode import encode
from .errors import LinrError, LinrWarning
from .files.animation import AnimationPage, Shape
from .files.images import read_picture
from .files.picture import Picture, PixelType
from .files.shown import Shown
from .files.timing import Delay, Repeats, split, with_times
from .frames.encode import Outer, encode_pages

_SAVED = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B", "I")
_ENCODING = frozenset(inspect.signature(encode).parameters) - {"image"}


@contextmanager
def told(kind: type[OSError] = OSError) -> Iterator[None]:
    """LinrErrors as Pillow's users expect them, with what they say."""
    try:
        yield
    except LinrError as error:
        raise kind(str(error)) from error


def save(image: Image.Image, file: IO[bytes], threads: int | None) -> None:
    """save()'s options are those of Pillow's PNG plug-in (transparency, icc_profile, exif, dpi,
    pnginfo, bits), xmp, and those of inrcodec.encode (effort, threads, ...)."""
    options, given = _options(image, threads)
    with told():
        picture = _picture_of(image, given)
        file.write(encode(picture, **options))
    _warn(picture.left_out)


def save_all(image: Image.Image, file: IO[bytes], threads: int | None) -> None:
    """All frames of an image, and of those in append_images: as save, with the options duration,
    milliseconds of each or of all, and loop, how often they are shown, 0 for ever, as of an APNG.
    Frames are loaded as they are needed."""
    options, given = _options(image, threads)
    images = [image, *(given.pop("append_images", None) or ())]
    if len(images) == 1 and getattr(image, "n_frames", 1) == 1:
        save(image, file, threads)
        return
    durations, loop = given.pop("duration", None), given.pop("loop", None)
    with ExitStack() as stack, told():
        for each in images:
            stack.callback(each.seek, each.tell())
        pages, outer = _pages(images, given, durations, loop)
        spool = stack.enter_context(tempfile.TemporaryFile())
        coded = encode_pages(pages, options.pop("tile", None), spool, outer=outer, **options)
        file.writelines(coded.chunks())
    _warn(dict.fromkeys(name for page in pages for name in page.left_out))


def _options(image: Image.Image, threads: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What encode takes, and what is for a PNG."""
    given = dict(image.encoderinfo)  # type: ignore[attr-defined]
    options = {"threads": threads} | {n: given.pop(n) for n in _ENCODING & given.keys()}
    xmp = given.pop("xmp", None)
    if xmp:
        info = PngImagePlugin.PngInfo()
        info.chunks = list(given["pnginfo"].chunks) if given.get("pnginfo") else []
        info.add_itxt("XML:com.adobe.xmp", xmp)
        given["pnginfo"] = info
    return options, given


def _pages(
    images: Sequence[Image.Image], given: dict[str, Any], durations: Any, loop: int | None
) -> tuple[list[AnimationPage], Outer]:
    """The frames of images, of which one at a time is loaded, and what their file has."""
    heads, delays = list[Picture](), list[Delay | None]()
    for number, frame in enumerate(_frames(images)):
        head = _picture_of(frame, dict(given))
        first = head.samples.flat[0]
        heads.append(replace(head, samples=np.broadcast_to(first, head.samples.shape)))
        duration = frame.info.get("duration") if durations is None else durations
        if isinstance(duration, list | tuple):
            duration = duration[number] if number < len(duration) else None
        delays.append(None if duration is None else Delay.of_milliseconds(duration))
    metadata, sizes = [head.metadata for head in heads], [head.samples.shape[:2] for head in heads]
    if loop is not None or any(delay is not None for delay in delays):
        hidden = bool(images[0].info.get("default_image"))
        repeats = Repeats(len(heads) - hidden, _plays(images[0]) if loop is None else loop)
        for number, delay in enumerate(delays):
            its = None if hidden and not number else delay or Delay(0, 100)
            of_all = None if number else repeats
            metadata[number] = with_times(metadata[number], sizes[number], its, of_all)
    common, own = split(metadata, sizes, {head.type for head in heads})
    frames = Shown(lambda: (_picture_of(frame, dict(given)).samples for frame in _frames(images)))
    pages = [
        AnimationPage(Shape.of(head.samples), head.type, its, number, frames, head.left_out)
        for number, (head, its) in enumerate(zip(heads, own, strict=True))
    ]
    return pages, Outer(common)


def _frames(images: Sequence[Image.Image]) -> Iterator[Image.Image]:
    for image in images:
        yield from ImageSequence.Iterator(image)


def _plays(image: Image.Image) -> int:
    """How often an animation is shown, 0 for ever; a GIF tells how often it is repeated."""
    loop = image.info.get("loop")
    if image.format == "GIF":
        return 1 if loop is None else loop and loop + 1
    return loop or 0


def _warn(left_out: Iterable[str]) -> None:
    names = ", ".join(left_out)
    if names:
        warnings.warn(f"left out are {names}", LinrWarning, stacklevel=5)


def _picture_of(image: Image.Image, given: dict[str, Any]) -> Picture:
    """An image with what Pillow would write into a PNG of it. Raises as save() of other formats."""
    if image.mode not in _SAVED:
        raise OSError(f"cannot write mode {image.mode} as LINR")
    if 0 in image.size:
        raise ValueError("cannot write empty image as LINR")
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
