"""The store: one DuckDB file that remembers what was made, shown, chosen, fitted and tuned."""

from pathlib import Path

import duckdb

from data.catalogue import Catalogue
from data.comparisons import Comparisons
from data.errors import StoreError
from data.migrations import MIGRATIONS, SCHEMA_VERSION, Migration, back_up, migrate, schema_version


class Store(Catalogue, Comparisons):
    """Verbs on the file at `path`; each one opens, does one transaction and closes.

    Any number of processes and threads may use it at the same time. Whoever waits for longer than
    `patience_s` gets `StoreBusy`. `Store(path)` trusts the file to be there and of this schema;
    `create` and `open` see to it.
    """

    @classmethod
    def create(cls, path: Path) -> "Store":
        """Make the store, or open the one that is there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        cls(path).create_whole(migrate)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path, migrations: tuple[Migration, ...] = MIGRATIONS) -> "Store":
        """Open an existing store, migrated to the newest schema.

        An older one is first copied to `<name>.v<version>.backup` beside it. Raises
        `WorkspaceError` when it is missing, `StoreError` when it is corrupt, another program's, or
        of a schema that only a newer Tastemaker knows.
        """
        store = cls(path)
        with store.reading() as connection:
            found = store._version(connection)
        newest = migrations[-1].version
        if found > newest:
            raise StoreError(
                f"{path} has schema {found}, and this Tastemaker knows up to {newest}; upgrade it"
            )
        if found < newest:
            with store._opened(read_only=False) as connection:
                store._upgrade(connection, migrations)
        return store

    def schema_version(self) -> int:
        """Return the schema's version in the file."""
        with self.reading() as connection:
            return self._version(connection)

    def _version(self, connection: duckdb.DuckDBPyConnection) -> int:
        try:
            return schema_version(connection)
        except StoreError as error:
            raise StoreError(f"{self.path} {error}; choose another folder") from None

    def _upgrade(
        self, connection: duckdb.DuckDBPyConnection, migrations: tuple[Migration, ...]
    ) -> None:
        found = self._version(connection)
        if 0 < found < migrations[-1].version:
            back_up(connection, self.path.with_name(f"{self.path.name}.v{found}.backup"))
        migrate(connection, migrations)


__all__ = ["SCHEMA_VERSION", "Store"]
