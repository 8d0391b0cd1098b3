"""The round as a state machine: which stage comes next, from the events so far. No side effects.

A round goes through `STAGES` in order. A stage is begun ("started"), may find that people are
needed ("waiting"), and ends ("finished"); a stage that was begun and not finished is begun again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from data.records import RoundEvent

Stage = Literal["generate", "compare", "fit", "tune", "measure", "report"]
STAGES: tuple[Stage, ...] = get_args(Stage)
TIMED_STAGES = STAGES[:-1]


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
    """Sum the seconds that finished stages took, of one round or of all."""
    seconds = dict.fromkeys(TIMED_STAGES, 0.0)
    for event in events:
        is_counted = event.status == "finished" and number in (None, event.round)
        if is_counted and event.stage in seconds:
            seconds[event.stage] += event.seconds
    return {stage: round(value, 2) for stage, value in seconds.items()}
