"""The schema in a DuckDB file: which one it has, how it is brought to the newest, how it is copied.

No default is computed and every migration ends in a CHECKPOINT: DuckDB 1.5 could not replay such a
file after a kill.
"""

from pathlib import Path

import duckdb

from data.duckdb_instance import quoted
from data.engine import Connection
from data.errors import StoreError
from data.migrations import MIGRATIONS, Migration
from data.records import utc_now


def schema_version(connection: Connection) -> int:
    """Return the version of an open file, 0 for an empty one; `StoreError` if it is not ours."""
    try:
        row = connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()
    except duckdb.CatalogException:
        # Listing the tables takes five times as long.
        if connection.execute("SHOW TABLES").fetchall():
            raise StoreError("is a DuckDB file, but not a Tastemaker store") from None
        return 0
    return int(row[0]) if row else 0


def migrate(
    connection: duckdb.DuckDBPyConnection, migrations: tuple[Migration, ...] = MIGRATIONS
) -> None:
    """Bring an open file to the newest of `migrations`; one that is interrupted begins again."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_version"
        " (version BIGINT NOT NULL, applied_at TIMESTAMP NOT NULL)"
    )
    found = schema_version(connection)
    for migration in migrations:
        if migration.version <= found:
            continue
        connection.begin()
        for statement in migration.statements:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO schema_version VALUES (?, ?)", [migration.version, utc_now()]
        )
        connection.commit()
        connection.execute("CHECKPOINT")


def back_up(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Copy the open file to `path`, rows of the write-ahead log included."""
    for leftover in (path, path.with_name(f"{path.name}.wal")):
        leftover.unlink(missing_ok=True)
    row = connection.execute("SELECT current_database()").fetchone()
    assert row is not None
    source, backup = f'"{row[0]}"', f'"{row[0]}_backup"'
    connection.execute(f"ATTACH {quoted(path)} AS {backup}")
    connection.execute(f"COPY FROM DATABASE {source} TO {backup}")
    connection.execute(f"DETACH {backup}")


def kept_backups(path: Path) -> list[Path]:
    """List what upgrades of the file `path` left beside it: all that it held before them."""
    return sorted(path.parent.glob(f"{path.name}.v*.backup*"))
