"""What the progress page and `tastemaker status` say of a round, from a real store."""

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from data.records import Aspect, Choice, Comparison, Pair, Policy, Rater, RaterKind
from data.store import Store
from data.workspace import Workspace
from labeling_app.rating_report import report_on
from labeling_app.rating_words import agreement_words, rater_words, side_words, win_words
from labeling_app.sides import left_image

NUM_PAIRS = 40


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory, add_round: Callable) -> Workspace:
    """Ann and Bea know which image is better; Lea takes the left one, and a program answers too."""
    workspace = Workspace.create(tmp_path_factory.mktemp("rated") / "workspace")
    pairs = add_round(workspace, NUM_PAIRS, num_raters=3)
    store, rng = workspace.store(), random.Random(0)
    kinds = {"Ann": RaterKind.PERSON, "Bea": RaterKind.PERSON, "Lea": RaterKind.PERSON}
    for name, kind in (kinds | {"sim": RaterKind.SIMULATED}).items():
        rater = Rater.new(name, kind)
        store.add_rater(rater)
        made = []
        for pair in pairs:
            left = left_image(pair, rater.rater_id)
            good = pair.image_a if int(pair.pair_id, 16) % 2 else pair.image_b
            better = Choice.LEFT if left == good else Choice.RIGHT
            knows = name != "Lea" and rng.random() < 0.95
            milliseconds = 300 if name == "Lea" else 2000
            made.append(
                Comparison.new(
                    pair_id=pair.pair_id,
                    rater_id=rater.rater_id,
                    choice=better if knows else Choice.LEFT,
                    shown_left=left,
                    milliseconds=milliseconds,
                )
            )
        store.record_many(made)
    return workspace


def test_a_round_is_reported_of_people_alone(rated: Workspace):
    report = report_on(rated.store())
    assert (report.round, report.num_answered, report.num_seats) == (1, 120, 120)
    assert [line.name for line in report.raters] == ["Ann", "Bea", "Lea"]
    assert sum(report.by_hour.values()) == sum(report.num_by_choice.values()) == 120
    assert report.agreement.num_pairs == NUM_PAIRS
    alpha = report.agreement.alpha
    assert alpha is not None
    assert 0 < alpha.value < 0.8
    assert report_on(rated.store()) == report  # the same interval every time


def test_who_does_not_look_is_found(rated: Workspace):
    ann, bea, lea = (rater_words(line) for line in report_on(rated.store()).raters)
    assert ann == "Ann: 40 (fine)"
    assert bea == "Bea: 40 (fine)"
    assert "too fast 100 % of 40" in lea
    assert "left 100 % of 40" in lea


def test_policies_that_meet_have_a_win_rate(tmp_path: Path, add_round: Callable):
    """Images of a newer policy stand on side b of half of the pairs, and are liked."""
    workspace = Workspace.create(tmp_path / "workspace")
    pairs = add_round(workspace, 40)
    store, rng = workspace.store(), random.Random(1)
    assert report_on(store).wins == []
    store.add_policy(Policy(name="newer", base="secret-base", parent="secret-policy"))
    images = {image.image_id: image for image in store.images()}
    newer = [
        replace(images[p.image_b], image_id=f"new-{p.image_b}", policy="newer") for p in pairs[:20]
    ]
    met = [
        Pair.new(round=2, prompt_id=p.prompt_id, image_a=p.image_a, image_b=f"new-{p.image_b}")
        for p in pairs[:20]
    ]
    store.add_images(newer)
    store.add_pairs(met)
    for name in ("Ann", "Bea", "Cy"):
        rater = Rater.new(name, RaterKind.PERSON)
        store.add_rater(rater)
        made = []
        for pair in met:
            left = left_image(pair, rater.rater_id)
            likes_newer = rng.random() < 0.8
            choice = Choice.LEFT if (left == pair.image_b) == likes_newer else Choice.RIGHT
            ids = {"pair_id": pair.pair_id, "rater_id": rater.rater_id}
            made.append(Comparison.new(choice=choice, shown_left=left, **ids))
        store.record_many(made)
    (win,) = report_on(store).wins
    assert (win.newer, win.older, win.rate.num) == ("newer", "secret-policy", 60)
    assert 0.65 < win.rate.value < 0.9
    assert win_words(win).startswith("newer over secret-policy: ")


@pytest.mark.parametrize("after", ["pairs", "gold_pairs", "raters", "comparisons", "checks"])
def test_what_comes_or_goes_while_it_is_read_is_no_error(
    workspace: Workspace, ada: Rater, monkeypatch: pytest.MonkeyPatch, after: str
):
    """A pair, its gold, a rater and an answer come, and another rater is erased, in between."""
    store = workspace.store()
    pair = store.pairs()[0]
    store.record_many([_left(pair, ada)])
    read, new = getattr(Store, after), Rater.new("new", RaterKind.PERSON)

    def then_more(*arguments: object, **wanted: object) -> object:
        found = read(*arguments, **wanted)
        if store.find_rater("new", RaterKind.PERSON) is None:
            more = [
                replace(pair, pair_id="more"),
                replace(pair, pair_id="gold", better=pair.image_a),
            ]
            store.add_pairs(more)
            store.add_rater(new)
            store.record_many([_left(each, new) for each in more])
            store.erase_rater(ada.rater_id)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Store, after, then_more)
        report_on(store)
    assert [line.name for line in report_on(store).raters] == ["new"]


