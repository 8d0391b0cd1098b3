"""One rater's desk: the pair in front of them, the pairs that wait behind it, and what they said.

A desk lives in the server, not in a browser tab: a refresh or a second tab finds the same pair
under the same token. Recording is keyed by that token, so nothing is ever recorded twice.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from data.records import Choice, Comparison, Pair, Rater, RaterKind, Seats, utc_now
from data.store import Store
from labeling_app.cards import Card, Cards
from labeling_app.presses import Debounce, Press
from labeling_app.progress import Progress, measure

AHEAD = 3
"""Pairs known in advance: one on the screen, one loaded behind it, one to follow without a wait."""

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
    """The pairs of the newest round, one after another, for one rater."""

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
        self._queue: list[Pair] = []
        self._mine: list[Comparison] = []
        self._round = 0
        self._pair_ids: frozenset[str] = frozenset()
        self._seats = Seats(num=0, num_taken_by_others=0)

    def refresh(self) -> None:
        """Read the store anew; the pair on the desk stays if it is still to be compared."""
        with self._lock:
            pairs = self._store.pairs()
            self._round = max((pair.round for pair in pairs), default=0)
            self._pair_ids = frozenset(p.pair_id for p in pairs if p.round == self._round)
            people = self._store.comparisons(kind=RaterKind.PERSON)
            self._mine = [c for c in people if c.rater_id == self.rater.rater_id]
            rated = {comparison.pair_id for comparison in self._mine}
            before = self._head
            self._queue = [before] if before and before.pair_id not in rated else []
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
        """Look up the pairs to come. Called after showing one, so that nobody waits for it."""
        with self._lock:
            if len(self._queue) < AHEAD:
                found = self._store.take_pairs(self.rater.rater_id, self._round, AHEAD)
                known = {pair.pair_id for pair in self._queue}
                self._queue += [pair for pair in found if pair.pair_id not in known]
                self._seats = self._store.seats(self._round, self.rater.rater_id)
            for pair in self._queue:
                self._cards.card(pair)

    def view(self) -> View:
        """Return what is on the desk."""
        with self._lock:
            cards = [self._cards.card(pair) for pair in self._queue[:AHEAD]]
            return View(
                token=self._token,
                card=cards[0] if cards else None,
                ahead=tuple(cards[1:]),
                progress=measure(self._mine, self._pair_ids, self._seats, self._round, utc_now()),
            )

    @property
    def _head(self) -> Pair | None:
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

    def _record(self, pair: Pair, press: Press) -> Outcome:
        comparison = Comparison.new(
            pair_id=pair.pair_id,
            rater_id=self.rater.rater_id,
            choice=press.choice,
            shown_left=self._cards.card(pair).left,
            milliseconds=press.milliseconds,
            idempotency_key=self._key(pair.pair_id),
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
        event, pair = taken_back
        self._mine = [c for c in self._mine if c.comparison_id != event.supersedes]
        others = [p for p in self._queue if p.pair_id != event.pair_id]
        self._serve([pair, *others] if pair else others)
        return Outcome.UNDONE if pair else Outcome.UNDONE_AND_TAKEN

    def _key(self, what: str) -> str:
        return f"{self.rater.rater_id}:{what}:{self._token}"

    def _serve(self, queue: Sequence[Pair]) -> None:
        """Put the next pair in front; only an empty desk has to look for one first."""
        self._queue = list(queue)
        self._num_served += 1
        if not self._queue:
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
