"""One image file to one .linr file: what encode_file, the command and the tasks of Dask share."""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from .contents import digest_of_digests
from .encode import encode, pixels_alone, source_picture
from .errors import ImageError, LinrError, LinrWarning, OutputExistsError
from .files import png
from .files.atomic import status_of
from .files.images import read_picture
from .files.picture import Picture, digest
from .files.places import Place, name_of, opened, prepare, refuse_same, remove_source, write
from .files.tiff_directory import Opened
from .frames.encode import EncodedFrames, encode_pages
from .frames.facts import describe_frames
from .frames.file import Frames
from .frames.pages import Page
from .frames.reader import LinrFile
from .frames.source import AUTO, Source, open_source
from .frames.tiled import tiled
from .frames.tiles import Grid, Tile
from .limits import DEFAULT, Limits
from .source.restore import is_source


@dataclass(frozen=True)
class Work:
    """How an image file is encoded. options: keywords of encode. tile, force, strip, strict: as
    encode_file's. make_folder: that of the .linr file, if there is none. remove: the source, a
    local file, once its output is on the disk; but without force not where something of it is left
    out. count: whether the facts have "info", what info() says of the file.
    """

    options: dict[str, Any] = field(default_factory=dict)
    tile: Tile | str = AUTO
    force: bool = False
    strip: bool = False
    strict: bool = False
    make_folder: bool = False
    remove: bool = False
    count: bool = False

    @property
    def limits(self) -> Limits:
        """Those of the options."""
        limits: Limits = self.options.get("limits", DEFAULT)
        return limits


class Encoded(NamedTuple):
    """A file's bytes, which of one of parts are not held, and its facts, as `inrcodec encode
    --json` has them."""

    data: bytes | None
    facts: dict[str, Any]


def encode_file(
    source: Place,
    target: Place,
    *,
    tile: Tile | str = AUTO,
    force: bool = False,
    strip: bool = False,
    strict: bool = False,
    **options: Any,
) -> int:
    """Encodes an image file into a .linr file with its permissions and time; returns its size in
    bytes.

    source, target: a path, a URL that fsspec opens (s3://, https://, memory://), which has no
    permissions and times here, or a binary file object. A TIFF of several images becomes a file of
    frames (encode_frames), of which a few are in memory at a time. tile: as encode_frames'; "auto":
    1024 of TIFFs with more than 2^25 pixels, else none. What of the file will not come back a
    LinrWarning names, and info() of the result does. strict: raise ImageError instead, and encode
    nothing. strip: leave all but the picture out, by intention and so without a warning. options:
    as encode's. Raises OutputExistsError if the target exists and force is False or it is the
    source, OSError as the file system does, LinrError where a URL's packages are missing, and any
    of encode or images.read_picture.
    """

    def told(left_out: Sequence[str], _: str) -> None:
        if left_out:
            text = f"{name_of(source)}: left out are {', '.join(left_out)}"
            warnings.warn(text, LinrWarning, stacklevel=5)  # at the line that called encode_file

    work = Work(options, tile, force, strip, strict)
    bytes_: int = encode_one(source, target, work, told).facts["bytes"]
    return bytes_


def imwrite(target: Place, image: np.ndarray | Picture, **options: Any) -> int:
    """Encodes an image into a .linr file, a path, a URL or a binary file object, in place of one
    that is there; returns its size in bytes. options: as encode's. Raises as encode, and OSError as
    the file system does."""
    data = encode(image, **options)
    write(target, data, force=True)
    return len(data)


SPOOLED = 1 << 26  # bytes that are held before they go to a temporary file
OF_PICTURES = frozenset({"coordinate", "report", "watch"})  # options that frames do not have
BY_COEFFICIENTS = ("auto", "context")  # models with which a JPEG comes back

# Told before an image is encoded: what of its file is left out, and why it is kept unread, if so.
Begun = Callable[[Sequence[str], str], None]


def encode_one(source: Place, target: Place, work: Work, begun: Begun = lambda *_: None) -> Encoded:
    """Encodes an image file. begun: as above. Raises as encode_file."""
    started = time.perf_counter()
    name = name_of(source)
    refuse_same(source, target)
    with opened(source) as file:
        status, start = status_of(file), file.tell()
        prepare(target, force=work.force, make_folder=work.make_folder)
        what: Source | Picture | None
        threads = work.options.get("threads") or os.cpu_count() or 1
        what = open_source(file, name, work.tile, work.limits, work.strip, threads)
        if what is None:
            what = _picture(file.read(), name, work)
        size = file.seek(0, os.SEEK_END) - start
        left_out = what.left_out
        if work.strict and left_out:
            raise ImageError(f"{name}: left out would be: {', '.join(left_out)}")
        begun(left_out, what.unread)
        if isinstance(what, Picture):
            data, facts = _of_picture(what, work)
            write(target, data, force=work.force, like=status)
        else:
            data = None
            with tempfile.SpooledTemporaryFile(SPOOLED) as spool:
                coded = _coded(what, name, spool, work)  # type: ignore[arg-type]
                write(target, coded.chunks(), force=work.force, like=status)
                facts = _of_pages(what, coded, work)
        file.seek(start)
        png_file = file.read(len(png.SIGNATURE)) == png.SIGNATURE
    if work.remove and (work.force or not left_out):
        remove_source(name, status)
    facts = {
        "input": name,
        "output": name_of(target),
        **facts,
        "input_bytes": size,
        "input_png": png_file,
        "left_out": left_out,
        "unread": what.unread or None,
        "seconds": time.perf_counter() - started,
    }
    return Encoded(data, facts)


