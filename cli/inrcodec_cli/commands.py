"""The commands together, and how a run of them ends."""

from __future__ import annotations

import contextlib
import io
import sys

import click

from inrcodec.errors import LinrError

from .bench import bench
from .console import printable, silence_stdout, tell
from .decode import decode
from .encode import encode
from .info import info
from .thumbnail import thumbnail
from .train import train
from .verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    None, "-V", "--version", package_name="inrcodec", message="%(prog)s %(version)s"
)
def cli() -> None:
    """Lossless image compression with small networks fitted to each image.

    Reads PNG, JPEG, TIFF and PNM of up to 16 bits per sample, and with Pillow and imagecodecs BMP,
    GIF, WebP, QOI, TGA, JPEG 2000 and JPEG XL; '-' stands for stdin and stdout.
    """


for _command in (encode, decode, verify, info, bench, thumbnail, train):
    cli.add_command(_command)


def run() -> int:
    """Run the command line: 0 done, 1 a file failed, 2 wrong usage, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # names of files can be of characters that the terminal's encoding does not have
            stream.reconfigure(errors="backslashreplace")
    try:
        return cli.main(prog_name="inrcodec", standalone_mode=False) or 0
    except SystemExit as done:  # click's: of completion, or as nobody reads stdout
        return int(done.code or 0)
    except click.Abort:
        return 130
    except click.ClickException as error:
        text = io.StringIO()
        error.show(text)
        for line in text.getvalue().splitlines():
            with contextlib.suppress(OSError):
                click.echo(printable(line), err=True)
        return error.exit_code
    except (LinrError, OSError) as error:
        silence_stdout()  # it may be full, with something left to say
        tell((isinstance(error, OSError) and error.strerror) or str(error))
        return 1
