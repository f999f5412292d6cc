"""Decoding. A CPU decoder imports no torch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .coding.backend import Backend, Workers, backend_for
from .coding.rangecoder import Decoder
from .coding.stored import decompress_stored
from .coding.weights import unpack_weights
from .container.linr import LinrFile, Models, parse
from .context.inference import ChannelNetworks
from .context.layout import Layout
from .context.networks import Network, Shape
from .context.prior import add, prior_networks
from .context.traversal import Observer, plane_shape, traverse, trunk_shape
from .coordinate.decode import decode_coordinate
from .errors import ChecksumError, CorruptError, OutputExistsError
from .files.atomic import write_atomic
from .files.images import write_picture
from .files.metadata import Metadata
from .files.picture import Picture
from .history.colour_table import from_indices
from .history.jfif import apply_exceptions, jfif_to_rgb
from .history.value_ranks import from_ranks
from .limits import DEFAULT, Limits

# A bit costs at least log2(65536 / 65535) bits, so a byte of data holds fewer than this many.
MAX_BITS_PER_BYTE = 363_409
SLACK_BYTES = 16  # what the range coder may leave out at the end, and then some

# Told of each plane that coordinate networks decide: decisions and bits, uint8 (channels, pixels).
Decided = Callable[[int, np.ndarray, np.ndarray], None]


def decode(
    data: bytes,
    *,
    index: int = 0,
    device: str = "cpu",
    threads: int | None = None,
    limits: Limits = DEFAULT,
) -> np.ndarray:
    """The image in a .linr file.

    index: which, of a file of several (info(data)["images"] of them); ValueError beyond. device:
    "cpu" (NumPy) or "cuda" (torch); threads: how many to use, default all cores. Neither changes a
    bit of the result. limits: what the file may ask for; LimitError above.

    Returns uint8 or uint16, (H, W) for grey, (H, W, C) for 2 (grey, alpha), 3 (RGB) or 4 channels
    (RGBA); palettes as RGB or RGBA, grey of fewer bits scaled to 8, as images.read_image has them.
    Raises a LinrError where the data is no whole, undamaged .linr file.
    """
    picture = decode_picture(data, index=index, device=device, threads=threads, limits=limits)
    return picture.array()


def decode_picture(
    data: bytes,
    *,
    index: int = 0,
    device: str = "cpu",
    threads: int | None = None,
    limits: Limits = DEFAULT,
) -> Picture:
    """The picture in a .linr file, with its palette, depth and metadata; arguments and errors are
    decode's."""
    file = parse(bytes(data), limits)
    samples = decode_parsed(file, backend_for(device), threads, limits, index=index)
    return Picture(samples, file.type, file.metadata)


def read_metadata(data: bytes, *, limits: Limits = DEFAULT) -> Metadata | None:
    """The metadata in a .linr file, without decoding a pixel; None where there are none. Raises a
    LinrError as decode does for what is wrong short of the pixels."""
    return parse(bytes(data), limits).metadata


def decode_file(
    source: str | Path,
    target: str | Path,
    *,
    force: bool = False,
    device: str = "cpu",
    threads: int | None = None,
    limits: Limits = DEFAULT,
) -> None:
    """Decodes a .linr file into an image file whose extension names its type, with its metadata
    as images.write_picture has it.

    device, threads, limits: as decode's. Raises OutputExistsError if the target exists and force is
    False or it is the source, OSError as the file system does, and any LinrError of decode or
    images.write_picture.
    """
    if os.path.exists(target) and os.path.samefile(source, target):
        raise OutputExistsError(f"{target}: the file is the source itself")
    data = Path(source).read_bytes()
    picture = decode_picture(data, device=device, threads=threads, limits=limits)
    write_atomic(Path(target), write_picture(picture, Path(target).suffix), force=force)


