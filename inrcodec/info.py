"""What a .linr file says about itself: sizes, what the networks get wrong, where the bits go."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from .coding.backend import backend_for
from .coding.stored_file import StoredImage
from .contents import Contents, parse
from .context.file import ContextImage
from .context.own_prior import Prior
from .context.step import Codes
from .coordinate.file import CoordinateImage
from .coordinate.model import PLANE_MODES
from .errors import LinrError
from .files.metadata import pack_metadata
from .files.places import Place, opened
from .frames.file import Frames
from .graphics.boxes import CodedBox
from .graphics.file import GraphicsImage
from .history.enlarged import Enlarged
from .history.planes import GREY, INDEX, RGB, YCC, Geometry
from .jpeg.coefficients.file import CoefficientImage
from .limits import DEFAULT, Limits
from .options import Reading
from .reconstruct import decode_samples
from .source.copy import Copy
from .source.restore import source_facts
from .source.skeleton import pack_skeleton


def info(
    data: bytes | Place,
    *,
    planes: bool = True,
    threads: int | None = None,
    priors: Sequence[Prior] = (),
    limits: Limits = DEFAULT,
) -> dict[str, Any]:
    """What a .linr file holds, as a dict that json can write.

    data: the file's bytes, or a path, a URL or a binary file object. planes: decode the file to
    find, per channel and plane, the bit error rate (BER) of the
    networks' decisions before correction and the bits spent on the plane. priors, limits: as
    decode's. Raises as decode.
    """
    place = io.BytesIO(data) if isinstance(data, bytes | bytearray | memoryview) else data
    with opened(place, whole=False) as file:
        start = file.tell()
        size = file.seek(0, os.SEEK_END) - start
        file.seek(start)
        front = parse(file, limits, 1)
        file.seek(start)
        if isinstance(front.model, Frames):
            from .frames.facts import describe_frames  # which builds on this
            from .frames.reader import LinrFile

            with LinrFile(file, threads=threads, priors=priors, limits=limits) as frames:
                return describe_frames(frames, size, planes)
        contents = parse(file, limits)
    if not planes or isinstance(contents.model, StoredImage | GraphicsImage | Copy):
        return describe(contents, size)
    statistics, decisions = PlaneStatistics(contents), Decisions()
    reading = Reading(
        backend_for("cpu"), threads, limits, priors=priors, observe=statistics, decided=decisions
    )
    decode_samples(contents, reading)
    return describe(contents, size, statistics, decisions)


def bit_map(
    data: bytes,
    *,
    threads: int | None = None,
    priors: Sequence[Prior] = (),
    limits: Limits = DEFAULT,
) -> np.ndarray:
    """Where in the image the bits go: bits per pixel, float64 (H, W), all channels together.

    Each bit counts as -log2 of the probability that the networks gave it, so that the sum is that
    of the planes' bits in info(); header and weights belong to no pixel. priors, limits: as
    decode's. Raises as decode, and LinrError for other files, which have no such bits.
    """
    bits = survey(data, threads=threads, priors=priors, limits=limits)[2]
    if bits is None:
        name = parse(bytes(data), limits).model.name
        raise LinrError(f"the file is {name}, not of the context model")
    return bits


def survey(
    data: bytes,
    *,
    threads: int | None = None,
    priors: Sequence[Prior] = (),
    limits: Limits = DEFAULT,
) -> tuple[dict[str, Any], np.ndarray, np.ndarray | None]:
    """info(), decode() and bit_map() of a file in one decoding; the last is None of another than
    the context model."""
    contents = parse(bytes(data), limits)
    if isinstance(contents.model, Frames):
        raise LinrError("a file of parts: where the bits go is told of files of one image")
    statistics, bits = PlaneStatistics(contents), BitMap(contents.model.geometry)
    observe = _Both(statistics, bits)
    reading = Reading(backend_for("cpu"), threads, limits, priors=priors, observe=observe)
    image = contents.type.expand(decode_samples(contents, reading))
    if not isinstance(contents.model, ContextImage):
        return describe(contents, len(data)), image, None
    pixels = bits.array()
    for step in reversed(contents.steps):
        if isinstance(step, Enlarged):
            pixels = step.spread(pixels)
    return describe(contents, len(data), statistics), image, pixels


def describe(
    contents: Contents,
    size: int,
    statistics: PlaneStatistics | None = None,
    decisions: Decisions | None = None,
) -> dict[str, Any]:
    """info's dict of a parsed file of that many bytes; statistics, decisions: as its decoding found
    them."""
    picture, model, pixels, packed = contents.picture, contents.model, contents.type, 0
    total = picture.height * picture.width * contents.images
    if contents.source is not None:
        packed = len(pack_skeleton(contents.source))
    elif contents.metadata is not None:
        packed = len(pack_metadata(contents.metadata))
    result: dict[str, Any] = {
        "version": contents.version,
        "mode": model.name,
        "height": picture.height,
        "width": picture.width,
        "channels": picture.channels,
        "frames": contents.images,
        "bits": picture.sample_bits,
        "depth": picture.bits,
        "palette": pixels.colours or None,
        "transparent": bool(pixels.alpha or pixels.key),
        "total_bytes": size,
        # what the steps say included
        "header_bytes": size - len(model.weights) - len(model.data) - packed,
        "metadata_bytes": packed,
        "weights_bytes": len(model.weights),
        "data_bytes": len(model.data),
        "bpp": 8 * size / total,
        "bpsp": 8 * size / (total * picture.channels),
        "weights": None,
        "prior": None,
        "rank": None,
        "history": [past for past in (step.past() for step in contents.steps) if past],
        "steps": [{"step": step.name, **step.facts()} for step in contents.steps],
        "metadata": [] if contents.metadata is None else contents.metadata.facts(),
        # the file that was encoded comes back byte for byte if it is there
        "source": None if contents.source is None else source_facts(contents.source),
        "left_out": list(contents.left_out),
        # why there are no pixels, where there are none
        "unread": model.why if isinstance(model, Copy) else None,
    }
    if isinstance(model, ContextImage) and model.models is not None:
        models = model.models
        result |= {
            "weights": models.form, "prior": models.prior or None, "rank": models.rank or None
        }  # fmt: skip
        if statistics is not None:
            result["planes"] = statistics.rows()
    if isinstance(model, GraphicsImage):
        boxes = [_box(coded) for coded in model.boxes]
        result |= {"level": model.level, "boxes": boxes}
        within = [f"{past} in a box" for box in boxes for past in box["history"]]
        result["history"] += dict.fromkeys(within)
    if isinstance(model, CoefficientImage):
        result |= {"weights": "int", "prior": model.prior, "rank": model.rank or None}
    if isinstance(model, CoordinateImage):
        networks = model.model
        result["weights"] = networks.form
        result["coordinate"] = {
            "layout": networks.layout,
            "backbone": networks.backbone,
            "width": networks.width,
            "depth": networks.depth,
            "networks": networks.networks(),
            "steps": networks.step,
            "transform": networks.transform.kind if networks.transform else None,
            **networks.settings,
            **(networks.transform.settings if networks.transform else {}),
        }
        if decisions is not None and networks.transform is None:
            result["planes"] = decisions.rows(model.geometry, networks.modes)
    return result


def _box(coded: CodedBox) -> dict[str, Any]:
    """What there is to say of a box that another model codes."""
    contents = coded.contents
    return {
        **coded.box._asdict(),
        "mode": contents.model.name,
        "history": [past for past in (step.past() for step in contents.steps) if past],
        "steps": [{"step": step.name, **step.facts()} for step in contents.steps],
        "bytes": len(coded.data),
    }


def channel_names(geometry: Geometry) -> list[str]:
    """What people call the channels of planes."""
    names = {GREY: ["Y"], RGB: ["R", "G", "B"], YCC: ["Y", "Cb", "Cr"], INDEX: ["index"]}
    return names[geometry.kind] + ["A"] * geometry.alpha


class PlaneStatistics:
    """Counts, per channel and plane, bits, wrong decisions and bits spent (an Observer)."""

    wants_inputs = False

    def __init__(self, contents: Contents, pixels: int = 0) -> None:
        """pixels: of all pictures that are observed, if these are several."""
        self._model = contents.model
        self._pixels = pixels or contents.picture.height * contents.picture.width
        self._counts: dict[tuple[int, int], np.ndarray] = {}
        self._lock = threading.Lock()

    def __call__(self, codes: Codes) -> None:
        # a decision is P > 1/2; on the fence it is a 0
        wrong = (codes.probabilities > 32768) != (codes.bits > 0)
        costs = _cost(codes.probabilities, codes.bits)
        for row, plane in enumerate(reversed(range(codes.channel.planes))):
            with self._lock:
                counts = self._counts.setdefault((codes.channel.index, plane), np.zeros(3))
                counts += wrong.shape[1], wrong[row].sum(), costs[row].sum()

    def rows(self) -> list[dict[str, Any]]:
        """One dict per channel and plane, in coding order: ber, of what was coded; bits spent, also
        per pixel of the picture, as a channel of it has a sample for each."""
        assert isinstance(self._model, ContextImage), "no other model is observed"
        names = channel_names(self._model.geometry)
        return [
            {
                "channel": names[channel.index],
                "plane": plane,
                "ber": float(wrong / count),
                "bits": round(float(spent)),
                "bpsp": float(spent / self._pixels),
            }
            for channel in self._model.layout.channels
            for plane in reversed(range(self._model.geometry.sample_bits))
            if (channel.index, plane) in self._counts
            for count, wrong, spent in [self._counts[channel.index, plane]]
        ]


class _Both:
    """Two observers in one."""

    wants_inputs = False

    def __init__(self, one: PlaneStatistics, other: BitMap) -> None:
        self._observers = one, other

    def __call__(self, codes: Codes) -> None:
        for observe in self._observers:
            observe(codes)


class Decisions:
    """Counts the wrong decisions of coordinate networks, per plane and channel (decode.Decided)."""

    def __init__(self) -> None:
        self._ber: dict[int, np.ndarray] = {}

    def __call__(self, plane: int, decisions: np.ndarray, bits: np.ndarray) -> None:
        self._ber[plane] = (decisions != bits).mean(axis=1)

    def rows(self, geometry: Geometry, modes: tuple[int, ...]) -> list[dict[str, Any]]:
        """One dict per channel and plane: how it is coded and, of a network, the BER."""
        return [
            {
                "channel": name,
                "plane": plane,
                "mode": PLANE_MODES[modes[plane]],
                "ber": float(self._ber[plane][channel]) if plane in self._ber else None,
            }
            for channel, name in enumerate(channel_names(geometry))
            for plane in reversed(range(len(modes)))
        ]


class BitMap:
    """Adds up what each pixel's bits cost, over all planes and channels (an Observer). What a
    sample of a coarser lattice costs is the first of its pixels'."""

    wants_inputs = False

    def __init__(self, planes: Geometry) -> None:
        self._picture = np.zeros((planes.height, planes.width))

    def __call__(self, codes: Codes) -> None:
        costs, unit = _cost(codes.probabilities, codes.bits).sum(axis=0), codes.unit
        if unit is None:
            self._picture[0, 0] += costs[0]
            return
        grid, lattice = unit.grid, codes.channel.lattice
        rows = 2 * np.arange(unit.row, unit.row + unit.rows) + grid.row << grid.level
        cols = 2 * np.arange(unit.col, unit.col + unit.cols) + grid.col << grid.level
        rows = np.maximum(rows * lattice.row_step - lattice.row_phase, 0)
        cols = np.maximum(cols * lattice.col_step - lattice.col_phase, 0)
        self._picture[np.ix_(rows, cols)] += costs.reshape(unit.rows, unit.cols)

    def array(self) -> np.ndarray:
        """Bits per pixel, float64 (H, W)."""
        return self._picture


def _cost(p: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """What bits cost under probabilities P(1) * 65536: float64, in bits."""
    return -np.log2(np.where(bits, p, 65536 - p.astype(np.int64)) / 65536)
