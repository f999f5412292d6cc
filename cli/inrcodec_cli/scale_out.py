"""Option --dask: the cluster that images are encoded on."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

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
        from distributed import Client, LocalCluster, WorkerPlugin
    except ImportError:
        raise click.UsageError("--dask needs Dask: pip install 'inrcodec[dask]'.") from None
    if address != LOCAL:
        # lost workers are told as images that fail
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        file = address if os.path.isfile(address) else None
        where = {"scheduler_file": file} if file else {"address": address}
        with Client(**where, set_as_default=False) as client:
            yield client
        return

    class Deaf(WorkerPlugin):
        """A worker of this terminal, whose Ctrl-C is for the command: that ends its workers."""

        def setup(self, worker: object) -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    each = threads or 1
    with (
        LocalCluster(
            n_workers=max(1, CPU_COUNT // each),
            threads_per_worker=each,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.register_plugin(Deaf())
        yield client
