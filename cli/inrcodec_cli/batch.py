"""Runs over many files and folders: what is worked on, where it goes, and what fails alone."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import click

from inrcodec.errors import LinrError
from inrcodec.files.atomic import written_in_place
from inrcodec.files.places import exists, identity, is_file, is_folder, joined
from inrcodec.files.urls import files_in, is_url, without_query

from .console import STREAM, label, report, silence_stdout, tell
from .files import OUTPUT, force_option, quiet_option, recursive_option, refuse_terminal

# Everything that one bad file can cause: the batch goes on after it.
FAILURES = (LinrError, OSError, MemoryError)


@dataclass(frozen=True)
class Writing:
    """The options that say where outputs go and what becomes of what is there."""

    output: str | None
    recursive: bool
    force: bool
    skip_existing: bool
    remove: bool
    quiet: bool

    @classmethod
    def of(cls, given: dict[str, Any]) -> Writing:
        """Takes them out of a command's arguments. Raises UsageError if they contradict."""
        writing = cls(**{field.name: given.pop(field.name) for field in fields(cls)})
        if writing.skip_existing and writing.force:
            raise click.UsageError("--skip-existing and --force contradict each other.")
        if writing.output == "":
            raise click.UsageError("-o needs a name.")
        return writing

    @property
    def folder(self) -> bool:
        """Whether the output's name is that of a folder, be it one that is yet to be made."""
        name = self.output or ""
        return name.endswith(("/", os.sep)) or is_folder(name)

    def skips(self, target: str) -> bool:
        """Whether an output is left as it is, as an earlier run has made it."""
        asked = self.skip_existing or (self.recursive and not self.force)
        return asked and is_file(target)


def writing_options(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds the options of Writing to a command."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            quiet_option,
            click.option(
                "--rm/--keep",
                "remove",
                help="Remove each source once its output is checked and on the disk.  [keep]",
            ),
            click.option(
                "--skip-existing", is_flag=True, help="Leave outputs that exist; -r implies it."
            ),
            force_option,
            recursive_option,
            click.option("-o", "--output", type=OUTPUT, metavar="OUT", help=what),
        ):
            command = option(command)
        return command

    return add


@dataclass(frozen=True)
class Job:
    """An input and its output; whether the output's folder is made where there is none."""

    source: str
    target: str
    makes_folder: bool


