"""The one way every command ends: a clear line and an exit status, never a traceback for users."""

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from data.errors import TastemakerError

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

_PRIORITY = 10
"""Of long work, as `nice` counts: it gets a tenth of what an app gets while the app is busy."""

_STRICT = ("strict", "surrogateescape")
"""What streams do with letters that they cannot hold unless told otherwise: raise."""

_CURE = {
    errno.ENOSPC: "no space left on the disk; free some and run the same command again",
    errno.EDQUOT: "the disk quota is used up; free some space and run the same command again",
    errno.EFBIG: "the file grew past the limit set for this process; raise it and run again",
    errno.EACCES: "permission denied; choose a folder that you may read and write",
    errno.EPERM: "permission denied; choose a folder that you may read and write",
    errno.EEXIST: "a file of that name is there already; choose another path",
    errno.ENOTDIR: "a part of the path is a file and no folder; choose another path",
    errno.EISDIR: "it is a folder; choose the name of a file",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EROFS: "the file system is read-only; choose another folder",
}


def run_command(main: Callable[[], None]) -> NoReturn:
    """Run `main` and exit: 0 when it returns, 2 on an error a user can mend, 130 on Ctrl-C.

    A step that wants to say what Ctrl-C left behind raises `KeyboardInterrupt("...")` with it.
    """
    _print_whatever_comes()
    try:
        main()
        sys.stdout.flush()
    except TastemakerError as error:
        _fail(" ".join(str(error).split()))
    except BrokenPipeError:
        # Python flushes stdout again at exit: point it where that cannot fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_BROKEN_PIPE)
    except OSError as error:
        cure = _CURE.get(error.errno or 0)
        if cure is None:
            raise
        _fail(f"{error.filename}: {cure}" if error.filename else cure)
    except KeyboardInterrupt as interrupt:
        kept = str(interrupt) or "what was finished is kept; run the same command again to go on"
        print(f"\ninterrupted: {kept}", file=sys.stderr)  # noqa: T201
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(0)


def _print_whatever_comes() -> None:
    """Let a terminal or file that cannot hold a letter, of a rater's name say, show its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in _STRICT:
            stream.reconfigure(errors="backslashreplace")


def let_raters_go_first() -> None:
    """Lower this process's priority, for work at which nobody sits and waits.

    An app started in the same terminal or by the same service then has the processor first;
    between terminals Linux shares it evenly, whatever their priorities (sched_autogroup).
    """
    own = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(own, _PRIORITY))


def _fail(line: str) -> NoReturn:
    print(f"error: {line}", file=sys.stderr)  # noqa: T201
    sys.exit(EXIT_ERROR)
