"""Option --dask: the cluster that images are encoded on."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import label, tell

if TYPE_CHECKING:
    from distributed import Client

LOCAL = "local"

dask_option = click.option(
    "--dask",
    metavar="ADDRESS",
    help="Encode on a Dask cluster: a scheduler's tcp://HOST:PORT or file, or 'local': a process a"
    " core. Outputs that hold their image are skipped.",
)


@contextmanager
def client_of(address: str, threads: int | None) -> Iterator[Client]:
    """The client of a cluster, or of one on this machine, whose workers have so many threads (1).

    Raises UsageError where Dask is not installed, OSError where nobody answers."""
    try:
        from dask.system import CPU_COUNT
        from distributed import Client, LocalCluster
        from distributed.comm.addressing import get_address_host_port
    except ImportError:
        raise click.UsageError("--dask needs Dask: pip install 'inrcodec[dask]'.") from None
    if address != LOCAL:
        # lost workers are told as images that fail
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        where = {"address": address}
        try:  # what is none a client would ask for a minute
            if os.path.isfile(address):
                where = {"scheduler_file": address}
                address = json.loads(Path(address).read_text())["address"]
            get_address_host_port(address)
        except (ValueError, TypeError, KeyError):
            text = f"{label(address)} is no address of a scheduler, and no file of one."
            raise click.UsageError(text) from None
        with Client(**where, set_as_default=False) as client:
            if not client.nthreads():
                tell("the scheduler has no workers yet")
            yield client
        return
    each = threads or 1
    with ExitStack() as stack:
        with _deaf():
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=max(1, CPU_COUNT // each),
                    threads_per_worker=each,
                    dashboard_address=":0",
                    silence_logs=logging.CRITICAL,
                )
            )
        yield stack.enter_context(Client(cluster, set_as_default=False))


@contextmanager
def _deaf() -> Iterator[None]:
    """For the start of processes in this terminal whose Ctrl-C is for this one, which ends them; it
    gets it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # its start would unblock the signal; and of what is left where one leaves early it is silent
    sys.warnoptions.append("ignore::UserWarning:multiprocessing.resource_tracker")
    resource_tracker.ensure_running()
    sys.warnoptions.pop()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
