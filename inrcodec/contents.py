"""What a .linr file holds, room by room: a picture's facts, the steps, the model of their planes.

Each model and each step is a class that packs and unpacks its own fields and sections; a new one is
put into one of the two lists. A file of parts (frames/) has its own contents, and each part has.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, Protocol

import msgpack

from .coding.stored_file import StoredImage
from .container import linr
from .container.fields import Fields
from .container.linr import Container, Part, Section, Sections, Window, named
from .context.file import ContextImage
from .coordinate.file import IMAGES, CoordinateImage
from .errors import ChecksumError, CorruptError, UnsupportedVersionError
from .files.metadata import Metadata, pack_metadata, unpack_metadata
from .files.picture import PLAIN, Picture, PixelType, pack_type, unpack_type
from .files.timing import check_times
from .frames.file import Frames
from .frames.index import PageSize
from .graphics.file import GraphicsImage
from .history.chain import STEPS
from .history.planes import DCT, INDEX, Geometry, Planes
from .history.step import Step
from .jpeg.coefficients.file import CoefficientImage
from .jpeg.step import Jpeg
from .limits import DEFAULT, Limits
from .options import Reading
from .source.copy import Copy
from .source.restore import metadata_of
from .source.skeleton import Skeleton, pack_skeleton, unpack_skeleton

TYPE, METADATA, SOURCE, LEFT_OUT = b"P", b"m", b"s", b"n"
MAX_LEFT_OUT = 64  # things that are named


class Model(Protocol):
    """Planes as a model codes them.

    number: in the header; tags: of its sections; name: for people; geometry: of the planes;
    weights, data: the bytes of what its networks and the pixels take; digests: where there are
    several images, of each one's samples, whose own digest is then the file's.
    """

    number: ClassVar[int]
    name: ClassVar[str]
    tags: ClassVar[frozenset[bytes]]

    @property
    def geometry(self) -> Geometry: ...

    @property
    def weights(self) -> bytes: ...

    @property
    def data(self) -> bytes: ...

    @property
    def digests(self) -> tuple[bytes, ...]: ...

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """The fields of the header and the sections that unpack takes, in their order."""

    @classmethod
    def unpack(
        cls, fields: Fields, sections: Sections, geometry: Geometry, limits: Limits
    ) -> Model:
        """The model that a file states for planes of this geometry. Takes what is its own; raises a
        LinrError where that is not what pack writes."""

    def decode(self, reading: Reading) -> Planes:
        """The planes, of reading.scale. Raises a LinrError."""


MODELS: tuple[type[Model], ...] = (
    StoredImage, ContextImage, CoordinateImage, CoefficientImage, Copy, Frames, GraphicsImage,
)  # fmt: skip
ALL_STEPS: tuple[type[Step], ...] = (*STEPS, Jpeg)
TAGS = frozenset({TYPE, METADATA, SOURCE, LEFT_OUT, *(step.tag for step in ALL_STEPS)}).union(
    *(m.tags for m in MODELS)
)
OF_WHOLE_FILES = frozenset({SOURCE, IMAGES, *Frames.tags})  # and of no part
OF_PICTURES = frozenset({TYPE, METADATA, LEFT_OUT, *OF_WHOLE_FILES})  # and of no box
OF_BOXES = frozenset({StoredImage.number, ContextImage.number, CoefficientImage.number})
ENTIRE = frozenset(step.number for step in ALL_STEPS if step.all_data)


@dataclass(frozen=True)
class Contents:
    """A file that was taken apart, short of its pixels.

    picture: the geometry of its samples; digest: BLAKE2b-128 of them, little-endian, in C order;
    type, metadata, left_out, source: what a Picture has besides; steps: as they were applied;
    model: of their planes. Of a file of parts picture is that of the first page, and digest of all
    parts' digests. end: where in the file the last section ends that was read.
    """

    picture: Geometry
    digest: bytes
    type: PixelType
    metadata: Metadata | None
    steps: tuple[Step, ...]
    model: Model
    left_out: tuple[str, ...] = ()
    source: Skeleton | None = None
    version: str = f"{linr.MAJOR}.{linr.MINOR}"
    end: int = 0

    @property
    def images(self) -> int:
        """How many there are."""
        if isinstance(self.model, Frames):
            return len(self.model.sizes)
        return max(1, len(self.model.digests))


def geometry_of(height: int, width: int, channels: int, bits: int, pixels: PixelType) -> Geometry:
    """That of a picture's samples of 8 or 16 bits in so many channels."""
    geometry = Geometry.of_picture(height, width, channels, pixels.depth or bits)
    if pixels.palette:
        return Geometry(height, width, geometry.bits, INDEX, False, geometry.lattices)
    return geometry