def _picture(given: bytes, name: str, work: Work) -> Source | Picture:
    """What is encoded of a file of one picture."""
    picture = source_picture(given, name, work.limits, work.strip)
    if work.tile is None or work.tile == AUTO:
        if picture.jpeg is not None and work.options.get("model", "auto") not in BY_COEFFICIENTS:
            return pixels_alone(picture)
        return picture
    assert not isinstance(work.tile, str)
    return tiled(picture, work.tile, work.limits)


def _of_picture(picture: Picture, work: Work) -> tuple[bytes, dict[str, Any]]:
    """A picture's file, and facts."""
    info: dict[str, Any] = {}
    options = work.options | ({"report": info.update} if work.count else {})
    data = encode(picture, **options)
    samples = picture.samples
    height, width = samples.shape[:2]
    return data, {
        "height": height,
        "width": width,
        "channels": samples.size // (height * width),
        "bits": samples.itemsize * 8,
        "frames": 1,
        "bytes": len(data),
        "bpp": 8 * len(data) / (height * width),
        "bpsp": 8 * len(data) / samples.size,
        "byte_for_byte": picture.source is not None,
        "info": info,
    }


def _coded(source: Source, name: str, spool: BinaryIO, work: Work) -> EncodedFrames:
    """The file of pages."""
    options = {key: value for key, value in work.options.items() if key not in OF_PICTURES}
    if options.get("model") == "coordinate":
        raise ImageError(f"{name}: the coordinate model is not for several frames or tiles")
    return encode_pages(source.pages, source.tile, spool, outer=source.outer, **options)


def _of_pages(source: Source, coded: EncodedFrames, work: Work) -> dict[str, Any]:
    """The facts of pages' file."""
    model = coded.contents.model
    assert isinstance(model, Frames)
    first, size = model.sizes[0], len(coded)
    pixels = sum(its.height * its.width for its in model.sizes)
    samples = sum(its.height * its.width * its.channels for its in model.sizes)
    info: dict[str, Any] = {}
    if work.count:
        with tempfile.SpooledTemporaryFile(SPOOLED) as whole:
            whole.writelines(coded.chunks())
            whole.seek(0)
            with LinrFile(whole, limits=work.limits, priors=coded.priors) as file:  # type: ignore[arg-type]
                info = describe_frames(file, size, planes=True)
    return {
        **first._asdict(),
        "frames": len(model.sizes),
        "bytes": size,
        "bpp": 8 * size / pixels,
        "bpsp": 8 * size / samples,
        "byte_for_byte": source.outer.source is not None,
        "info": info,
    }


def check_skipped(source: Place, target: Place, limits: Limits = DEFAULT) -> None:
    """Raise OutputExistsError where an output that is there is damaged, or does not hold the file
    or, where it has no more, the picture that the source is."""
    name = name_of(target)
    try:
        with LinrFile(target, limits=limits) as there:
            there.check()
            contents = there.contents
    except LinrError as error:
        raise OutputExistsError(f"{name} is there, and {error}") from None
    with opened(source) as file:
        if contents.source is not None:
            same = is_source(contents.source, Opened(file))
        elif isinstance(contents.model, Frames):
            digests = _digest_of_pages(file, name_of(source), contents.model, limits)
            same = contents.digest == digests
        else:
            samples = read_picture(file.read(), name_of(source), limits).samples
            same = digest(samples) in (contents.digest, *contents.model.digests)
    if not same:
        raise OutputExistsError(f"{name} is there, and holds another file")


def _digest_of_pages(file: BinaryIO, name: str, model: Frames, limits: Limits) -> bytes:
    """The digest of a file of parts that an image file's pages would be in, cut as its own are."""
    digests = []
    for page in pages_like(file, name, model.tile, limits):
        for box in Grid(page.height, page.width, model.tile):
            digests.append(digest(page.read(box.top, box.left, box.height, box.width)))
    return digest_of_digests(tuple(digests))


def pages_like(
    file: BinaryIO, name: str, tile: tuple[int, int] | None, limits: Limits
) -> Sequence[Page]:
    """The pages of an image file as they are encoded in such tiles. Raises as encode_file."""
    found = open_source(file, name, tile, limits, strip=True)
    if found is not None:
        return found.pages
    return tiled(read_picture(file.read(), name, limits), tile, limits).pages
