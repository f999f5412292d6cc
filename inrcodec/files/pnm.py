"""PBM, PGM, PPM and PAM files, whose samples are kept exactly.

Only the full sample ranges are read (maxval 255 and 65535, and bitmaps): an array has no place for
another maxval, and the image would come back darker.
"""

from __future__ import annotations

import re

import numpy as np

from ..errors import ImageError
from ..limits import DEFAULT, Limits, check_size

SIGNATURES = (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7")
EXTENSIONS = (".pgm", ".ppm", ".pnm", ".pam")

_TUPLES = {1: "GRAYSCALE", 2: "GRAYSCALE_ALPHA", 3: "RGB", 4: "RGB_ALPHA"}
_FIELD = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])+(\d{1,10})")
_COMMENT = re.compile(rb"#[^\r\n]*")


def read_pnm(data: bytes, name: str, limits: Limits = DEFAULT) -> np.ndarray:
    """Decode a PNM or PAM file; see images.read_image for shapes and errors."""
    if data[:2] == b"P7":
        width, height, channels, top, start = _pam_header(data, name)
    else:
        bitmap = data[:2] in (b"P1", b"P4")
        fields, start = _fields(data, 2 if bitmap else 3, name)
        width, height = fields[:2]
        top = 1 if bitmap else fields[2]
        channels = 3 if data[:2] in (b"P3", b"P6") else 1
    check_size(width, height, name, limits)
    if top not in (1, 255, 65535) or (top == 1 and channels > 1):
        raise ImageError(f"{name}: maxval {top} cannot be kept, only 255 and 65535 can")
    shape = (height, width) if channels == 1 else (height, width, channels)
    if data[:2] in (b"P1", b"P2", b"P3"):
        samples = _plain_samples(data, start, width * height * channels, top, name)
    elif data[:2] == b"P4":
        body = _body(data, start, height * ((width + 7) // 8), name)
        packed = np.frombuffer(body, np.uint8).reshape(height, -1)
        samples = np.unpackbits(packed, axis=1, count=width)
    else:
        kind = np.dtype(">u2" if top > 255 else "u1")
        body = _body(data, start, width * height * channels * kind.itemsize, name)
        samples = np.frombuffer(body, kind)
    if samples.max() > top:
        raise ImageError(f"{name}: damaged PNM, a sample exceeds maxval")
    if top == 1:
        # In a PBM 1 is black; in a PAM it is white.
        samples = (samples if data[:2] == b"P7" else 1 - samples) * 255
    return samples.astype(np.uint16 if top > 255 else np.uint8).reshape(shape)


def write_pnm(image: np.ndarray, extension: str) -> bytes:
    """Encode a valid image as .pgm, .ppm, .pnm (either) or .pam. Raises ImageError."""
    height, width = image.shape[:2]
    channels = image.shape[2] if image.ndim == 3 else 1
    if (
        channels
        not in {".pgm": (1,), ".ppm": (3,), ".pnm": (1, 3), ".pam": (1, 2, 3, 4)}[extension]
    ):
        kinds = {1: "grey", 2: "grey + alpha", 3: "RGB", 4: "RGBA"}
        raise ImageError(f"{extension} cannot hold {kinds[channels]} images, .pam and .png can")
    top = np.iinfo(image.dtype).max
    if extension == ".pam":
        header = (
            f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {channels}\nMAXVAL {top}\n"
            f"TUPLTYPE {_TUPLES[channels]}\nENDHDR\n"
        )
    else:
        header = f"P{5 if channels == 1 else 6}\n{width} {height}\n{top}\n"
    return header.encode("ascii") + image.astype(image.dtype.newbyteorder(">")).tobytes()


def _fields(data: bytes, count: int, name: str) -> tuple[list[int], int]:
    """Return `count` numbers after the signature and where the samples begin."""
    fields: list[int] = []
    position = 2
    while len(fields) < count:
        match = _FIELD.match(data, position)
        if match is None:
            raise ImageError(f"{name}: damaged PNM header")
        fields.append(int(match[1]))
        position = match.end()
    if not data[position : position + 1].isspace():
        raise ImageError(f"{name}: damaged PNM header")
    return fields, position + 1


def _pam_header(data: bytes, name: str) -> tuple[int, int, int, int, int]:
    head, mark, _ = data.partition(b"ENDHDR\n")
    values: dict[bytes, bytes] = {}
    for line in head.split(b"\n")[1:]:
        key, _, value = line.partition(b" ")
        if key and not key.startswith(b"#"):
            values[key] = value.strip()
    try:
        width, height, channels, top = (
            int(values[key]) for key in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
        )
    except (KeyError, ValueError):
        mark = b""
    if not mark:
        raise ImageError(f"{name}: damaged PAM header")
    kind = values.get(b"TUPLTYPE", b"").decode("ascii", "replace")
    known = _TUPLES.get(channels)
    if known is None or kind not in ("", known, "BLACKANDWHITE" if channels == 1 else known):
        # the file's own words are quoted: they could be any, a terminal's commands too
        raise ImageError(f"{name}: PAM of type {kind[:40]!a} with {channels} channels")
    return width, height, channels, top, len(head) + len(mark)


def _plain_samples(data: bytes, start: int, count: int, top: int, name: str) -> np.ndarray:
    text = _COMMENT.sub(b"", data[start:])
    # The digits of a plain bitmap need no space between them.
    words = [bytes([digit]) for digit in b"".join(text.split())] if top == 1 else text.split()
    if len(words) != count:
        raise ImageError(f"{name}: damaged PNM, {len(words)} samples instead of {count}")
    if not all(word.isdigit() and len(word) <= 5 for word in words):
        raise ImageError(f"{name}: damaged PNM, a sample is not a number")
    return np.array([int(word) for word in words], np.int64)


def _body(data: bytes, start: int, size: int, name: str) -> bytes:
    body = data[start:]
    if len(body) < size:
        raise ImageError(f"{name}: truncated PNM, {len(body)} of {size} bytes of samples")
    if len(body) > size:
        raise ImageError(f"{name}: {len(body) - size} bytes follow the first image of this PNM")
    return body
