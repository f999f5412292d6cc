"""What of a file is the coordinate model's: its networks in the header, its sections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..coding.rangecoder import Decoder
from ..coding.weights import FORMS
from ..container.fields import Fields
from ..container.linr import DATA, Section, Sections
from ..errors import CorruptError, UnsupportedVersionError
from ..history.planes import Geometry, Planes
from ..limits import Limits, check_bits
from ..options import Reading
from .correction import code_planes, code_residuals
from .decode import Evaluation, check_weights, check_work, read_tensors
from .mixture import Member, pack_members, unpack_members
from .model import (
    BACKBONES,
    FREQUENCIES,
    LAYOUTS,
    MAX_CELLS,
    MAX_CONSTANT,
    MAX_DEPTH,
    MAX_FEATURES,
    MAX_FREQUENCIES,
    MAX_LEVELS,
    MAX_TABLE_BITS,
    MAX_WIDTH,
    PLANE_MODES,
    CoordinateModel,
)
from .networks import coordinates
from .transforms import TRANSFORMS, check_transform

WEIGHTS, IMAGES = b"W", b"A"


@dataclass(frozen=True)
class CoordinateImage:
    """Planes of whole channels as coordinate networks code them; members: of several
    images, whose data follow each other."""

    geometry: Geometry
    model: CoordinateModel
    weights: bytes
    data: bytes
    members: tuple[Member, ...] = ()

    number: ClassVar[int] = 2
    name: ClassVar[str] = "coordinate"
    tags: ClassVar[frozenset[bytes]] = frozenset({WEIGHTS, IMAGES, DATA})

    @property
    def digests(self) -> tuple[bytes, ...]:
        """Of the images, where there are several."""
        return tuple(member.digest for member in self.members)

    def pack(self) -> tuple[dict[str, Any], list[Section]]:
        """The model; the weights, the list of images if there are several, and the data."""
        model = self.model
        fields: dict[str, Any] = {
            "k": LAYOUTS.index(model.layout),
            "a": BACKBONES.index(model.backbone),
            "w": [model.width, model.depth],
            "g": list(model.constants),
            "n": list(model.modes),
            "f": FORMS.index(model.form),
            "t": model.step,
        }
        if model.transform is not None:
            fields["v"] = [TRANSFORMS.index(model.transform.kind), *model.transform.scalars]
        sections = [Section(WEIGHTS, self.weights)]
        if self.members:
            sections.append(Section(IMAGES, pack_members(self.members)))
        return fields, [*sections, Section(DATA, self.data)]

    @classmethod
    def unpack(
        cls, fields: Fields, sections: Sections, geometry: Geometry, limits: Limits
    ) -> CoordinateImage:
        """Undoes pack."""
        if not geometry.whole:
            raise CorruptError("a coordinate image of channels of different sizes")
        weights, images, data = (
            sections.one(WEIGHTS), sections.optional(IMAGES), sections.one(DATA)
        )  # fmt: skip
        members = () if images is None else unpack_members(images, len(data))
        sets = len(members[0].coefficients) if members else 1
        model = _model(fields, geometry, sets)
        check_weights(model, geometry.channels, limits)
        return cls(geometry, model, weights, data, members)

    def decode(self, reading: Reading) -> Planes:
        """The planes of an image; a reduced image's are of the whole one's."""
        geometry, model = self.geometry, self.model
        height, width, channels = geometry.height, geometry.width, geometry.channels
        data, mixed = self.data, None
        if self.members:
            member = self.members[reading.frame]
            first = sum(m.length for m in self.members[: reading.frame])
            data, mixed = data[first : first + member.length], member.coefficients
        check_bits(height * width * channels * len(model.modes), len(data))
        check_work(model, height * width, channels, reading.limits)
        tensors = read_tensors(model, channels, self.weights, mixed)
        ys, xs = coordinates(0, height, height - 1), coordinates(0, width, width - 1)
        with reading.workers() as workers:
            evaluation = Evaluation(model, tensors, len(model.modes), reading.backend, workers)
            if model.transform is not None:
                samples = code_residuals(Decoder(data), evaluation.values(ys, xs), None)
                if samples.min() < 0 or int(samples.max()) >> len(model.modes):
                    raise CorruptError("a decoded sample exceeds the sample depth")
            else:
                samples = code_planes(
                    Decoder(data), (height, width, channels), model.modes,
                    lambda plane: evaluation.logits(plane, ys, xs), None, reading.decided,
                )  # fmt: skip
        image: np.ndarray = samples.astype(geometry.dtype)
        return Planes.of_array(geometry, image).reduced(reading.scale)


def _model(fields: Fields, geometry: Geometry, sets: int) -> CoordinateModel:
    """Takes a model out of the header, of so many sets of weights."""
    layout, backbone, form = (fields.integer(key, 0, 255) for key in ("k", "a", "f"))
    if layout >= len(LAYOUTS) or backbone >= len(BACKBONES) or form >= len(FORMS):
        raise UnsupportedVersionError("the coordinate model needs a newer reader")
    name = BACKBONES[backbone]
    width, depth = fields.integers("w", 2, 1, MAX_WIDTH)
    constants = _constants(fields, name)
    modes = fields.integers("n", geometry.sample_bits, 0, len(PLANE_MODES) - 1)
    transform = None
    if LAYOUTS[layout] == "value":
        numbers = fields.take("v")
        if (
            not isinstance(numbers, list)
            or not numbers
            or not all(type(v) is int and v >= 0 for v in numbers)
        ):
            raise CorruptError("a model of values without a transform")
        transform = check_transform(numbers[0], numbers[1:])
    elif "v" in fields:
        raise CorruptError("a transform of bits")
    model = CoordinateModel(
        FORMS[form], LAYOUTS[layout], name, width, depth, tuple(constants), tuple(modes),
        fields.integer("t", 0, (1 << 32) - 1), transform, sets, (geometry.height, geometry.width),
    )  # fmt: skip
    if sets > 1 and model.layout != "joint":
        raise CorruptError("several weight sets of a model that is not joint")
    if transform is not None and any(modes):
        raise CorruptError("a model of values codes no planes")
    if model.hidden < 1 or model.depth > MAX_DEPTH:
        raise CorruptError(f"a network of {model.hidden} hidden units and {model.depth} layers")
    return model


def _constants(fields: Fields, backbone: str) -> tuple[int, ...]:
    """Takes the constants of a backbone out of the header."""
    if backbone == "hash-grid":
        limits = [MAX_LEVELS, MAX_FEATURES, MAX_TABLE_BITS, MAX_CELLS, MAX_CELLS]
    elif backbone == "diner":
        limits = [MAX_CONSTANT, MAX_FEATURES]
    else:
        limit = MAX_FREQUENCIES if backbone in FREQUENCIES else MAX_CONSTANT
        limits = [limit] * (3 if backbone == "wire" else 1)
    constants = fields.integers("g", len(limits), 0, max(limits))
    if any(value > most for value, most in zip(constants, limits, strict=True)):
        raise CorruptError(f"a constant of {backbone} is too large")
    if backbone == "hash-grid" and (not all(constants) or constants[3] > constants[4]):
        raise CorruptError("a hash grid without levels, or whose cells do not get smaller")
    if backbone == "diner" and not constants[1]:
        raise CorruptError("a table without features")
    return tuple(constants)
