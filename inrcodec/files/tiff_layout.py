"""How a TIFF's image lies in the file: what its samples are, and its strips or tiles.

Everything is checked before a strip is read: sizes, counts, and that all of them lie in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..errors import ImageError, LimitError
from ..limits import Limits, check_size
from .tiff_directory import Directory

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
FILL_ORDER, STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_COUNTS = 266, 273, 277, 278, 279
PLANAR, PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS = 284, 317, 322, 323, 324
TILE_COUNTS, EXTRA_SAMPLES, SAMPLE_FORMAT, DEPTH, TILE_DEPTH = 325, 338, 339, 32997, 32998

# Compressions that we unpack ourselves, and pack again: the schemes of files.packing.
SCHEMES = {1: "none", 5: "lzw", 8: "deflate", 32773: "packbits", 32946: "deflate"}
OTHER_COMPRESSIONS = {
    2: "CCITT", 3: "CCITT G3", 4: "CCITT G4", 6: "JPEG", 7: "JPEG", 34712: "JPEG 2000",
    34887: "LERC", 34925: "LZMA", 50000: "Zstandard", 50001: "WebP", 50002: "JPEG XL",
    52546: "JPEG XL",
}  # fmt: skip
# What a layout is read from: where one of these is in the directory, it has numbers.
_READ = (
    WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, SAMPLES,
    ROWS_PER_STRIP, STRIP_COUNTS, PLANAR, PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS,
    TILE_COUNTS, EXTRA_SAMPLES, SAMPLE_FORMAT, DEPTH, TILE_DEPTH,
)  # fmt: skip
_PHOTOMETRICS = {3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "L*a*b*"}
_FORMATS = {3: "floating-point", 5: "complex", 6: "complex"}
WHITE, BLACK, RGB = 0, 1, 2
# So many pixels may all tiles have, those beyond the edges included.
_TILED_TIMES, _TILED_MORE = 16, 1 << 24
_FAR = 1 << 61


@dataclass(frozen=True, slots=True)
class Piece:
    """A strip or tile: its number in the file's lists, where it lies in the file, and in which
    plane (of all or one sample a pixel), row and column it begins."""

    number: int
    offset: int
    count: int
    plane: int
    row: int
    col: int


@dataclass(frozen=True, eq=False)
class Layout:
    """bits: of a sample in the file, 1 to 16; signed: whether samples are; extra: what ExtraSamples
    says of the last sample of each pixel, -1 if there is none; planes: 1, or one for each sample;
    rows, cols: of a piece; slices: of a volume (ImageDepth) whose lists have the pieces of all;
    offsets, counts: int64 arrays, of each plane's slices one after the other."""

    directory: Directory
    width: int
    height: int
    samples: int
    bits: int
    signed: bool
    photometric: int
    extra: int
    compression: int
    predictor: bool
    reversed_bits: bool
    planes: int
    tiled: bool
    rows: int
    cols: int
    slices: int
    offsets: np.ndarray
    counts: np.ndarray

    @property
    def across(self) -> int:
        """How many pieces lie side by side."""
        return -(-self.width // self.cols)

    @property
    def per_plane(self) -> int:
        """Pieces of a plane of one image."""
        return -(-self.height // self.rows) * self.across

    def piece(self, number: int) -> Piece:
        """One of an image that is no volume."""
        plane, at = divmod(number, self.per_plane)
        row, col = divmod(at, self.across)
        offset, count = int(self.offsets[number]), int(self.counts[number])
        return Piece(number, offset, count, plane, row * self.rows, col * self.cols)

    @property
    def pieces(self) -> Iterator[Piece]:
        """All strips or tiles, in the order of the file's lists."""
        return map(self.piece, range(self.planes * self.per_plane))

    def touched(self, top: int, left: int, height: int, width: int) -> Iterator[Piece]:
        """Those that have samples of some part of the image."""
        for plane in range(self.planes):
            for row in range(top // self.rows, (top + height - 1) // self.rows + 1):
                for col in range(left // self.cols, (left + width - 1) // self.cols + 1):
                    yield self.piece(plane * self.per_plane + row * self.across + col)

    def slice(self, number: int) -> Layout:
        """An image of a volume."""
        shape = self.planes, self.slices, self.per_plane
        offsets, counts = (
            np.ascontiguousarray(table.reshape(shape)[:, number]).reshape(-1)
            for table in (self.offsets, self.counts)
        )
        return replace(self, slices=1, offsets=offsets, counts=counts)

    def shifted(self, distance: int) -> Layout:
        """The same image so many bytes behind."""
        return replace(self, offsets=self.offsets + distance)

    @property
    def end(self) -> int:
        """Where the last of the strips or tiles ends in the file."""
        return int((self.offsets + self.counts).max())

    @property
    def depth(self) -> int:
        """How many samples a piece has of each pixel."""
        return self.samples // self.planes

    @property
    def sizes(self) -> np.ndarray:
        """Bytes of each piece of a plane of one image, unpacked: int64."""
        rows = np.arange(0, self.height, self.rows)
        lines = self.rows if self.tiled else np.minimum(self.rows, self.height - rows)
        return np.repeat(lines * self.line_bytes * np.ones_like(rows), self.across)

    @property
    def beyond(self) -> np.ndarray:
        """Pixels of each piece of a plane that are beyond the edges of the image: int64."""
        rows = np.minimum(self.rows, self.height - np.arange(0, self.height, self.rows))
        cols = np.minimum(self.cols, self.width - np.arange(0, self.width, self.cols))
        return self.sizes // self.line_bytes * self.cols - np.outer(rows, cols).reshape(-1)

    def lines(self, piece: Piece) -> int:
        """How many rows a piece has in the file."""
        return self.rows if self.tiled else min(self.rows, self.height - piece.row)

    @property
    def line_bits(self) -> int:
        """Of the samples of a row of a piece."""
        return self.cols * self.depth * self.bits

    @property
    def line_bytes(self) -> int:
        """Of a row of a piece."""
        return (self.line_bits + 7) // 8


def read_layout(directory: Directory, size: int, name: str, limits: Limits) -> Layout:
    """That of the image of a file's first directory; size: of the file. Raises ImageError for one
    that a picture cannot represent exactly, and LimitError above limits.pixels."""
    number, numbers = directory.number, directory.numbers
    for tag in _READ:
        if tag in directory.by_tag and not numbers(tag, 1):
            raise ImageError(f"{name}: damaged TIFF, tag {tag} has no numbers in the file")
    width, height = number(WIDTH, 0), number(HEIGHT, 0)
    check_size(width, height, name, limits)
    samples = number(SAMPLES, 1)
    photometric = number(PHOTOMETRIC, RGB if samples in (3, 4) else BLACK)
    if photometric not in (WHITE, BLACK, RGB):
        kind = _PHOTOMETRICS.get(photometric, f"type {photometric}")
        raise ImageError(f"{name}: TIFF with {kind} colours is not supported")
    if samples not in ((3, 4) if photometric == RGB else (1, 2)):
        raise ImageError(f"{name}: TIFF with {samples} samples per pixel is not supported")
    bits, signed = _samples_of(directory, samples, name)
    extras = numbers(EXTRA_SAMPLES, samples)
    extra = (extras[-1] if extras else 0) if samples in (2, 4) else -1
    compression = number(COMPRESSION, 1)
    predictor = number(PREDICTOR, 1)
    if predictor not in (1, 2) or (predictor == 2 and bits not in (8, 16)):
        raise ImageError(f"{name}: TIFF with predictor {predictor} of {bits} bits is not supported")
    fill = number(FILL_ORDER, 1)
    if fill not in (1, 2):
        raise ImageError(f"{name}: TIFF with an unknown order of bits")
    planes = samples if number(PLANAR, 1) == 2 else 1
    tiled = TILE_WIDTH in directory.by_tag
    if tiled:
        cols, rows = number(TILE_WIDTH, 0), number(TILE_HEIGHT, 0)
    else:
        cols, rows = width, min(number(ROWS_PER_STRIP, height), height)
    if not cols or not rows:
        raise ImageError(f"{name}: damaged TIFF, strips or tiles of {cols} x {rows} pixels")
    pieces = -(-height // rows) * -(-width // cols) * planes
    if pieces // planes * cols * rows > _TILED_TIMES * width * height + _TILED_MORE:
        raise LimitError(f"{name}: tiles of {cols} x {rows} for {width} x {height} pixels")
    if number(TILE_DEPTH, 1) > 1:
        raise ImageError(f"{name}: TIFF with tiles of several images is not supported")
    offset_tag, count_tag = (TILE_OFFSETS, TILE_COUNTS) if tiled else (STRIP_OFFSETS, STRIP_COUNTS)
    slices, told = 1, directory.by_tag[offset_tag].count if offset_tag in directory.by_tag else 0
    if number(DEPTH, 1) > 1 and told == pieces * number(DEPTH, 1):
        slices = number(DEPTH, 1)
        pieces *= slices
    offsets = directory.table(offset_tag, pieces + 1)
    counts = directory.table(count_tag, pieces + 1)
    if len(offsets) != pieces:
        raise ImageError(f"{name}: damaged TIFF, {len(offsets)} of {pieces} strips or tiles")
    layout = Layout(
        directory, width, height, samples, bits, signed, photometric, extra, compression,
        predictor == 2 and SCHEMES.get(compression, "") in ("lzw", "deflate"), fill == 2, planes,
        tiled, rows, cols, slices, _places(offsets), _places(counts),
    )  # fmt: skip
    if not len(counts):
        layout = _with_counts(layout, size, name)
    if len(layout.counts) != pieces:
        raise ImageError(f"{name}: damaged TIFF, {len(counts)} of {pieces} strip byte counts")
    if layout.offsets.max() > size or layout.counts.max() > size or layout.end > size:
        raise ImageError(f"{name}: truncated TIFF, image data end at byte {layout.end}")
    return layout


def _places(table: np.ndarray) -> np.ndarray:
    """int64; what is no place in any file is one that is in none, either."""
    return np.minimum(table.astype(np.uint64), np.uint64(_FAR)).astype(np.int64)


def _samples_of(directory: Directory, samples: int, name: str) -> tuple[int, bool]:
    """Bits of a sample, and whether it is signed."""
    formats = set(directory.numbers(SAMPLE_FORMAT, samples)) or {1}
    if len(formats) > 1 or not formats <= {1, 2, 4}:  # 4: undefined, which is taken as unsigned
        kind = _FORMATS.get(max(formats), "unknown or mixed")
        raise ImageError(f"{name}: TIFF with {kind} samples is not supported")
    depths = set(directory.numbers(BITS, samples)) or {1}
    bits = max(depths)
    if len(depths) > 1:
        raise ImageError(f"{name}: TIFF with samples of several depths is not supported")
    if bits > 16 or (bits < 8 and samples > 1) or bits < 1:
        raise ImageError(f"{name}: TIFF with {samples} x {bits} bits per pixel is not supported")
    signed = formats == {2}
    if signed and bits not in (8, 16):
        raise ImageError(f"{name}: TIFF with signed samples of {bits} bits is not supported")
    return bits, signed


def _with_counts(layout: Layout, size: int, name: str) -> Layout:
    """A layout whose byte counts are not stated: what samples take, or up to the end of the file,
    of a strip or tile that is alone."""
    if layout.compression == 1:
        counts = np.tile(layout.sizes, layout.planes * layout.slices)
    elif len(layout.offsets) == 1 and layout.offsets[0] <= size:
        counts = size - layout.offsets
    else:
        raise ImageError(f"{name}: TIFF without the byte counts of its strips")
    return replace(layout, counts=counts)
