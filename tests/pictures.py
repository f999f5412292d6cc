"""Small pictures for the tests, and a rough way to make a file without a fit."""

from __future__ import annotations

import struct
import zlib
from functools import cache

import numpy as np

import inrcodec
from inrcodec import Coordinate, Metadata
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.weights import pack_weights
from inrcodec.contents import Contents, pack, planes_of
from inrcodec.context.encode import code
from inrcodec.context.file import Models, network_shapes
from inrcodec.context.layout import choose_layout
from inrcodec.context.networks import Tensor
from inrcodec.context.prior import QUICK
from inrcodec.files.picture import PLAIN, Picture, PixelType, digest
from inrcodec.history.chain import Chain, chains
from inrcodec.history.chroma_search import Source
from inrcodec.history.conversions import CONVERSIONS
from inrcodec.history.exceptions import Exceptions
from inrcodec.history.jfif import Jfif
from inrcodec.history.planes import WHOLE, YCC, Geometry, Lattice, Planes
from inrcodec.history.subsampled import Subsampled
from inrcodec.history.upsampling import COSITED, REPEATED

# First column, first row, column step and row step of the passes of an interlaced PNG.
ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip


def scene(height: int, width: int, channels: int, dtype: type, seed: int = 0) -> np.ndarray:
    """A shaded disc on a gradient with some noise, its channels alike; alpha is a mask."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    y, x = y / max(height - 1, 1), x / max(width - 1, 1)
    disc = (y - 0.5) ** 2 + (x - 0.4) ** 2 < 0.1
    light = 0.2 + 0.5 * x * y + 0.25 * disc + rng.normal(0, 0.01, y.shape)
    planes = [light * (0.9 + 0.1 * k) + rng.normal(0, 0.003, y.shape) for k in range(channels)]
    if channels in (2, 4):
        planes[-1] = 1.0 - 0.5 * disc
    top = np.iinfo(dtype).max
    image = (np.clip(np.stack(planes, axis=-1), 0, 1) * top).astype(dtype)
    return image[:, :, 0] if channels == 1 else image


def textured(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Light of all frequencies, as photographs have it, its channels alike; uint8."""
    rng, light = np.random.default_rng(seed), np.zeros((height, width))
    for size in (1, 2, 4, 8, 16, 32):
        grid = rng.normal(0, 3 * size**1.1, (height // size + 2, width // size + 2))
        (y, i), (x, j) = (np.modf(np.arange(n) / size) for n in (height, width))
        rows = [grid[i.astype(int) + 1], grid[i.astype(int)]]
        down = rows[0] * y[:, None] + rows[1] * (1 - y)[:, None]
        light += down[:, j.astype(int) + 1] * x + down[:, j.astype(int)] * (1 - x)
    planes = [
        128 + light * (0.8 + 0.1 * k) + rng.normal(0, 0.3, light.shape) for k in range(channels)
    ]
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


def enlarged(
    image: np.ndarray, rows: int, cols: int, row_phase: int = 0, col_phase: int = 0
) -> np.ndarray:
    """A picture whose pixels are repeated, without the first ones of them."""
    large = image.repeat(rows, axis=0).repeat(cols, axis=1)
    return np.ascontiguousarray(large[row_phase:, col_phase:])


def jpeg_scene(height: int, width: int, exceptions: int = 0) -> np.ndarray:
    """An RGB picture as a JPEG decoder makes them, but for some pixels."""
    planes = scene(height, width, 3, np.uint8)
    planes[:, :, 1:] = planes[:, :, 1:] // 4 + 90
    image = (
        Jfif()
        .undo(Planes.of_array(Geometry(height, width, 8, YCC, False, (WHOLE,) * 3), planes))
        .array()
    )
    image.reshape(-1, 3)[5 : 5 + 7 * exceptions : 7] = (200, 20, 30)  # which no JPEG decodes to
    return image


def chroma_planes(
    height: int, width: int, source: Source, seed: int = 0, vivid: int = 25
) -> Planes:
    """Y, Cb, Cr as a source has them, smooth with some noise; vivid: how far chroma is from its
    middle, where there are the colours of the source."""
    rng, lattices = np.random.default_rng(seed), (WHOLE, source.lattice, source.lattice)
    grey = source.conversion.estimate(tuple(np.full((1, 1), 120, np.uint8) for _ in range(3)))
    channels = []
    for lattice, middle, reach in zip(lattices, grey.ravel(), (60, vivid, vivid), strict=True):
        y, x = (np.arange(n)[:, None] for n in lattice.size(height, width))
        turns = rng.uniform(6, 12, 3)
        wave = np.sin(y / turns[0] + seed) + np.cos(x.T / turns[1]) + np.sin((y + x.T) / turns[2])
        values = middle + reach * wave / 3 + rng.normal(0, 1.5, wave.shape)
        channels.append(np.clip(values, 0, 255).astype(np.uint8))
    return Planes(Geometry(height, width, 8, YCC, False, lattices), tuple(channels))


def chroma_scene(
    height: int, width: int, source: Source, seed: int = 0, vivid: int = 25
) -> np.ndarray:
    """The RGB picture of chroma_planes."""
    return Subsampled(source).undo(chroma_planes(height, width, source, seed, vivid)).array()


def subsampled_file(planes: Planes, source: Source, image: np.ndarray) -> bytes:
    """The context file of a picture as Y, Cb, Cr of a source, whatever an encoder finds."""
    restored = Subsampled(source).undo(planes).array()
    exceptions = None
    if not np.array_equal(restored, image):
        pairs = (np.moveaxis(each, 2, 0)[:3] for each in (image, restored))
        exceptions = Exceptions.between(*map(list, pairs))
    layout = choose_layout(planes)
    with Workers(numpy_backend(), 1) as workers:
        coded = code(planes, layout, Models.of_prior(QUICK, 0), b"", workers)
    step, picture = Subsampled(source, exceptions), planes_of(Picture(image)).geometry
    return pack(Contents(picture, digest(image), PLAIN, None, (step,), coded))


def unfitted_file(image: np.ndarray, form: str = "int") -> bytes:
    """A context file whose networks have zero weights but for the plane INR's bypass: no fit, so
    the same bytes on every machine."""
    layout = choose_layout(chain_of(image).planes)
    models = Models(form, 1, 1)
    networks = []
    for number, shape in enumerate(network_shapes(layout, models)):
        tensors = {n: Tensor(np.zeros(s, np.int64), 0) for n, s in shape.tensors().items()}
        if number % 3 == 2:
            tensors["bypass"].values[0, 0] = 1
        else:
            tensors["b3"].values[3:6] = 2  # log2 of the scales
        networks.append(tensors)
    return file_of(image, models, pack_weights(form, networks))


def changed_prior_file(image: np.ndarray, rank: int = 3, prior: int = QUICK) -> bytes:
    """A context file with small changes at random to a prior's weights."""
    models = Models.of_prior(prior, rank)
    layout, rng = choose_layout(chain_of(image).planes), np.random.default_rng(0)
    networks = [
        {
            name: Tensor(rng.integers(-1, 2, size) * (rng.random(size) < 0.1), 3)
            for name, size in shape.changes(rank).items()
        }
        for shape in network_shapes(layout, models)
    ]
    return file_of(image, models, pack_weights("int", networks))


def file_of(image: np.ndarray, models: Models, weights: bytes) -> bytes:
    """The context file of an image under given weights."""
    chain = chain_of(image)
    with Workers(numpy_backend(), 1) as workers:
        coded = code(chain.planes, choose_layout(chain.planes), models, weights, workers)
    picture = planes_of(Picture(image)).geometry
    return pack(Contents(picture, digest(image), PLAIN, None, chain.steps, coded))


def chain_of(image: np.ndarray) -> Chain:
    """A way to code an image: without its colour history, or as ranks if they may pay."""
    found = chains(Chain((), planes_of(Picture(image))))
    return found[0] if found[0].steps else found[-1]


def repacked(data: bytes) -> bytes:
    """A PNG with its image data packed as no compressor does: in halves of two settings."""
    parts, at, place = list[bytes](), 8, 0
    while at < len(data):
        size = struct.unpack_from(">I", data, at)[0]
        if data[at + 4 : at + 8] == b"IDAT":
            place = place or at
            parts.append(data[at + 8 : at + 8 + size])
            end = at + 12 + size
        at += 12 + size
    lines = zlib.decompress(b"".join(parts))
    half, first = len(lines) // 2, zlib.compressobj(9, zlib.DEFLATED, 15)
    rest = zlib.compressobj(1, zlib.DEFLATED, -15)
    stream = first.compress(lines[:half]) + first.flush(zlib.Z_FULL_FLUSH)
    stream += rest.compress(lines[half:]) + rest.flush() + struct.pack(">I", zlib.adler32(lines))
    tagged = b"IDAT" + stream
    chunk = struct.pack(">I", len(stream)) + tagged + struct.pack(">I", zlib.crc32(tagged))
    return data[:place] + chunk + data[end:]


@cache
def made_files() -> dict[str, bytes]:
    """A file of each kind that is quickly made, by name."""
    key = PixelType(key=(100, 3, 5))
    palette = PixelType(depth=2, palette=bytes(range(12)))
    places = (("tRNS", None), ("IDAT", None))
    text = Metadata("png", chunks=(("tEXt", b"Comment\0hello"), *places, ("tIME", bytes(7))))
    few = np.indices((13, 11)).sum(axis=0).astype(np.uint8) // 3 % 4
    fitted = {"steps": 4, "width": 8, "depth": 2}
    large = enlarged(scene(20, 22, 3, np.uint8) >> 3, 3, 2, 1, 1)
    large[7, 9:12] += 100  # of a pixel the last column, of the next one the whole row
    wide = scene(20, 30, 1, np.uint8).astype(np.uint16) * np.uint16(257)
    coordinate = {
        "joint": (scene(7, 9, 3, np.uint8), {"backbone": "finer"}, "int"),
        "planes": (scene(6, 5, 1, np.uint8), {"layout": "per-plane"}, "ternary"),
        "value": (scene(9, 8, 2, np.uint8), {"layout": "value"}, "fp16"),
    }
    files = {
        "stored_palette": inrcodec.encode(Picture(few, palette), model="stored"),
        "stored_key_metadata": inrcodec.encode(
            Picture(scene(9, 8, 3, np.uint8), key, text), model="stored"
        ),
        "context_table": inrcodec.encode(
            np.stack([few * 60, few * 20, 255 - few], axis=-1), model="context", effort=1
        ),
        "context_ranks": inrcodec.encode(wide, model="context", effort=1),
        "context_jfif": inrcodec.encode(jpeg_scene(33, 40, 1), model="context", effort=1),
        "context_enlarged": inrcodec.encode(large, model="context", effort=1),
        "context_changes": changed_prior_file(scene(12, 9, 4, np.uint8)),
        "context_subsampled": photo_cd_file(),
        "coordinate_set": inrcodec.encode_set(
            [scene(6, 7, 3, np.uint8, seed) for seed in range(3)],
            coordinate=Coordinate(**fitted),
        ),
    }
    for name, (image, options, form) in coordinate.items():
        files[f"coordinate_{name}"] = inrcodec.encode(
            image, model="coordinate", coordinate=Coordinate(**fitted, **options), weights=form
        )
    return files


def photo_cd_file() -> bytes:
    """A file with subsampled chroma as the encoder finds it, with exceptions as differences."""
    image = chroma_scene(33, 40, Source(CONVERSIONS[1], COSITED, Lattice(2, 2)))
    image[5:25:7, 3::9, 1] += 1
    return inrcodec.encode(image, model="context", effort=1)


def video_file() -> bytes:
    """A file with subsampled chroma, a phase and exceptions as values. (Not every pixel of its
    reduced images is the image's.)"""
    video = Source(CONVERSIONS[4], REPEATED, Lattice(1, 2, 0, 1))
    planes, image = chroma_planes(20, 31, video), chroma_scene(20, 31, video)
    image[:2], image[:, -3:] = (20, 20, 20), (250, 90, 60)
    return subsampled_file(planes, video, image)