class Batch:
    """A run over several files. What is wrong with one is told in a line, and the run goes on.

    others: endings of files in folders that are not worked on, and counted; what: these are, in
    words. failures: the names of what failed so far, and what is wrong."""

    def __init__(
        self,
        quiet: bool = False,
        others: Collection[str] = (),
        what: str = "images of kinds that are not read here",
    ) -> None:
        self.quiet = quiet
        self._others, self._what, self._passed = others, what, 0
        self.skipped = 0
        self.failures: list[tuple[str, str]] = []
        self._inputs: dict[object, str] = {}
        self._outputs: dict[str, str] = {}

    @contextlib.contextmanager
    def each(self, path: str) -> Iterator[None]:
        """For the work on one file."""
        try:
            yield
        except BrokenPipeError:  # of stdout: nobody wants the rest
            raise
        except FAILURES as error:
            self.fail(path, error)

    def fail(self, path: str, error: BaseException) -> None:
        self.failures.append((label(path), report(path, error)))

    def say(self, text: str, *, err: bool = False) -> None:
        """Print to stdout; if it is full, tell so once, and go on with the files."""
        try:
            click.echo(text, err=err)
        except BrokenPipeError:
            raise
        except OSError as error:
            if not err:
                silence_stdout()
                self.fail("stdout", error)

    def end(self) -> None:
        """Leave the command, with 1 if a file failed."""
        if self.skipped and not self.quiet:
            tell(f"{self.skipped} skipped, as the output exists")
        if self.failures:
            click.get_current_context().exit(1)

    def find(
        self,
        paths: Sequence[str],
        extensions: Collection[str],
        recursive: bool,
        links: bool = True,
    ) -> list[tuple[str, str | None]]:
        """The files of arguments, and the folder among them where each was found.

        links: whether symbolic links to files in folders are taken too."""
        found: list[tuple[str, str | None]] = []
        for path in paths:
            with self.each(path):
                if not path:
                    raise LinrError("is no file")
                # a URL is looked at only where it may be a folder
                if path == STREAM or (is_url(path) and not recursive) or not is_folder(path):
                    found.append((path, None))
                    continue
                if not recursive:
                    raise LinrError("is a directory, use -r")
                inside = list(self._walk(path, extensions, links))
                found += [(file, path) for file in inside]
                if not inside and not self.quiet:
                    tell(f"{label(path)}: no {', '.join(sorted(extensions))} files in it")
        if self._passed and not self.quiet:
            tell(f"{self._passed} {self._what} passed over")
        return found

    def _walk(self, top: str, extensions: Collection[str], links: bool) -> Iterator[str]:
        for path in files_in(top) if is_url(top) else self._walk_folder(top):
            ending = os.path.splitext(path)[1].lower()
            if ending not in extensions:
                self._passed += ending in self._others
            elif is_url(path):
                yield path
            elif os.path.islink(path) and not links:
                if not self.quiet:
                    tell(f"{label(path)}: a symbolic link, not followed")
            elif os.path.isfile(path):
                yield path

    def _walk_folder(self, top: str) -> Iterator[str]:
        for folder, folders, names in os.walk(top, onerror=lambda e: self.fail(e.filename, e)):
            folders.sort()
            yield from (os.path.join(folder, name) for name in sorted(names))

    def plan(
        self,
        paths: Sequence[str],
        extensions: Collection[str],
        writing: Writing,
        suffix: str | Callable[[str], str],
    ) -> list[Job]:
        """The inputs and outputs of a run. suffix: of the latter, or what tells it of an input. A
        file whose output clashes with another's fails here; click.UsageError where it is not clear
        what is wanted."""
        output = writing.output
        several = len(paths) > 1 or (writing.recursive and is_folder(paths[0]))
        if several and STREAM in paths:
            raise click.UsageError("'-' must be the only input.")
        if several and output == STREAM:
            raise click.UsageError("several files cannot go to stdout.")
        makes_folder = writing.folder or (
            several and writing.recursive and output is not None and not exists(output)
        )
        if several and output is not None and not makes_folder:
            raise click.UsageError(
                "with several inputs -o must be an existing folder, or end in '/'."
            )
        found = self.find(paths, extensions, writing.recursive, links=False)
        self._inputs = {mark: source for source, _ in found for mark in _marks(source)}
        jobs = []
        for source, top in found:
            if output is not None and not makes_folder:
                target = output
            else:
                ending = suffix if isinstance(suffix, str) else suffix(source)
                target = _target(source, top, output, ending)
            if target == STREAM:
                refuse_terminal()
            if writing.remove and STREAM in (source, target):
                raise click.UsageError("--rm is not for stdin and stdout.")
            if writing.remove and (is_url(source) or is_url(target)):
                raise click.UsageError("--rm is not for URLs.")
            try:
                self.claim(target, source)
                if writing.remove and written_in_place(target):
                    raise LinrError(f"{label(target)} is no file: --rm would lose the source")
            except LinrError as error:
                if not several:
                    raise click.UsageError(f"{error}.") from None
                self.fail(source, error)
            else:
                jobs.append(Job(source, target, makes_folder))
        return jobs

    def claim(self, target: str, source: str) -> None:
        """Raise LinrError for an output that is an input, or another input's output."""
        if target == STREAM or (not is_url(target) and written_in_place(target)):
            return
        for mark in _marks(target):
            if mark in self._inputs:
                raise LinrError(f"{label(self._inputs[mark])} is input and output")
        place = identity(target)
        if place in self._outputs:
            raise LinrError(f"{label(target)} is the output of {label(self._outputs[place])}")
        self._outputs[place] = source


def refuse_inputs(outputs: Iterable[str], inputs: Iterable[str]) -> None:
    """Raise click.UsageError for an output that is an input, or twice there, whatever its name."""
    known = {mark: path for path in inputs for mark in _marks(path)}
    taken: set[str] = set()
    for path in outputs:
        for mark in _marks(path):
            if mark in known:
                raise click.UsageError(f"{label(known[mark])} is input and output.")
        if identity(path) in taken:
            raise click.UsageError(f"{label(path)} would be written twice.")
        taken.add(identity(path))


def _target(source: str, top: str | None, folder: str | None, suffix: str) -> str:
    """The output beside a source, or in a folder, where the tree of `top` is mirrored."""
    if source == STREAM:
        return STREAM if folder is None else joined(folder, f"stdin{suffix}")
    name = without_query(source)
    beside = os.path.splitext(name)[0] + suffix if os.path.basename(name) else source
    if folder is None:
        return beside
    if top is None:
        return joined(folder, os.path.basename(beside))
    if is_url(top):
        return joined(folder, beside.partition("://")[2].lstrip("/"))
    place = os.path.normpath(top)
    if place.split(os.sep)[0] == os.pardir:
        place = os.path.abspath(top)
    place = os.path.splitdrive(place)[1].lstrip(os.sep)
    return joined(folder, os.path.join(place, os.path.relpath(beside, top)))


def _marks(path: str) -> list[object]:
    """What tells a file from all others: its place, and its number if it exists (hard links)."""
    if path == STREAM:
        return []
    marks: list[object] = [identity(path)]
    if is_url(path):
        return marks
    with contextlib.suppress(OSError):
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):
            marks.append((status.st_dev, status.st_ino))
    return marks
