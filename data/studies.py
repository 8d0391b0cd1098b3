"""The store's verbs for studies: blind comparisons of two policies, measured and never learned."""

from data import rows
from data.engine import Verbs
from data.questions import Study
from data.records import Comparison, Pair


class Studies(Verbs):
    """Studies as events; the latest of a name says where it stands."""

    def add_study(self, study: Study) -> None:
        """Add a study, or a known study's new status."""
        with self.writing() as connection:
            rows.STUDIES.insert(connection, [study])

    def studies(self) -> list[Study]:
        """List studies as they stand, in the order in which that came about."""
        with self.reading() as connection:
            return rows.STUDIES.select(connection, source="current_studies")

    def study_pairs(self, name: str) -> list[Pair]:
        """List a study's pairs."""
        with self.reading() as connection:
            return rows.PAIRS.select(connection, study=name)

    def study_comparisons(self, name: str) -> list[Comparison]:
        """List the current comparisons of a study's pairs."""
        with self.reading() as connection:
            return rows.COMPARISONS.select(connection, source="current_answers", study=name)
