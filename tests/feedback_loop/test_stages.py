"""The state machine: every history of events leads to exactly one next step."""

import pytest

from data.records import RoundEvent
from feedback_loop.stages import (
    STAGES,
    TIMED_STAGES,
    Position,
    num_finished_rounds,
    num_killed_by_stage,
    position,
    seconds_by_stage,
)


def event(number, stage, status="finished", seconds=0.0, **detail):
    return RoundEvent(round=number, stage=stage, status=status, seconds=seconds, detail=detail)


def whole_round(number):
    return [event(number, stage, status) for stage in STAGES for status in ("started", "finished")]


def test_an_empty_history_begins_the_first_round():
    assert position([]) == Position(1, "generate")
    assert position([]).is_between_rounds


@pytest.mark.parametrize("num_events", range(2 * len(STAGES)))
def test_every_prefix_of_a_round_goes_on_where_it_stopped(num_events):
    at = position(whole_round(1)[:num_events])
    assert at.round == 1
    assert at.stage == STAGES[num_events // 2]
    assert at.status == ("started" if num_events % 2 else "new")


def test_the_whole_chain_is_walked_by_doing_what_is_next():
    events, walked = [], []
    for _ in range(2 * len(STAGES)):
        at = position(events)
        walked.append((at.round, at.stage))
        events += [event(at.round, at.stage, "started"), event(at.round, at.stage)]
    assert walked == [(number, stage) for number in (1, 2) for stage in STAGES]


def test_a_finished_round_is_followed_by_the_next():
    assert position(whole_round(1)) == Position(2, "generate")
    assert position([*whole_round(1), *whole_round(2)]) == Position(3, "generate")


def test_waiting_for_people_is_a_state_that_goes_on():
    events = [event(1, "generate"), event(1, "compare", "started"), event(1, "compare", "waiting")]
    assert position(events) == Position(1, "compare", "waiting")
    assert position([*events, event(1, "compare")]) == Position(1, "fit")


def test_a_stage_that_is_finished_stays_finished():
    events = [event(1, "generate"), event(1, "generate", "started")]
    assert position(events) == Position(1, "compare")


def test_only_rounds_with_their_last_stage_count():
    assert num_finished_rounds([]) == 0
    assert num_finished_rounds([*whole_round(1), event(2, "generate")]) == 1


def test_what_a_stage_notes_is_no_end_of_it():
    events = [event(1, "generate"), event(1, "compare"), event(1, "fit", "started")]
    for status in ("noted", "stopped"):
        assert position([*events, event(1, "fit", status)]) == Position(1, "fit", "started")


def test_seconds_are_summed_over_attempts_that_are_over():
    events = [
        event(1, "tune", "started", seconds=9),
        event(1, "tune", "stopped", seconds=55),
        event(1, "tune", "started"),
        event(1, "tune", seconds=2),
        event(2, "tune", seconds=3),
        event(1, "compare", "waiting", seconds=1),
        event(1, "report", seconds=100),
    ]
    by_stage = {"tune": 60, "compare": 1}
    assert seconds_by_stage(events) == dict.fromkeys(TIMED_STAGES, 0) | by_stage
    assert seconds_by_stage(events, 2)["tune"] == 3
    assert num_killed_by_stage(events) == {}


def test_attempts_that_left_no_end_were_killed():
    events = [
        event(1, "fit", "started"),
        event(1, "fit", "noted"),
        event(1, "fit", "started"),
        event(1, "fit", "stopped"),
        event(1, "fit", "started"),
        event(1, "fit"),
        event(1, "tune", "started"),
        event(1, "report", "started"),
        event(2, "tune", "started"),
        event(2, "compare", "started"),
        event(2, "compare", "waiting"),
        event(2, "compare"),
    ]
    assert num_killed_by_stage(events) == {"fit": 1, "tune": 2}
