"""What a coordinate model is made of: the options of an encoder, and what a file says of it.

Backbones: SIREN (Sitzmann et al. 2020), FINER (Liu et al. 2024), Gauss (Ramasinghe & Lucey 2022),
WIRE (Saragadam et al. 2023), ReLU on sines and cosines of the coordinates (Tancik et al. 2020), and
GELU between layer norms, which carries ternary weights (Han et al. 2025, LosslessINR).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..coding.weights import Sizes
from .transforms import TRANSFORMS, Transform

LAYOUTS = ("joint", "per-plane", "value")
BACKBONES = ("siren", "finer", "gauss", "wire", "pe-relu", "pe-gelu")
NETWORK, TEMPLATE, RAW = 0, 1, 2  # how a plane is coded
PLANE_MODES = ("network", "template", "raw")
MAX_WIDTH, MAX_DEPTH, MAX_FREQUENCIES = 1024, 16, 12
MAX_CONSTANT = 1 << 20
ONE_BITS = 16  # activations are in units of 2^-16
FREQUENCIES = {"pe-relu": 10, "pe-gelu": 7}
# of Adam, for 256 units a layer; of fewer in proportion more
LEARNING_RATES = {
    "siren": 1e-4, "finer": 1e-4, "gauss": 1e-3, "wire": 3e-4, "pe-relu": 1e-3, "pe-gelu": 1e-3,
}  # fmt: skip


@dataclass(frozen=True)
class Coordinate:
    """Options of the coordinate model.

    layout: "joint", one network f(x, y, plane); "per-plane", one network f(x, y) a plane; "value",
    one network f(x, y) of the samples' values, as `transform` has them, and coded residuals.
    width, depth: of the hidden layers (WIRE's, being complex, are narrower by sqrt 2). omega: of
    SIREN, FINER and WIRE; scale: Gauss's and WIRE's s; bias_range: FINER's first biases are drawn
    from -k .. k. learning_rate: Adam's, None for the backbone's own. steps: at most; batch: pixels
    a step, None for as many as fit. optimize: "ber" fits until the stored networks have BER 0,
    "size" looks for the smallest file. coefficients: of weight sets that several images share,
    "learned" or "fixed" as published.
    """

    layout: str = "joint"
    backbone: str = "finer"
    width: int = 256
    depth: int = 3
    omega: float = 30.0
    scale: float | None = None
    bias_range: float = 1.0
    learning_rate: float | None = None
    steps: int = 5000
    batch: int | None = None
    optimize: str = "ber"
    transform: str = "none"
    coefficients: str = "learned"

    def __post_init__(self) -> None:
        for name, choices in (
            ("layout", LAYOUTS), ("backbone", BACKBONES), ("optimize", ("ber", "size")),
            ("transform", TRANSFORMS), ("coefficients", ("learned", "fixed")),
        ):  # fmt: skip
            if getattr(self, name) not in choices:
                value = getattr(self, name)
                raise ValueError(f"{name} is {value!r}; it can be {', '.join(choices)}")
        for name, low, high in (
            ("width", 2, MAX_WIDTH), ("depth", 1, MAX_DEPTH), ("steps", 1, math.inf),
            ("omega", 0.01, 100), ("bias_range", 0, math.inf),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}; it can be {low} to {high}")
        if not 0 < self.activation_scale <= 100:
            raise ValueError(f"scale is {self.scale}; it can be up to 100")
        for name in ("learning_rate", "batch"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value}; it can be any positive number")

    @property
    def activation_scale(self) -> float:
        """s of Gauss and WIRE."""
        return self.scale if self.scale is not None else {"wire": 10.0}.get(self.backbone, 30.0)

    @property
    def rate(self) -> float:
        return self.learning_rate or LEARNING_RATES[self.backbone] * 256 / self.width

    def constants(self) -> tuple[int, ...]:
        """The activation's constants as a file holds them."""
        turns = round(self.omega / (2 * math.pi) * (1 << 16))  # a turn is 2^16
        octave = math.log2(math.e) * (1 << 6)
        square = round(self.activation_scale**2 * octave)
        growth = round(self.omega * octave)
        return {
            "siren": (turns,),
            "finer": (turns,),
            "gauss": (square,),
            "wire": (turns, square, growth),
        }.get(self.backbone, (FREQUENCIES.get(self.backbone, 0),))


@dataclass(frozen=True)
class CoordinateModel:
    """A coordinate model as a file describes it."""

    form: str  # of the weights: weights.FORMS
    layout: str
    backbone: str
    width: int
    depth: int
    constants: tuple[int, ...]  # of the activation, see networks.py
    modes: tuple[int, ...]  # how each plane is coded, the lowest first
    step: int  # at which the fit stopped
    transform: Transform | None = None  # of the samples, in the value layout
    sets: int = 1  # of weights, of which networks are mixtures (mixture.py)

    def planes(self) -> list[int]:
        """The planes that networks code."""
        return [plane for plane, mode in enumerate(self.modes) if mode == NETWORK]

    def networks(self) -> int:
        """How many networks' weights are stored."""
        planes = len(self.planes())
        return self.sets * (planes if self.layout == "per-plane" else min(planes, 1))

    @property
    def coordinates(self) -> int:
        """What a network is a function of: y and x, and in a joint layout the plane."""
        return 3 if self.layout == "joint" else 2

    @property
    def inputs(self) -> int:
        """Coordinates, each with sines and cosines of them where there are frequencies."""
        waves = self.constants[0] if self.backbone in FREQUENCIES else 0
        return self.coordinates * (1 + 2 * waves)

    @property
    def hidden(self) -> int:
        """Units of a hidden layer; of WIRE complex ones."""
        return math.isqrt(self.width**2 // 2) if self.backbone == "wire" else self.width

    def sizes(self, channels: int) -> Sizes:
        """The shape of each tensor of a network. Of complex weights real parts come first, then as
        many rows of imaginary ones."""
        rows, width = (2 if self.backbone == "wire" else 1), self.hidden
        sizes: Sizes = {}
        inputs = self.inputs
        for layer in range(1, self.depth + 2):
            outputs = channels if layer > self.depth else width
            sizes[f"w{layer}"] = (rows * outputs, inputs)
            if self.backbone != "pe-gelu":
                sizes[f"b{layer}"] = (outputs if layer > self.depth else rows * outputs,)
            inputs = width
        return sizes

    def weights(self, channels: int) -> int:
        """How many numbers a network has."""
        return sum(math.prod(size) for size in self.sizes(channels).values())
