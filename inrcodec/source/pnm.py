"""How the samples of a PNM or PAM file are written again.

The recipe of a plain file, whose samples are decimal numbers: `e`, the bytes from the first of them
to the last, with a zero byte for each number; of a bitmap `b`, the row ends (row_ends.py) if they
are not zeros. Others need none.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import Any

import numpy as np

from ..errors import CorruptError
from ..files.picture import Picture
from ..files.pnm import Header, body_of, end_of, read_header
from ..limits import Limits
from .row_ends import row_ends, with_row_ends
from .skeleton import Found, Pack, Skeleton
from .sparse import Sparse

_MARK = b"\0"
_NUMBERS = re.compile(rb"(#[^\r\n]*)|([0-9]+)")
_ALL_NUMBERS = re.compile(rb"[0-9]+")
_MARKED_DIGITS = bytes.maketrans(b"0123456789", 10 * _MARK)
_DIGITS = re.compile(rb"(#[^\r\n]*)|([0-9])")


def find(data: bytes, header: Header, picture: Picture) -> Found | None:
    """A file of a header and a picture without its samples, and the recipe; None where the numbers
    of a plain one are not written as usual."""
    if not header.plain:
        recipe: dict[str, Any] = {}
        if header.bitmap:
            body = np.frombuffer(data, np.uint8, header.body, header.start)
            ends = row_ends(body.reshape(header.height, -1), header.width)
            recipe = {"b": ends} if any(ends) else {}
        return Found(Sparse.of(data, [(header.start, header.body)]), recipe)
    text = data[header.start : end_of(data, header)]
    if _MARK in text:
        return None
    if b"#" in text:
        numbers = _DIGITS if header.bitmap else _NUMBERS
        template = numbers.sub(lambda match: match[1] or _MARK, text)
    elif header.bitmap:
        template = text.translate(_MARKED_DIGITS)
    else:
        template = _ALL_NUMBERS.sub(_MARK, text)
    samples = picture.samples
    if template.count(_MARK) != samples.size or _plain_body(samples, template) != text:
        return None
    return Found(Sparse.of(data, [(header.start, len(text))]), {"e": template})


def bodies(skeleton: Skeleton, picture: Picture, limits: Limits, pack: Pack) -> list[bytes]:
    """What stands in each hole. Raises a LinrError where it does not fit."""
    sparse, samples, recipe = skeleton.sparse, picture.cube, skeleton.recipe
    name, most = "the source file", sparse.holes[0][0] if sparse.holes else 0
    header = read_header(bytes(sparse.read(0, most)), name, limits)
    if (header.height, header.width, header.channels) != samples.shape:
        raise CorruptError(f"{name} is of another size than the picture")
    if header.plain:
        template = recipe.get("e", b"")
        if template.count(_MARK) != samples.size:
            raise CorruptError(f"{name} has other numbers than the picture")
        return [_plain_body(samples, template)]
    body, ends = body_of(samples, header), recipe.get("b", b"")
    if ends:
        rows = np.frombuffer(body, np.uint8).reshape(header.height, -1)
        body = with_row_ends(rows, header.width, ends).tobytes()
    return [body]


def _plain_body(samples: np.ndarray, template: bytes) -> bytes:
    """A template with samples for its marks, of which there are as many."""
    if samples.max() <= 9:  # one digit each, with or without space between them
        filled = np.frombuffer(template, np.uint8).copy()
        filled[filled == 0] = samples.reshape(-1) + ord("0")
        return filled.tobytes()
    words = [b"%d" % value for value in range(int(samples.max()) + 1)]
    between = iter(template.split(_MARK))
    pairs = zip(map(words.__getitem__, samples.reshape(-1).tolist()), between, strict=True)
    return next(between) + b"".join(chain.from_iterable(pairs))
