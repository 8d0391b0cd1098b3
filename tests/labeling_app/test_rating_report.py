"""What the progress page and `tastemaker status` say of a round, from a real store."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from data.records import Choice, Comparison, Pair, Policy, Rater, RaterKind
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
