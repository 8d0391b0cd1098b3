"""Where a workspace's store is: a DuckDB file in its folder, or a PostgreSQL database elsewhere.

The database is the one that `--store` or $TASTEMAKER_STORE names, else the one in the workspace's
`store.yaml`, which `tastemaker init` writes without the password.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from data.engine import Engine
from data.errors import ConfigError, StoreError, WorkspaceError
from data.files import write_atomically
from data.strict_yaml import read_mapping, structure

STORE_VARIABLE = "TASTEMAKER_STORE"
FILE_NAME = "preferences.duckdb"

_SCHEMES = ("postgresql://", "postgres://")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreAddress:
    """What `store.yaml` says."""

    url: str


def choose_store(url: str | None) -> None:
    """Let this process, and those that it starts, use the database of that URL, if there is one."""
    if url is not None:
        os.environ[STORE_VARIABLE] = url


def engine_of(root: Path, *, linger_s: float = 0.0) -> Engine:
    """Return the engine of a workspace's store; nothing is opened yet.

    A file stays open for `linger_s` after it was used, where nobody else wants it.
    """
    url = os.environ.get(STORE_VARIABLE) or _remembered(root)
    return _file(root, linger_s) if url is None else _database(url)


def has_store(root: Path) -> bool:
    """Say whether the workspace has a store of its own already."""
    return (root / FILE_NAME).exists() or _path(root).exists()


def check_same(root: Path, engine: Engine) -> None:
    """Raise `WorkspaceError` if the workspace has another store already."""
    url = _remembered(root)
    known = _database(url) if url else _file(root)
    if has_store(root) and known.place != engine.place:
        raise WorkspaceError(
            f"{root} has its store in {known.place}, not in {engine.place}; choose another folder"
            " with --workspace"
        )


def refuse_instead_of_file(root: Path) -> None:
    """Raise `WorkspaceError` where a database was asked for and the workspace has its own file.

    Its images would go into the folder and their records into another workspace's database.
    """
    is_file = (root / FILE_NAME).exists() and not _path(root).exists()
    if is_file and os.environ.get(STORE_VARIABLE):
        raise another_workspaces(root, str(root / FILE_NAME))


def own_address(root: Path, place: str) -> str | None:
    """Return the address in the workspace's `store.yaml` where that is another than `place`."""
    url = _remembered(root)
    return None if url == place else url


def another_workspaces(root: Path, own: str) -> WorkspaceError:
    """Say that the database asked for is none of the workspace's."""
    return WorkspaceError(
        f"{root} has its store in {own}, and --store or ${STORE_VARIABLE} names another workspace's"
        f" database; leave that out (`unset {STORE_VARIABLE}`), or name with --workspace the folder"
        " that the database belongs to"
    )


def remember(root: Path, engine: Engine) -> None:
    """Write down where the store is, without the password, if it is not in the workspace."""
    if engine.place.startswith(_SCHEMES):
        write_atomically(_path(root), yaml.safe_dump({"url": engine.place}))


def _remembered(root: Path) -> str | None:
    path = _path(root)
    return structure(StoreAddress, read_mapping(path), path).url if path.is_file() else None


def _path(root: Path) -> Path:
    return root / "store.yaml"


def _file(root: Path, linger_s: float = 0.0) -> Engine:
    from data.duckdb_file import DuckDBFile  # `--help` does without duckdb

    return DuckDBFile(root / FILE_NAME, linger_s=linger_s)


def _database(url: str) -> Engine:
    if not url.startswith(_SCHEMES):
        raise ConfigError(
            "the store's URL is not PostgreSQL's; expected postgresql://user@host:5432/database"
        )
    try:
        from data.postgres import PostgresDatabase
    except ImportError:
        raise StoreError(
            "a store on PostgreSQL needs psycopg, which is not installed; "
            "run `pip install 'psycopg[binary]'`"
        ) from None
    return PostgresDatabase(url)
