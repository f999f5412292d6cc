"""What a coordinate model is made of: the options of an encoder, and what a file says of it.

Backbones: SIREN (Sitzmann et al. 2020), FINER (Liu et al. 2024), Gauss (Ramasinghe & Lucey 2022),
WIRE (Saragadam et al. 2023), ReLU on sines and cosines of the coordinates (Tancik et al. 2020), and
GELU between layer norms, which carries ternary weights (Han et al. 2025, LosslessINR). ReLU on a
multi-resolution hash grid (Mueller et al. 2022, Instant NGP) and SIREN on a table with a row for
each point (Xie et al. 2023, DINER) learn what stands in the place of the coordinates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..coding.weights import Sizes
from .transforms import MAX_FACTOR, MAX_POWER, TRANSFORMS, TRANSFORMS_OF_2_3, Transform

LAYOUTS = ("joint", "per-plane", "value")
BACKBONES = ("siren", "finer", "gauss", "wire", "pe-relu", "pe-gelu", "hash-grid", "diner")
TABLED = ("hash-grid", "diner")  # which learn what stands in the place of coordinates
BACKBONES_OF_2_3 = frozenset(TABLED)
NETWORK, TEMPLATE, RAW = 0, 1, 2  # how a plane is coded
PLANE_MODES = ("network", "template", "raw")
MAX_WIDTH, MAX_DEPTH, MAX_FREQUENCIES = 1024, 16, 12
MAX_CONSTANT = 1 << 20
MAX_BIAS_RANGE, MAX_RATE = 1000, 10
ONE_BITS = 16  # activations are in units of 2^-16
FREQUENCIES = {"pe-relu": 10, "pe-gelu": 7}
LEVELS, FEATURES, TABLE_BITS, COARSEST = 8, 2, 14, 16  # of a hash grid; features also of DINER
TAKEN = 32  # multiply-adds take as long as a number that is taken from a table
MAX_LEVELS, MAX_FEATURES, MAX_TABLE_BITS, MAX_CELLS = 16, 8, 22, 1 << 16
# of Adam, for 256 units a layer; of fewer in proportion more
LEARNING_RATES = {
    "siren": 1e-4, "finer": 1e-4, "gauss": 1e-3, "wire": 3e-4, "pe-relu": 1e-3, "pe-gelu": 1e-3,
    "hash-grid": 1e-3, "diner": 1e-4,
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
    "size" looks for the smallest file. factor: of the transform "scale", 1/16 .. 16, None for 1;
    the published settings 0.5, 1 and 2 are the greatest target, of factors 1, 2 and 4. power: of
    the transform "gamma", 1/5 .. 5, None for one that is fitted. coefficients: of weight sets that
    several images share, "learned" or "fixed" as published. levels: of the hash grid, None for 8;
    table_bits: a level has at most 2^table_bits rows, None for 14; finest: cells a side of its last
    level, None for one from pixel to pixel of the longer side; features: numbers in a row of the
    tables of the hash grid and DINER, None for 2.
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
    factor: float | None = None
    power: float | None = None
    coefficients: str = "learned"
    levels: int | None = None
    features: int | None = None
    table_bits: int | None = None
    finest: int | None = None

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
            ("omega", 0.01, 100), ("bias_range", 0, MAX_BIAS_RANGE),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}; it can be {low} to {high}")
        for name, kind, most in (("factor", "scale", MAX_FACTOR), ("power", "gamma", MAX_POWER)):
            value = getattr(self, name)
            if value is not None and self.transform != kind:
                raise ValueError(f"{name} is for the transform {kind}")
            if value is not None and not 1 / most <= value <= most:
                raise ValueError(f"{name} is {value}; it can be 1/{most} to {most}")
        if self.transform != "none" and self.layout != "value":
            raise ValueError(f"transform {self.transform} is for the layout value")
        for name, kinds, most in (
            ("levels", ("hash-grid",), MAX_LEVELS), ("features", TABLED, MAX_FEATURES),
            ("table_bits", ("hash-grid",), MAX_TABLE_BITS), ("finest", ("hash-grid",), MAX_CELLS),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and self.backbone not in kinds:
                raise ValueError(f"{name} is for the backbone {' or '.join(kinds)}")
            if value is not None and not 1 <= value <= most:
                raise ValueError(f"{name} is {value}; it can be 1 to {most}")
        if not 0 < self.activation_scale <= 100:
            raise ValueError(f"scale is {self.scale}; it can be up to 100")
        for name, top in (("learning_rate", MAX_RATE), ("batch", math.inf)):
            value = getattr(self, name)
            if value is not None and not 0 < value <= top:
                raise ValueError(f"{name} is {value}; it can be positive, up to {top}")
        if self.finest is not None and self.levels == 1:
            raise ValueError("finest is of the last of several levels")
        if self.optimize == "size" and self.layout == "value":
            raise ValueError("optimize size is for bit planes")

    @property
    def activation_scale(self) -> float:
        """s of Gauss and WIRE."""
        return self.scale if self.scale is not None else {"wire": 10.0}.get(self.backbone, 30.0)

    @property
    def rate(self) -> float:
        return self.learning_rate or LEARNING_RATES[self.backbone] * 256 / self.width

    def constants(self, side: int = 2) -> tuple[int, ...]:
        """The constants of the activation and of what is in the place of coordinates as a file
        holds them; side: the longer one of the image."""
        turns = round(self.omega / (2 * math.pi) * (1 << 16))  # a turn is 2^16
        octave = math.log2(math.e) * (1 << 6)
        square = round(self.activation_scale**2 * octave)
        growth = round(self.omega * octave)
        features = self.features or FEATURES
        finest = self.finest or min(max(side - 1, 1), MAX_CELLS)
        return {
            "siren": (turns,),
            "finer": (turns,),
            "gauss": (square,),
            "wire": (turns, square, growth),
            "hash-grid": (
                self.levels or LEVELS, features, self.table_bits or TABLE_BITS,
                max(1, min(COARSEST, finest // 2)), finest,
            ),
            "diner": (turns, features),
        }.get(self.backbone, (FREQUENCIES.get(self.backbone, 0),))  # fmt: skip


@dataclass(frozen=True)
class CoordinateModel:
    """A coordinate model as a file describes it."""

    form: str  # of the weights: weights.FORMS
    layout: str
    backbone: str
    width: int
    depth: int
    constants: tuple[int, ...]  # of the activation and the encoding: networks.py, encodings.py
    modes: tuple[int, ...]  # how each plane is coded, the lowest first
    step: int  # at which the fit stopped
    transform: Transform | None = None  # of the samples, in the value layout
    sets: int = 1  # of weights, of which networks are mixtures (mixture.py)
    size: tuple[int, int] = (1, 1)  # height and width of the image: DINER has a row for each pixel

    def planes(self) -> list[int]:
        """The planes that networks code."""
        return [plane for plane, mode in enumerate(self.modes) if mode == NETWORK]

    def networks(self) -> int:
        """How many networks' weights are stored."""
        planes = len(self.planes())
        return self.sets * (planes if self.layout == "per-plane" else min(planes, 1))

    @property
    def minor(self) -> int:
        """The lowest minor version of the format that has all of it."""
        newer = self.transform is not None and self.transform.kind in TRANSFORMS_OF_2_3
        return 3 if newer or self.backbone in BACKBONES_OF_2_3 else 0

    @property
    def coordinates(self) -> int:
        """What a network is a function of: y and x, and in a joint layout the plane."""
        return 3 if self.layout == "joint" else 2

    @property
    def inputs(self) -> int:
        """Coordinates, each with sines and cosines of them where there are frequencies; or what
        tables have in their place."""
        if self.backbone in TABLED:
            return self.features * (len(self.cells) if self.backbone == "hash-grid" else 1)
        waves = self.constants[0] if self.backbone in FREQUENCIES else 0
        return self.coordinates * (1 + 2 * waves)

    @property
    def settings(self) -> dict[str, int]:
        """What a backbone with tables leaves open, as the encoder's options have it."""
        if self.backbone == "hash-grid":
            levels, features, table_bits, _, finest = self.constants
            return {
                "levels": levels, "features": features, "table_bits": table_bits, "finest": finest
            }  # fmt: skip
        return {"features": self.features} if self.backbone == "diner" else {}

    @property
    def features(self) -> int:
        """Numbers in a row of a table."""
        return self.constants[1]

    @property
    def cells(self) -> list[int]:
        """Of a hash grid: the cells a side of each level, which grow by a constant factor, rounded
        down (Mueller et al. 2022, equations 2 and 3)."""
        levels, _, _, coarsest, finest = self.constants
        last = max(1, levels - 1)
        return [_root(coarsest ** (last - n) * finest**n, last) for n in range(levels)]

    def tables(self) -> dict[str, tuple[int, int]]:
        """The learned tables of a network: rows and features."""
        if self.backbone == "hash-grid":
            most, points = 1 << self.constants[2], self.coordinates
            rows = [min((cells + 1) ** points, most) for cells in self.cells]
            return {f"t{n}": (count, self.features) for n, count in enumerate(rows)}
        if self.backbone == "diner":
            planes = self.planes() if self.layout == "joint" else [0]
            return {f"t{plane}": (math.prod(self.size), self.features) for plane in planes}
        return {}

    @property
    def hidden(self) -> int:
        """Units of a hidden layer; of WIRE complex ones."""
        return math.isqrt(self.width**2 // 2) if self.backbone == "wire" else self.width

    def sizes(self, channels: int) -> Sizes:
        """The shape of each tensor of a network. Of complex weights real parts come first, then as
        many rows of imaginary ones."""
        rows, width = (2 if self.backbone == "wire" else 1), self.hidden
        sizes: Sizes = {**self.tables()}
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

    @property
    def taken(self) -> int:
        """How many numbers of tables go into the inputs of a point."""
        corners = 1 << self.coordinates if self.backbone == "hash-grid" else 1
        return self.inputs * corners if self.backbone in TABLED else 0

    def work(self, channels: int) -> int:
        """How many multiply-adds the outputs of a point take."""
        tables = sum(math.prod(size) for size in self.tables().values())
        return self.weights(channels) - tables + TAKEN * self.taken


def _root(power: int, degree: int) -> int:
    """The root of a positive integer, rounded down."""
    low, high = 1, 1 << -(-power.bit_length() // degree)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= power else (low, middle - 1)
    return low
