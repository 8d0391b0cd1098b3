"""The store's verbs that share pairs out among people.

A pair has as many seats as people are to judge it. Who has answered all questions about it has a
seat, and so has who holds a lease on it that is not over; a skip gives the seat back, and so does
leaving between two questions, when the lease is over. Only people sit: simulated raters never take
a pair from them. At a gold pair there is room for everyone.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from data import rows
from data.assignment_queries import SEATED, SERVED, TURNS
from data.comparisons import Comparisons
from data.engine import Connection
from data.questions import Lease, Question, Seats
from data.records import Choice, Comparison, Pair, RaterKind, utc_now

LEASE = timedelta(minutes=15)
"""How long a pair waits for who was shown it."""

REPEAT_AFTER = 10
"""Answers between a rater's first judgement of a pair and the second, while there are others."""


class Assignment(Comparisons):
    """Questions for people, with each pair's exact number of raters."""

    def take_questions(
        self,
        rater_id: str,
        round: int,  # noqa: A002
        num: int,
        *,
        now: datetime | None = None,
    ) -> list[Question]:
        """Return a rater's next questions, about up to `num` pairs, and keep those for `LEASE`.

        The pairs are of the round and of open studies. Prompts take turns, so that images of one
        prompt are far apart; beyond that the order is random, and the same for one rater.
        """
        moment = now or utc_now()
        with self.writing() as connection:
            found = _turns(connection, rater_id, round, num, moment, REPEAT_AFTER)
            if not found:
                found = _turns(connection, rater_id, round, num, moment, 0)
            first_time = [pair for pair, is_repeat in found if not is_repeat]
            _lease(connection, first_time, rater_id, moment + LEASE)
            return _questions(connection, found, rater_id)

    def seats(
        self,
        round: int,  # noqa: A002
        rater_id: str,
        *,
        in_studies: bool = False,
    ) -> Seats:
        """Count the judgements asked for now, and those that others than the rater have given.

        Those of the round alone, or of all open studies. The rater's skip of a pair stands for one
        of its judgements, also where others have filled the pair since.
        """
        query = f"""
            WITH {SERVED},
            judged AS (
                SELECT current_answers.pair_id, repeats IS NOT NULL AS is_repeat
                FROM current_answers JOIN served ON served.pair_id = current_answers.pair_id
                WHERE kind = ? AND rater_id <> ?
                GROUP BY current_answers.pair_id, repeats IS NOT NULL, rater_id, num_aspects
                HAVING count(*) FILTER (WHERE choice = 'skip') = 0 AND count(*) >= num_aspects),
            skipped AS (
                SELECT DISTINCT pair_id FROM current_answers
                WHERE rater_id = ? AND choice = 'skip' AND repeats IS NULL),
            asked AS (
                SELECT served.*, num_raters - (skipped.pair_id IS NOT NULL)::INTEGER AS num_others
                FROM served LEFT JOIN skipped ON skipped.pair_id = served.pair_id),
            others AS (
                SELECT pair_id, is_repeat, count(*) AS num FROM judged GROUP BY pair_id, is_repeat)
            SELECT
                coalesce(sum(num_raters) FILTER (WHERE better IS NULL), 0),
                coalesce(sum(least(coalesce(first.num, 0), num_others))
                    FILTER (WHERE better IS NULL), 0),
                coalesce(sum(CASE WHEN better IS NOT NULL THEN 1 WHEN asked_again THEN num_raters
                    ELSE 0 END), 0),
                coalesce(sum(least(coalesce(again.num, 0), num_others)), 0)
            FROM asked
            LEFT JOIN others AS first ON first.pair_id = asked.pair_id AND NOT first.is_repeat
            LEFT JOIN others AS again ON again.pair_id = asked.pair_id AND again.is_repeat
            WHERE (study IS NOT NULL) = ?"""
        asked = [round, RaterKind.PERSON.value, rater_id, rater_id, in_studies]
        with self.reading() as connection:
            row = connection.execute(query, asked).fetchone()
        assert row is not None
        return Seats(
            num=int(row[0]),
            num_taken_by_others=int(row[1]),
            num_checks=int(row[2]),
            num_checks_by_others=int(row[3]),
        )

    def served_pairs(self, round: int) -> list[Pair]:  # noqa: A002
        """List what is asked now: the round's pairs, gold among them, and those of open studies."""
        columns = ", ".join(rows.PAIRS.columns())
        query = f"""WITH {SERVED} SELECT {columns} FROM pairs
            WHERE pair_id IN (SELECT pair_id FROM served) ORDER BY ordinal"""
        with self.reading() as connection:
            return [rows.PAIRS.read(row) for row in connection.execute(query, [round]).fetchall()]

    def answer(self, comparison: Comparison, *, now: datetime | None = None) -> Comparison | None:
        """Record a person's answer; None, and nothing is recorded, where no seat is left for it.

        Only who comes back after their lease is over can find that others have judged the pair.
        """
        with self.writing() as connection:
            key = comparison.idempotency_key
            pair_id, rater_id = comparison.pair_id, comparison.rater_id
            is_new = not rows.COMPARISONS.select(connection, idempotency_key=key)
            if is_new and comparison.repeats is None:
                moment = now or utc_now()
                if comparison.choice is Choice.SKIP:
                    pairs = rows.PAIRS.select(connection, pair_id=pair_id)
                    _lease(connection, pairs, rater_id, moment)  # over at once
                elif not _has_seat(connection, pair_id, rater_id, moment):
                    return None
            return self.record_in(connection, [comparison])[0]

    def take_back(
        self,
        rater_id: str,
        round: int,  # noqa: A002
        idempotency_key: str,
        *,
        now: datetime | None = None,
    ) -> tuple[Comparison, Question | None] | None:
        """Withdraw the rater's latest answer to what is asked now and ask them that question again.

        Returns the undo event and the question, or none where others have taken a skipped pair's
        seats since. None where there is nothing to withdraw: what was said in rounds and studies
        that are over stands.
        """
        moment = now or utc_now()
        with self.writing() as connection:
            event = self.undo_in(connection, rater_id, round, idempotency_key)
            if event is None:
                return None
            (pair,) = rows.PAIRS.select(connection, pair_id=event.pair_id)
            question = Question(pair=pair, aspect=event.aspect, repeats=event.repeats)
            if event.repeats is None:
                if not _has_seat(connection, event.pair_id, rater_id, moment):
                    return event, None
                _lease(connection, [pair], rater_id, moment + LEASE)
            return event, question


