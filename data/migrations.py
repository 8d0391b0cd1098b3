"""The store's schema as ordered migrations, each in a transaction of its own.

Tables are append-only, but for `erasure` and `redrawing`; duplicates are kept out by a look at the
keys in the one transaction that may write. In DuckDB they have no index. `ordinal` counts a table's
rows in order of arrival.

The statements are DuckDB's. PostgreSQL runs the same with its own names of the types, has a unique
index on every key, and says in other words what its SQL cannot say.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """One step of the schema."""

    version: int
    statements: tuple[str, ...]
    on_postgresql: tuple[str, ...] | None = None
    """What PostgreSQL runs instead, where it is more than another name of a type."""

    def in_postgresql(self) -> list[str]:
        """Return the statements with PostgreSQL's types: text is compared byte by byte there too.

        So that both databases sort alike, in whatever language the server was set up.
        """
        types = {"VARCHAR": 'VARCHAR COLLATE "C"', "DOUBLE": "DOUBLE PRECISION"}
        statements = self.statements if self.on_postgresql is None else self.on_postgresql
        return [re.sub(r"\b(VARCHAR|DOUBLE)\b", lambda m: types[m[0]], s) for s in statements]


_TABLES = (
    """CREATE TABLE prompts (ordinal BIGINT NOT NULL, prompt_id VARCHAR NOT NULL,
        text VARCHAR NOT NULL, family VARCHAR NOT NULL, split VARCHAR NOT NULL,
        prompt_set VARCHAR NOT NULL)""",
    """CREATE TABLE policies (ordinal BIGINT NOT NULL, name VARCHAR NOT NULL,
        base VARCHAR NOT NULL, adapter VARCHAR, adapter_sha256 VARCHAR, parent VARCHAR,
        run_id VARCHAR, reward_model VARCHAR, round BIGINT NOT NULL,
        created_at TIMESTAMP NOT NULL)""",
    """CREATE TABLE images (ordinal BIGINT NOT NULL, image_id VARCHAR NOT NULL,
        sha256 VARCHAR NOT NULL, policy VARCHAR NOT NULL, prompt_id VARCHAR NOT NULL,
        seed BIGINT NOT NULL, sampler VARCHAR NOT NULL, adapter_sha256 VARCHAR,
        round BIGINT NOT NULL, width BIGINT NOT NULL, height BIGINT NOT NULL,
        created_at TIMESTAMP NOT NULL)""",
    """CREATE TABLE pairs (ordinal BIGINT NOT NULL, pair_id VARCHAR NOT NULL,
        round BIGINT NOT NULL, prompt_id VARCHAR NOT NULL, image_a VARCHAR NOT NULL,
        image_b VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL)""",
    """CREATE TABLE raters (ordinal BIGINT NOT NULL, rater_id VARCHAR NOT NULL,
        name VARCHAR NOT NULL, kind VARCHAR NOT NULL, traits VARCHAR NOT NULL,
        created_at TIMESTAMP NOT NULL)""",
    """CREATE TABLE comparisons (ordinal BIGINT NOT NULL, comparison_id VARCHAR NOT NULL,
        pair_id VARCHAR NOT NULL, rater_id VARCHAR NOT NULL, choice VARCHAR NOT NULL,
        aspect VARCHAR NOT NULL, shown_left VARCHAR NOT NULL, milliseconds BIGINT NOT NULL,
        idempotency_key VARCHAR NOT NULL, supersedes VARCHAR, created_at TIMESTAMP NOT NULL)""",
    """CREATE TABLE reward_models (ordinal BIGINT NOT NULL, name VARCHAR NOT NULL,
        snapshot VARCHAR NOT NULL, path VARCHAR NOT NULL, metrics VARCHAR NOT NULL,
        round BIGINT NOT NULL, created_at TIMESTAMP NOT NULL)""",
    """CREATE TABLE runs (ordinal BIGINT NOT NULL, run_id VARCHAR NOT NULL,
        kind VARCHAR NOT NULL, policy_from VARCHAR NOT NULL, reward VARCHAR NOT NULL,
        path VARCHAR NOT NULL, status VARCHAR NOT NULL, round BIGINT NOT NULL,
        created_at TIMESTAMP NOT NULL)""",
    """CREATE TABLE rounds (ordinal BIGINT NOT NULL, round BIGINT NOT NULL,
        stage VARCHAR NOT NULL, status VARCHAR NOT NULL, seconds DOUBLE NOT NULL,
        detail VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL)""",
)

KEYS = {
    "prompts": "prompt_id, prompt_set",
    "policies": "name",
    "images": "image_id",
    "pairs": "pair_id",
    "raters": "rater_id",
    "comparisons": "idempotency_key",
    "reward_models": "name",
    "runs": "run_id, status",
}
"""The columns by which two rows of a table are the same."""

_INDEXES = (
    *(f"CREATE UNIQUE INDEX ON {table} ({columns})" for table, columns in KEYS.items()),
    *(f"CREATE UNIQUE INDEX ON {table} (ordinal)" for table in (*KEYS, "rounds")),
    # What a writer looks up while the others wait: the rater's standing comparison on a pair.
    "CREATE INDEX ON comparisons (rater_id, pair_id)",
    "CREATE INDEX ON comparisons (supersedes) WHERE supersedes IS NOT NULL",
)

# What raters hold true now: no undo, and nothing that a later event replaced or withdrew.
_CURRENT_COMPARISONS = """CREATE VIEW current_comparisons AS
        SELECT comparisons.*, pairs.round, raters.kind
        FROM comparisons JOIN pairs USING (pair_id) JOIN raters USING (rater_id)
        WHERE choice <> 'undo' AND comparison_id NOT IN
            (SELECT supersedes FROM comparisons WHERE supersedes IS NOT NULL)"""

_VIEWS = (
    _CURRENT_COMPARISONS,
    """CREATE VIEW current_runs AS
        SELECT * FROM runs QUALIFY row_number() OVER
            (PARTITION BY run_id ORDER BY ordinal DESC) = 1""",
    """CREATE VIEW distinct_prompts AS
        SELECT * FROM prompts QUALIFY row_number() OVER
            (PARTITION BY prompt_id ORDER BY ordinal) = 1""",
)

_ASSIGNMENT = (
    "ALTER TABLE pairs ADD COLUMN num_raters BIGINT DEFAULT 1",
    """CREATE TABLE leases (ordinal BIGINT NOT NULL, pair_id VARCHAR NOT NULL,
        rater_id VARCHAR NOT NULL, until TIMESTAMP NOT NULL, created_at TIMESTAMP NOT NULL)""",
)

_LEASE_INDEXES = (
    "CREATE UNIQUE INDEX ON leases (ordinal)",
    "CREATE INDEX ON leases (pair_id, rater_id)",
)

_GOLD_PAIRS = "CREATE VIEW gold_pairs AS SELECT * FROM pairs WHERE better IS NOT NULL"
_ROUND_PAIRS = (
    "CREATE VIEW round_pairs AS SELECT * FROM pairs WHERE better IS NULL AND study IS NULL"
)

_CHECKS_AND_STUDIES = (
    "ALTER TABLE pairs ADD COLUMN aspects VARCHAR DEFAULT 'overall'",
    "ALTER TABLE pairs ADD COLUMN asked_again BOOLEAN DEFAULT false",
    "ALTER TABLE pairs ADD COLUMN better VARCHAR",
    "ALTER TABLE pairs ADD COLUMN study VARCHAR",
    "ALTER TABLE comparisons ADD COLUMN repeats VARCHAR",
    """CREATE TABLE studies (ordinal BIGINT NOT NULL, name VARCHAR NOT NULL,
        policy_a VARCHAR NOT NULL, policy_b VARCHAR NOT NULL, aspects VARCHAR NOT NULL,
        num_raters BIGINT NOT NULL, detail VARCHAR NOT NULL, status VARCHAR NOT NULL,
        created_at TIMESTAMP NOT NULL)""",
    "DROP VIEW current_comparisons",
    # All that raters hold true now: no undo, and nothing that a later event replaced or withdrew.
    """CREATE VIEW current_answers AS
        SELECT comparisons.*, pairs.round, pairs.better, pairs.study, raters.kind
        FROM comparisons JOIN pairs USING (pair_id) JOIN raters USING (rater_id)
        WHERE choice <> 'undo' AND comparison_id NOT IN
            (SELECT supersedes FROM comparisons WHERE supersedes IS NOT NULL)""",
    # What may be learned from: nothing that only checks raters or measures policies.
    """CREATE VIEW current_comparisons AS
        SELECT * FROM current_answers
        WHERE repeats IS NULL AND better IS NULL AND study IS NULL""",
    """CREATE VIEW current_checks AS
        SELECT * FROM current_answers
        WHERE study IS NULL AND (repeats IS NOT NULL OR better IS NOT NULL)""",
    _GOLD_PAIRS,
    _ROUND_PAIRS,
    """CREATE VIEW current_studies AS
        SELECT * FROM studies WHERE ordinal IN (SELECT max(ordinal) FROM studies GROUP BY name)""",
)

_STUDY_INDEXES = ("CREATE UNIQUE INDEX ON studies (ordinal)",)

_CHOICE_OF_PAIRS = (
    "ALTER TABLE pairs ADD COLUMN chosen_by VARCHAR DEFAULT 'chance'",
    "ALTER TABLE pairs ADD COLUMN propensity FLOAT8 DEFAULT 1",
    # Views keep the columns that their tables had.
    "DROP VIEW gold_pairs",
    "DROP VIEW round_pairs",
    _GOLD_PAIRS,
    _ROUND_PAIRS,
)

_VIEWS_WITHOUT_QUALIFY = (
    _CURRENT_COMPARISONS,
    """CREATE VIEW current_runs AS
        SELECT * FROM runs WHERE ordinal IN (SELECT max(ordinal) FROM runs GROUP BY run_id)""",
    """CREATE VIEW distinct_prompts AS
        SELECT * FROM prompts WHERE ordinal IN
            (SELECT min(ordinal) FROM prompts GROUP BY prompt_id)""",
)

MIGRATIONS = (
    Migration(version=1, statements=_TABLES, on_postgresql=(*_TABLES, *_INDEXES)),
    Migration(version=2, statements=_VIEWS, on_postgresql=_VIEWS_WITHOUT_QUALIFY),
    Migration(version=3, statements=_ASSIGNMENT, on_postgresql=(*_ASSIGNMENT, *_LEASE_INDEXES)),
    Migration(
        version=4,
        statements=_CHECKS_AND_STUDIES,
        on_postgresql=(*_CHECKS_AND_STUDIES, *_STUDY_INDEXES),
    ),
    Migration(version=5, statements=_CHOICE_OF_PAIRS, on_postgresql=_CHOICE_OF_PAIRS),
)

SCHEMA_VERSION = MIGRATIONS[-1].version
