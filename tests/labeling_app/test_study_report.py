"""What a study's report says of simulated people whose truth is known, through a real store."""

from collections import Counter

import numpy as np
import pytest

from benchmarks.coverage.contest import Contest, draw_contest
from data.questions import Study
from data.records import Aspect, Choice, Comparison, Image, Prompt, Rater, RaterKind, Sampler
from data.store import Batch, Store
from data.workspace import Workspace
from labeling_app.study_plan import pairs_of, twins
from labeling_app.study_report import kinds_in, report_on_study
from labeling_app.study_words import cells, reach_words

SAMPLER = Sampler(scheduler="ddim", num_steps=2, guidance=1.0, eta=1.0, width=8, height=8)
CONTEST = Contest(num_raters=5, num_prompts=16, margin=0.8, taste_sd=0.5, favour_sd=0.5)
NUM_STUDIES = 40


def queue(store: Store, name: str, num_prompts: int, aspects=(Aspect.OVERALL,)) -> Study:
    """Queue one pair of each prompt; every second prompt is of a family "even"."""
    prompts = [
        Prompt.new(f"{name} {n}", family="odd" if n % 2 else "even") for n in range(num_prompts)
    ]
    images = {
        policy: [
            Image.new(
                sha256="0" * 64, policy=policy, prompt_id=p.prompt_id, seed=1, sampler=SAMPLER
            )
            for p in prompts
        ]
        for policy in ("rl", "sft")
    }
    store.add_batch(Batch(prompts=prompts, images=images["rl"] + images["sft"]))
    study = Study(name=name, policy_a="rl", policy_b="sft", aspects=aspects, num_raters=5)
    alike = twins(images["rl"], images["sft"])
    store.queue_study(study, pairs_of(study, [pair for found in alike.values() for pair in found]))
    return study


def let_rate(store: Store, name: str, contest: Contest, seed: int, aspect=Aspect.OVERALL) -> None:
    """Put what the contest's raters say on record, pair by pair."""
    drawn = draw_contest(contest, np.random.default_rng(seed))
    pairs = store.study_pairs(name)
    raters = [Rater.new(f"person {n}", RaterKind.PERSON) for n in range(contest.num_raters)]
    made = []
    for said in drawn.comparisons:
        pair = pairs[int(said.pair_id)]
        is_a_left = said.shown_left == drawn.pairs[said.pair_id].image_a
        made.append(
            Comparison.new(
                pair_id=pair.pair_id,
                rater_id=raters[int(said.rater_id)].rater_id,
                choice=said.choice,
                aspect=aspect,
                shown_left=pair.image_a if is_a_left else pair.image_b,
            )
        )
    store.add_batch(Batch(raters=raters, comparisons=made))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Workspace.create(tmp_path_factory.mktemp("studies") / "workspace").store()


@pytest.mark.slow
def test_intervals_hold_the_truth_in_most_studies(store: Store):
    rates = []
    for n in range(NUM_STUDIES):
        queue(store, f"small {n}", CONTEST.num_prompts)
        let_rate(store, f"small {n}", CONTEST, seed=n)
        report = report_on_study(store, f"small {n}")
        assert (report.num_answers, report.num_wanted, report.num_raters) == (80, 80, 5)
        rates.append(report.results[0].whole.rate)
    truth = CONTEST.win_rate()
    num_covered = sum(rate.low <= truth <= rate.high for rate in rates)
    assert num_covered >= 35, "of 40 intervals of 95 % fewer hold it once in a hundred times"
    assert np.mean([rate.value for rate in rates]) == pytest.approx(truth, abs=0.03)
    assert np.mean([rate.high - rate.low for rate in rates]) < 0.5


