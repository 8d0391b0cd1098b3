"""Running a round: the side effects of every stage, and what is noted of it in the store.

Which stage comes next is decided by `stages`; each stage can be cut short anywhere and run again.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from data.errors import StoreError, TastemakerError, WorkspaceError
from data.files import remove_leftovers
from data.records import RaterKind, RoundEvent
from data.round_progress import RoundProgress
from data.unfinished_snapshots import remove_killed_snapshots
from feedback_loop.config import Raters
from feedback_loop.hints import hint
from feedback_loop.loop import Loop
from feedback_loop.stages import STAGES, Position, Stage, position
from feedback_loop.terminal import say
from rl_finetune.rounding import refuse_to_follow_rounding


@dataclass(frozen=True, slots=True)
class Waiting:
    """People have to compare pairs before the round goes on."""

    num_compared: int
    num_wanted: int
    num_skipped: int = 0


def run_round(loop: Loop, raters: Raters) -> Waiting | None:
    """Run what is left of the current round, or the next one from its beginning.

    Returns `Waiting` where it had to stop for people, and None when the round is finished.
    """
    refuse_to_follow_rounding(loop.config.tune)  # before people's time is spent
    number = position(loop.store.round_events()).round
    while (at := position(loop.store.round_events())).round == number:
        if waiting := run_stage(loop, at, raters):
            return waiting
    return None


def run_stage(loop: Loop, at: Position, raters: Raters = "people") -> Waiting | None:
    """Run one stage and note in the store when it began, and that it ended, stopped or waits."""
    if at.status != "waiting":
        _note(loop, at, "started")
    say(f"round {at.round}, {at.stage}{_remark(at, raters)}")
    began = time.monotonic()
    with _noting_a_stop(loop, at, began):
        outcome = _ACTIONS[at.stage](loop, at.round, raters)
    seconds = time.monotonic() - began
    if isinstance(outcome, Waiting):
        if at.status != "waiting":
            _note(loop, at, "waiting", seconds)
        return outcome
    _note(loop, at, "finished", seconds, outcome)
    return None


@contextlib.contextmanager
def _noting_a_stop(loop: Loop, at: Position, began: float) -> Iterator[None]:
    """Put on record how long an attempt took that does not come to its end."""
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(TastemakerError, OSError):  # what stopped it is what to tell
            _note(loop, at, "stopped", time.monotonic() - began)
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(
                f"round {at.round} stopped in {at.stage}; what is done of it is kept, and the same "
                "command goes on from there"
            ) from None
        raise


def _note(
    loop: Loop,
    at: Position,
    status: Literal["started", "stopped", "waiting", "finished"],
    seconds: float = 0.0,
    detail: dict[str, object] | None = None,
) -> None:
    event = RoundEvent(
        round=at.round, stage=at.stage, status=status, seconds=seconds, detail=detail or {}
    )
    loop.store.add_round_event(event)


def _remark(at: Position, raters: Raters) -> str:
    remark = " (SIMULATED raters)" if at.stage == "compare" and raters == "simulated" else ""
    return remark + (": going on where it was cut short" if at.status == "started" else "")


def _generate(loop: Loop, number: int, _: Raters) -> dict[str, object]:
    from feedback_loop.generate import generate

    return generate(loop, number)


def _compare(loop: Loop, number: int, raters: Raters) -> dict[str, object] | Waiting:
    """Ask simulated raters, or see whether people have compared enough."""
    from feedback_loop.redrawing import redraw_lost

    redraw_lost(loop)
    noted: dict[str, object] = {"raters": "people"}
    if raters == "simulated":
        from feedback_loop.ask import ask_simulated

        noted = ask_simulated(loop, number)
    found = loop.store.round_progress(number)
    num_wanted = min(loop.config.people.num_pairs or found.num_pairs, found.num_pairs)
    if found.num_compared < num_wanted and not found.is_through:
        return Waiting(found.num_compared, num_wanted, found.num_skipped)
    return noted | _as_noted(found)


def _as_noted(found: RoundProgress) -> dict[str, object]:
    return {"num_compared": found.num_compared, "num_skipped": found.num_skipped}


def close_comparing(loop: Loop, number: int) -> None:
    """Let a round go on with the comparisons that it has; none at all is a `StoreError`."""
    found = loop.store.round_progress(number)
    if not found.num_compared:
        raise StoreError(
            f"none of the {found.num_pairs} pairs of round {number} is compared yet; compare some "
            f"with `{hint(loop.workspace, 'label')}`"
        )
    noted = {"raters": "people"} | _as_noted(found)
    loop.store.add_round_event(
        RoundEvent(round=number, stage="compare", status="finished", detail=noted)
    )


def _fit(loop: Loop, number: int, _: Raters) -> dict[str, object]:
    from feedback_loop.fitting import fit_round
    from feedback_loop.redrawing import redraw_lost

    redraw_lost(loop)
    return fit_round(loop, number)


def _tune(loop: Loop, number: int, _: Raters) -> dict[str, object]:
    from feedback_loop.tuning import tune_round

    return tune_round(loop, number)


def _measure(loop: Loop, number: int, _: Raters) -> dict[str, object]:
    from feedback_loop.measure import measure

    return measure(loop, number)


def _report(loop: Loop, _: int, __: Raters) -> dict[str, object]:
    from feedback_loop.report.build import build_report

    return {"page": build_report(loop).relative_to(loop.workspace.root).as_posix()}


_ACTIONS: dict[Stage, Callable[[Loop, int, Raters], dict[str, object] | Waiting]] = {
    "generate": _generate,
    "compare": _compare,
    "fit": _fit,
    "tune": _tune,
    "measure": _measure,
    "report": _report,
}
assert set(_ACTIONS) == set(STAGES)


@contextlib.contextmanager
def at_work_alone(loop: Loop) -> Iterator[None]:
    """Refuse to work on a workspace's rounds while another process does.

    The lock goes with the process that has it, so a kill leaves none behind.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows, where this guard is missing
        yield
        return
    with (loop.workspace.root / ".round.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WorkspaceError(
                f"another process is at work on the rounds of {loop.workspace.root}; "
                "wait for it, or end it and run the same command again"
            ) from None
        remove_leftovers(loop.workspace.root)
        remove_killed_snapshots(loop.workspace)
        yield


def say_waiting(loop: Loop, waiting: Waiting) -> None:
    """Say what a round waits for and how to give it."""
    number = position(loop.store.round_events()).round
    people = loop.store.counts(RaterKind.PERSON).by_round.get(number, 0)
    skipped = f", {waiting.num_skipped} skipped" if waiting.num_skipped else ""
    say(
        f"\nround {number} waits for people: {waiting.num_compared} of {waiting.num_wanted} pairs "
        f"are compared{skipped} ({people} comparisons by people)\n"
        f"  compare pairs in the browser:  {hint(loop.workspace, 'label')}\n"
        f"  then go on:                    {hint(loop.workspace, 'round')}\n"
        f"  or go on with what there is:   {hint(loop.workspace, 'fit')}"
    )
