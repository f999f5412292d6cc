"""Dask: .linr files as arrays (from_linr, in dask_arrays.py), and folders and buckets of images
encoded on a cluster, one image a task.

Tasks get names of files, not their bytes, and give back a few facts; workers read and write the
files themselves, so names mean the same file on each of them (a shared file system, or URLs). A
task that is done twice, as its worker was lost, gives the same file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from dask.tokenize import tokenize
from distributed import Client, Future, KilledWorker, as_completed, default_client, get_worker

from .context.own_prior import Prior
from .dask_arrays import from_linr
from .encode_file import Work, check_skipped, encode_one
from .errors import LinrError, OutputExistsError
from .files.images import EXTENSIONS
from .files.others import extensions_read
from .files.places import identity, is_file, is_folder, joined
from .files.urls import files_in, full_url, is_url, local_path, without_query
from .frames.source import AUTO
from .frames.tiles import Tile

__all__ = ["Outcome", "Report", "encode_files", "from_linr", "outcomes"]

# Tasks that the scheduler holds at once: enough for thousands of cores, and for it to see that more
# workers are worth while, but not a million.
WINDOW = 10_000


class Outcome(NamedTuple):
    """What became of an image: its facts (those of `inrcodec encode --json`), or why it failed; of
    one that is skipped, as its output is there and holds it, neither."""

    source: str
    target: str
    facts: dict[str, Any] | None
    error: BaseException | None

    @property
    def reason(self) -> str:
        """Why it failed, in a line without its name."""
        error = self.error
        if isinstance(error, KilledWorker):
            return f"workers that were at it were lost ({error.allowed_failures + 1})"
        if isinstance(error, MemoryError):
            return "not enough memory"
        if isinstance(error, OSError):
            return error.strerror or str(error)
        text = str(error) if isinstance(error, LinrError) else f"{type(error).__name__}: {error}"
        return " ".join(text.removeprefix(f"{_absolute(self.source)}: ").split())


@dataclass
class Report:
    """What became of all images. failed: why, by source; left_out: what of a source its .linr does
    not have, by source; bytes_in, bytes_out, pixels: of those done in this run."""

    done: int = 0
    skipped: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    pixels: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count one more image."""
        facts = outcome.facts
        if outcome.error is not None:
            self.failed[outcome.source] = outcome.reason
        elif facts is None:
            self.skipped += 1
        else:
            self.done += 1
            self.bytes_in += facts["input_bytes"]
            self.bytes_out += facts["bytes"]
            self.pixels += facts["height"] * facts["width"]
            if facts["left_out"]:
                self.left_out[outcome.source] = tuple(facts["left_out"])


def encode_files(
    urls: str | Iterable[str] | Mapping[str, str],
    out: str | None = None,
    *,
    client: Client | None = None,
    tile: Tile | str = AUTO,
    force: bool = False,
    strip: bool = False,
    strict: bool = False,
    retries: int = 2,
    each: Callable[[Outcome], None] = lambda _: None,
    **options: Any,
) -> Report:
    """Encodes image files into .linr files on a Dask cluster, and reports what became of them.

    urls: a folder, whose tree of images is mirrored in the folder `out`; files, which get their
    names there; or a mapping of files to .linr files, without `out`. Paths and URLs are opened by
    the workers. client: default the current one. Outputs that are there are kept and
    skipped if they hold their image, and fail if not, so that a run can be taken up again; force:
    encode all anew. tile, strip, strict, options: as encode_file's, but that threads is 1 if not
    given, and at most what the worker has, of which its tasks take no more together. retries: how
    often an image is tried again, on any worker, after an OSError or MemoryError; one whose worker
    is lost is started again as the scheduler's allowed-failures says. each: called with each
    Outcome, as they come.

    A file that fails does not stop the others. Raises ValueError where two files would get one
    name, or one that of a source, OSError for a folder that cannot be listed. Interrupted, it
    cancels what has not begun.
    """
    work = Work(options, tile, force, strip, strict, make_folder=True)
    report = Report()
    for outcome in outcomes(_pairs(urls, out).items(), work, client or default_client(), retries):
        report.add(outcome)
        each(outcome)
    return report


