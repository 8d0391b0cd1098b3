"""One rater's desk: the question in front of them, those that wait behind it, and what they said.

A desk lives in the server, not in a browser tab: a refresh or a second tab finds the same question
under the same token. Recording is keyed by that token, so nothing is ever recorded twice.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from data.questions import Question, Seats
from data.records import Aspect, Choice, Comparison, Pair, Rater, utc_now
from data.store import Store
from labeling_app.cards import Card, Cards
from labeling_app.presses import Debounce, Press
from labeling_app.progress import Progress, measure

AHEAD = 3
"""Questions known in advance: one on the screen, one loaded behind it, one to follow at once."""

_TAKEN = AHEAD + 1
"""Pairs asked for when fewer questions are known: looking them up is the slow part of an answer,
and so it is done for every other one."""

_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of a press."""

    RECORDED = "recorded"
    UNDONE = "undone"
    NOTHING_TO_UNDO = "nothing to undo"
    TOO_FAST = "too fast"
    TAKEN = "taken"
    """Others have judged the pair while it lay here: nothing more is asked of it."""
    UNDONE_AND_TAKEN = "undone and taken"
    """A skip was taken back, and others have judged the pair since."""
    STALE = "stale"
    """Pressed on a showing that is over, such as one in another tab."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What a rater sees at one moment."""

    token: str
    card: Card | None
    """None when nothing is left to compare."""
    ahead: tuple[Card, ...]
    progress: Progress


class Desk:
    """The questions of the newest round and of open studies, one after another, for one rater."""

    def __init__(
        self, store: Store, rater: Rater, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Sit down; `refresh` must come first. `clock` counts seconds for the debounce."""
        self.rater = rater
        self._store = store
        self._clock = clock
        self._cards = Cards(store, rater.rater_id)
        self._debounce = Debounce()
        self._lock = threading.RLock()
        self._name = secrets.token_hex(8)
        self._num_served = 0
        self._queue: list[Question] = []
        self._mine: list[Comparison] = []
        self._round = 0
        self._pairs: dict[str, Pair] = {}
        self._seats = dict.fromkeys((False, True), Seats(num=0, num_taken_by_others=0))
        """Of the round, and of the open studies."""

    def refresh(self) -> None:
        """Read the store anew; the question on the desk stays if it is still to be answered."""
        with self._lock:
            self._round = self._store.newest_round()
            self._pairs = {p.pair_id: p for p in self._store.served_pairs(self._round)}
            self._mine = self._store.answers(self.rater.rater_id)
            before = self._head
            self._queue = [before] if before and self._is_asked(before) else []
            self.refill()
            if self._head != before or self._num_served == 0:
                self._num_served += 1

    def press(self, press: Press) -> Outcome:
        """Record a press, at most one per showing; what the store refuses can be pressed again."""
        arrived = self._clock()
        with self._lock:
            try:
                outcome = self._settle(press, arrived)
            finally:
                self._debounce.touch(self._clock())
        if outcome in (Outcome.TOO_FAST, Outcome.STALE):
            _log.info("rejected %s by %s: %s", press.choice, self.rater.name, outcome)
        return outcome

    def refill(self) -> None:
        """Look up the questions to come. Called after showing one, so that nobody waits for it."""
        with self._lock:
            if len(self._queue) < AHEAD:
                found = self._store.take_questions(self.rater.rater_id, self._round, _TAKEN)
                known = {_key_of(question) for question in self._queue}
                self._queue += [each for each in found if _key_of(each) not in known]
                self._seats = self._count_seats()
            self._cards.look_up(self._queue)
            for question in self._queue:
                self._cards.card(question)

    def view(self) -> View:
        """Return what is on the desk."""
        with self._lock:
            cards = [self._cards.card(question) for question in self._queue[:AHEAD]]
            return View(
                token=self._token,
                card=cards[0] if cards else None,
                ahead=tuple(cards[1:]),
                progress=self._progress(),
            )

    def _progress(self) -> Progress:
        """Measure what the question is of: a study, or the round; with no question the round."""
        is_study = self._head.pair.study is not None if self._head else not self._seats[False].num
        pairs = {i: p for i, p in self._pairs.items() if (p.study is not None) == is_study}
        is_study = is_study and bool(pairs)
        seats = self._seats[is_study]
        return measure(self._mine, pairs, seats, self._round, utc_now(), is_of_studies=is_study)

    def _count_seats(self) -> dict[bool, Seats]:
        of_round = self._store.seats(self._round, self.rater.rater_id)
        if not any(pair.study for pair in self._pairs.values()):
            return self._seats | {False: of_round}
        in_studies = self._store.seats(self._round, self.rater.rater_id, in_studies=True)
        return {False: of_round, True: in_studies}

    @property
    def _head(self) -> Question | None:
        return self._queue[0] if self._queue else None

    def _is_asked(self, question: Question) -> bool:
        """Say whether a question still waits for the rater's answer."""
        answered = {_key_of(comparison) for comparison in self._mine}
        return question.pair.pair_id in self._pairs and _key_of(question) not in answered

    @property
    def _token(self) -> str:
        return f"{self._name}-{self._num_served}"

    def _settle(self, press: Press, arrived: float) -> Outcome:
        if not self._debounce.admits(arrived):
            return Outcome.TOO_FAST
        if press.token != self._token:
            return Outcome.STALE
        if press.choice is Choice.UNDO:
            return self._undo()
        return Outcome.STALE if self._head is None else self._record(self._head, press)

    def _record(self, question: Question, press: Press) -> Outcome:
        comparison = Comparison.new(
            pair_id=question.pair.pair_id,
            rater_id=self.rater.rater_id,
            choice=press.choice,
            aspect=question.aspect,
            shown_left=self._cards.card(question).left,
            milliseconds=press.milliseconds,
            idempotency_key=self._key(question.pair.pair_id),
            repeats=question.repeats,
        )
        stored = self._store.answer(comparison)
        self._serve(self._queue[1:])
        if stored is None:
            return Outcome.TAKEN
        self._mine.append(stored)
        return Outcome.RECORDED

    def _undo(self) -> Outcome:
        taken_back = self._store.take_back(self.rater.rater_id, self._key("undo"))
        if taken_back is None:
            return Outcome.NOTHING_TO_UNDO
        event, question = taken_back
        self._mine = [c for c in self._mine if c.comparison_id != event.supersedes]
        if question is None:
            self._serve([each for each in self._queue if each.pair.pair_id != event.pair_id])
            return Outcome.UNDONE_AND_TAKEN
        self._serve([question, *(e for e in self._queue if _key_of(e) != _key_of(question))])
        return Outcome.UNDONE

    def _key(self, what: str) -> str:
        return f"{self.rater.rater_id}:{what}:{self._token}"

    def _serve(self, queue: Sequence[Question]) -> None:
        """Put the next question in front; only an empty desk has to look for one first."""
        self._queue = list(queue)
        self._num_served += 1
        if not self._queue:
            self.refill()


def _key_of(asked: Question | Comparison) -> tuple[str, Aspect, bool]:
    """Return which question it is, or answers."""
    pair_id = asked.pair.pair_id if isinstance(asked, Question) else asked.pair_id
    return pair_id, asked.aspect, asked.repeats is not None


_desks: dict[tuple[str, str], Desk] = {}
_desks_lock = threading.Lock()


def desk_of(store: Store, rater: Rater) -> Desk:
    """Return the one desk that this process keeps for a rater, read anew from the store."""
    where = (store.place, rater.rater_id)
    with _desks_lock:
        desk = _desks.setdefault(where, Desk(store, rater))
    desk.refresh()
    return desk
