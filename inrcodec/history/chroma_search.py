"""Where a picture's chroma comes from: a conversion, a rule of upsampling and a lattice, found on
some pixels and patches; then the samples themselves, of which clipped pixels leave some free.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .conversions import CONVERSIONS, Conversion
from .fine_conversions import FINE_CONVERSIONS, FineConversion
from .planes import Lattice
from .upsampling import BICUBIC, COSITED, REPEATED, TRIANGLE, fits_bicubic, upsample

PIXELS, LEAST_PIXELS = 512, 64  # that are not clipped and decide on a conversion
CONVERTED = 0.85  # of them that have a preimage: other images have it for 0.05 to 0.5
FEW_CONVERTED = 0.7  # of the first ones, whose share is off by 0.05 or 0.1
WHOLE_LUMA = 0.25  # rms distance of Y to whole numbers: 0.29 by chance, below 0.22 if they are
PATCH, PATCHES, LOOKED_AT = 16, 24, 400  # pixels a side of a patch; the most varied are compared
EXPLAINED = 0.85  # of the pixels of the patches
TRIANGULAR = 0.99  # of the places there: all, but for a caption

RGB = tuple[np.ndarray, np.ndarray, np.ndarray]
LATTICES = tuple(
    Lattice(row_step, col_step, row_phase, col_phase)
    for row_step, col_step in ((2, 2), (1, 2), (2, 1))
    for row_phase in range(row_step)
    for col_phase in range(col_step)
)


@dataclass(frozen=True)
class Source:
    """What a picture was converted from: a place in CONVERSIONS, a rule, the lattice of chroma."""

    conversion: Conversion
    rule: str
    lattice: Lattice

    @property
    def converts(self) -> Conversion | FineConversion:
        """What converts upsampled chroma."""
        if self.rule == BICUBIC:
            return FINE_CONVERSIONS[self.conversion.name]
        return self.conversion

    def told(self, rgb: RGB) -> tuple[np.ndarray, np.ndarray]:
        """What pixels (n,) say of their chroma: (2, n), and where that is sure."""
        sure = ~clipped(rgb)
        if self.rule == BICUBIC:
            return FINE_CONVERSIONS[self.conversion.name].estimate(rgb)[1:], sure
        found, exact = self.conversion.preimages(rgb)
        return found[1:], exact & sure


def find_sources(rgb: RGB) -> list[Source]:
    """What a picture, R, G, B uint8 (H, W) each, can come from with fewer chroma samples than
    pixels, the likeliest first; mostly none or one. Looks at a few pixels only."""
    height, width = rgb[0].shape
    r, g, b = some = few_unclipped(rgb)
    colours = (r.astype(np.int32) << 16) + (g.astype(np.int32) << 8) + b
    if len(np.unique(colours)) < LEAST_PIXELS:
        return []  # of few any could have preimages by chance
    best, share = 0, 0.0
    # few tell most images that have none
    for number, least in ((LEAST_PIXELS, FEW_CONVERTED), (PIXELS, CONVERTED)):
        few = tuple(c[:number] for c in some)
        shares = [float(conversion.preimages(few)[1].mean()) for conversion in CONVERSIONS]
        best, share = int(np.argmax(shares)), max(shares)
        if share < least:
            bicubic = _bicubic_source(some, height, width)
            return [] if bicubic is None else [bicubic]
    patches = _patches(rgb, np.random.default_rng(0))
    if patches is None:
        return []
    conversion = CONVERSIONS[best]
    shape = patches[0].shape
    made, exact = conversion.preimages(tuple(c.reshape(-1) for c in patches))
    chroma, known = made[1:].reshape(2, *shape), exact.reshape(shape) & ~clipped(patches)
    explained = {
        (rule, lattice): _explained(chroma, known, rule, lattice)
        for rule in (COSITED, REPEATED)
        for lattice in LATTICES
    }
    # of those that explain as much, the one of fewest samples
    rule, lattice = max(explained, key=lambda way: round(explained[way], 2))
    if explained[rule, lattice] >= EXPLAINED:
        return [Source(conversion, rule, lattice)]
    return [Source(conversion, TRIANGLE, found) for found in _triangle_lattices(chroma, known)]


def few_unclipped(rgb: RGB) -> RGB:
    """A few pixels (n,) of a picture, at random, that are not clipped."""
    height, width = rgb[0].shape
    places = np.random.default_rng(0).integers(0, height * width, 8 * PIXELS)
    y, x = np.divmod(places, width)
    r, g, b = (c[y, x] for c in rgb)
    keep = np.flatnonzero(~clipped((r, g, b)))[:PIXELS]
    return r[keep], g[keep], b[keep]


def _bicubic_source(some: RGB, height: int, width: int) -> Source | None:
    """The source with fine chroma for which the Y of pixels (n,) are whole numbers, nearly."""
    lattice = Lattice(2, 2)
    if some[0].size < LEAST_PIXELS or not fits_bicubic(lattice, height, width):
        return None
    off = {}
    for conversion in CONVERSIONS:
        fine = FINE_CONVERSIONS.get(conversion.name)
        if fine is not None:
            luma = fine.estimate(some)[0]
            off[conversion] = float(np.sqrt(np.mean((luma - np.rint(luma)) ** 2)))
    best = min(off, key=lambda each: off[each])
    return Source(best, BICUBIC, lattice) if off[best] < WHOLE_LUMA else None


def clipped(rgb: RGB) -> np.ndarray:
    """Where a channel is 0 or 255: other colours may have been cut to it."""
    found = np.zeros(rgb[0].shape, dtype=bool)
    for channel in rgb:
        found |= (channel == 0) | (channel == 255)
    return found


def _patches(rgb: RGB, rng: np.random.Generator) -> RGB | None:
    """The patches, of those looked at, whose chroma varies most and that are clipped least, one
    above the other: (n PATCH, PATCH) each, at even rows and columns. None of a small picture."""
    height, width = rgb[0].shape
    if min(height, width) < PATCH:
        return None
    top = 2 * rng.integers(0, (height - PATCH) // 2 + 1, LOOKED_AT)
    left = 2 * rng.integers(0, (width - PATCH) // 2 + 1, LOOKED_AT)
    across = np.arange(PATCH)
    rows, cols = top[:, None, None] + across[:, None], left[:, None, None] + across
    pixels = [c[rows, cols] for c in rgb]
    r, g, b = (c.astype(np.int16) for c in pixels)
    cut = clipped(tuple(pixels)).mean((1, 2))
    varied = sum(
        (np.diff(d, axis=axis) != 0).mean((1, 2)) for d in (r - g, b - g) for axis in (1, 2)
    )
    order = np.argsort(cut - varied / 4, kind="stable")[:PATCHES]
    return tuple(c[order].reshape(-1, PATCH) for c in pixels)


def _explained(chroma: np.ndarray, known: np.ndarray, rule: str, lattice: Lattice) -> float:
    """The share of the patches' pixels whose chroma (2, n PATCH, PATCH) is what a rule makes of the
    lattice's samples among them; of pixels where these are known and the chroma about them varies.
    0 where there are few, or the samples cannot be read off."""
    if rule not in (COSITED, REPEATED):
        return 0.0
    y, x = lattice.row_phase, lattice.col_phase
    part, where = chroma[:, y:, x:], known[y:, x:]
    height, width = where.shape
    whole = Lattice(lattice.row_step, lattice.col_step)
    steps = slice(None, None, lattice.row_step), slice(None, None, lattice.col_step)
    made = np.stack([upsample(c[steps], whole, rule, height, width) for c in part])
    sure = where & (upsample(where[steps].astype(np.uint8), whole, rule, height, width) == 1)
    sure[steps] = False  # samples are right by themselves
    # what is next to another patch, or to none
    edge = np.arange(y, y + height) % PATCH
    sure &= ((edge > 1) & (edge < PATCH - 2))[:, None]
    sure[:, -2:] = False
    varies = np.zeros_like(where)
    for c in part:
        varies[:, 1:] |= c[:, 1:] != c[:, :-1]
        varies[1:] |= c[1:] != c[:-1]
    sure &= varies
    told = int(sure.sum())
    return float((part == made).all(0)[sure].mean()) if told >= LEAST_PIXELS else 0.0


def _triangle_lattices(chroma: np.ndarray, known: np.ndarray) -> list[Lattice]:
    """The lattices from whose samples a triangle filter can have made the patches' chroma
    (2, n PATCH, PATCH), the likeliest first: several where it is smooth."""
    down, across = (_triangle_phases(chroma, known, axis) for axis in (0, 1))
    return [
        Lattice(1 if y is None else 2, 1 if x is None else 2, y or 0, x or 0)
        for y in down
        for x in across
        if (y, x) != (None, None)
    ]


def _triangle_phases(chroma: np.ndarray, known: np.ndarray, axis: int) -> list[int | None]:
    """The phases that an axis can have, the likeliest first; None stands for a sample each."""
    fits = {phase: _triangle_fit(chroma, known, axis, phase) for phase in (0, 1)}
    found: list[int | None] = [phase for phase in fits if fits[phase][0] >= TRIANGULAR]
    if len(found) == 2:
        return [*sorted(fits, key=lambda phase: fits[phase][1]), None]
    return found or [None]


def _triangle_fit(
    chroma: np.ndarray, known: np.ndarray, axis: int, phase: int
) -> tuple[float, float]:
    """Of the known places that a phase puts second in the chroma that varies, the share that fit
    and their mean square error; share 0 of few.

    Of four places in a row the second and the first tell one sample, the third and the fourth it
    again: 3 (b - c) = a - d, but for the rounding of each.
    """
    shape = -1, PATCH, PATCH
    values = np.moveaxis(chroma.reshape(2, *shape).astype(np.int16), 2 + axis, 3)
    sure = np.moveaxis(known.reshape(shape), 1 + axis, 2)
    first = np.arange(1 - phase, PATCH - 3, 2)
    a, b, c, d = (values[..., first + n] for n in range(4))
    told = ((a != b) | (b != c) | (c != d)).any(axis=0)
    where = np.logical_and.reduce([told, *(sure[..., first + n] for n in range(4))])
    if where.sum() < LEAST_PIXELS:
        return 0.0, 0.0
    off = np.abs(3 * (b - c) - (a - d))[:, where]
    return float((off <= 4).all(axis=0).mean()), float((off.astype(np.float64) ** 2).mean())