def decode_parsed(
    file: LinrFile,
    backend: Backend,
    threads: int | None,
    limits: Limits = DEFAULT,
    observe: Observer | None = None,
    decided: Decided | None = None,
    index: int = 0,
) -> np.ndarray:
    """The samples of a parsed file; raises ChecksumError where their digest differs.

    observe: told of every plane of a context image, decided: of a coordinate image's; index: of the
    image in a file of several.
    """
    layout, want = file.layout, file.digest
    if not 0 <= index < file.images:
        raise ValueError(f"index is {index}; the file has {file.images} images")
    if file.coordinate is not None:
        data, mixed = file.data, None
        if file.members:
            member = file.members[index]
            first = sum(m.length for m in file.members[:index])
            data, mixed = data[first : first + member.length], member.coefficients
            want = member.digest
        _check_bits(layout, len(data))
        shape = layout.height, layout.width, len(layout.channels)
        with Workers(backend, threads or os.cpu_count() or 1) as workers:
            samples = decode_coordinate(
                file.coordinate, shape, file.weights, data, backend, workers, limits, decided,
                mixed,
            )  # fmt: skip
        image = samples.astype(layout.dtype).reshape(layout.shape)
    elif file.models is None:
        image = decompress_stored(file.data, layout.shape, layout.dtype, file.stored_depth)
    else:
        _check_work(layout, file.models, len(file.data), limits)
        networks = read_networks(layout, file.models, file.weights, backend)
        with Workers(backend, threads or os.cpu_count() or 1) as workers:
            image = traverse(
                backend, workers, layout, networks, Decoder(file.data), observe=observe
            )
        if layout.conversion:
            rgb = jfif_to_rgb(image[:, :, :3])
            apply_exceptions(rgb, file.exceptions)
            image[:, :, :3] = rgb
        from_ranks(image, file.values)
    if file.table is not None:
        image = from_indices(image, file.table)
    if digest(image) != want:
        raise ChecksumError("the decoded samples do not match the file's digest")
    if not file.type.fits(image):
        raise CorruptError("a decoded sample is beyond its depth or its palette")
    return image


def digest(image: np.ndarray) -> bytes:
    """BLAKE2b-128 of an image's samples, little-endian, in C order."""
    samples = np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("<"))
    return hashlib.blake2b(samples.data, digest_size=16).digest()


def network_shapes(layout: Layout, models: Models) -> list[Shape]:
    """The shapes of all networks in the order of the weights section: trunk A, trunk B and plane
    INR of each channel with planes."""
    shapes = []
    for channel in layout.channels:
        if channel.planes:
            references = len(channel.references)
            shapes += [trunk_shape(references, models.trunk_width, layout.wide)] * 2
            shapes.append(plane_shape(references, models.plane_width))
    return shapes


def read_networks(
    layout: Layout, models: Models, weights: bytes, backend: Backend
) -> list[ChannelNetworks | None]:
    """The networks of each channel, from the weights section."""
    shapes = network_shapes(layout, models)
    if models.prior:
        tensors = prior_networks(layout, models.prior)
        if weights:
            sizes = [s.changes(models.rank) if models.rank else s.tensors() for s in shapes]
            changes = unpack_weights(models.form, sizes, weights)
            tensors = [add(*pair) for pair in zip(tensors, changes, strict=True)]
    else:
        tensors = unpack_weights(models.form, [s.tensors() for s in shapes], weights)
    networks = iter([Network(s, t, backend) for s, t in zip(shapes, tensors, strict=True)])
    return [
        ChannelNetworks((next(networks), next(networks)), next(networks)) if c.planes else None
        for c in layout.channels
    ]


def _check_bits(layout: Layout, data_bytes: int) -> None:
    """Refuses a file whose data cannot hold the bits of its image."""
    bits = layout.height * layout.width * sum(c.planes for c in layout.channels)
    if bits > (data_bytes + SLACK_BYTES) * MAX_BITS_PER_BYTE:
        raise CorruptError(f"{data_bytes} bytes of data are too few for {bits} bits")


def _check_work(layout: Layout, models: Models, data_bytes: int, limits: Limits) -> None:
    """Refuses a file that asks for more time than its size can account for, or than is allowed."""
    _check_bits(layout, data_bytes)
    pixels, work = layout.height * layout.width, 0
    sizes = [shape.weights() for shape in network_shapes(layout, models)]
    limits.check("weights", sum(sizes), f"the networks: {sum(sizes)} weights")
    left = iter(sizes)
    for channel in layout.channels:
        if channel.planes:
            a, b, plane = next(left), next(left), next(left)
            work += pixels * (max(a, b) + channel.planes * plane)
    limits.check("multiply_adds", work, f"decoding: {work} multiply-adds")
