"""The store's verbs for comparisons: record, withdraw, serve what is next, count."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import duckdb

from data import rows
from data.duckdb_file import DuckDBFile
from data.errors import UnknownRecord
from data.records import Choice, Comparison, Counts, Pair, RaterKind


class Comparisons(DuckDBFile):
    """Comparisons as events; a rater has at most one current one per pair and aspect."""

    def record(self, comparison: Comparison) -> Comparison:
        """Record one comparison and return what is stored: see `record_many`."""
        return self.record_many([comparison])[0]

    def record_many(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Record comparisons in one transaction and return what is stored, in the same order.

        A key that is known returns what was stored under it, so a retry changes nothing. A rater's
        second thought on a pair and aspect supersedes the first. An unknown pair or rater, or an
        image shown that is not the pair's, is an `UnknownRecord` and records nothing.
        """
        with self.writing() as connection:
            return self._record(connection, comparisons)

    def undo(self, rater_id: str, idempotency_key: str) -> Comparison | None:
        """Withdraw the rater's latest current comparison; return the undo event.

        Returns None when there is nothing to withdraw, and the stored event for a known key.
        """
        with self.writing() as connection:
            if known := rows.COMPARISONS.select(connection, idempotency_key=idempotency_key):
                return known[0]
            current = rows.COMPARISONS.select(
                connection, source="current_comparisons", rater_id=rater_id
            )
            if not current:
                return None
            last = current[-1]
            event = Comparison.new(
                pair_id=last.pair_id,
                rater_id=rater_id,
                choice=Choice.UNDO,
                aspect=last.aspect,
                shown_left=last.shown_left,
                idempotency_key=idempotency_key,
                supersedes=last.comparison_id,
            )
            return rows.COMPARISONS.insert(connection, [event])[0]

    def next_pairs(self, rater_id: str, round: int | None = None, num: int = 2) -> list[Pair]:  # noqa: A002
        """Return up to `num` pairs that the rater has no current comparison on.

        Those with fewest current comparisons come first; among equals the order is random, but
        always the same for one rater.
        """
        columns = ", ".join(f"pairs.{column}" for column in rows.PAIRS.columns())
        query = f"""
            SELECT {columns} FROM pairs LEFT JOIN current_comparisons AS seen USING (pair_id)
            WHERE ? IS NULL OR pairs.round = ?
            GROUP BY {columns}
            HAVING count(*) FILTER (seen.rater_id = ?) = 0
            ORDER BY count(seen.comparison_id), md5(pair_id || ?)
            LIMIT ?"""
        with self.reading() as connection:
            found = connection.execute(query, [round, round, rater_id, rater_id, num]).fetchall()
        return [rows.PAIRS.read(row) for row in found]

    def comparisons(
        self,
        round: int | None = None,  # noqa: A002
        kind: RaterKind | None = None,
    ) -> list[Comparison]:
        """List current comparisons, of a round or of one kind of rater where asked."""
        with self.reading() as connection:
            return rows.COMPARISONS.select(
                connection,
                source="current_comparisons",
                round=round,
                kind=None if kind is None else kind.value,
            )

    def comparison_events(self) -> list[Comparison]:
        """List everything that was ever recorded, undo events too, in order."""
        with self.reading() as connection:
            return rows.COMPARISONS.select(connection)

    def counts(self, kind: RaterKind | None = None) -> Counts:
        """Count current comparisons, of one kind of rater where asked."""
        query = """SELECT kind, choice, round, count(*) FROM current_comparisons
            WHERE ? IS NULL OR kind = ? GROUP BY ALL"""
        with self.reading() as connection:
            found = connection.execute(query, [kind, kind]).fetchall()
        by_kind, by_choice, by_round = Counter[str](), Counter[str](), Counter[int]()
        for rater_kind, choice, number, count in found:
            by_kind[rater_kind] += count
            by_choice[choice] += count
            by_round[number] += count
        return Counts(
            by_kind={k: by_kind[k] for k in RaterKind},
            by_choice={c: by_choice[c] for c in Choice if c is not Choice.UNDO},
            by_round=dict(sorted(by_round.items())),
        )

    def progress(self, round: int, kind: RaterKind | None = None) -> tuple[int, int]:  # noqa: A002
        """Return how many of the round's pairs have a current comparison, and how many it has."""
        query = """SELECT
            (SELECT count(DISTINCT pair_id) FROM current_comparisons
                WHERE round = ? AND (? IS NULL OR kind = ?)),
            (SELECT count(*) FROM pairs WHERE round = ?)"""
        with self.reading() as connection:
            row = connection.execute(query, [round, kind, kind, round]).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def _record(
        self, connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison]
    ) -> list[Comparison]:
        keys = [comparison.idempotency_key for comparison in comparisons]
        known = rows.COMPARISONS.select(connection, idempotency_key=keys)
        stored = {comparison.idempotency_key: comparison for comparison in known}
        new = [c for c in comparisons if c.idempotency_key not in stored]
        self._check(connection, new)
        for comparison in rows.COMPARISONS.insert(connection, _chained(connection, new)):
            stored[comparison.idempotency_key] = comparison
        return [stored[key] for key in keys]

    def _check(
        self, connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison]
    ) -> None:
        wanted_pairs = sorted({c.pair_id for c in comparisons})
        pairs = {p.pair_id: p for p in rows.PAIRS.select(connection, pair_id=wanted_pairs)}
        wanted_raters = sorted({c.rater_id for c in comparisons})
        raters = {r.rater_id for r in rows.RATERS.select(connection, rater_id=wanted_raters)}
        for comparison in comparisons:
            if comparison.rater_id not in raters:
                raise UnknownRecord(f"no rater {comparison.rater_id!r} in {self.path}")
            pair = pairs.get(comparison.pair_id)
            if pair is None:
                raise UnknownRecord(f"no pair {comparison.pair_id!r} in {self.path}")
            if comparison.shown_left not in (pair.image_a, pair.image_b):
                raise UnknownRecord(
                    f"image {comparison.shown_left!r} is not in pair {pair.pair_id!r}"
                )


def _chained(
    connection: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison]
) -> list[Comparison]:
    """Let each comparison supersede the rater's current one on the same pair and aspect."""
    current = rows.COMPARISONS.select(
        connection,
        source="current_comparisons",
        rater_id=sorted({c.rater_id for c in comparisons}),
        pair_id=sorted({c.pair_id for c in comparisons}),
    )
    standing = {(c.rater_id, c.pair_id, c.aspect): c.comparison_id for c in current}
    chained: list[Comparison] = []
    for comparison in comparisons:
        asked = (comparison.rater_id, comparison.pair_id, comparison.aspect)
        if comparison.supersedes is None and asked in standing:
            comparison = dataclasses.replace(comparison, supersedes=standing[asked])  # noqa: PLW2901
        standing[asked] = comparison.comparison_id
        chained.append(comparison)
    return chained
