"""Fuzzes the reading of image files: a picture or a LinrError, soon, in little memory.

As tests/fuzz/decode.py (see there for what it needs), from the repository's root:

    python -m tests.fuzz.images corpus /tmp/fuzz/pictures [FOLDER of images]...
    mkdir -p /tmp/fuzz/images
    python -m tests.fuzz.images fuzz /tmp/fuzz/images /tmp/fuzz/pictures -max_total_time=3600

A picture that can be read has to come back the same from the .linr file and the PNG that it makes.
"""

from __future__ import annotations

import contextlib
import struct
import sys
import time
import warnings
import zlib
from pathlib import Path
from random import Random

import cv2
import numpy as np

from tests.fuzz.decode import SECONDS, TESTS, fuzz
from tests.fuzz.mutate import EDGES, Raw, damaged
from tests.jpeg.files import written

PNG, HEAD = b"\x89PNG\r\n\x1a\n", 8
JPEG = b"\xff\xd8\xff"
SEALED = 0.9
NAMES = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"iCCP", b"tEXt", b"zTXt", b"pHYs",
    b"acTL", b"abCd", b"ABCD", b"abCD", b"\0\0\0\0",
]  # fmt: skip
SEED_BYTES, PIXELS = 4096, 1 << 14


def check(data: bytes) -> bool:
    """Whether it is a picture, which then comes back, and the file with it if that is said; raises
    what reading may not, and AssertionError."""
    import inrcodec
    from inrcodec.encode import source_picture
    from inrcodec.files.images import not_kept, read_picture, write_picture
    from inrcodec.source.restore import restore

    limits = inrcodec.Limits(pixels=PIXELS, metadata=1 << 20)
    started, picture, refusal = time.monotonic(), None, ""
    try:
        picture = source_picture(data, "a file", limits)
        # of a JPEG, coefficients without a fit
        how = {"model": "stored"} if picture.jpeg is None else {"time_limit": 1e-3}
        packed = inrcodec.encode(picture, limits=limits, threads=1, **how)
        decoded = inrcodec.decode_picture(packed, limits=limits, threads=1)
        assert (decoded.samples == picture.samples).all()
        assert (decoded.type, decoded.metadata) == (picture.type, picture.metadata)
        assert (decoded.source, decoded.left_out) == (picture.source, picture.left_out)
        if decoded.source is not None:
            assert restore(decoded, limits) == data
        assert picture.jpeg is None or picture.source is not None
        if picture.type.space or getattr(picture, "unread", ""):
            return True  # which no other kind of file holds
        kind = ".tif" if picture.type.signed or picture.type.extra else ".png"
        again = read_picture(write_picture(decoded, kind))
        if not not_kept(picture, kind):
            assert (again.samples == picture.samples).all()
            assert again.type == picture.type
    except inrcodec.LimitError:
        pass
    except inrcodec.ImageError as error:
        refusal = str(error)
    assert not (refusal and picture), f"read, and then refused: {refusal}"
    assert not refusal or refusal.startswith("a file: ")
    assert refusal.isprintable()
    assert time.monotonic() - started < SECONDS
    return picture is not None


def mutate(data: bytes, rng: Random, raw: Raw | None = None, most: int = 1 << 16) -> bytes:
    """An image file with a fault: in a PNG's chunks, whose checksums mostly hold, in the fields of
    a TIFF, or anywhere."""
    raw = raw or (lambda some, most: damaged(some, rng)[:most])
    if data.startswith(PNG) and rng.random() < 0.9:
        return _png(data, rng, raw, most)[:most]
    if data.startswith(JPEG) and rng.random() < 0.9:
        return _jpeg(data, rng, raw, most)[:most]
    if data[:2] in (b"II", b"MM") and rng.random() < 0.7:
        return _tiff(data, rng)
    return raw(data, most)


def _png(data: bytes, rng: Random, raw: Raw, most: int) -> bytes:
    chunks, at = [], HEAD
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append([data[at + 4 : at + 8], data[at + 8 : at + 8 + length]])
        at += 12 + length
    if not chunks:
        return raw(data, most)
    number = rng.randrange(len(chunks))
    name, body = chunks[number]
    fault = rng.randrange(7)
    if fault == 0:
        chunks[number][0] = rng.choice(NAMES)
    elif fault == 1:
        chunks.insert(rng.randrange(len(chunks) + 1), [name, body])
    elif fault == 2:
        del chunks[number]
    elif fault == 3:
        rng.shuffle(chunks)
    elif name == b"IHDR" and len(body) == 13:
        place = rng.choice((0, 4, 8, 9, 10, 11, 12))
        value = rng.choice(EDGES) if place < 8 else rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
        width = 4 if place < 8 else 1
        packed = (value % (1 << 8 * width)).to_bytes(width, "big")
        chunks[number][1] = body[:place] + packed + body[place + width :]
    elif name in (b"IDAT", b"iCCP", b"zTXt") and fault < 6:
        with contextlib.suppress(zlib.error):
            chunks[number][1] = zlib.compress(raw(zlib.decompress(body), most), 1)
    else:
        chunks[number][1] = raw(body, most)
    out = data[:HEAD]
    sealed = rng.random() < SEALED
    for name, body in chunks:
        crc = zlib.crc32(name + body) if sealed else rng.getrandbits(32)
        out += struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc)
    return out + data[at:]


