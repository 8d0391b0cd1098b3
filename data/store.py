"""The store: one database that remembers what was made, shown, chosen, fitted and tuned."""

from dataclasses import dataclass, field

from data import rows
from data.assignment import Assignment
from data.engine import Engine
from data.erasure import Erasure
from data.errors import StoreError
from data.migrations import MIGRATIONS, SCHEMA_VERSION, Migration
from data.records import Comparison, Image, Pair, Policy, Prompt, Rater
from data.redrawing import Redrawing
from data.round_progress import Progress
from data.studies import Studies


@dataclass(kw_only=True, slots=True)
class Batch:
    """Records of several kinds that belong together."""

    prompts: list[Prompt] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    raters: list[Rater] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)


class Store(Studies, Assignment, Progress, Erasure, Redrawing):
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
            self._check_pairs(connection, batch.pairs, batch.images)
            rows.PAIRS.insert(connection, batch.pairs)
            rows.RATERS.insert(connection, batch.raters)
            self.record_in(connection, batch.comparisons)

    def schema_version(self) -> int:
        """Return the schema's version."""
        with self.reading() as connection:
            return self.engine.version(connection)


__all__ = ["SCHEMA_VERSION", "Batch", "Store"]
