"""One rater's desk: the question in front of them, those that wait behind it, and what they said.

A desk lives in the server, not in a browser tab: a refresh or a second tab finds the same question
under the same token. Recording is keyed by that token, so nothing is ever recorded twice.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from data.errors import StoreBusy
from data.questions import Question
from data.records import Choice, Comparison, Rater
from data.store import Store
from labeling_app.cards import Card, Cards
from labeling_app.presses import Debounce, Press
from labeling_app.progress import Progress
from labeling_app.standing import Standing, key_of

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
        self._standing = Standing(store, rater.rater_id)
        self._debounce = Debounce()
        self._lock = threading.RLock()
        self._name = secrets.token_hex(8)
        self._num_served = 0
        self._queue: list[Question] = []

    def refresh(self) -> None:
        """Read the store anew; the question on the desk stays if it is still to be answered."""
        with self._lock:
            self._standing.read()
            before = self._head
            self._queue = [before] if before and self._standing.is_asked(before) else []
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
                self._find_more()
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
                progress=self._standing.progress(self._head),
            )

    def _find_more(self) -> None:
        """Add questions to the queue; the first on an empty desk begins another showing.

        Else a press on the ending, which is still on the screen, would be an answer to it.
        """
        found = self._standing.look_up(_TAKEN)
        known = {key_of(question) for question in self._queue}
        if not self._queue and found:
            self._num_served += 1
        self._queue += [each for each in found if key_of(each) not in known]

    @property
    def _head(self) -> Question | None:
        return self._queue[0] if self._queue else None

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
        if stored is not None:  # before anything that may fail: it is saved now
            self._standing.add(stored)
        rest = self._queue[1:]
        if press.choice is Choice.SKIP:  # the pair is left out, whatever else is asked about it
            rest = [each for each in rest if each.pair.pair_id != comparison.pair_id]
        self._serve(rest)
        return Outcome.TAKEN if stored is None else Outcome.RECORDED

    def _undo(self) -> Outcome:
        asked_now = self._store.newest_round()  # this page may be older
        taken_back = self._store.take_back(self.rater.rater_id, asked_now, self._key("undo"))
        if taken_back is None:
            return Outcome.NOTHING_TO_UNDO
        event, question = taken_back
        self._standing.withdraw(event.supersedes)
        if question is None:
            self._serve([each for each in self._queue if each.pair.pair_id != event.pair_id])
            return Outcome.UNDONE_AND_TAKEN
        self._serve([question, *(e for e in self._queue if key_of(e) != key_of(question))])
        return Outcome.UNDONE

    def _key(self, what: str) -> str:
        return f"{self.rater.rater_id}:{what}:{self._token}"

    def _serve(self, queue: Sequence[Question]) -> None:
        """Put the next question in front; only an empty desk has to look for one first."""
        self._queue = list(queue)
        self._num_served += 1
        if not self._queue:
            with suppress(StoreBusy):  # what was pressed is saved; the page looks once more
                self.refill()


_desks: dict[tuple[str, str], Desk] = {}
_desks_lock = threading.Lock()


def desk_of(store: Store, rater: Rater) -> Desk:
    """Return the one desk that this process keeps for a rater, read anew from the store."""
    where = (store.place, rater.rater_id)
    with _desks_lock:
        desk = _desks.setdefault(where, Desk(store, rater))
    desk.refresh()
    return desk