def planes_of(picture: Picture) -> Planes:
    """The planes of a picture's samples."""
    samples, pixels = picture.samples, picture.type
    channels = samples.shape[2] if samples.ndim == 3 else 1
    height, width = samples.shape[:2]
    geometry = geometry_of(height, width, channels, 8 * samples.itemsize, pixels)
    planes = Planes.of_array(geometry, samples)
    return Planes(geometry, planes.channels, palette=pixels.palette)


def digest_of_digests(digests: tuple[bytes, ...]) -> bytes:
    """The digest in the header of a file of several images."""
    return hashlib.blake2b(b"".join(digests), digest_size=linr.DIGEST_BYTES).digest()


def pack(contents: Contents, minor: int = 0) -> bytes:
    """The bytes of a file; of a file of parts those before the parts; minor: what these need."""
    minor = max(minor, minor_version(contents.model))
    return linr.pack(*_packed(contents, contents.type), minor)


def minor_version(model: Model) -> int:
    """The lowest minor version of the format that has a model, as it is."""
    if isinstance(model, CoordinateImage):
        return model.model.minor
    return model.minor if isinstance(model, GraphicsImage) else 0


def pack_part(contents: Contents, outer: PixelType) -> bytes:
    """The bytes of a part of a file whose pages are all of a type, PLAIN if they are not."""
    return linr.pack_part(*_packed(contents, contents.type if outer == PLAIN else PLAIN))


def _packed(contents: Contents, pixels: PixelType) -> tuple[linr.Header, list[Section]]:
    """A header and the sections behind it; pixels: the type that is to be said."""
    picture, sections = contents.picture, []
    if pixels != PLAIN:
        sections.append(Section(TYPE, pack_type(pixels)))
    if contents.source is not None:
        sections.append(Section(SOURCE, pack_skeleton(contents.source)))
    elif contents.metadata is not None:
        sections.append(Section(METADATA, pack_metadata(contents.metadata)))
    if contents.left_out:
        sections.append(Section(LEFT_OUT, msgpack.packb(list(contents.left_out[:MAX_LEFT_OUT]))))
    steps = []
    for step in contents.steps:
        fields, its = step.pack()
        steps.append(Part(step.number, fields))
        sections += its
    fields, its = contents.model.pack()
    header = linr.Header(
        picture.height,
        picture.width,
        picture.channels,
        picture.sample_bits,
        contents.digest,
        Part(contents.model.number, fields),
        tuple(steps),
    )
    return header, [*sections, *its]


def parse(source: bytes | BinaryIO, limits: Limits = DEFAULT, data: int | None = None) -> Contents:
    """Takes a file apart and checks it, short of its pixels, or of its parts; arguments and errors
    are container.linr.parse's."""
    container = linr.parse(source, limits, data, ENTIRE)
    contents = _contents(container, limits)
    model = contents.model
    if isinstance(model, ContextImage) and model.shared is not None:
        raise CorruptError("shared networks in a file of one image")
    if not isinstance(model, Frames):
        check_times(contents.metadata, None)
        return contents
    if container.rest > model.size:
        raise CorruptError(f"{container.rest - model.size} bytes behind the last part")
    pages = {(page.height, page.width) for page in model.sizes}
    check_times(contents.metadata, pages.pop() if len(pages) == 1 else None, len(model.sizes))
    return contents


def parse_part(
    file: BinaryIO,
    window: Window,
    outer: Contents,
    limits: Limits = DEFAULT,
    data: int | None = None,
) -> Contents:
    """Takes a part apart that stands in a window of a file of parts; as parse."""
    container = linr.parse_part(file, window, limits, data, ENTIRE, outer.version)
    for tag, _ in container.sections:
        if tag in OF_WHOLE_FILES:
            raise CorruptError(f"section {named(tag)} in a part of a file")
    if container.header.model.number in (Copy.number, Frames.number):
        raise CorruptError("a part that is a copy of a file, or has parts of its own")
    return _contents(container, limits, outer.type)


