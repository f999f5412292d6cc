"""Where the `inrcodec` command begins: it looks after Ctrl-C before anything large is imported."""

import os
import sys

INTERRUPTED = 130

try:  # Even `from __future__` would read a file here.
    import signal
except KeyboardInterrupt:
    os._exit(INTERRUPTED)


def main() -> None:
    """Run the command line and exit: 0 done, 1 a file failed, 2 wrong usage, 130 interrupted."""
    # A shell that starts a job in the background has it ignore Ctrl-C, which it then should.
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    try:
        if heeded:
            signal.signal(signal.SIGINT, _leave)
            sys.unraisablehook = _unraisable
        _fill_descriptors()
        from .commands import run

        if heeded:
            signal.signal(signal.SIGINT, _interrupt)
        code = run()
        if heeded:
            signal.signal(signal.SIGINT, _leave)
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:
        os._exit(code)  # or Python would wait for threads that still work
    sys.exit(code)


def _leave(number: int, frame: object) -> None:
    """End at once. Libraries that are being imported would make what they like of an exception."""
    os._exit(INTERRUPTED)


def _interrupt(number: int, frame: object) -> None:
    """End in order, once."""
    signal.signal(signal.SIGINT, _leave)
    raise KeyboardInterrupt


def _unraisable(told: "sys.UnraisableHookArgs") -> None:
    """An interrupt that came where Python drops exceptions (in a callback of C, in __del__)."""
    if issubclass(told.exc_type, KeyboardInterrupt):
        os._exit(INTERRUPTED)
    sys.__unraisablehook__(told)


def _fill_descriptors() -> None:
    """Let no file that is opened later be taken for stdin, stdout or stderr where one is closed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    main()
