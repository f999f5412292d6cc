"""Golden files of JPEGs: files that come back, pictures that were JPEGs once, networks and streams.

Nothing is fitted: what changes to the prior there are, are at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from inrcodec import Picture
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.rangecoder import Encoder
from inrcodec.coding.weights import pack_weights
from inrcodec.contents import planes_of
from inrcodec.context.file import ContextImage, Models
from inrcodec.context.file import read_networks as read_context_networks
from inrcodec.context.layout import choose_layout
from inrcodec.context.networks import Tensor
from inrcodec.context.prior import QUICK
from inrcodec.context.scans import ScanEncoder, pack_streams
from inrcodec.context.traversal import traverse as traverse_planes
from inrcodec.encode import source_picture
from inrcodec.history.chain import Chain
from inrcodec.history.exceptions import Exceptions
from inrcodec.history.planes import Planes
from inrcodec.history.upsampling import REPEATED
from inrcodec.jpeg.coefficients.direct import direct_planes
from inrcodec.jpeg.coefficients.file import CoefficientImage, read_networks
from inrcodec.jpeg.coefficients.layout import lay_out, levels_of
from inrcodec.jpeg.coefficients.prior import DEFAULT_PRIOR, network_shape
from inrcodec.jpeg.coefficients.traversal import traverse, used_networks
from inrcodec.jpeg.pixels import Frame
from inrcodec.jpeg.step import Jpeg, blocks_of
from inrcodec.jpeg.turned import Orientation
from tests.golden.recipes import Made, sealed
from tests.jpeg.coefficients.twins import opencv
from tests.jpeg.files import pillow
from tests.pictures import scene


def jpeg_file(picture: Picture, streams: int = 1, rank: int = 0, prior: int = QUICK) -> bytes:
    """The file of a picture with a JPEG's coefficients, under a prior with changes at random of a
    rank, if any; each component in so many streams; the DC coefficients under another prior."""
    assert picture.jpeg is not None
    step, backend = picture.jpeg, numpy_backend()
    blocks, coefficients = step.blocks, step.coefficients
    chain = Chain((step,), step.forward(planes_of(picture)))
    levels = [levels_of(own) for own in coefficients]
    shapes = [(own.rows, own.cols) for own in blocks]
    components = lay_out(shapes, [own.table() for own in blocks], levels)
    changes = random_changes(used_networks(components), rank) if rank else b""
    coders = [[Encoder() for _ in range(streams)] for _ in shapes]
    with Workers(backend, 1) as workers:
        direct = direct_image(direct_planes(blocks, coefficients), prior, workers)
        networks = read_networks(components, DEFAULT_PRIOR, rank, changes, backend)
        dc = [own[:, :, 0].astype(np.int32) for own in coefficients]
        traverse(workers, components, dc, networks, coders, coefficients)
    model = CoefficientImage(
        chain.planes.geometry, tuple(tuple(own.tolist()) for own in levels), direct,
        DEFAULT_PRIOR, rank, changes, tuple(map(pack_streams, coders)),
    )  # fmt: skip
    return sealed(picture, chain, model)


def direct_image(planes: Planes, prior: int, workers: Workers) -> ContextImage:
    """DC coefficients under a prior as it is."""
    layout, models = choose_layout(planes), Models.of_prior(prior)
    networks = read_context_networks(layout, models, b"", numpy_backend())
    scans = ScanEncoder(planes.geometry.height, planes.geometry.width)
    traverse_planes(numpy_backend(), workers, layout, networks, scans, planes)
    payloads = tuple(scans.finish())
    return ContextImage(layout, models, b"", payloads, len(payloads))


def random_changes(numbers: list[int], rank: int) -> bytes:
    """Small ones to some weights of some networks."""
    rng = np.random.default_rng(rank)
    return pack_weights(
        "int",
        [
            {
                name: Tensor(rng.integers(-1, 2, size) * (rng.random(size) < 0.1), 3)
                for name, size in network_shape(number).changes(rank).items()
            }
            for number in numbers
        ],
    )


def source_files() -> Iterator[tuple[str, bytes]]:
    """JPEG files of all samplings, sequential and progressive."""
    rgb, grey = scene(27, 38, 3, np.uint8), scene(21, 19, 1, np.uint8)
    yield "grey8", pillow(grey, quality=85)
    yield "444_rgb8", pillow(rgb, quality=90, subsampling=0)
    yield "422_rgb8", pillow(rgb, quality=75, subsampling=1, comment=b"a scene")
    yield "420_rgb8", pillow(rgb, quality=60, subsampling=2)
    yield "440_rgb8", opencv(rgb, 0x121111, 80)
    yield "411_rgb8", opencv(rgb, 0x411111, 80)
    yield "rgb_rgb8", pillow(rgb[:17, :20], quality=80, keep_rgb=True)
    yield "cmyk8", pillow(scene(18, 21, 4, np.uint8), "CMYK", quality=90)
    yield "optimized_rgb8", pillow(rgb, quality=30, optimize=True)
    yield "restarts_rgb8", pillow(rgb, quality=75, restart_marker_blocks=2)
    yield "progressive_rgb8", pillow(rgb, quality=85, progressive=True, restart_marker_blocks=3)
    yield "progressive_grey8", pillow(grey, quality=50, progressive=True)
    yield "fine_rgb8", pillow(rgb[:9, :10], quality=100, subsampling=0)
    yield "coarse_rgb8", pillow(rgb, quality=5)
    yield "flat_rgb8", pillow(np.full((20, 20, 3), 90, np.uint8), quality=80)
    yield "1x1_rgb8", pillow(rgb[:1, :1])
    yield "1x33_grey8", pillow(scene(1, 33, 1, np.uint8).reshape(1, 33), quality=95)
    yield "cut_rgb8", pillow(rgb, quality=75, restart_marker_blocks=1)[:-90]


def parts_of_jpegs() -> Iterator[tuple[str, Picture]]:
    """Pictures that were JPEGs, turned and cut, with exceptions, or chroma that was repeated."""
    for number, (name, turned, top, left, cut, step, rule) in enumerate((
        ("cropped_444", Orientation(), 3, 7, (20, 22), 0, None),
        ("turned_420", Orientation(True, False, True), 0, 0, (27, 38), 2, None),
        ("turned_cropped_420", Orientation(True, True, False), 15, 2, (12, 36), 2, None),
        ("mirrored_422", Orientation(False, False, True), 0, 5, (27, 33), 1, REPEATED),
        ("repeated_420", Orientation(), 0, 0, (27, 38), 2, REPEATED),
    )):  # fmt: skip
        file = pillow(scene(27, 38, 3, np.uint8, number), quality=70 + number, subsampling=step)
        whole = source_picture(file, name)
        assert whole.jpeg is not None
        frame = whole.jpeg.frame
        assert frame is not None
        height, width = cut
        if rule:
            frame = replace(frame, rule=rule)
        if (top + height, left + width) != (27, 38):
            # the frame ends where the picture does
            frame = replace(frame, height=top + height, width=left + width)
        coefficients, tables = fitting(whole.jpeg, frame)
        jpeg = Jpeg(
            frame, (), blocks_of(coefficients, tables), turned, top, left, coefficients=coefficients
        )
        size = cut[::-1] if turned.transposed else cut
        samples = jpeg.pixels(coefficients, size)
        if number % 2 == 0:  # pixels that were drawn over
            other = samples.copy()
            other[2:4, 3:9] = (250, 240, 10)
            other[-1, ::5] ^= 1
            pairs = (list(np.moveaxis(each, 2, 0)) for each in (other, samples))
            jpeg, samples = replace(jpeg, exceptions=Exceptions.between(*pairs)), other
        yield f"{name}_rgb8", Picture(samples, jpeg=jpeg)
    deep = np.zeros((2, 2, 64), np.int16)
    deep[:, :, 0] = [[1023, -1024], [32767, -32767]]
    deep[:, :, 1:9] = np.random.default_rng(1).choice([16383, -16383, 8191, -1, 0], (2, 2, 8))
    table = np.arange(1, 65, dtype=np.uint16) * 997
    jpeg = Jpeg(Frame(12, 13, "grey"), (), blocks_of([deep], [table]), coefficients=(deep,))
    yield "large_grey8", Picture(jpeg.pixels([deep], (12, 13)), jpeg=jpeg)


def fitting(jpeg: Jpeg, frame: Frame) -> tuple[tuple[np.ndarray, ...], list[np.ndarray]]:
    """The coefficients of a JPEG as far as a smaller frame needs them, and their tables."""
    found = []
    for number, own in enumerate(jpeg.coefficients):
        rows, cols = (-(-n // 8) for n in frame.size(number))
        found.append(np.ascontiguousarray(own[:rows, :cols]))
    return tuple(found), [own.table() for own in jpeg.blocks]


def jpegs() -> Iterator[Made]:
    """Files that come back, and what else was a JPEG."""
    for number, (name, file) in enumerate(source_files()):
        picture = source_picture(file, name)
        assert picture.source is not None, (name, picture.left_out)
        yield f"jpeg_{name}", picture, jpeg_file(picture, prior=1 + number % 2)
    for name, picture in parts_of_jpegs():
        yield f"jpeg_{name}", picture, jpeg_file(picture)
    rgb = source_picture(pillow(scene(40, 33, 3, np.uint8), quality=80), "it")
    bare = replace(rgb, source=None, metadata=None)
    for rank, streams in ((1, 1), (2, 3), (8, 16)):
        name = f"jpeg_rank{rank}_streams{streams}_rgb8"
        yield name, bare, jpeg_file(bare, streams, rank)
