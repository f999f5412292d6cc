"""What is worth a trial for a picture: chains of steps, and models of the planes behind them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from .coding.stored_file import StoredImage, estimate
from .contents import Contents, Model, pack_part, planes_of
from .context.encode import encode_context
from .errors import DeviceError, ImageError
from .files.picture import PLAIN, Picture, digest
from .graphics.boxes import Box, CodedBox
from .graphics.divide import find_boxes, find_windows, without
from .graphics.encode import (
    BEST_EFFORT,
    CLEARLY,
    beside_graphics,
    compared,
    encode_graphics,
    judged,
    likely_way,
    repeats,
)  # fmt: skip
from .graphics.file import allows, coded_samples
from .history.chain import Chain, beginnings, chains, doubtful
from .history.colour_table import ColourTable
from .history.planes import INDEX, YCC, Geometry, Planes
from .jpeg.coefficients.encode import encode_coefficients
from .jpeg.step import Jpeg
from .limits import Limits
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

# The most effort for photographs in graphics, of which a pixel takes so many seconds with that, to
# code and to decode it; efforts that try several models take their own.
BOX_EFFORT, BOX_SECONDS = 2, 4e-5
# Of the graphics model's bytes on its fast level; the others take 0.98 of these.
WORTH_A_PART = 0.99
OUR_OWN = Limits(pixels=1 << 62)  # of what was just made; verification holds it to the reader's


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
    DeviceError where a device has too little memory, ImageError where the model that was asked for
    is not for the picture."""
    candidates: list[bytes] = []
    model, history = wanted.model, wanted.history
    past, blocks = picture.jpeg, None
    alike = past is None and model == "auto" and repeats(plain.planes)
    divided = None
    if allows(plain.planes.geometry) and (alike or model == "graphics"):
        photographs = _photographs(plain.planes, options, history)
        if photographs:
            divided = _divided(plain, photographs, options, wanted, seal)
            # else the page may be found to be a JPEG with many exceptions, in a long time
            if divided.files and divided.alone and model == "auto":
                return divided.files
            candidates += divided.files
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
        if not doubtful(blocks, plain) and not alike:
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
        if divided is None:
            drawn, sure = _drawn(plain, ways, options, wanted, seal)
            candidates += drawn
        else:
            drawn, sure = divided.files, divided.sure
        if drawn and model == "auto" and likely < len(min(drawn, key=len)) * UNLIKELY_STORED:
            candidates.append(stored())
        if model == "graphics" and not drawn:
            raise ImageError("the graphics model is not for this picture")
        if candidates and (sure or (blocks is not None and not doubtful(blocks, plain))):
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
    plain: Chain, ways: list[Chain], options: FitOptions, wanted: Wanted, seal: Seal
) -> tuple[list[bytes], bool]:
    """The file of the graphics model, if that is worth one or was asked for; and whether no other
    is."""
    file, sure = None, wanted.model == "graphics"
    # colours that were converted are rarely drawn
    drawable = [plain, *(w for w in ways if w.steps and w.planes.geometry.kind != YCC)]
    allowed = [way for way in drawable if allows(way.planes.geometry)]
    if allowed and (sure or allows(ways[0].planes.geometry)):
        way, sure = likely_way(allowed, ways[0], options, sure)
        file = None if way is None else encode_graphics(way, options, seal)
    return [] if file is None else [file], sure


class _Divided(NamedTuple):
    """Files of the graphics model in which photographs are coded by others, none if what is around
    these is not for it; sure: no other model is worth a trial; alone: no JPEG is worth a search, as
    photographs were some, and what is around them was not."""

    files: list[bytes]
    sure: bool
    alone: bool


