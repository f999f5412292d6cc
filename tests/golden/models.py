"""Golden files of the stored and the coordinate models, for make.py."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import zstandard

import inrcodec
from inrcodec import Coordinate, Picture, PixelType
from inrcodec.coding.backend import Workers, numpy_backend
from inrcodec.coding.stored import DEFLATE, ZSTANDARD, filter_rows, scanlines
from inrcodec.coding.stored_file import StoredImage
from inrcodec.contents import Contents, pack, planes_of
from inrcodec.context.networks import Tensor
from inrcodec.coordinate.encode import Trial
from inrcodec.coordinate.file import CoordinateImage
from inrcodec.coordinate.model import BACKBONES, LAYOUTS, CoordinateModel
from inrcodec.coordinate.transforms import TRANSFORMS, Transform
from inrcodec.files.picture import digest
from tests.pictures import scene

FORMS = ("int", "fp16", "ternary")
FITTED: dict[str, Any] = {"steps": 4, "width": 8, "depth": 2}
GRID: dict[str, Any] = {"backbone": "hash-grid", "levels": 3, "table_bits": 5, "finest": 6}

Made = tuple[str, Picture, bytes]  # name, what it is of, file


def stored() -> Iterator[Made]:
    """Stored images of each method, filter and depth."""
    rgb, grey = scene(11, 9, 3, np.uint8), scene(9, 21, 1, np.uint8)
    for method in ("zstandard", "deflate"):
        for kind in range(5):
            yield f"stored_{method}_filter{kind}_rgb8", Picture(rgb), filtered(rgb, method, [kind])
    every = [0, 1, 2, 3, 4, 4, 3]
    for name, image, depth in (
        ("stored_filters_rgba16", scene(12, 9, 4, np.uint16), 0),
        ("stored_filters_grey_alpha12", scene(12, 9, 2, np.uint16) >> 4, 0),
        ("stored_filters_grey8", grey, 0),
        ("stored_packed_filters_grey1", grey >> 7, 1),
        ("stored_packed_filters_grey2", grey >> 6, 2),
        ("stored_packed_filters_grey4", grey >> 4, 4),
    ):
        for method in ("zstandard", "deflate"):
            picture = Picture(image, PixelType(depth))
            yield f"{name}_{method}", picture, filtered(image, method, every, depth)
    image = scene(26, 35, 3, np.uint8)
    yield "stored_rgb8", Picture(image), inrcodec.encode(image, model="stored")


def filtered(image: np.ndarray, method: str, kinds: list[int], depth: int = 0) -> bytes:
    """The stored file of samples whose rows have filters of these kinds in turn."""
    picture = Picture(image, PixelType(depth))
    rows, step = scanlines(image, depth)
    each = [filter_rows(rows, step, kind) for kind in kinds]
    lines = b"".join(each[n % len(kinds)][n].tobytes() for n in range(len(rows)))
    if method == "zstandard":
        payload = bytes([ZSTANDARD]) + zstandard.ZstdCompressor().compress(lines)
    else:
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        payload = bytes([DEFLATE]) + squeeze.compress(lines) + squeeze.flush()
    geometry = planes_of(picture).geometry
    model = StoredImage(geometry, payload)
    return pack(Contents(geometry, digest(image), picture.type, None, (), model))


def fitted() -> Iterator[Made]:
    """Coordinate networks after a few steps: each backbone in each layout and form, each
    transform."""
    rgb, alpha = scene(9, 12, 3, np.uint8), scene(8, 7, 2, np.uint8)
    for b, backbone in enumerate(BACKBONES):
        for k, layout in enumerate(LAYOUTS):
            form = FORMS[(b + k) % 3]
            name = f"coordinate_{layout}_{backbone}_{form}_rgb8"
            its = GRID if backbone == "hash-grid" else {"backbone": backbone}
            yield coordinate(name, rgb, form, layout=layout, **its)
    for number, transform in enumerate(TRANSFORMS):
        for image, kind in ((alpha, "grey_alpha8"), (scene(7, 8, 1, np.uint16), "grey16")):
            name = f"coordinate_value_{transform}_{kind}"
            form = FORMS[number % 2]
            yield coordinate(name, image, form, layout="value", transform=transform)
    ramp = np.arange(72, dtype=np.uint8).reshape(8, 9)
    few = np.indices((9, 13)).sum(axis=0).astype(np.uint8) % 4
    value: dict[str, Any] = {"layout": "value", "transform": "box-cox"}
    yield coordinate("coordinate_value_box-cox_dark_grey8", ramp**2 // 40, "int", **value)
    yield coordinate("coordinate_value_box-cox_bright_grey8", 255 - ramp // 9, "int", **value)
    deep = scene(7, 8, 1, np.uint16)
    for name, image, seed, more in (
        ("scale_least_grey16", deep, 0, {"transform": "scale", "factor": 1 / 16}),
        ("scale_greatest_rgb8", rgb, 0, {"transform": "scale", "factor": 16.0}),
        ("rpp_seed_rgb8", rgb, 2**32 - 1, {"transform": "rpp"}),
        ("rpp_row8", rgb[:1, :5, 0], 3, {"transform": "rpp"}),
    ):
        yield coordinate(f"coordinate_value_{name}", image, "int", seed, layout="value", **more)
    yield coordinate("coordinate_joint_finer_row8", rgb[:1, :5, 0], "int", backbone="finer")
    yield coordinate("coordinate_joint_finer_column8", rgb[:7, :1, 0], "int", backbone="finer")
    yield coordinate("coordinate_joint_siren_1x1_rgb8", rgb[:1, :1], "int")
    yield coordinate("coordinate_joint_siren_deep_rgb8", rgb, "ternary", width=4, depth=9)
    planes = scene(6, 7, 4, np.uint16)
    yield coordinate("coordinate_per-plane_gauss_rgba16", planes, "int", layout="per-plane",
                     backbone="gauss", width=4)  # fmt: skip
    yield coordinate("coordinate_joint_finer_fp16_grey16", planes[:, :, 0], "fp16",
                     backbone="finer")  # fmt: skip
    dense, one = GRID | {"finest": 1, "levels": 1}, {"features": 1, "layout": "per-plane"}
    yield coordinate("coordinate_joint_hash-grid_dense_grey16", planes[:, :, 0], "int", **dense)
    yield coordinate("coordinate_per-plane_hash-grid_row8", rgb[:1, :5, 0], "fp16", **GRID | one)
    its = {"backbone": "diner", "features": 3}
    yield coordinate("coordinate_joint_diner_grey_alpha16", planes[:, :, :2], "ternary", **its)
    yield coordinate("coordinate_value_diner_rpp_rgb8", rgb, "int", layout="value",
                     transform="rpp", **its)  # fmt: skip
    yield coordinate("coordinate_joint_diner_1x1_rgb8", rgb[:1, :1], "int", backbone="diner")
    palette = PixelType(2, bytes(range(0, 120, 10)))
    yield coordinate("coordinate_joint_finer_indexed2", Picture(few, palette), "int",
                     backbone="finer")  # fmt: skip


def coordinate(
    name: str, image: np.ndarray | Picture, form: str, seed: int = 0, **options: Any
) -> Made:
    """A coordinate file with these options of Coordinate."""
    picture = image if isinstance(image, Picture) else Picture(np.ascontiguousarray(image))
    networks = Coordinate(**FITTED | options)
    data = inrcodec.encode(
        picture, model="coordinate", coordinate=networks, weights=form, device="cpu", seed=seed
    )
    return name, picture, data


def mixed() -> Iterator[Made]:
    """Coordinate networks at random, beside planes without one; networks of some layouts."""
    image = scene(9, 12, 3, np.uint8)
    modes = (2, 1, 0, 2, 0, 1, 0, 0)
    model = CoordinateModel("int", "joint", "siren", 6, 2, (313,), modes, 3)
    for name, changes in (
        ("joint_mixed_planes", {}),
        ("per-plane_mixed_planes", {"layout": "per-plane", "form": "fp16"}),
        ("templates", {"modes": (1,) * 8}),
        ("raw", {"modes": (2,) * 8}),
        ("finer_large", {"backbone": "finer"}),
        ("wire_large", {"backbone": "wire", "constants": (313, 300, 200)}),
        ("pe-relu_large", {"backbone": "pe-relu", "constants": (12,)}),
        ("pe-gelu_large", {"backbone": "pe-gelu", "constants": (0,)}),
        ("hash-grid_large", {"backbone": "hash-grid", "constants": (4, 2, 7, 2, 11)}),
        (
            "per-plane_hash-grid_large",
            {"backbone": "hash-grid", "layout": "per-plane", "constants": (3, 1, 6, 3, 40)},
        ),
        ("diner_mixed_planes", {"backbone": "diner", "constants": (313, 2), "size": (9, 12)}),
        *(
            (f"value_{t.kind}_large", {"layout": "value", "modes": (0,) * 8, "transform": t})
            for t in (
                Transform("0-1", (3, 250)),
                Transform("scale", (3, 250, 70001)),
                Transform("inverse", (3, 250)),
                Transform("rpp", (3, 250, 99)),
            )
        ),
    ):
        yield f"coordinate_{name}_rgb8", Picture(image), at_random(image, replace(model, **changes))


def at_random(image: np.ndarray, model: CoordinateModel) -> bytes:
    """A coordinate file whose weights are at random, up to 2."""
    rng, backend = np.random.default_rng(0), numpy_backend()
    geometry = planes_of(Picture(image)).geometry
    sizes = model.sizes(geometry.channels)
    tensors = [
        {name: Tensor(rng.integers(-2048, 2048, size), 10) for name, size in sizes.items()}
        for _ in range(model.networks())
    ]
    with Workers(backend, 1) as workers:
        coded = Trial(image, backend, workers).code(model, tensors)
    whole = CoordinateImage(geometry, model, *coded)
    return pack(Contents(geometry, digest(image), PixelType(), None, (), whole))


def sets() -> Iterator[Made]:
    """Several images of one file, of which these are of the first one."""
    for form, count, channels, dtype in (
        ("int", 2, 3, np.uint8), ("fp16", 3, 3, np.uint8), ("ternary", 2, 3, np.uint8),
        ("int", 1, 1, np.uint16), ("int", 16, 1, np.uint8),
    ):  # fmt: skip
        name = f"coordinate_set_{form}_{count}_of_{channels}x{np.dtype(dtype).itemsize}"
        yield name, *of_sets(scene_set(channels, dtype), form, count)
    for name, its in (("hash-grid", GRID), ("diner", {"backbone": "diner"})):
        yield f"coordinate_set_{name}_2_of_1x1", *of_sets(scene_set(1, np.uint8), "int", 2, **its)


def scene_set(channels: int, dtype: type) -> list[np.ndarray]:
    """Three images."""
    return [scene(6, 7, channels, dtype, seed) for seed in range(3)]


def of_sets(
    images: list[np.ndarray], form: str, count: int, **options: Any
) -> tuple[Picture, bytes]:
    """The first of images, and the file of all from so many weight sets."""
    networks = Coordinate(**FITTED | options)
    data = inrcodec.encode_set(images, sets=count, coordinate=networks, weights=form, device="cpu")
    return Picture(images[0]), data


def files() -> Iterator[Made]:
    """All of these."""
    for room in (stored, fitted, mixed, sets):
        yield from room()
