"""What a file of parts says about itself, for info()."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from ..contents import Contents
from ..context.file import ContextImage
from ..info import PlaneStatistics, describe
from .file import Frames
from .reader import LinrFile


def describe_frames(file: LinrFile, size: int, planes: bool = False) -> dict[str, Any]:
    """info's dict of a file of parts of so many bytes. planes: decode all parts to find, per
    channel and plane, the bit error rate and the bits spent, of all parts together."""
    contents = file.contents
    model = contents.model
    assert isinstance(model, Frames)
    facts = describe(contents, size)
    samples = sum(its.height * its.width * its.channels for its in model.sizes)
    pixels = sum(its.height * its.width for its in model.sizes)
    models, history, data, left_out = Counter[str](), set[str](), 0, dict[str, None]()
    sees, first = 0, None
    for number in range(model.first_parts[-1]):
        part = file.contents_of(number)
        models[part.model.name] += 1
        history |= {past for past in (step.past() for step in part.steps) if past}
        data += len(part.model.data)
        left_out |= dict.fromkeys(part.left_out)
        if isinstance(part.model, ContextImage):
            first = first or part
            sees += bool(part.model.beside)
    facts |= {
        "tile": None if model.tile is None else list(model.tile),
        "parts": model.first_parts[-1],
        "models": dict(models),
        "seeing": sees,
        "sizes": None if len(set(model.sizes)) == 1 else [list(its) for its in model.sizes],
        "header_bytes": facts["header_bytes"] - data,
        "data_bytes": data,
        "bpp": 8 * size / pixels,
        "bpsp": 8 * size / samples,
        "history": sorted(history),
        "left_out": [*facts["left_out"], *left_out],
    }
    if model.shared:
        used = model.shared[0].models
        facts |= {"weights": used.form, "prior": used.prior or None, "rank": used.rank or None}
    if planes and first is not None:
        facts["planes"] = _planes(file, first, pixels)
    return facts


def _planes(file: LinrFile, first: Contents, pixels: int) -> list[dict[str, Any]]:
    """What each bit plane costs in all parts; first: one of the context model."""
    statistics = PlaneStatistics(first, pixels)
    before, file.reading = file.reading, replace(file.reading, observe=statistics)
    try:
        for frame in range(file.frames):
            file.picture(frame)
    finally:
        file.reading = before
    return statistics.rows()
