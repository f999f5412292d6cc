"""What is worth a trial for a picture: chains of steps, and models of the planes behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .coding.stored_file import StoredImage, estimate
from .contents import Model
from .context.encode import encode_context
from .errors import DeviceError, ImageError
from .files.picture import Picture
from .graphics.encode import encode_graphics, likely_way, repeats
from .graphics.file import allows
from .history.chain import Chain, beginnings, chains, doubtful
from .history.colour_table import ColourTable
from .history.planes import YCC
from .jpeg.coefficients.encode import encode_coefficients
from .jpeg.step import Jpeg
from .options import LEAST_EFFORT, FitOptions
from .progress import Progress
from .source.skeleton import JPEG

MODEL_CHOICES = ("auto", "context", "graphics", "stored", "coordinate")
# A stored file of no more bytes than this is not worth a fit: networks alone take most of it.
TINY = 1024
# Stored mode is tried at once where an estimate of it is below that part of the samples' bytes,
# and not at all where the estimate is that many times what the networks take.
LIKELY_STORED, UNLIKELY_STORED = 0.25, 1.15

# Of a JPEG file that takes more than this part of it at the least effort, a fit is tried.
LITTLE_GAINED = 0.85


@dataclass(frozen=True)
class Wanted:
    """What is tried: model: one of MODEL_CHOICES; history: whether one is looked for."""

    model: str
    history: bool


# Makes a file, or a part of one, of a chain and its coded planes.
Seal = Callable[[Chain, Model], bytes]
# Codes the best of some ways with the context model.
CodeContext = Callable[[list[Chain], FitOptions, Seal], bytes]


def tried(
    plain: Chain,
    picture: Picture,
    options: FitOptions,
    wanted: Wanted,
    seal: Seal,
    code_context: CodeContext = encode_context,
) -> list[bytes]:
    """Files of a picture, from its planes, with what is worth a trial; one at least. Raises
    DeviceError where a device has too little memory."""
    candidates: list[bytes] = []
    model, history = wanted.model, wanted.history
    past, blocks = picture.jpeg, None
    if past is None and history and model in ("auto", "context"):
        past = Jpeg.find(plain.planes)
    if past is not None:
        blocks = Chain((past,), past.forward(plain.planes))
        candidates.append(encode_coefficients(blocks, options, seal))
        given_bytes = _jpeg_bytes(picture)
        if options.effort == LEAST_EFFORT and 0 < LITTLE_GAINED * given_bytes < len(candidates[0]):
            fitted = replace(options, effort=LEAST_EFFORT + 1)
            candidates.append(encode_coefficients(blocks, fitted, seal))
        # in drawings it can be found, too, by chance
        chance = model == "auto" and picture.jpeg is None and repeats(plain.planes)
        if not doubtful(blocks, plain) and not chance:
            return candidates
    begun = beginnings(plain) if history else [plain]
    indexed = [start.then(ColourTable) for start in begun]
    tables = [chain for chain in indexed if chain is not None]
    storable = begun + tables

    def stored() -> bytes:
        return min((seal(chain, StoredImage.encode(chain.planes)) for chain in storable), key=len)

    if model == "stored":
        options.tell(Progress("store", 0.0, None))
        return [*candidates, stored()]
    ways = [way for start in begun for way in chains(start, history)] + tables
    likely = min(estimate(chain.planes) for chain in storable)
    if model == "graphics" or (model == "auto" and repeats(begun[-1].planes)):
        drawn, sure = _drawn(plain, ways, options, seal, model == "graphics")
        if drawn is not None:
            candidates.append(drawn)
            if model == "auto" and likely < len(drawn) * UNLIKELY_STORED:
                candidates.append(stored())
        if sure or (blocks is not None and not doubtful(blocks, plain)):
            return candidates
    size = sum(plane.nbytes for plane in begun[-1].planes.channels)
    if model == "auto" and not candidates and likely < size * LIKELY_STORED + TINY:
        options.tell(Progress("store", 0.0, None))
        candidates.append(stored())
    if model == "context" or (
        model == "auto" and min(map(len, candidates), default=TINY + 1) > TINY
    ):
        try:
            candidates.append(code_context(ways, options, seal))
        except RuntimeError as error:
            if "out of memory" in str(error):  # torch has several classes for it
                raise DeviceError("the device has too little memory for this image") from error
            raise
        alone = model == "auto" and len(candidates) == 1
        if alone and likely < len(candidates[0]) * UNLIKELY_STORED:
            candidates.append(stored())
    return candidates


def _drawn(
    plain: Chain, ways: list[Chain], options: FitOptions, seal: Seal, asked: bool
) -> tuple[bytes | None, bool]:
    """The file of the graphics model, if that is worth one or was asked for; and whether no other
    is."""
    drawn, sure = None, asked
    # colours that were converted are rarely drawn
    drawable = [plain, *(w for w in ways if w.steps and w.planes.geometry.kind != YCC)]
    allowed = [way for way in drawable if allows(way.planes.geometry)]
    if allowed and (asked or allows(ways[0].planes.geometry)):
        way, sure = likely_way(allowed, ways[0], options, asked)
        drawn = None if way is None else encode_graphics(way, options, seal)
    if asked and drawn is None:
        raise ImageError("the graphics model is not for this picture")
    return drawn, sure


def _jpeg_bytes(picture: Picture) -> int:
    """Of the file that a picture comes from, if that is a JPEG; else 0."""
    source = picture.source
    return len(source.sparse) if source is not None and source.kind == JPEG else 0
