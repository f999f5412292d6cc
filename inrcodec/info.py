"""What a .linr file says about itself: sizes, what the networks get wrong, where the bits go."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from .coding.backend import backend_for
from .container.linr import MODES, STORED, LinrFile, parse
from .context.layout import Channel, Layout
from .context.pyramid import segments
from .coordinate.model import PLANE_MODES
from .decode import decode_parsed
from .errors import LinrError
from .files.metadata import pack_metadata
from .limits import DEFAULT, Limits


def info(
    data: bytes, *, planes: bool = True, threads: int | None = None, limits: Limits = DEFAULT
) -> dict[str, Any]:
    """What a .linr file holds, as a dict that json can write.

    planes: decode the file to find, per channel and plane, the bit error rate (BER) of the
    networks' decisions before correction and the bits spent on the plane. limits: as decode's.
    Raises as decode.
    """
    file = parse(bytes(data), limits)
    if not planes or file.mode == STORED:
        return describe(file, len(data))
    statistics, decisions = PlaneStatistics(file.layout), Decisions()
    decode_parsed(file, backend_for("cpu"), threads, limits, statistics, decisions)
    return describe(file, len(data), statistics, decisions)


def bit_map(data: bytes, *, threads: int | None = None, limits: Limits = DEFAULT) -> np.ndarray:
    """Where in the image the bits go: bits per pixel, float64 (H, W), all channels together.

    Each bit counts as -log2 of the probability that the networks gave it, so that the sum is that
    of the planes' bits in info(); header and weights belong to no pixel. limits: as decode's.
    Raises as decode, and LinrError for other files, which have no such bits.
    """
    bits = survey(data, threads=threads, limits=limits)[2]
    if bits is None:
        raise LinrError(
            f"the file is {MODES[parse(bytes(data), limits).mode]}, not of the context model"
        )
    return bits


def survey(
    data: bytes, *, threads: int | None = None, limits: Limits = DEFAULT
) -> tuple[dict[str, Any], np.ndarray, np.ndarray | None]:
    """info(), decode() and bit_map() of a file in one decoding; the last is None if stored."""
    file = parse(bytes(data), limits)
    statistics, bits = PlaneStatistics(file.layout), BitMap(file.layout)

    def observe(*seen: Any) -> None:
        statistics(*seen)
        bits(*seen)

    image = decode_parsed(file, backend_for("cpu"), threads, limits, observe)
    if file.models is None:
        return describe(file, len(data)), image, None
    return describe(file, len(data), statistics), file.type.expand(image), bits.array()


def describe(
    file: LinrFile,
    size: int,
    statistics: PlaneStatistics | None = None,
    decisions: Decisions | None = None,
) -> dict[str, Any]:
    """info's dict of a parsed file of that many bytes; statistics, decisions: as its decoding found
    them."""
    layout, models = file.layout, file.models
    pixels, packed = layout.height * layout.width * file.images, 0
    if file.metadata is not None:
        packed = len(pack_metadata(file.metadata))
    result: dict[str, Any] = {
        "version": file.version,
        "mode": MODES[file.mode],
        "height": layout.height,
        "width": layout.width,
        "channels": file.channels,
        "images": file.images,
        "bits": file.bits,
        "depth": file.type.depth or file.bits,
        "palette": file.type.colours or None,
        "transparent": bool(file.type.alpha or file.type.key),
        "total_bytes": size,
        # tables and exceptions to colour included
        "header_bytes": size - len(file.weights) - len(file.data) - packed,
        "metadata_bytes": packed,
        "weights_bytes": len(file.weights),
        "data_bytes": len(file.data),
        "bpp": 8 * size / pixels,
        "bpsp": 8 * size / (pixels * file.channels),
        "weights": None if models is None else models.form,
        "prior": None if models is None or not models.prior else models.prior,
        "rank": None if models is None or not models.rank else models.rank,
        "conversion": "jfif" if layout.conversion else None,
        "values": _values(file),
        "table": None if file.table is None else len(file.table),
        "metadata": [] if file.metadata is None else file.metadata.facts(),
    }
    model = file.coordinate
    if model is not None:
        result["weights"] = model.form
        result["coordinate"] = {
            "layout": model.layout,
            "backbone": model.backbone,
            "width": model.width,
            "depth": model.depth,
            "networks": model.networks(),
            "steps": model.step,
            "transform": model.transform.kind if model.transform else None,
        }
        if decisions is not None and model.transform is None:
            result["planes"] = decisions.rows(file.layout, model.modes)
    if models is not None and statistics is not None:
        result["planes"] = statistics.rows()
    return result


def _values(file: LinrFile) -> dict[str, int] | None:
    """How many values each channel uses that is coded as ranks."""
    if not file.values:
        return None
    names = {channel.index: file.layout.name(channel) for channel in file.layout.channels}
    return {names[i]: len(used) for i, used in enumerate(file.values) if used is not None}


class PlaneStatistics:
    """Counts, per channel and plane, bits, wrong decisions and bits spent (an Observer)."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._counts: dict[tuple[int, int], np.ndarray] = {}

    def __call__(
        self, channel: Channel, plane: int, p: np.ndarray, bits: np.ndarray, *_: Any
    ) -> None:
        # a decision is P > 1/2; on the fence it is a 0
        wrong = (p > 32768) != (bits > 0)
        counts = self._counts.setdefault((channel.index, plane), np.zeros(3))
        counts += bits.size, wrong.sum(), _cost(p, bits).sum()

    def rows(self) -> list[dict[str, Any]]:
        """One dict per channel and plane, in coding order: ber, bits spent, bits per sample."""
        return [
            {
                "channel": self._layout.name(channel),
                "plane": plane,
                "ber": float(wrong / count),
                "bits": round(float(spent)),
                "bpsp": float(spent / count),
            }
            for channel in self._layout.channels
            for plane in reversed(range(channel.planes))
            for count, wrong, spent in [self._counts[channel.index, plane]]
        ]


