"""Where a rater stands in what is asked now: the newest round, and the studies that are open."""

from data.questions import Question, Seats
from data.records import Aspect, Comparison, Pair, utc_now
from data.store import Store
from labeling_app.progress import Progress, measure


class Standing:
    """What is asked, and what one rater has said; read from the store once, then kept up."""

    def __init__(self, store: Store, rater_id: str) -> None:
        """Know nothing yet; `read` must come first."""
        self._store = store
        self._rater_id = rater_id
        self._mine: list[Comparison] = []
        self._pairs: dict[str, Pair] = {}
        self._seats = dict.fromkeys((False, True), Seats(num=0, num_taken_by_others=0))
        """Of the round, and of the open studies."""
        self.round = 0

    def read(self) -> None:
        """Read pairs and answers anew."""
        self._read_pairs()
        self._mine = self._store.answers(self._rater_id)

    def look_up(self, num: int) -> list[Question]:
        """Return the rater's next questions, about so many pairs, and count the seats anew.

        Pairs may have been added since they were read.
        """
        found = self._store.take_questions(self._rater_id, self.round, num)
        if any(each.pair.pair_id not in self._pairs for each in found):
            self._read_pairs()
        self._seats = self._count_seats()
        return found

    def add(self, comparison: Comparison) -> None:
        """Remember an answer of the rater."""
        self._mine.append(comparison)

    def withdraw(self, comparison_id: str | None) -> None:
        """Forget an answer that the rater took back."""
        self._mine = [each for each in self._mine if each.comparison_id != comparison_id]

    def is_asked(self, question: Question) -> bool:
        """Say whether a question still waits for the rater's answer."""
        answered = {key_of(comparison) for comparison in self._mine}
        return question.pair.pair_id in self._pairs and key_of(question) not in answered

    def progress(self, head: Question | None) -> Progress:
        """Measure what the question is of: a study, or the round; with no question the round."""
        if head:
            is_study = head.pair.study is not None
        else:
            is_study = self._has_studies and not self._seats[False].num
        pairs = {i: p for i, p in self._pairs.items() if (p.study is not None) == is_study}
        seats = self._seats[is_study]
        return measure(self._mine, pairs, seats, self.round, utc_now(), is_of_studies=is_study)

    @property
    def _has_studies(self) -> bool:
        return any(pair.study for pair in self._pairs.values())

    def _read_pairs(self) -> None:
        self.round = self._store.newest_round()
        self._pairs = {p.pair_id: p for p in self._store.served_pairs(self.round)}

    def _count_seats(self) -> dict[bool, Seats]:
        of_round = self._store.seats(self.round, self._rater_id)
        if not self._has_studies:
            return self._seats | {False: of_round}
        in_studies = self._store.seats(self.round, self._rater_id, in_studies=True)
        return {False: of_round, True: in_studies}


def key_of(asked: Question | Comparison) -> tuple[str, Aspect, bool]:
    """Return which question it is, or answers."""
    pair_id = asked.pair.pair_id if isinstance(asked, Question) else asked.pair_id
    return pair_id, asked.aspect, asked.repeats is not None
