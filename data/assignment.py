"""The store's verbs that share pairs out among people.

A pair has as many seats as people are to judge it. Who has answered it has a seat, and so has who
holds a lease on it that is not over; a skip gives the seat back. Only people sit: simulated raters
never take a pair from them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from data import rows
from data.comparisons import Comparisons
from data.engine import Connection
from data.records import Choice, Comparison, Lease, Pair, RaterKind, Seats, utc_now

LEASE = timedelta(minutes=15)
"""How long a pair waits for who was shown it."""

_SEATED = """
    answers AS (
        SELECT pair_id, rater_id, choice FROM current_comparisons WHERE kind = ?),
    held AS (
        SELECT pair_id, rater_id FROM (
            SELECT pair_id, rater_id, until, row_number() OVER (
                PARTITION BY pair_id, rater_id ORDER BY ordinal DESC) AS age
            FROM leases) AS newest
        WHERE age = 1 AND until > ? AND NOT EXISTS (
            SELECT 1 FROM answers
            WHERE answers.pair_id = newest.pair_id AND answers.rater_id = newest.rater_id)),
    seated AS (
        SELECT pair_id, rater_id FROM answers WHERE choice <> ?
        UNION SELECT pair_id, rater_id FROM held)"""
"""Who sits where, from the kind of rater, the time and the choice that gives a seat back."""


class Assignment(Comparisons):
    """Pairs for people, each with its exact number of raters."""

    def take_pairs(
        self,
        rater_id: str,
        round: int,  # noqa: A002
        num: int,
        *,
        now: datetime | None = None,
    ) -> list[Pair]:
        """Return up to `num` pairs for a rater to judge, and keep them for `LEASE` from `now`.

        Those that they hold already come first. Prompts take turns, so that images of one prompt
        are far apart; beyond that the order is random, and the same for one rater.
        """
        moment = now or utc_now()
        columns = ", ".join(f"pairs.{column}" for column in rows.PAIRS.columns())
        query = f"""
            WITH {_SEATED},
            taken AS (
                SELECT pair_id, count(*) AS num FROM seated WHERE rater_id <> ? GROUP BY pair_id),
            mine AS (SELECT DISTINCT pair_id FROM answers WHERE rater_id = ?),
            seen AS (
                SELECT prompt_id, count(*) AS num FROM mine
                JOIN pairs ON pairs.pair_id = mine.pair_id GROUP BY prompt_id),
            free AS (
                SELECT pairs.pair_id, pairs.prompt_id,
                    md5(pairs.pair_id || CAST(? AS VARCHAR)) AS place,
                    held.pair_id IS NULL AS is_new
                FROM pairs
                LEFT JOIN taken ON taken.pair_id = pairs.pair_id
                LEFT JOIN mine ON mine.pair_id = pairs.pair_id
                LEFT JOIN held ON held.pair_id = pairs.pair_id AND held.rater_id = ?
                WHERE pairs.round = ? AND mine.pair_id IS NULL
                    AND coalesce(taken.num, 0) < pairs.num_raters),
            turns AS (
                SELECT pair_id, place, is_new, coalesce(seen.num, 0)
                    + row_number() OVER (PARTITION BY free.prompt_id ORDER BY is_new, place) AS turn
                FROM free LEFT JOIN seen ON seen.prompt_id = free.prompt_id)
            SELECT {columns} FROM turns JOIN pairs ON pairs.pair_id = turns.pair_id
            ORDER BY turns.is_new, turns.turn, turns.place LIMIT ?"""
        seats = [RaterKind.PERSON.value, moment, Choice.SKIP.value]
        with self.writing() as connection:
            asked = [*seats, *[rater_id] * 4, round, num]
            found = connection.execute(query, asked).fetchall()
            pairs = [rows.PAIRS.read(row) for row in found]
            _lease(connection, pairs, rater_id, moment + LEASE)
        return pairs

    def seats(self, round: int, rater_id: str) -> Seats:  # noqa: A002
        """Count the round's seats, and those of them that others than the rater have filled."""
        query = """
            WITH others AS (
                SELECT pair_id, count(DISTINCT rater_id) AS num FROM current_comparisons
                WHERE kind = ? AND choice <> ? AND rater_id <> ? GROUP BY pair_id)
            SELECT coalesce(sum(num_raters), 0),
                coalesce(sum(least(coalesce(others.num, 0), num_raters)), 0)
            FROM pairs LEFT JOIN others ON others.pair_id = pairs.pair_id WHERE pairs.round = ?"""
        asked = [RaterKind.PERSON.value, Choice.SKIP.value, rater_id, round]
        with self.reading() as connection:
            row = connection.execute(query, asked).fetchone()
        assert row is not None
        return Seats(num=int(row[0]), num_taken_by_others=int(row[1]))

    def answer(self, comparison: Comparison, *, now: datetime | None = None) -> Comparison | None:
        """Record a person's answer; None, and nothing is recorded, where no seat is left for it.

        Only who comes back after their lease is over can find that others have judged the pair.
        """
        with self.writing() as connection:
            key = comparison.idempotency_key
            pair_id, rater_id = comparison.pair_id, comparison.rater_id
            if not rows.COMPARISONS.select(connection, idempotency_key=key):
                moment = now or utc_now()
                if comparison.choice is Choice.SKIP:
                    pairs = rows.PAIRS.select(connection, pair_id=pair_id)
                    _lease(connection, pairs, rater_id, moment)  # over at once
                elif not _has_seat(connection, pair_id, rater_id, moment):
                    return None
            return self.record_in(connection, [comparison])[0]

    def take_back(
        self, rater_id: str, idempotency_key: str, *, now: datetime | None = None
    ) -> tuple[Comparison, Pair | None] | None:
        """Withdraw the rater's latest answer and give them that pair again.

        Returns the undo event and the pair, or no pair where others have taken a skipped one's
        seats since. None where there is nothing to withdraw.
        """
        moment = now or utc_now()
        with self.writing() as connection:
            event = self.undo_in(connection, rater_id, idempotency_key)
            if event is None:
                return None
            pairs = rows.PAIRS.select(connection, pair_id=event.pair_id)
            if not _has_seat(connection, event.pair_id, rater_id, moment):
                return event, None
            _lease(connection, pairs, rater_id, moment + LEASE)
            return event, pairs[0]


def _has_seat(connection: Connection, pair_id: str, rater_id: str, moment: datetime) -> bool:
    """Say whether the rater sits at the pair or may sit down; a pair that is not there has room."""
    query = f"""WITH {_SEATED}
        SELECT count(*), count(*) FILTER (WHERE rater_id = ?) FROM seated WHERE pair_id = ?"""
    asked = [RaterKind.PERSON.value, moment, Choice.SKIP.value, rater_id, pair_id]
    row = connection.execute(query, asked).fetchone()
    pairs = rows.PAIRS.select(connection, pair_id=pair_id)
    return not pairs or row is None or row[1] > 0 or row[0] < pairs[0].num_raters


def _lease(connection: Connection, pairs: Sequence[Pair], rater_id: str, until: datetime) -> None:
    rows.LEASES.insert(
        connection,
        [Lease(pair_id=pair.pair_id, rater_id=rater_id, until=until) for pair in pairs],
    )