def _tiff(data: bytes, rng: Random) -> bytes:
    order = "<" if data[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, start)
        place = start + 2 + 12 * rng.randrange(entries) + rng.choice((0, 2, 4, 8, 8, 8))
        width = 2 if (place - start - 2) % 12 < 4 else 4
        value = rng.choice([*EDGES, *range(250, 350), 32773, 34675]) % (1 << 8 * width)
        packed = value.to_bytes(width, "little" if order == "<" else "big")
        return data[:place] + packed + data[place + width :]
    except (struct.error, ValueError):
        return damaged(data, rng)


def _jpeg(data: bytes, rng: Random, raw: Raw, most: int) -> bytes:
    """One to three faults in the segments, or in the bytes of scans."""
    parts = _segments(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        number = rng.randrange(len(parts))
        head, body = parts[number]
        fault = rng.randrange(12)
        if fault == 0:
            parts.insert(rng.randrange(len(parts) + 1), [head, body])
        elif fault == 1 and len(parts) > 1:
            del parts[number]
        elif fault == 2:
            other = rng.randrange(len(parts))
            parts[number], parts[other] = parts[other], parts[number]
        elif fault == 3 and head:
            parts[number][0] = b"\xff" + bytes([rng.choice((*b"\xc0\xc1\xc2\xc4\xda\xdb\xdd",
                                                           rng.randrange(256)))])  # fmt: skip
        elif fault < 8 and head and body:
            place = rng.randrange(min(20, len(body)))
            value = bytes([rng.choice((0, 1, 2, 3, 4, 8, 0x11, 0x22, 0x41, 63, 64, 255))])
            parts[number][1] = body[:place] + value + body[place + 1 :]
        else:
            parts[number][1] = raw(body, most)
    out = data[:2]
    for head, body in parts:
        size = (len(body) + 2) % (1 << 16)
        out += (
            head + size.to_bytes(2, "big") + body if head and head != b"\xff\xd9" else head + body
        )
    return out


def _segments(data: bytes) -> list[list[bytes]]:
    """Markers and bodies; without a marker, the bytes of a scan."""
    parts, at = list[list[bytes]](), 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xD9:
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append([data[at : at + 2], data[at + 4 : at + 2 + size]])
        end = at = min(len(data), at + 2 + size)
        if parts[-1][0] == b"\xff\xda":
            while end < len(data) and not (
                data[end] == 0xFF and end + 1 < len(data) and not 0xD0 <= data[end + 1] <= 0xD7
                and data[end + 1]
            ):  # fmt: skip
                end += 1
            parts.append([b"", data[at:end]])
            at = end
    return [*parts, [b"", data[at:]]]


def make_corpus(folder: Path, images: list[Path], every: int = 1) -> None:
    """Pictures of every so many golden files as PNG, TIFF and PAM, their source files, JPEG files
    of several writers, and small images from other folders."""
    import inrcodec
    from inrcodec.source.restore import extensions_of, file_of

    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(TESTS.glob("golden/*.linr"))[::every]:
        if path.stat().st_size < SEED_BYTES:
            picture = inrcodec.decode_picture(path.read_bytes(), threads=1)
            own = () if picture.source is None else extensions_of(picture.source)[:1]
            for extension in {".png", ".tif", ".pam", *own}:
                with contextlib.suppress(inrcodec.ImageError):  # of what that kind cannot hold
                    data = file_of(picture, extension, warnings.warn)
                    if len(data) <= SEED_BYTES and picture.samples.size < PIXELS:
                        (folder / f"{path.stem}{extension}").write_bytes(data)
    for name, data in written().items():
        if len(data) <= SEED_BYTES:
            (folder / f"{name.replace(':', '')}.jpg").write_bytes(data)
    grey = np.arange(24 * 24, dtype=np.uint8).reshape(24, 24) // 5
    for compression in (cv2.IMWRITE_TIFF_COMPRESSION_LZW, cv2.IMWRITE_TIFF_COMPRESSION_PACKBITS):
        settings = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
        (folder / f"compression_{compression}.tif").write_bytes(
            cv2.imencode(".tif", grey, settings)[1].tobytes()
        )
    for path in (path for given in images for path in sorted(given.iterdir())):
        if path.is_file() and path.stat().st_size <= SEED_BYTES:
            (folder / path.name).write_bytes(path.read_bytes())


def main() -> None:
    mode, *arguments = sys.argv[1:]
    warnings.simplefilter("error")
    if mode == "corpus":
        make_corpus(Path(arguments[0]), [Path(name) for name in arguments[1:]])
    else:
        fuzz(check, mutate, lambda data, other, rng, most: other[:most], arguments)


if __name__ == "__main__":
    main()
