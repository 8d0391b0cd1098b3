"""Raters at once at the real app, commands beside them, and kill -9: a short benchmarks.raters."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from postgres_server import Server

from benchmarks.raters.account import settle
from benchmarks.raters.crowd import Acknowledged
from benchmarks.raters.plan import Plan
from benchmarks.raters.trial import Result, run_trial
from data.records import Aspect, Choice, Comparison, Pair, Rater, RaterKind
from data.workspace import Workspace

PLAN = Plan(num_raters=4, seconds=6, look_s=1, num_stored=100, num_images=16)


def assert_all_went_well(result: Result) -> None:
    assert result.faults == []
    assert result.account.num_acknowledged >= PLAN.num_raters
    assert {each.name: bool(each.seconds) for each in result.beside} == {
        "generate": True,
        "fit": True,
        "status": True,
    }


@pytest.mark.slow
def test_an_app_is_killed_while_raters_rate():
    assert_all_went_well(run_trial(PLAN))


@pytest.mark.slow
def test_two_apps_on_postgresql_are_killed_while_raters_rate(postgres: Server):
    assert_all_went_well(run_trial(replace(PLAN, store=postgres.make(), num_apps=2)))


@pytest.fixture
def answer(workspace: Workspace, ada: Rater) -> Callable[..., Acknowledged]:
    """Let Ada answer a pair, and return what her page would say of it."""
    store = workspace.store()
    sha256 = {image.image_id: image.sha256 for image in store.images()}

    def record(
        pair: Pair,
        token: str,
        rater: Rater = ada,
        repeats: str | None = None,
        aspect: Aspect = Aspect.OVERALL,
    ) -> Acknowledged:
        store.record_many(
            [
                Comparison.new(
                    pair_id=pair.pair_id,
                    rater_id=rater.rater_id,
                    choice=Choice.LEFT,
                    aspect=aspect,
                    shown_left=pair.image_a,
                    idempotency_key=f"{rater.rater_id}:{pair.pair_id}:{token}",
                    repeats=repeats,
                )
            ]
        )
        return Acknowledged(
            rater_id=rater.rater_id,
            token=token,
            choice=Choice.LEFT,
            left_sha256=sha256[pair.image_a],
            milliseconds=100,
        )

    return record


def test_the_account_is_settled_where_all_is_there(workspace: Workspace, answer: Callable):
    store = workspace.store()
    acknowledged = [answer(pair, f"t-{i}") for i, pair in enumerate(store.pairs())]
    account = settle(store, acknowledged[:-1])
    assert account.faults == []
    assert (account.num_acknowledged, account.num_stored, account.num_unacknowledged) == (4, 5, 1)


def test_the_account_counts_by_showing(workspace: Workspace, answer: Callable):
    store, bob = workspace.store(), Rater.new("Bob", RaterKind.PERSON)
    store.add_rater(bob)
    pair = store.pairs()[0]
    gold = Pair.new(
        round=1,
        prompt_id=pair.prompt_id,
        image_a=pair.image_a,
        image_b=pair.image_b,
        better=pair.image_a,
    )
    store.add_pairs([gold])
    told = [answer(pair, "t-1"), answer(gold, "t-2"), answer(gold, "t-1", bob)]
    first = store.comparisons()[0].comparison_id
    account = settle(store, [*told, answer(pair, "t-3", repeats=first)])
    assert account.faults == []
    assert (account.num_stored, account.num_on_gold, account.num_repeats) == (4, 2, 1)


def test_the_account_leaves_out_who_left_between_two_questions(
    workspace: Workspace, answer: Callable
):
    store, bob = workspace.store(), Rater.new("Bob", RaterKind.PERSON)
    store.add_rater(bob)
    both = (Aspect.ALIGNMENT, Aspect.QUALITY)
    pair = replace(store.pairs()[0], pair_id="two questions", aspects=both)
    store.add_pairs([pair])
    half = answer(pair, "t-1", aspect=both[0])
    whole = [answer(pair, f"b-{each}", bob, aspect=each) for each in both]
    assert settle(store, [half, *whole]).faults == []
    answer(pair, "t-2", aspect=both[1])
    assert settle(store, [half, *whole]).faults == ["2 raters on two questions, which has 1 seats"]


def test_the_account_names_what_is_wrong(workspace: Workspace, answer: Callable):
    store = workspace.store()
    first, second, *others = store.pairs()
    good = answer(first, "t-1")
    lost = replace(good, token="t-2")
    other_choice = replace(good, choice=Choice.RIGHT)
    other_side = replace(good, left_sha256="0" * 64)
    assert [fault[:13] for fault in settle(store, [good, lost]).faults] == ["not there: Ac"]
    assert "left is there" in settle(store, [other_choice]).faults[0]
    assert "another image" in settle(store, [other_side]).faults[0]
    bob = Rater.new("Bob", RaterKind.PERSON)
    store.add_rater(bob)
    answer(first, "t-3", bob)
    assert settle(store, [good]).faults == [
        f"2 raters on {first.pair_id}, which has 1 seats",
    ]
    answer(second, "t-4"), answer(others[0], "t-5")
    assert any("2 events of" in fault for fault in settle(store, [good]).faults)
    answer(others[0], "t-5b"), answer(others[1], "t-5")
    assert any("showing 2 times" in fault for fault in settle(store, [good]).faults)