def parse_box(data: bytes, limits: Limits = DEFAULT) -> Contents:
    """Takes the part apart that codes a box of a graphics image; as parse."""
    container = linr.parse_part(io.BytesIO(data), Window(0, len(data)), limits, None, ENTIRE)
    for tag, _ in container.sections:
        if tag in OF_PICTURES:
            raise CorruptError(f"section {named(tag)} in a box")
    number = container.header.model.number
    if number not in OF_BOXES and any(room.number == number for room in MODELS):
        raise CorruptError("a box of a model that it is not for")
    contents = _contents(container, limits)
    if isinstance(contents.model, ContextImage) and contents.model.shared is not None:
        raise CorruptError("shared networks in a box")
    return contents


def _contents(container: Container, limits: Limits, pixels: PixelType = PLAIN) -> Contents:
    """What a container holds; pixels: the type of pages whose parts do not say it."""
    header, sections = container.header, Sections(container.sections)
    sections.check(TAGS)
    packed = sections.optional(TYPE)
    if packed is not None:
        if pixels != PLAIN:
            raise CorruptError("a part with a type of its own beside that of all pages")
        pixels = unpack_type(packed, header.channels, header.bits)
    elif pixels.problem(header.channels, header.bits) is not None:
        raise CorruptError("a part that cannot be of the type of all pages")
    metadata_packed, metadata = sections.optional(METADATA), None
    if metadata_packed is not None:
        metadata = unpack_metadata(metadata_packed, limits.metadata)
    source = sections.optional(SOURCE)
    if source is not None and metadata_packed is not None:
        raise CorruptError("metadata beside the source file that has them")
    left_out = _left_out(sections.optional(LEFT_OUT))
    if header.model[0] == Copy.number and (source is None or header.steps):
        raise CorruptError("a copy of a file without the file, or with steps")
    if header.model[0] == Frames.number and header.steps:
        raise CorruptError("a file of parts with steps of its own")
    size = header.height, header.width, header.channels, header.bits
    picture = geometry = geometry_of(*size, pixels)
    steps: list[Step] = []
    for number, values in header.steps:
        kind = next((kind for kind in ALL_STEPS if kind.number == number), None)
        if kind is None:
            raise UnsupportedVersionError(f"step {number} needs a newer reader")
        if any(step.number == number for step in steps):
            raise CorruptError(f"two steps {number} ({kind.name})")
        if geometry.kind == DCT:
            raise CorruptError("a step behind the one to coefficients")
        fields = Fields(values, f"{kind.name} step")
        step = kind.unpack(fields, sections, geometry)
        fields.end()
        geometry = step.geometry(geometry)
        steps.append(step)
    number, values = header.model
    room = next((room for room in MODELS if room.number == number), None)
    if room is None:
        raise UnsupportedVersionError(f"model {number} needs a newer reader")
    if (geometry.kind == DCT) != (room is CoefficientImage):
        raise CorruptError(f"the {room.name} model of planes that it is not for")
    fields = Fields(values, f"{room.name} model")
    model = room.unpack(fields, sections, geometry, limits)
    fields.end()
    sections.end()
    skeleton = None
    if source is not None:
        first = PageSize(*size)
        sizes = model.sizes if isinstance(model, Frames) else (first,)
        samples = sum(size.bytes for size in sizes)
        skeleton = unpack_skeleton(source, samples, limits.metadata)
        if skeleton is not None:
            metadata = metadata_of(skeleton, pixels)
        elif header.model[0] == Copy.number:
            raise CorruptError("a copy of a file of a kind that is not known")
    if not pixels.allows(metadata):
        raise CorruptError("metadata of another type of picture")
    if model.digests and digest_of_digests(model.digests) != header.digest:
        raise ChecksumError("the digests of the images do not match the file's")
    return Contents(
        picture, header.digest, pixels, metadata, tuple(steps), model, left_out, skeleton,
        container.version, container.end,
    )  # fmt: skip


def _left_out(packed: bytes | None) -> tuple[str, ...]:
    """What of a source file could not be kept, in words."""
    if packed is None:
        return ()
    try:
        names = msgpack.unpackb(packed, max_array_len=MAX_LEFT_OUT)
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise CorruptError("what was left out is not MessagePack") from error
    if not isinstance(names, list) or not names or not all(type(n) is str and n for n in names):
        raise CorruptError("what was left out is no list of names")
    return tuple(names)
