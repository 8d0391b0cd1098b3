"""The store: one database that remembers what was made, shown, chosen, fitted and tuned."""

from data.assignment import Assignment
from data.catalogue import Catalogue
from data.engine import Engine
from data.errors import StoreError
from data.migrations import MIGRATIONS, SCHEMA_VERSION, Migration


class Store(Catalogue, Assignment):
    """Verbs on a database; each one opens, does one transaction and closes.

    Any number of processes and threads may use it at the same time. Whoever waits for too long
    gets `StoreBusy`. `Store(engine)` trusts the store to be there and of this schema; `create` and
    `open` see to it.
    """

    @classmethod
    def create(cls, engine: Engine) -> "Store":
        """Make the store, or open the one that is there."""
        engine.create()
        return cls.open(engine)

    @classmethod
    def open(cls, engine: Engine, migrations: tuple[Migration, ...] = MIGRATIONS) -> "Store":
        """Open an existing store, migrated to the newest schema.

        Raises `WorkspaceError` when it is missing, `StoreError` when it is unreadable, another
        program's, or of a schema that only a newer Tastemaker knows.
        """
        store = cls(engine)
        found, newest = store.schema_version(), migrations[-1].version
        if found > newest:
            raise StoreError(
                f"{store.place} has schema {found}, and this Tastemaker knows up to {newest};"
                " upgrade it"
            )
        if found < newest:
            engine.upgrade(migrations)
        return store

    def schema_version(self) -> int:
        """Return the schema's version."""
        with self.reading() as connection:
            return self.engine.version(connection)


__all__ = ["SCHEMA_VERSION", "Store"]
