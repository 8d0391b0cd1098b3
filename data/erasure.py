"""The store's verb that forgets a rater: the one exception to tables that lose no row."""

from data.engine import Verbs

_TABLES = ("comparisons", "leases", "raters")


class Erasure(Verbs):
    """Erasing what people may ask to have erased."""

    def erase_rater(self, rater_id: str) -> int:
        """Delete a rater and all that they said, for good; return how many events that were.

        The store is written anew with it, so that no deleted row is left in its files. Snapshots
        that were taken before hold what they held.
        """
        with self.engine.rewriting() as connection:
            counted = connection.execute(
                "SELECT count(*) FROM comparisons WHERE rater_id = ?", [rater_id]
            ).fetchone()
            for table in _TABLES:
                connection.execute(f"DELETE FROM {table} WHERE rater_id = ?", [rater_id])
        return 0 if counted is None else int(counted[0])