def outcomes(
    pairs: Iterable[tuple[str, str]], work: Work, client: Client, retries: int = 2
) -> Generator[Outcome, None, None]:
    """Encodes sources to targets as workers are free; what became of them, as it comes. What has
    not begun is cancelled when the iterator is closed. Raises OSError where the scheduler is lost.
    """
    waiting, submitted = iter(pairs), dict[Future, tuple[str, str]]()
    options, shared, digest = dict(work.options), None, ""
    prior = options.pop("prior", None)
    if prior is not None:
        # of megabytes: workers get it once, from one another, and not with each task
        prior = prior if isinstance(prior, Prior) else Prior.read(prior)
        digest = prior.digest
        shared = client.submit(bytes, prior.data, key=f"inrcodec-prior-{digest}")
    work = replace(work, options=options)

    def submit(count: int) -> list[Future]:
        futures = []
        for source, target in islice(waiting, count):
            paths = _absolute(source), _absolute(target)
            key = f"inrcodec-encode-{tokenize(*paths, work, digest)}"
            future = client.submit(_encode, *paths, work, shared, key=key, retries=retries)
            submitted[future] = source, target
            futures.append(future)
        return futures

    running = as_completed(submit(WINDOW), loop=client.loop, with_results=True, raise_errors=False)
    try:
        for future, result in running:
            if client.status != "running":
                raise OSError("the scheduler is lost")
            source, target = submitted.pop(future)
            error = future.exception() if future.status == "error" else None
            if isinstance(result, BaseException):
                error = result
            future.release()
            running.update(submit(1))
            yield Outcome(source, target, result if error is None else None, error)
    finally:
        if submitted and client.status == "running":
            client.cancel(list(submitted))


def _encode(
    source: str, target: str, work: Work, prior: bytes | None
) -> dict[str, Any] | LinrError | None:
    """The task of one image: its facts, or None where its output is there and holds it. A LinrError
    is a result, too, as nobody would do better; what else it raises is tried again."""
    try:
        if not work.force and is_file(target):
            check_skipped(source, target, work.limits)
            return None
        total = get_worker().state.nthreads
        with _threads.take(work.options.get("threads") or 1, total) as threads:
            alone = replace(work, options=work.options | {"threads": threads, "prior": prior})
            try:
                return encode_one(source, target, alone).facts
            except OutputExistsError:  # which a worker has written that was taken for lost
                check_skipped(source, target, work.limits)
                return None
    except LinrError as error:
        return error


class _Threads:
    """The threads that the tasks of a worker use together."""

    def __init__(self) -> None:
        self._used, self._changed = 0, threading.Condition()

    @contextmanager
    def take(self, wanted: int, total: int) -> Iterator[int]:
        """Wait for so many, or all that there are, and give them back."""
        count = min(wanted, total)
        with self._changed:
            self._changed.wait_for(lambda: self._used + count <= total)
            self._used += count
        try:
            yield count
        finally:
            with self._changed:
                self._used -= count
                self._changed.notify_all()


_threads = _Threads()


def _pairs(urls: str | Iterable[str] | Mapping[str, str], out: str | None) -> dict[str, str]:
    """Sources and their targets. Raises ValueError where two have the same."""
    if isinstance(urls, Mapping):
        if out is not None:
            raise ValueError("a mapping says itself where files go")
        pairs = {os.fspath(source): os.fspath(target) for source, target in urls.items()}
    elif out is None:
        raise ValueError("out is missing: the folder to write to")
    elif isinstance(urls, str) and is_folder(urls):
        pairs = {source: _target(out, name) for source, name in _images(urls)}
    else:
        names = [urls] if isinstance(urls, str) else list(map(os.fspath, urls))
        pairs = {name: _target(out, os.path.basename(without_query(name))) for name in names}
    given = {identity(source): source for source in pairs}
    sources: dict[str, str] = {}
    for source, target in pairs.items():
        place = identity(target)
        if place in given:
            raise ValueError(f"{source} would be {target}, which is {given[place]}")
        other = sources.setdefault(place, source)
        if other != source:
            raise ValueError(f"{other} and {source} would both be {target}")
    return pairs


def _images(folder: str) -> Iterator[tuple[str, str]]:
    """The images in a folder, and their names there."""
    if is_url(folder):
        top = full_url(folder).rstrip("/") + "/"
        found = [(url, url[len(top) :]) for url in files_in(folder)]
    else:
        place = Path(local_path(folder))
        paths = sorted(path for path in place.rglob("*") if path.is_file())
        found = [(str(path), str(path.relative_to(place))) for path in paths]
    endings = {*EXTENSIONS, *extensions_read()}
    return (each for each in found if os.path.splitext(each[1])[1].lower() in endings)


def _target(out: str, name: str) -> str:
    return joined(out, os.path.splitext(name)[0] + ".linr")


def _absolute(name: str) -> str:
    """A name that means the same in another folder."""
    return name if is_url(name) else os.path.abspath(local_path(name))
