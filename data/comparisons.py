"""The store's verbs for comparisons: record, withdraw, list, count."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from data import rows
from data.assignment_queries import SERVED
from data.engine import Connection, Verbs
from data.errors import UnknownRecord
from data.imported_answers import Question, is_imported, is_late, known_time, question
from data.records import Choice, Comparison, Counts, RaterKind


class Comparisons(Verbs):
    """Comparisons as events; a rater has at most one current one per pair and aspect."""

    def record_many(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Record comparisons in one transaction and return what is stored, in the same order.

        A key that is known returns what was stored under it, so a retry changes nothing. A rater's
        second thought on a pair and aspect supersedes the first; only an imported answer that comes
        late, as `imported_answers` has it, is recorded as withdrawn. An unknown pair or rater, or
        an image shown that is not the pair's, is an `UnknownRecord` and records nothing.
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
        return rows.COMPARISONS.insert(connection, [_undo_of(last, idempotency_key)])[0]

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


def _undo_of(answer: Comparison, idempotency_key: str) -> Comparison:
    return Comparison.new(
        pair_id=answer.pair_id,
        rater_id=answer.rater_id,
        choice=Choice.UNDO,
        aspect=answer.aspect,
        shown_left=answer.shown_left,
        idempotency_key=idempotency_key,
        supersedes=answer.comparison_id,
        repeats=answer.repeats,
    )


def _chained(connection: Connection, comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Let each comparison supersede the rater's current one on the same question, unless late."""
    current = _asked_of(connection, comparisons, source="current_answers")
    standing = {question(each): each.comparison_id for each in current}
    newest = _newest_times(connection, [each for each in comparisons if is_imported(each)])
    chained: list[Comparison] = []
    for comparison in comparisons:
        asked = question(comparison)
        if is_late(comparison, newest.get(asked)):
            chained += [comparison, _withdrawn_at(comparison, newest[asked])]
            continue
        if comparison.supersedes is None and asked in standing:
            comparison = dataclasses.replace(comparison, supersedes=standing[asked])  # noqa: PLW2901
        standing[asked] = comparison.comparison_id
        _note_time(newest, comparison)
        chained.append(comparison)
    return chained


def _asked_of(
    connection: Connection, comparisons: Sequence[Comparison], source: str | None = None
) -> list[Comparison]:
    """List what is on record of the same raters and pairs, or in a view of it."""
    return rows.COMPARISONS.select(
        connection,
        source=source,
        rater_id=sorted({each.rater_id for each in comparisons}),
        pair_id=sorted({each.pair_id for each in comparisons}),
    )


def _newest_times(
    connection: Connection, comparisons: Sequence[Comparison]
) -> dict[Question, datetime]:
    """Return when raters last said something, or took it back, by question."""
    newest: dict[Question, datetime] = {}
    for event in _asked_of(connection, comparisons) if comparisons else []:
        _note_time(newest, event)
    return newest


def _note_time(newest: dict[Question, datetime], event: Comparison) -> None:
    said, asked = known_time(event), question(event)
    if said is not None:
        newest[asked] = max(said, newest.get(asked, said))


def _withdrawn_at(late: Comparison, moment: datetime) -> Comparison:
    """Withdraw a late answer as of the newer one, so that others in between are judged by theirs.

    It cannot stand beneath the newer one in the chain: what that supersedes was written before.
    """
    event = _undo_of(late, f"{late.idempotency_key}:late")
    return dataclasses.replace(event, created_at=moment)