def _divided(
    plain: Chain,
    photographs: list[_Photograph],
    options: FitOptions,
    wanted: Wanted,
    seal: Seal,
) -> _Divided:
    """Codes a picture in which there are photographs."""
    places, asked = [photo.box for photo in photographs], wanted.model == "graphics"
    part = compared(without(plain.planes, places), options)
    taken, sure = judged(part, options)
    if not taken and not asked:
        return _Divided([], sure, False)
    boxes = _coded_boxes(photographs, plain.planes.geometry, options, wanted.history)
    files = [encode_graphics(plain, options, seal, boxes)]
    if boxes and options.effort >= BEST_EFFORT:
        files.append(encode_graphics(plain, options, seal))
    jpegs = [(photo.box, photo.picture.jpeg) for photo in photographs if photo.picture.jpeg]
    alone = part < CLEARLY and bool(jpegs) and not _is_one_jpeg(plain.planes, places, jpegs)
    return _Divided([file for file in files if file is not None], asked or sure, alone)


def _is_one_jpeg(planes: Planes, boxes: list[Box], jpegs: list[tuple[Box, Jpeg]]) -> bool:
    """Whether all of a picture may be of the JPEG that was found in boxes: they have blocks where
    one that begins with the picture would, or several of them where one would; or there is a JPEG
    between boxes, or nothing to see it by."""
    begin = {((box.top - past.top) % 8, (box.left - past.left) % 8) for box, past in jpegs}
    if (0, 0) in begin or len(begin) < len(jpegs):
        return True
    windows = find_windows(planes.channels, boxes)
    for window in windows:
        channels = tuple(np.ascontiguousarray(plane[window.slices]) for plane in planes.channels)
        geometry = replace(planes.geometry, height=window.height, width=window.width)
        if Jpeg.find(replace(planes, geometry=geometry, channels=channels)) is not None:
            return True
    return not windows


class _Photograph(NamedTuple):
    """A box of a picture of graphics: its pixels, with the JPEG that they were, if any; and about
    how many bytes the graphics model takes for them."""

    box: Box
    picture: Picture
    planes: Planes
    drawn: float


def _photographs(planes: Planes, options: FitOptions, history: bool) -> list[_Photograph]:
    """Those that the context model, or a JPEG's, codes better."""
    geometry, found = planes.geometry, list[_Photograph]()
    boxes = [] if geometry.kind == INDEX else find_boxes(planes.channels)
    if not boxes:
        return found
    samples, _ = coded_samples(planes)
    for box in boxes:
        crop = samples[box.slices].astype(geometry.dtype)
        picture = Picture(np.ascontiguousarray(crop[:, :, 0] if crop.shape[2] == 1 else crop))
        own = planes_of(picture)
        past = Jpeg.find(own) if history else None
        drawn, worth_it = beside_graphics(own, options)
        if past is not None or worth_it:
            found.append(_Photograph(box, replace(picture, jpeg=past), own, drawn))
    return found


def _coded_boxes(
    photographs: list[_Photograph], geometry: Geometry, options: FitOptions, history: bool
) -> list[CodedBox]:
    """Photographs as parts of a picture of graphics of that geometry."""
    effort = options.effort if options.effort >= BEST_EFFORT else min(options.effort, BOX_EFFORT)
    pixels = sum(box.height * box.width for box, *_ in photographs)
    if options.deadline - time.monotonic() < BOX_SECONDS * pixels:
        effort, history = LEAST_EFFORT, False  # which takes no longer than graphics do
    options = replace(options, effort=effort, prior=None, decoded=None, tell=lambda _: None)
    coded = []
    for box, picture, planes, drawn in photographs:
        seal = partial(_seal_part, planes.geometry, digest(picture.samples))
        ways = Wanted("context", history)
        part = min(tried(Chain((), planes), picture, options, ways, seal), key=len)
        if len(part) < WORTH_A_PART * drawn:
            channels = planes.geometry.channels
            coded.append(CodedBox.parse(box, part, geometry, channels, OUR_OWN))
    return coded


def _seal_part(geometry: Geometry, given: bytes, chain: Chain, coded: Model) -> bytes:
    """The part of a box whose samples have a digest."""
    return pack_part(Contents(geometry, given, PLAIN, None, chain.steps, coded), PLAIN)


def _jpeg_bytes(picture: Picture) -> int:
    """Of the file that a picture comes from, if that is a JPEG; else 0."""
    source = picture.source
    return len(source.sparse) if source is not None and source.kind == JPEG else 0