class Decisions:
    """Counts the wrong decisions of coordinate networks, per plane and channel (decode.Decided)."""

    def __init__(self) -> None:
        self._ber: dict[int, np.ndarray] = {}

    def __call__(self, plane: int, decisions: np.ndarray, bits: np.ndarray) -> None:
        self._ber[plane] = (decisions != bits).mean(axis=1)

    def rows(self, layout: Layout, modes: tuple[int, ...]) -> list[dict[str, Any]]:
        """One dict per channel and plane: how it is coded and, of a network, the BER."""
        return [
            {
                "channel": layout.name(channel),
                "plane": plane,
                "mode": PLANE_MODES[modes[plane]],
                "ber": float(self._ber[plane][channel.index]) if plane in self._ber else None,
            }
            for channel in layout.channels
            for plane in reversed(range(len(modes)))
        ]


class BitMap:
    """Adds up what each pixel's bits cost, over all planes and channels (an Observer).

    A plane's bits come in visiting order, in calls of any size: each plane has a place to go on at.
    """

    def __init__(self, layout: Layout) -> None:
        self._size = (layout.height, layout.width)
        self._bits = np.zeros(layout.height * layout.width)  # in visiting order
        self._seen: Counter[tuple[int, int]] = Counter()  # pixels, by channel and plane

    def __call__(
        self, channel: Channel, plane: int, p: np.ndarray, bits: np.ndarray, *_: Any
    ) -> None:
        start = self._seen[channel.index, plane]
        self._bits[start : start + bits.size] += _cost(p, bits)
        self._seen[channel.index, plane] += bits.size

    def array(self) -> np.ndarray:
        """Bits per pixel, float64 (H, W)."""
        picture = np.empty(self._size)
        picture[0, 0] = self._bits[0]
        start = 1
        for segment in segments(*self._size):
            bits = self._bits[start : start + segment.pixels]
            picture[segment.image_index()] = bits.reshape(segment.rows, segment.cols)
            start += segment.pixels
        return picture


def _cost(p: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """What bits cost under probabilities P(1) * 65536: float64, in bits."""
    return -np.log2(np.where(bits, p, 65536 - p.astype(np.int64)) / 65536)
