"""The round as a state machine: which stage comes next, from the events so far. No side effects.

A round goes through `STAGES` in order. A stage is begun ("started"), may note what it goes on with
("noted"), may be cut short ("stopped", or nothing where it was killed) or find that people are
needed ("waiting"), and ends ("finished"); one that was begun and not finished is begun again.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from data.records import RoundEvent

Stage = Literal["generate", "compare", "fit", "tune", "measure", "report"]
STAGES: tuple[Stage, ...] = get_args(Stage)
TIMED_STAGES = STAGES[:-1]
_ENDS = ("stopped", "waiting", "finished")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a workspace stands: the stage to do next."""

    round: int
    stage: Stage
    status: Literal["new", "started", "waiting"] = "new"
    """"started" where the stage was begun and cut short, "waiting" where people are needed."""

    @property
    def is_between_rounds(self) -> bool:
        """Whether nothing of this round has happened yet."""
        return self.stage == STAGES[0] and self.status == "new"


def position(events: Sequence[RoundEvent]) -> Position:
    """Return the first stage of the latest round that is not finished, else the next round."""
    number = max((event.round for event in events), default=1)
    of_round = [event for event in events if event.round == number]
    for stage in STAGES:
        statuses = [event.status for event in of_round if event.stage == stage]
        if not statuses:
            return Position(number, stage)
        if "finished" not in statuses:
            return Position(number, stage, "waiting" if statuses[-1] == "waiting" else "started")
    return Position(number + 1, STAGES[0])


def num_finished_rounds(events: Sequence[RoundEvent]) -> int:
    """Count the rounds whose last stage is finished."""
    return len({e.round for e in events if e.stage == STAGES[-1] and e.status == "finished"})


def seconds_by_stage(events: Iterable[RoundEvent], number: int | None = None) -> dict[str, float]:
    """Sum the seconds that all attempts at stages took, of one round or of all.

    Those that were killed left no time behind: see `num_killed_by_stage`.
    """
    seconds = dict.fromkeys(TIMED_STAGES, 0.0)
    for event in events:
        is_counted = event.status in _ENDS and number in (None, event.round)
        if is_counted and event.stage in seconds:
            seconds[event.stage] += event.seconds
    return {stage: round(value, 2) for stage, value in seconds.items()}


def num_killed_by_stage(events: Iterable[RoundEvent]) -> dict[str, int]:
    """Count attempts at timed stages that were begun and of which no end is on record."""
    killed: Counter[str] = Counter()
    running: set[tuple[int, str]] = set()
    for event in events:
        attempt = (event.round, event.stage)
        if event.status == "started":
            killed[event.stage] += attempt in running
            running.add(attempt)
        elif event.status in _ENDS:
            running.discard(attempt)
    killed.update(stage for _, stage in running)
    return {stage: killed[stage] for stage in TIMED_STAGES if killed[stage]}