def test_questions_are_told_apart_and_agree_with_a_direct_count(store: Store):
    both = (Aspect.ALIGNMENT, Aspect.QUALITY)
    queue(store, "both", 30, both)
    let_rate(store, "both", Contest(num_raters=5, num_prompts=30, margin=1.5), 1, both[0])
    let_rate(store, "both", Contest(num_raters=5, num_prompts=30, margin=-1.0), 2, both[1])
    report = report_on_study(store, "both")
    assert [result.aspect for result in report.results] == [*both]
    pairs = {pair.pair_id: pair for pair in store.study_pairs("both")}
    for result in report.results:
        counted = Counter[str]()
        for given in store.study_comparisons("both"):
            if given.aspect is result.aspect:
                is_a_left = given.shown_left == pairs[given.pair_id].image_a
                sides = {Choice.LEFT: is_a_left, Choice.RIGHT: not is_a_left}
                counted[{True: "a", False: "b"}.get(sides.get(given.choice), "tie")] += 1
        share = (counted["a"] + counted["tie"] / 2) / counted.total()
        tally = result.whole.tally
        assert (tally.wins, tally.losses, tally.ties) == (
            counted["a"],
            counted["b"],
            counted["tie"],
        )
        assert result.whole.rate.value == pytest.approx(share, abs=0.02)
        assert [part.name for part in result.families] == ["even", "odd"]
        assert sum(part.tally.wins for part in result.families) == tally.wins
        assert [part.num_prompts for part in result.prompts] == [1] * 30
    alignment, quality = report.results
    assert alignment.whole.rate.low > 0.5 > quality.whole.rate.high


def test_too_few_raters_are_told(store: Store):
    queue(store, "few", 3)
    (nothing,) = report_on_study(store, "few").results
    assert reach_words(nothing.whole).startswith("no answer prefers")
    assert cells(nothing.whole) == ["-", "-", "0", "0", "0", "0", "0"]
    let_rate(store, "few", Contest(num_raters=1, num_prompts=1), 0)
    (one,) = report_on_study(store, "few").results
    assert one.whole.rate.low is None
    assert reach_words(one.whole) == "one rater and one prompt: too few for an interval"
    let_rate(store, "few", Contest(num_raters=1, num_prompts=3), 0)
    (one,) = report_on_study(store, "few").results
    assert reach_words(one.whole).startswith("one rater: the interval speaks of other prompts")
    assert one.prompts[0].rate.low is None
    let_rate(store, "few", Contest(num_raters=2, num_prompts=3), 0)
    (two,) = report_on_study(store, "few").results
    assert reach_words(two.whole).endswith("from only 2 raters")
    assert reach_words(two.prompts[0]).startswith("one prompt: the interval speaks of other raters")


def test_skips_and_both_bad_are_counted_and_order_nothing(store: Store):
    queue(store, "bad", 2)
    rater = Rater.new("person 0", RaterKind.PERSON)
    store.add_rater(rater)
    for pair, choice in zip(store.study_pairs("bad"), (Choice.BOTH_BAD, Choice.SKIP), strict=True):
        store.record_many(
            [
                Comparison.new(
                    pair_id=pair.pair_id,
                    rater_id=rater.rater_id,
                    choice=choice,
                    shown_left=pair.image_a,
                )
            ]
        )
    report = report_on_study(store, "bad")
    assert report.num_answers == 1
    assert cells(report.results[0].whole) == ["-", "-", "0", "0", "0", "1", "1"]
    assert kinds_in(store, "bad") == [RaterKind.PERSON]


def test_only_images_that_were_drawn_alike_meet():
    def image(policy: str, seed: int, prompt: str = "p") -> Image:
        made = {"sha256": "0" * 64, "prompt_id": prompt, "sampler": SAMPLER}
        return Image.new(policy=policy, seed=seed, **made)

    first = [image("a", 2), image("a", 1), image("a", 9), image("a", 1, "q")]
    found = twins(first, [image("b", 1), image("b", 2), image("b", 2, "q")])
    assert {prompt: [a.seed for a, _ in met] for prompt, met in found.items()} == {"p": [1, 2]}
