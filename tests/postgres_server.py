"""A private PostgreSQL server for the tests: in a temporary folder, behind a socket in it."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

USER, PASSWORD = "tastemaker", "taste/me@1?"
_DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
_ON_PATH = shutil.which("initdb")
BIN = Path(_ON_PATH).resolve().parent if _ON_PATH else next(reversed(_DEBIAN), None)
HAS_PSYCOPG = importlib.util.find_spec("psycopg") is not None
_UNPRIVILEGED = ("postgres", "nobody")


class Server:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._num_made = 0

    def url(self, database: str, *, user: str = USER) -> str:
        """Return the URL of a database; the password is in the environment."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def make(self, template: str = "template1") -> str:
        """Make a database and return its URL."""
        import psycopg

        self._num_made += 1
        name = f"made_{self._num_made}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return self.url(name)


def missing() -> str | None:
    """Say what a server needs and has not, if anything."""
    if not HAS_PSYCOPG:
        return "needs psycopg, and it is not installed"
    return None if BIN else "needs PostgreSQL, and no initdb is on the PATH"


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Start a server, and end it with the block."""
    assert BIN is not None
    with tempfile.TemporaryDirectory(prefix="tastemaker-") as made:
        folder = Path(made)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        _give_away(folder, secret)
        data = ["-D", str(folder / "data")]
        _run("initdb", *data, "-U", USER, "-A", "scram-sha-256", "--pwfile", str(secret), "-E",
             "UTF8", "--no-locale", "--no-sync")  # fmt: skip
        flags = f"-F -c listen_addresses= -c unix_socket_directories={folder}"
        _run("pg_ctl", *data, "-w", "-l", str(folder / "log"), "-o", flags, "start")
        try:
            yield Server(folder)
        finally:
            _run("pg_ctl", *data, "-m", "immediate", "stop")  # nothing of it is kept


def _run(program: str, *arguments: str) -> None:
    assert BIN is not None
    done = subprocess.run(
        [str(BIN / program), *arguments],
        **_as_whom(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def _as_whom() -> dict[str, Any]:
    """Return the user to run as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    known = {user.pw_name: user for user in pwd.getpwall()}
    user = next(known[name] for name in _UNPRIVILEGED if name in known)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _give_away(*paths: Path) -> None:
    for path in paths:
        if whom := _as_whom():
            os.chown(path, whom["user"], whom["group"])
