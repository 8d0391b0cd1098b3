"""The store's verbs for comparisons: record, withdraw, list, count."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

from data import rows
from data.assignment_queries import SERVED
from data.engine import Connection, Verbs
from data.errors import UnknownRecord
from data.records import Aspect, Choice, Comparison, Counts, RaterKind


class Comparisons(Verbs):
    """Comparisons as events; a rater has at most one current one per pair and aspect."""

    def record_many(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Record comparisons in one transaction and return what is stored, in the same order.

        A key that is known returns what was stored under it, so a retry changes nothing. A rater's
        second thought on a pair and aspect supersedes the first. An unknown pair or rater, or an
        image shown that is not the pair's, is an `UnknownRecord` and records nothing.
        """
        with self.writing() as connection:
            return self.record_in(connection, comparisons)

    def record_in(
        self, connection: Connection, comparisons: Sequence[Comparison]
    ) -> list[Comparison]:
        """Do what `record_many` does, as a part of an open transaction."""
        keys = [comparison.idempotency_key for comparison in comparisons]
        known = rows.COMPARISONS.select(connection, idempotency_key=keys)
        stored = {comparison.idempotency_key: comparison for comparison in known}
        new = [c for c in comparisons if c.idempotency_key not in stored]
        self._check(connection, new)
        for comparison in rows.COMPARISONS.insert(connection, _chained(connection, new)):
            stored[comparison.idempotency_key] = comparison
        return [stored[key] for key in keys]

    def undo_in(
        self,
        connection: Connection,
        rater_id: str,
        round: int,  # noqa: A002
        idempotency_key: str,
    ) -> Comparison | None:
        """Withdraw the rater's latest answer to what is asked in the round and in open studies.

        It is a part of an open transaction. Returns the undo event: None when there is nothing to
        withdraw, and the stored event for a known key.
        """
        if known := rows.COMPARISONS.select(connection, idempotency_key=idempotency_key):
            return known[0]
        last = _latest(connection, rater_id, round)
        if last is None:
            return None
        event = Comparison.new(
            pair_id=last.pair_id,
            rater_id=rater_id,
            choice=Choice.UNDO,
            aspect=last.aspect,
            shown_left=last.shown_left,
            idempotency_key=idempotency_key,
            supersedes=last.comparison_id,
            repeats=last.repeats,
        )
        return rows.COMPARISONS.insert(connection, [event])[0]

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
                kind=_value(kind),
            )

    def answers(self, rater_id: str) -> list[Comparison]:
        """List all that a rater's answers stand at, in studies and to checks of raters too."""
        with self.reading() as connection:
            return rows.COMPARISONS.select(connection, source="current_answers", rater_id=rater_id)

    def checks(self, round: int) -> list[Comparison]:  # noqa: A002
        """List current answers that only check raters: on gold pairs, and second ones."""
        with self.reading() as connection:
            return rows.COMPARISONS.select(connection, source="current_checks", round=round)

    def comparison_events(self) -> list[Comparison]:
        """List everything that was ever recorded, undo events too, in order."""
        with self.reading() as connection:
            return rows.COMPARISONS.select(connection)

    def counts(self, kind: RaterKind | None = None) -> Counts:
        """Count current comparisons, of one kind of rater where asked."""
        query = """SELECT kind, choice, round, count(*) FROM current_comparisons
            WHERE CAST(? AS VARCHAR) IS NULL OR kind = ? GROUP BY kind, choice, round"""
        with self.reading() as connection:
            found = connection.execute(query, [_value(kind)] * 2).fetchall()
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
                WHERE round = ? AND (CAST(? AS VARCHAR) IS NULL OR kind = ?)),
            (SELECT count(*) FROM round_pairs WHERE round = ?)"""
        with self.reading() as connection:
            row = connection.execute(query, [round, *[_value(kind)] * 2, round]).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def _check(self, connection: Connection, comparisons: Sequence[Comparison]) -> None:
        wanted_pairs = sorted({c.pair_id for c in comparisons})
        pairs = {p.pair_id: p for p in rows.PAIRS.select(connection, pair_id=wanted_pairs)}
        wanted_raters = sorted({c.rater_id for c in comparisons})
        raters = {r.rater_id for r in rows.RATERS.select(connection, rater_id=wanted_raters)}
        for comparison in comparisons:
            if comparison.rater_id not in raters:
                raise UnknownRecord(f"no rater {comparison.rater_id!r} in {self.place}")
            pair = pairs.get(comparison.pair_id)
            if pair is None:
                raise UnknownRecord(f"no pair {comparison.pair_id!r} in {self.place}")
            if comparison.shown_left not in (pair.image_a, pair.image_b):
                raise UnknownRecord(
                    f"image {comparison.shown_left!r} is not in pair {pair.pair_id!r}"
                )


def _value(kind: RaterKind | None) -> str | None:
    """Return a kind as its column holds it."""
    return None if kind is None else kind.value


def _latest(connection: Connection, rater_id: str, number: int) -> Comparison | None:
    columns = ", ".join(rows.COMPARISONS.columns())
    query = f"""WITH {SERVED} SELECT {columns} FROM current_answers
        WHERE rater_id = ? AND pair_id IN (SELECT pair_id FROM served)
        ORDER BY ordinal DESC LIMIT 1"""
    found = connection.execute(query, [number, rater_id]).fetchone()
    return None if found is None else rows.COMPARISONS.read(found)


def _chained(connection: Connection, comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Let each comparison supersede the rater's current one on the same question."""
    current = rows.COMPARISONS.select(
        connection,
        source="current_answers",
        rater_id=sorted({c.rater_id for c in comparisons}),
        pair_id=sorted({c.pair_id for c in comparisons}),
    )
    standing = {_question(c): c.comparison_id for c in current}
    chained: list[Comparison] = []
    for comparison in comparisons:
        asked = _question(comparison)
        if comparison.supersedes is None and asked in standing:
            comparison = dataclasses.replace(comparison, supersedes=standing[asked])  # noqa: PLW2901
        standing[asked] = comparison.comparison_id
        chained.append(comparison)
    return chained


def _question(comparison: Comparison) -> tuple[str, str, Aspect, bool]:
    """Return what was asked of whom; the second time is a question of its own."""
    is_repeat = comparison.repeats is not None
    return comparison.rater_id, comparison.pair_id, comparison.aspect, is_repeat