def _left(pair: Pair, rater: Rater) -> Comparison:
    return Comparison.new(
        pair_id=pair.pair_id,
        rater_id=rater.rater_id,
        choice=Choice.LEFT,
        shown_left=pair.image_a,
        idempotency_key=f"{pair.pair_id} {rater.name}",
    )


def test_it_is_said_in_words(rated: Workspace, empty_workspace: Workspace):
    report = report_on(rated.store())
    assert agreement_words(report).endswith("on 40 pairs that several people judged")
    assert side_words(report).startswith("+")
    nothing = report_on(empty_workspace.store())
    assert nothing.raters == []
    assert agreement_words(nothing) == "no pair has been judged by two people yet"
    assert side_words(nothing) == "no comparison is decided yet"


def test_status_says_how_people_rate(rated: Workspace, capsys, tmp_path: Path):
    from feedback_loop.status import say_status

    say_status(rated)
    said = capsys.readouterr().out
    assert "Ann: 40 (fine)" in said
    assert "Lea: 40 (look at:" in said
    assert "agreement     alpha" in said


def test_answers_that_check_raters_describe_them_and_nothing_else(
    tmp_path: Path, add_round: Callable
):
    """Ann knows the better image of gold and agrees with herself; Lea takes the left, always."""
    workspace = Workspace.create(tmp_path / "workspace")
    pairs = add_round(workspace, 30, num_raters=2)
    store = workspace.store()
    gold = [
        Pair.new(
            round=1,
            prompt_id=pair.prompt_id,
            image_a=pair.image_a,
            image_b=pair.image_b,
            better=pair.image_a,
        )
        for pair in pairs
    ]
    store.add_pairs(gold)
    for name in ("Ann", "Lea"):
        rater = Rater.new(name, RaterKind.PERSON)
        store.add_rater(rater)

        def said(pair: Pair, shown_left: str, rater: Rater = rater, **told: str) -> Comparison:
            is_right = rater.name == "Ann" and shown_left != pair.image_a
            return Comparison.new(
                pair_id=pair.pair_id,
                rater_id=rater.rater_id,
                choice=Choice.RIGHT if is_right else Choice.LEFT,
                shown_left=shown_left,
                milliseconds=2000,
                **told,
            )

        first = store.record_many([said(pair, pair.image_a) for pair in pairs])
        again = [
            said(pair, pair.image_b, repeats=answer.comparison_id)
            for pair, answer in zip(pairs, first, strict=True)
        ]
        sides = ["image_a", "image_b"] * 15
        on_gold = [said(p, getattr(p, side)) for p, side in zip(gold, sides, strict=True)]
        store.record_many(again + on_gold)
    report = report_on(store)
    assert (report.num_answered, report.num_seats) == (60, 60)
    ann, lea = (line.quality for line in report.raters)
    assert (ann.num, ann.gold.value, ann.consistency.value) == (30, 1, 1)
    assert (lea.num, lea.gold.value, lea.consistency.value) == (30, 0.5, 0)
    ann, lea = (rater_words(line) for line in report.raters)
    assert "gold" not in ann
    assert "gold 50 % of 30, consistency 0 % of 30" in lea


def test_a_round_of_two_questions_is_reported_by_the_first(tmp_path: Path, add_round: Callable):
    workspace = Workspace.create(tmp_path / "workspace")
    (pair,) = add_round(workspace, 1)
    both = (Aspect.ALIGNMENT, Aspect.QUALITY)
    twice = replace(pair, pair_id="twice", round=2, aspects=both)
    store, ada = workspace.store(), Rater.new("Ada", RaterKind.PERSON)
    store.add_pairs([twice])
    store.add_rater(ada)
    told = {"pair_id": "twice", "rater_id": ada.rater_id, "shown_left": pair.image_a}
    for aspect, choice in zip(both, (Choice.RIGHT, Choice.TIE), strict=True):
        store.record_many([Comparison.new(aspect=aspect, choice=choice, **told)])
    report = report_on(store)
    assert report.aspect is Aspect.ALIGNMENT
    assert report.num_by_choice == {"right": 1}


@pytest.mark.parametrize(
    ("aspects", "is_known"),
    [
        ((Aspect.QUALITY,), False),
        ((Aspect.QUALITY, Aspect.ALIGNMENT), True),
        ((Aspect.OVERALL, Aspect.QUALITY), True),
    ],
)
def test_gold_is_judged_by_what_was_asked_for_and_not_by_quality(
    workspace: Workspace, ada: Rater, aspects: tuple[Aspect, ...], is_known: bool
):
    store = workspace.store()
    pair = replace(store.pairs()[0], round=2, pair_id="asked", aspects=aspects)
    gold = replace(pair, pair_id="gold", better=pair.image_a)
    store.add_pairs([pair, gold])
    for asked, aspect in product((pair, gold), aspects):
        is_worse = asked is gold and aspect is Aspect.QUALITY  # which quality may well be
        store.record_many(
            [
                Comparison.new(
                    pair_id=asked.pair_id,
                    rater_id=ada.rater_id,
                    aspect=aspect,
                    choice=Choice.RIGHT if is_worse else Choice.LEFT,
                    shown_left=asked.image_a,
                )
            ]
        )
    (line,) = report_on(store).raters
    assert (line.quality.gold is not None) is is_known
    assert line.quality.gold is None or line.quality.gold.value == 1