def _turns(
    connection: Connection,
    rater_id: str,
    number: int,
    num: int,
    moment: datetime,
    repeat_after: int,
) -> list[tuple[Pair, bool]]:
    """Return the pairs that are the rater's turn, each with whether it is the second time."""
    query = f"""{TURNS} SELECT pair_id, is_repeat FROM turns
        ORDER BY rank, study IS NULL, turn, place LIMIT ?"""
    asked = [number, RaterKind.PERSON.value, moment, *[rater_id] * 4, repeat_after, rater_id, num]
    found = connection.execute(query, asked).fetchall()
    wanted = rows.PAIRS.select(connection, pair_id=[pair_id for pair_id, _ in found])
    pairs = {pair.pair_id: pair for pair in wanted}
    return [(pairs[pair_id], bool(is_repeat)) for pair_id, is_repeat in found]


def _questions(
    connection: Connection, found: Sequence[tuple[Pair, bool]], rater_id: str
) -> list[Question]:
    """Return what is still unanswered about each pair, aspect by aspect."""
    pair_ids = [pair.pair_id for pair, _ in found]
    standing = rows.COMPARISONS.select(
        connection, source="current_answers", rater_id=rater_id, pair_id=pair_ids
    )
    answered = {(c.pair_id, c.aspect, c.repeats is not None): c for c in standing}
    return [
        Question(
            pair=pair,
            aspect=aspect,
            repeats=answered[pair.pair_id, aspect, False].comparison_id if is_repeat else None,
        )
        for pair, is_repeat in found
        for aspect in pair.aspects
        if (pair.pair_id, aspect, is_repeat) not in answered
    ]


def _has_seat(connection: Connection, pair_id: str, rater_id: str, moment: datetime) -> bool:
    """Say whether the rater sits at the pair or may sit down; a pair that is not there has room."""
    if _has_lease(connection, pair_id, rater_id, moment):
        return True
    query = f"""WITH {SEATED}
        SELECT count(*), count(*) FILTER (WHERE rater_id = ?) FROM seated WHERE pair_id = ?"""
    asked = [RaterKind.PERSON.value, moment, rater_id, pair_id]
    row = connection.execute(query, asked).fetchone()
    pairs = rows.PAIRS.select(connection, pair_id=pair_id)
    is_open = not pairs or pairs[0].better is not None
    return is_open or row is None or row[1] > 0 or row[0] < pairs[0].num_raters


def _has_lease(connection: Connection, pair_id: str, rater_id: str, moment: datetime) -> bool:
    """Say whether the rater was shown the pair and their lease on it is not over."""
    query = """SELECT until FROM leases WHERE pair_id = ? AND rater_id = ?
        ORDER BY ordinal DESC LIMIT 1"""
    row = connection.execute(query, [pair_id, rater_id]).fetchone()
    return row is not None and row[0] > moment


def _lease(connection: Connection, pairs: Sequence[Pair], rater_id: str, until: datetime) -> None:
    rows.LEASES.insert(
        connection,
        [Lease(pair_id=pair.pair_id, rater_id=rater_id, until=until) for pair in pairs],
    )
