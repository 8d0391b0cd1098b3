from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from data.questions import Seats
from data.records import Aspect, Choice, Comparison, Pair
from labeling_app.progress import describe, measure, seconds_per_pair

NOON = datetime(2026, 3, 4, 12)


def comparison(pair_id: str, at: datetime) -> Comparison:
    return Comparison(
        comparison_id=f"c-{pair_id}-{at}",
        pair_id=pair_id,
        rater_id="ada",
        choice=Choice.LEFT,
        shown_left="i",
        idempotency_key=f"k-{pair_id}-{at}",
        created_at=at,
    )


def every(seconds: float, num: int) -> list[datetime]:
    return [NOON + timedelta(seconds=seconds * i) for i in range(num)]


def test_pace_is_the_usual_time_between_answers():
    assert seconds_per_pair(every(4, 10), NOON + timedelta(seconds=40)) == 4


def test_a_break_does_not_slow_the_pace():
    times = every(4, 6) + [NOON + timedelta(hours=2, seconds=4 * i) for i in range(6)]
    assert seconds_per_pair(times, times[-1] + timedelta(seconds=3)) == 4


def pairs(*pair_ids: str, **said: bool) -> dict[str, Pair]:
    images = {"image_a": "a", "image_b": "b"}
    made = [Pair(pair_id=i, round=3, prompt_id="p", **images, **said) for i in pair_ids]
    return {pair.pair_id: pair for pair in made}


def test_checks_count_like_any_other_judgement_and_a_skip_saves_the_second():
    seats = Seats(num=4, num_taken_by_others=1, num_checks=3, num_checks_by_others=1)
    served = pairs("p1", "p2", asked_again=True)
    answered, skipped = comparison("p1", NOON), comparison("p2", NOON)
    again = replace(answered, repeats=answered.comparison_id)
    skipped = replace(skipped, choice=Choice.SKIP)
    for mine, num in (([answered], 3), ([answered, again], 4), ([answered, again, skipped], 6)):
        progress = measure(mine, served, seats, 3, NOON)
        assert (progress.num_answered, progress.num_seats) == (num, 7)


def test_a_pair_with_two_questions_is_one_judgement():
    first = comparison("p1", NOON)
    mine = [replace(first, aspect=aspect) for aspect in (Aspect.ALIGNMENT, Aspect.QUALITY)]
    seats = Seats(num=4, num_taken_by_others=0)
    both = {"p1": replace(pairs("p1")["p1"], aspects=(Aspect.ALIGNMENT, Aspect.QUALITY))}
    assert measure(mine, both, seats, 3, NOON).num_answered == 1
    assert measure(mine[:1], both, seats, 3, NOON).num_answered == 0
    skipped = replace(first, aspect=Aspect.ALIGNMENT, choice=Choice.SKIP)
    progress = measure([skipped], both, seats, 3, NOON)
    assert (progress.num_answered, progress.num_skipped) == (1, 1)


def test_the_time_left_is_that_of_pairs_however_many_questions_each_has():
    seconds = ((p, 20 * p + second) for p in range(10) for second in (0, 10))
    mine = [
        replace(comparison(f"p{p}", NOON + timedelta(seconds=s)), aspect=aspect)
        for (p, s), aspect in zip(seconds, [Aspect.ALIGNMENT, Aspect.QUALITY] * 10, strict=True)
    ]
    served, seats = pairs(*(f"p{p}" for p in range(100))), Seats(num=100, num_taken_by_others=0)
    progress = measure(mine, served, seats, 3, NOON + timedelta(seconds=200))
    assert progress.seconds_per_pair == 20
    assert progress.minutes_left == 30


def test_there_is_no_pace_before_a_few_answers_or_after_a_break():
    assert seconds_per_pair([], NOON) is None
    assert seconds_per_pair(every(4, 3), NOON + timedelta(seconds=9)) is None
    assert seconds_per_pair(every(4, 10), NOON + timedelta(hours=1)) is None


def test_only_pairs_of_the_round_count_as_rated_and_only_today_as_today():
    mine = [
        comparison("p1", NOON - timedelta(days=2)),
        comparison("p1", NOON),
        comparison("other round", NOON),
    ]
    seats = Seats(num=4, num_taken_by_others=2)
    progress = measure(mine, pairs("p1", "p2"), seats, 3, NOON)
    assert (progress.round, progress.num_answered, progress.num_seats) == (3, 3, 4)
    assert progress.num_today == 2
    assert progress.fraction == 0.75


def test_the_time_left_follows_from_the_pace():
    mine = [comparison(f"p{i}", at) for i, at in enumerate(every(6, 20))]
    served = pairs(*(f"p{i}" for i in range(120)))
    seats = Seats(num=120, num_taken_by_others=0)
    progress = measure(mine, served, seats, 1, NOON + timedelta(seconds=120))
    assert progress.minutes_left == pytest.approx(10)
    assert describe(progress) == ["20 of 120", "20 today", "10 a minute", "about 10 min left"]


def test_an_empty_round_is_no_division_by_zero():
    none = measure([], {}, Seats(num=0, num_taken_by_others=0), 0, NOON)
    assert describe(none) == ["0 of 0", "0 today"]
    assert none.fraction == 0
