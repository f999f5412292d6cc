"""PBM, PGM, PPM and PAM files, whose samples are kept as the numbers that they are."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..errors import ImageError
from ..limits import DEFAULT, Limits, check_size
from .picture import ALPHA, UNSPECIFIED, Picture, PixelType, inverted

SIGNATURES = (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7")
EXTENSIONS = (".pbm", ".pgm", ".ppm", ".pnm", ".pam")

_TUPLES = {1: "GRAYSCALE", 2: "GRAYSCALE_ALPHA", 3: "RGB", 4: "RGB_ALPHA"}
_ALPHAS = (b"GRAYSCALE_ALPHA", b"RGB_ALPHA", b"BLACKANDWHITE_ALPHA")
_CHANNELS = {".pbm": (1,), ".pgm": (1,), ".ppm": (3,), ".pnm": (1, 3), ".pam": (1, 2, 3, 4)}
_KINDS = {1: "grey", 2: "grey + alpha", 3: "RGB", 4: "RGBA"}
_FIELD = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])+(\d{1,10})")
_COMMENT = re.compile(rb"#[^\r\n]*")
_PAM_LINE = re.compile(rb"[^\n]*\n")
_MOST_LINES = 1 << 12  # of a PAM header
_OTHER = re.compile(rb"\s*P[1-7][\s#]")
_HEADER_END = re.compile(rb"\s|#[^\r\n]*[\r\n]")
_SPACE = b" \t\n\v\f\r"
_NEITHER, _LONG = re.compile(rb"[^0-9\s]"), re.compile(rb"[0-9]{11}")


@dataclass(frozen=True)
class Header:
    """plain: whether samples are decimal numbers; bitmap: whether 1 is black, in one bit; top: the
    greatest value; start: where the samples begin; alpha: whether the last channel is."""

    width: int
    height: int
    channels: int
    top: int
    start: int
    plain: bool = False
    bitmap: bool = False
    alpha: bool = True

    @property
    def samples(self) -> int:
        """How many."""
        return self.width * self.height * self.channels

    @property
    def body(self) -> int:
        """Bytes of the samples of a file that is not plain."""
        if self.bitmap:
            return self.height * ((self.width + 7) // 8)
        return self.samples * (2 if self.top > 255 else 1)


def read_pnm(data: bytes, name: str, limits: Limits = DEFAULT) -> Picture:
    """Decode a PNM or PAM file; see images.read_picture for errors."""
    header = read_header(data, name, limits)
    left_out = ["comments"] if _COMMENT.search(data, 0, header.start) else []
    end = end_of(data, header)
    if _OTHER.match(data, end):
        raise ImageError(f"{name}: this PNM holds several images; files of one can be encoded")
    if header.plain:
        samples = _plain_samples(data[header.start : end], header, name)
        behind = len(data[end:].strip())
    else:
        if len(data) < end:
            had = len(data) - header.start
            raise ImageError(f"{name}: truncated PNM, {had} of {header.body} bytes")
        samples = samples_of(data[header.start : end], header)
        behind = len(data) - end
    left_out += [f"{behind} bytes behind the image"] if behind else []
    if samples.max() > header.top:
        raise ImageError(f"{name}: damaged PNM, a sample exceeds maxval")
    shape = (header.height, header.width, header.channels)
    samples = samples.astype(np.uint16 if header.top > 255 else np.uint8)
    samples = samples.reshape(shape[:2] if header.channels == 1 else shape)
    return Picture(samples, _type_of(header), left_out=tuple(left_out))


def read_header(data: bytes, name: str, limits: Limits) -> Header:
    """What a file says of itself before its samples. Raises ImageError and LimitError."""
    kind = data[:2]
    if kind == b"P7":
        header = _pam_header(data, name)
    else:
        bitmap = kind in (b"P1", b"P4")
        fields, start = _fields(data, 2 if bitmap else 3, name)
        channels = 3 if kind in (b"P3", b"P6") else 1
        top = 1 if bitmap else fields[2]
        plain = kind in (b"P1", b"P2", b"P3")
        header = Header(fields[0], fields[1], channels, top, start, plain, bitmap)
    check_size(header.width, header.height, name, limits)
    if not 1 <= header.top <= 65535:
        raise ImageError(f"{name}: damaged PNM, maxval {header.top}")
    return header


def end_of(data: bytes, header: Header) -> int:
    """Where the samples of a file end, or would if it were whole."""
    if not header.plain:
        return header.start + header.body
    text = data[header.start :]
    if b"#" in text:
        text = _COMMENT.sub(lambda comment: b" " * len(comment[0]), text)
    codes = np.frombuffer(text, np.uint8)
    digits = (codes >= ord("0")) & (codes <= ord("9"))
    if not header.bitmap:  # whose numbers have one digit
        digits[:-1] &= ~digits[1:]
    ends = np.flatnonzero(digits)
    return (
        len(data)
        if len(ends) < header.samples
        else header.start + int(ends[header.samples - 1]) + 1
    )


def samples_of(body: bytes, header: Header) -> np.ndarray:
    """The samples of a body that is not plain, one after the other."""
    if header.bitmap:
        packed = np.frombuffer(body, np.uint8).reshape(header.height, -1)
        return np.unpackbits(packed, axis=1, count=header.width)
    return np.frombuffer(body, ">u2" if header.top > 255 else "u1")


def body_of(samples: np.ndarray, header: Header) -> bytes:
    """Undoes samples_of."""
    if header.bitmap:
        return np.packbits(samples.reshape(header.height, header.width), axis=1).tobytes()
    return samples.astype(">u2" if header.top > 255 else "u1").tobytes()


def write_pnm(picture: Picture, extension: str) -> bytes:
    """Encode a valid picture as .pbm, .pgm, .ppm, .pnm (what fits) or .pam. Raises ImageError."""
    image, pixels = picture.samples, picture.type
    if pixels.palette or pixels.key or pixels.depth in (2, 4):
        image, pixels = picture.array(), PixelType()
    height, width = image.shape[:2]
    channels = image.shape[2] if image.ndim == 3 else 1
    bitmap = pixels.depth == 1 and extension in (".pbm", ".pnm")
    if channels not in _CHANNELS[extension] or (extension == ".pbm" and not bitmap):
        kind = _KINDS[channels] if extension != ".pbm" else "other than 1-bit"
        raise ImageError(f"{extension} cannot hold {kind} images, .pam and .png can")
    if pixels.signed or (pixels.extra and extension != ".pam"):
        kind = "signed samples" if pixels.signed else "a channel that is no alpha"
        raise ImageError(f"{extension} cannot hold {kind}, .tif can")
    if bitmap:
        black = image if pixels.white else 1 - image
        return b"P4\n%d %d\n" % (width, height) + np.packbits(black, axis=1).tobytes()
    top = pixels.top or (1 << (pixels.depth or 8 * image.itemsize)) - 1
    if pixels.depth == 1 and extension != ".pam":
        image, top = picture.array(), 255
    elif pixels.white:
        image = inverted(image, top)
    if extension == ".pam":
        kind = "" if pixels.extra else f"TUPLTYPE {_TUPLES[channels]}\n"
        head = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {channels}\nMAXVAL {top}\n{kind}ENDHDR\n"
    else:
        head = f"P{5 if channels == 1 else 6}\n{width} {height}\n{top}\n"
    return head.encode("ascii") + image.astype(image.dtype.newbyteorder(">")).tobytes()


def _type_of(header: Header) -> PixelType:
    """What samples of a header stand for."""
    extra = ALPHA if header.alpha or header.channels in (1, 3) else UNSPECIFIED
    depth = header.top.bit_length()
    if header.top in (255, 65535):
        return PixelType(extra=extra)
    full = header.top == (1 << depth) - 1
    if full and (9 <= depth <= 15 or (depth in (1, 2, 4) and header.channels == 1)):
        return PixelType(depth=depth, white=header.bitmap, extra=extra)
    return PixelType(top=header.top, extra=extra)


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
    end = _HEADER_END.match(data, position)
    if end is None:
        raise ImageError(f"{name}: damaged PNM header")
    return fields, end.end()


def _pam_header(data: bytes, name: str) -> Header:
    values: dict[bytes, bytes] = {}
    at = 0
    for _ in range(_MOST_LINES):
        line = _PAM_LINE.match(data, at)
        if line is None:
            break
        first, at = at == 0, line.end()
        key, _, value = line[0].strip().replace(b"\t", b" ").partition(b" ")
        if key == b"ENDHDR":
            try:
                width, height, channels, top = (
                    int(values[key]) for key in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
                )
            except (KeyError, ValueError):
                break
            if channels not in _TUPLES:
                raise ImageError(f"{name}: PAM with {channels} channels is not supported")
            kind = values.get(b"TUPLTYPE", b"")
            return Header(width, height, channels, top, at, alpha=kind in _ALPHAS)
        if key and not first and not key.startswith(b"#"):
            # several of the same name are one, as the format has it of TUPLTYPE
            values[key] = b" ".join(filter(None, (values.get(key, b""), value.strip())))
    raise ImageError(f"{name}: damaged PAM header")


def _plain_samples(text: bytes, header: Header, name: str) -> np.ndarray:
    if b"#" in text:
        text = _COMMENT.sub(b"", text)
    if _NEITHER.search(text) or (not header.bitmap and _LONG.search(text)):
        raise ImageError(f"{name}: damaged PNM, a sample is not a number")
    if header.bitmap:  # its digits need no space between them
        found = np.frombuffer(text.translate(None, _SPACE), np.uint8) - ord("0")
    else:
        found = np.fromstring(text, np.int64, sep=" ")  # any white space
    if len(found) != header.samples:
        raise ImageError(f"{name}: damaged PNM, {len(found)} samples instead of {header.samples}")
    return found
