"""The store: one DuckDB file that remembers what was made, shown, chosen, fitted and tuned."""

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from data import rows
from data.catalogue import Catalogue
from data.comparisons import Comparisons
from data.errors import StoreError
from data.migrations import MIGRATIONS, SCHEMA_VERSION, Migration, back_up, migrate, schema_version
from data.records import Comparison, Image, Pair, Policy, Prompt, Rater


@dataclass(kw_only=True, slots=True)
class Batch:
    """Records of several kinds that belong together."""

    prompts: list[Prompt] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    raters: list[Rater] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)


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

    def add_batch(self, batch: Batch) -> None:
        """Add all of a batch in one transaction, or nothing; what is there already stays as it is.

        A prompt that is known keeps its split and sets, so what is held out stays held out.
        """
        with self.writing() as connection:
            asked = [prompt.prompt_id for prompt in batch.prompts]
            known = {p.prompt_id for p in rows.PROMPTS.select(connection, prompt_id=asked)}
            rows.PROMPTS.insert(connection, [p for p in batch.prompts if p.prompt_id not in known])
            rows.POLICIES.insert(connection, batch.policies)
            rows.IMAGES.insert(connection, batch.images)
            self._check_pairs(connection, batch.pairs)
            rows.PAIRS.insert(connection, batch.pairs)
            rows.RATERS.insert(connection, batch.raters)
            self._record(connection, batch.comparisons)

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


__all__ = ["SCHEMA_VERSION", "Batch", "Store"]
