"""A progress bar on stderr while an image is encoded."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inrcodec import Progress


@contextlib.contextmanager
def count_bar(total: int, quiet: bool) -> Iterator[Callable[[], None]]:
    """Yield what draws that one more of so many images is done, above which lines are printed."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    shared = sys.stdout is not None and sys.stdout.isatty()
    console = Console(stderr=True)
    with Bars(*columns, console=console, transient=True, redirect_stdout=shared) as bars:
        task = bars.add_task("", total=total)
        yield lambda: bars.advance(task)


@contextlib.contextmanager
def progress_bar(name: str, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """Yield a callback that draws stage, share done, bpsp and time left; None if not wanted."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[stage]}", markup=False),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(name, total=1.0, stage="", rate="")

        def show(progress: Progress) -> None:
            rate = "" if progress.bpsp is None else f"{progress.bpsp:.3f} bpsp"
            bars.update(task, completed=progress.fraction, stage=progress.stage, rate=rate)

        yield show
