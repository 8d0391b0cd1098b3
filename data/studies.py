"""The store's verbs for studies: blind comparisons of two policies, measured and never learned."""

from collections.abc import Sequence
from dataclasses import replace

from data import rows
from data.catalogue import Catalogue
from data.engine import Connection
from data.errors import StoreError, UnknownRecord
from data.questions import Study, StudyStatus
from data.records import Comparison, Pair, RaterKind, utc_now


class Studies(Catalogue):
    """Studies as events; the latest of a name says where it stands."""

    def queue_study(self, study: Study, pairs: Sequence[Pair]) -> bool:
        """Add a study with its pairs in one transaction; False where it is there already.

        A name that belongs to another study is a `StoreError` and adds nothing.
        """
        with self.writing() as connection:
            if _is_known(connection, study):
                return False
            self._check_pairs(connection, pairs)
            rows.STUDIES.insert(connection, [study])
            rows.PAIRS.insert(connection, pairs)
            return True

    def is_queued(self, study: Study) -> bool:
        """Say whether a study is there; raise `StoreError` where another one has its name."""
        with self.reading() as connection:
            return _is_known(connection, study)

    def add_study(self, study: Study) -> None:
        """Add a study, or a known study's new status."""
        with self.writing() as connection:
            rows.STUDIES.insert(connection, [study])

    def set_study_status(self, name: str, status: StudyStatus) -> None:
        """Close a study, whose pairs are then asked no more, or open it again."""
        study = self.study(name)
        if study.status != status:
            self.add_study(replace(study, status=status, created_at=utc_now()))

    def studies(self) -> list[Study]:
        """List studies as they stand, in the order in which that came about."""
        with self.reading() as connection:
            return rows.STUDIES.select(connection, source="current_studies")

    def study(self, name: str) -> Study:
        """Return one study as it stands or raise `UnknownRecord`."""
        known = {study.name: study for study in self.studies()}
        if name not in known:
            there = ", ".join(known) or "none"
            raise UnknownRecord(f"no study {name!r} in {self.place}; there is {there}")
        return known[name]

    def study_pairs(self, name: str) -> list[Pair]:
        """List a study's pairs."""
        with self.reading() as connection:
            return rows.PAIRS.select(connection, study=name)

    def study_comparisons(self, name: str, kind: RaterKind | None = None) -> list[Comparison]:
        """List the current comparisons of a study's pairs, of one kind of rater where asked."""
        with self.reading() as connection:
            return rows.COMPARISONS.select(
                connection,
                source="current_answers",
                study=name,
                kind=None if kind is None else kind.value,
            )


def _is_known(connection: Connection, study: Study) -> bool:
    known = rows.STUDIES.select(connection, source="current_studies", name=study.name)
    if known and _asked(known[0]) != _asked(study):
        raise StoreError(
            f"study {study.name!r} is there already, of {known[0].policy_a} against"
            f" {known[0].policy_b} and not as asked for now; choose another name"
        )
    return bool(known)


def _asked(study: Study) -> tuple[object, ...]:
    """Return what all events of one study have in common."""
    return study.policy_a, study.policy_b, study.aspects, study.num_raters, study.detail
