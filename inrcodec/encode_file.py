"""One image file to one .linr file: what encode_file, the command and the tasks of Dask share."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .contents import parse
from .encode import encode, pixels_alone, source_picture
from .errors import ImageError, LinrError, LinrWarning, OutputExistsError
from .files import png
from .files.atomic import status_of
from .files.images import read_picture
from .files.picture import Picture, digest
from .files.places import Place, name_of, opened, prepare, refuse_same, remove_source, write
from .limits import DEFAULT, Limits
from .source.restore import is_source


@dataclass(frozen=True)
class Work:
    """How an image file is encoded. options: keywords of encode. force, strip, strict: as
    encode_file's. make_folder: that of the .linr file, if there is none. remove: the source, a
    local file, once its output is on the disk; but without force not where something of it is left
    out. count: whether the facts have "info", what info() says of the file.
    """

    options: dict[str, Any] = field(default_factory=dict)
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
    """A file's bytes, and its facts, as `inrcodec encode --json` has them."""

    data: bytes
    facts: dict[str, Any]


def encode_file(
    source: Place,
    target: Place,
    *,
    force: bool = False,
    strip: bool = False,
    strict: bool = False,
    **options: Any,
) -> int:
    """Encodes an image file into a .linr file with its permissions and time; returns its size in
    bytes.

    source, target: a path, a URL that fsspec opens (s3://, https://, memory://), which has no
    permissions and times here, or a binary file object. What of the file will not come back a
    LinrWarning names, and info() of the result does. strict: raise ImageError instead, and encode
    nothing. strip: leave all but the picture out, by intention and so without a warning. options:
    as encode's. Raises OutputExistsError if the target exists and force is False or it is the
    source, OSError as the file system does, LinrError where a URL's packages are missing, and any
    of encode or images.read_picture.
    """

    def told(picture: Picture) -> None:
        if picture.left_out:
            text = f"{name_of(source)}: left out are {', '.join(picture.left_out)}"
            warnings.warn(text, LinrWarning, stacklevel=4)  # at the line that called encode_file

    return len(encode_one(source, target, Work(options, force, strip, strict), told).data)


def imwrite(target: Place, image: np.ndarray | Picture, **options: Any) -> int:
    """Encodes an image into a .linr file, a path, a URL or a binary file object, in place of one
    that is there; returns its size in bytes. options: as encode's. Raises as encode, and OSError as
    the file system does."""
    data = encode(image, **options)
    write(target, data, force=True)
    return len(data)


def encode_one(
    source: Place,
    target: Place,
    work: Work,
    begun: Callable[[Picture], None] = lambda _: None,
) -> Encoded:
    """Encodes an image file. begun: told of its picture before it is encoded. Raises as
    encode_file."""
    started = time.perf_counter()
    name, options = name_of(source), work.options
    refuse_same(source, target)
    with opened(source) as file:
        status, given = status_of(file), file.read()
    prepare(target, force=work.force, make_folder=work.make_folder)
    picture = source_picture(given, name, work.limits, work.strip)
    if picture.jpeg is not None and options.get("model", "auto") not in ("auto", "context"):
        picture = pixels_alone(picture)
    if work.strict and picture.left_out:
        raise ImageError(f"{name}: left out would be: {', '.join(picture.left_out)}")
    begun(picture)
    info: dict[str, Any] = {}
    if work.count:
        options = options | {"report": info.update}
    data = encode(picture, **options)
    write(target, data, force=work.force, like=status)
    if work.remove and (work.force or not picture.left_out):
        remove_source(name, status)
    samples = picture.samples
    height, width = samples.shape[:2]
    facts = {
        "input": name,
        "output": name_of(target),
        "height": height,
        "width": width,
        "channels": samples.size // (height * width),
        "bits": samples.itemsize * 8,
        "input_bytes": len(given),
        "input_png": given.startswith(png.SIGNATURE),
        "bytes": len(data),
        "bpp": 8 * len(data) / (height * width),
        "bpsp": 8 * len(data) / samples.size,
        "byte_for_byte": picture.source is not None,
        "left_out": picture.left_out,
        "unread": picture.unread or None,
        "seconds": time.perf_counter() - started,
        "info": info,
    }
    return Encoded(data, facts)


def check_skipped(source: Place, target: Place, limits: Limits = DEFAULT) -> None:
    """Raise OutputExistsError where an output that is there is damaged, or does not hold the file
    or, where it has no more, the picture that the source is."""
    name = name_of(target)
    with opened(target) as file:
        packed = file.read()
    try:
        contents = parse(packed, limits)
    except LinrError as error:
        raise OutputExistsError(f"{name} is there, and {error}") from None
    with opened(source) as file:
        given = file.read()
    if contents.source is not None:
        same = is_source(contents.source, given)
    else:
        samples = read_picture(given, name_of(source), limits).samples
        same = digest(samples) in (contents.digest, *contents.model.digests)
    if not same:
        raise OutputExistsError(f"{name} is there, and holds another file")
