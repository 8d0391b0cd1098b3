"""The store's verb that says how far the pairs of a round are."""

from dataclasses import dataclass

from data.assignment_queries import NUM_ASPECTS
from data.engine import Verbs
from data.records import RaterKind

_QUERY = f"""
    WITH said AS (
        SELECT pair_id, count(DISTINCT aspect) FILTER (WHERE choice <> 'skip') AS num_answered,
            count(*) FILTER (WHERE choice = 'skip') AS num_skips
        FROM current_comparisons
        WHERE round = ? AND (CAST(? AS VARCHAR) IS NULL OR kind = ?) GROUP BY pair_id)
    SELECT count(*), count(*) FILTER (WHERE num_answered >= {NUM_ASPECTS}),
        count(*) FILTER (WHERE num_answered < {NUM_ASPECTS} AND num_skips > 0)
    FROM round_pairs LEFT JOIN said ON said.pair_id = round_pairs.pair_id
    WHERE round_pairs.round = ?"""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundProgress:
    """How far a round's pairs are: each of them is compared, skipped, or neither."""

    num_pairs: int
    num_compared: int
    """All that is asked about them has an answer."""
    num_skipped: int
    """Somebody left them out, and not all that is asked about them has an answer."""

    @property
    def is_through(self) -> bool:
        """Whether every pair is compared or skipped: who rates alone has nothing left to do."""
        return 0 < self.num_compared == self.num_pairs - self.num_skipped


class Progress(Verbs):
    """How far a round is."""

    def round_progress(
        self,
        round: int,  # noqa: A002
        kind: RaterKind | None = None,
    ) -> RoundProgress:
        """Count the round's pairs that are compared and skipped, by one kind of rater or by all."""
        asked = None if kind is None else kind.value
        with self.reading() as connection:
            row = connection.execute(_QUERY, [round, asked, asked, round]).fetchone()
        assert row is not None
        return RoundProgress(num_pairs=row[0], num_compared=row[1], num_skipped=row[2])
