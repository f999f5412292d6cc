"""Fuzzes the reading of .linr files: exact samples or a LinrError, soon, in little memory.

Needs atheris (pip install .[fuzz]; Linux, Python up to 3.13). The compiled kernels are not traced:
`make sanitize` runs seeds of this over a build that checks their memory. From the repository's
root,

    export PYTHONPATH=. OMP_NUM_THREADS=1
    python -m tests.fuzz.decode corpus /tmp/fuzz/seeds
    mkdir -p /tmp/fuzz/decode /tmp/fuzz/reduced /tmp/fuzz/header
    python -m tests.fuzz.decode decode /tmp/fuzz/decode /tmp/fuzz/seeds -max_total_time=3600
    python -m tests.fuzz.decode reduced /tmp/fuzz/reduced /tmp/fuzz/seeds -max_total_time=3600
    python -m tests.fuzz.decode header /tmp/fuzz/header /tmp/fuzz/seeds -max_total_time=3600

fuzz the whole decode, that of an eighth of the size (where most of a file may be missing), and
parsing and info alone, with libFuzzer's options behind the folders. A find is written to crash-*,
timeout-* or oom-*, which the same command with that file for a folder runs again. It belongs, made
small, into tests/must_fail.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.mutate import cross, mutate

TESTS = Path(__file__).parents[1]
SECONDS = 10  # for a file
SEED_BYTES, SEED_SECONDS = 4096, 0.05
SCALES = (2, 4, 8)
OPTIONS = ("-rss_limit_mb=2048", f"-timeout={SECONDS}", "-max_len=65536", "-len_control=0")


def check(mode: str, data: bytes) -> bool:
    """Whether a file can be read: "decode" it whole, "reduced", or the "header" alone. Raises what
    reading may not, which is anything but a LinrError; AssertionError for wrong samples and for
    long waits."""
    # imported here and below, once it is instrumented
    from inrcodec import LinrError

    started, refusal = time.monotonic(), ""
    try:
        READERS[mode](data)
    except LinrError as error:
        refusal = str(error)
    seconds = time.monotonic() - started
    assert seconds < SECONDS, f"{seconds:.1f} s"
    assert refusal.isprintable(), "a message that is not one line"
    return not refusal


def _limits() -> Any:
    from inrcodec import Limits

    return Limits(
        pixels=1 << 14, multiply_adds=1 << 28, weights=1 << 16, metadata=1 << 20, pages=1 << 6
    )


def _decode(data: bytes) -> None:
    import inrcodec
    from inrcodec.contents import parse
    from inrcodec.files.images import not_kept, read_picture, write_picture
    from inrcodec.files.tiff_directory import Whole
    from inrcodec.frames.file import Frames
    from inrcodec.source.restore import is_source, restore

    limits = _limits()
    file = parse(data, limits)
    if isinstance(file.model, Frames):
        _decode_parts(data, limits)
        return
    picture = inrcodec.decode_picture(data, threads=1, limits=limits)
    image = picture.samples
    samples = image.astype(image.dtype.newbyteorder("<")).tobytes()
    want = (*file.model.digests, file.digest)[0]
    assert hashlib.blake2b(samples, digest_size=16).digest() == want
    facts = inrcodec.info(data, planes=False, limits=limits)
    assert image.shape[:2] == (facts["height"], facts["width"])
    # of subsampled chroma, reduced images have that of samples nearby
    near = any(step["step"] == "subsampled" for step in facts["steps"])
    for scale in SCALES:
        reduced = inrcodec.decode_picture(data, scale=scale, threads=1, limits=limits).samples
        every = image[::scale, ::scale]
        assert reduced.shape == every.shape
        assert near or (reduced == every).all()
    if picture.source is not None:
        with contextlib.suppress(inrcodec.LinrError):
            assert is_source(picture.source, Whole(restore(picture, limits)))
    for extension in () if picture.type.space else (".png", ".tif"):
        if extension == ".png" and (picture.type.signed or picture.type.extra):
            continue
        again = read_picture(write_picture(picture, extension))
        if not not_kept(picture, extension):
            assert (again.samples == image).all()
            assert again.type == picture.type
            assert (again.array() == picture.array()).all()


def _decode_parts(data: bytes, limits: Any) -> None:
    """All pages of a file of parts, whose tiles have the digests that the file is of; its regions
    and reduced images are parts of these."""
    import inrcodec
    from inrcodec.contents import digest_of_digests
    from inrcodec.files.picture import digest

    digests = list[bytes]()
    with inrcodec.LinrFile(data, threads=1, limits=limits) as file:
        assert inrcodec.info(data, planes=False, limits=limits)["frames"] == file.frames
        for frame in range(file.frames):
            image, grid = file.picture(frame).samples, file.grid(frame)
            assert image.shape[:2] == (grid.height, grid.width)
            for box in grid:
                tile = image[box.slices(grid.whole)]
                digests.append(digest(tile))
            box = grid[len(grid) - 1]
            region = box.top, box.left, box.height, box.width
            assert (file.picture(frame, region).samples == image[box.slices(grid.whole)]).all()
            first = file.contents.model.first_parts[frame]
            parts = map(file.contents_of, range(first, first + len(grid)))
            near = any(step.name == "subsampled" for part in parts for step in part.steps)
            for scale in SCALES:
                reduced, every = file.picture(frame, None, scale).samples, image[::scale, ::scale]
                assert reduced.shape == every.shape
                assert near or (reduced == every).all()
        assert digest_of_digests(tuple(digests)) == file.contents.digest


def _reduced(data: bytes) -> None:
    import inrcodec

    limits = _limits()
    with inrcodec.LinrFile(data, threads=1, limits=limits) as file:
        assert file.array(file.frames - 1, scale=SCALES[-1]).size > 0


def _header(data: bytes) -> None:
    import inrcodec

    facts = inrcodec.info(data, planes=False)
    assert facts["height"] * facts["width"] <= inrcodec.Limits().pixels


READERS = {"decode": _decode, "reduced": _reduced, "header": _header}


def make_corpus(folder: Path, every: int = 1) -> None:
    """Copies the small and quick ones of every so many golden files, and those that must fail."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted([*TESTS.glob("golden/*.linr"), *TESTS.glob("must_fail/*.linr")])[::every]:
        data = path.read_bytes()
        if len(data) > SEED_BYTES:
            continue
        check("decode", data)  # imports what it needs, which takes a while
        started = time.perf_counter()
        check("decode", data)
        if time.perf_counter() - started < SEED_SECONDS:
            (folder / path.name).write_bytes(data)


def fuzz(
    check: Callable[[bytes], bool],
    mutate: Callable[..., bytes],
    cross: Callable[..., bytes],
    arguments: list[str],
) -> None:
    """Runs libFuzzer over a check, with a mutator and a crossover of the file format."""
    import atheris

    hooks = atheris.instrument_imports(include=["inrcodec"])
    # Where it traces comparisons, atheris 3.0 never lets go of the arrays that they give.
    hooks._trace_dataflow = False
    with hooks:
        import inrcodec  # noqa: F401

    def custom_mutator(data: bytes, most: int, seed: int) -> bytes:
        return mutate(data, Random(seed), lambda some, top: atheris.Mutate(some, top), most)

    def custom_crossover(data: bytes, other: bytes, most: int, seed: int) -> bytes:
        return cross(data, other, Random(seed), most)

    atheris.Setup(
        [sys.argv[0], *OPTIONS, *arguments],
        check,
        custom_mutator=custom_mutator,
        custom_crossover=custom_crossover,
    )
    atheris.Fuzz()


def main() -> None:
    mode, *arguments = sys.argv[1:]
    warnings.simplefilter("error")
    if mode == "corpus":
        make_corpus(Path(arguments[0]))
    else:
        fuzz(lambda data: check(mode, data), mutate, cross, arguments)


if __name__ == "__main__":
    main()
