"""`tastemaker study`: two policies drawn alike, people asked blind, one clear line for mistakes."""

import json
import random
import re
from dataclasses import replace
from functools import partial

import pytest

from data.errors import TastemakerError
from data.prompts import load_prompt_set
from data.records import IMPORTED, Aspect, Choice, Comparison, Policy, Rater, RaterKind
from feedback_loop.__main__ import dispatch
from feedback_loop.generate import policy_of_round
from feedback_loop.loop import Loop
from feedback_loop.rounds import run_stage
from feedback_loop.run_folders import policy_of_run
from feedback_loop.stages import Position
from feedback_loop.status import say_status
from feedback_loop.studies import Order, prompts_of
from labeling_app.sides import left_image
from labeling_app.study_plan import PAPER

SMALL = ("--images", "2", "--raters", "2")


@pytest.fixture
def study(loop, capsys):
    """Run `tastemaker study` and return what it says."""
    loop.store.add_policy(Policy(name="tuned", base=loop.config.base, parent="base", round=1))

    def run(*words):
        capsys.readouterr()
        dispatch(["study", *words, "--workspace", str(loop.workspace.root)])
        return capsys.readouterr().out

    return run


def answer(loop, name, people=("ann", "bea"), share=0.75, kind=RaterKind.PERSON):
    """Let people answer every question; they prefer the first policy's image so often."""
    rng = random.Random(0)
    for person in people:
        rater = Rater.new(person, kind)
        loop.store.add_rater(rater)
        made = []
        for pair in loop.store.study_pairs(name):
            left = left_image(pair, rater.rater_id)
            for aspect in pair.aspects:
                likes_first = rng.random() < share
                choice = Choice.LEFT if (left == pair.image_a) == likes_first else Choice.RIGHT
                made.append(
                    Comparison.new(
                        pair_id=pair.pair_id,
                        rater_id=rater.rater_id,
                        choice=choice,
                        aspect=aspect,
                        shown_left=left,
                    )
                )
        loop.store.record_many(made)


def test_both_policies_draw_alike_and_the_pairs_are_queued_once(loop, study):
    said = study("tuned", "base", *SMALL, "--aspects", "alignment,quality")
    assert "8 pairs, 2 people for each, asked for image-text alignment and image quality" in said
    assert "tastemaker label" in said
    assert "tastemaker study tuned-vs-base --workspace" in said
    store = loop.store
    images = {image.image_id: image for image in store.images()}
    pairs = store.study_pairs("tuned-vs-base")
    assert (len(pairs), len(images)) == (8, 16)
    for pair in pairs:
        a, b = images[pair.image_a], images[pair.image_b]
        assert (a.policy, b.policy) == ("tuned", "base")
        assert (a.prompt_id, a.seed, a.sampler) == (b.prompt_id, b.seed, b.sampler)
        assert (pair.round, pair.num_raters) == (0, 2)
        assert pair.aspects == (Aspect.ALIGNMENT, Aspect.QUALITY)
    assert {p.prompt_id for p in pairs} == {p.prompt_id for p in loop.prompts("train")}
    again = study("tuned", "base", *SMALL, "--aspects", "alignment,quality")
    assert "nothing was added" in again
    assert (len(store.images()), store.study_pairs("tuned-vs-base")) == (16, pairs)
    assert len(store.studies()) == 1
    assert store.pairs() == []


def test_what_was_cut_short_is_drawn_to_the_end(loop, study, monkeypatch):
    from feedback_loop.drawing import Artist

    told, real = [], Artist._draw_batch

    def cut(artist, batch, number):
        if len(told) == 1:
            raise KeyboardInterrupt
        told.append(len(batch))
        return real(artist, batch, number)

    monkeypatch.setattr(Artist, "_draw_batch", cut)
    with pytest.raises(KeyboardInterrupt):
        study("tuned", "base", *SMALL)
    assert loop.store.studies() == []
    first = loop.store.images()
    assert len(first) == told[0] == 8
    monkeypatch.setattr(Artist, "_draw_batch", real)
    study("tuned", "base", *SMALL)
    assert loop.store.images()[:8] == first
    assert (len(loop.store.images()), len(loop.store.study_pairs("tuned-vs-base"))) == (16, 8)


def test_a_study_is_reported_with_intervals_by_question_and_prompt(loop, study, tmp_path):
    study("tuned", "base", *SMALL, "--images", "8", "--name", "mine", "--aspects", "overall")
    before = study("mine")
    assert "0 of 64 answers are there" in before
    assert "win rate" not in before
    answer(loop, "mine")
    file = tmp_path / "result.json"
    said = study("mine", "--json", str(file))
    assert "mine: tuned against base, open" in said
    assert "64 of 64 answers are there, by 2 people" in said
    assert re.search(r"^all +\d+ % +\d+ to \d+ % +\d+ +0 +\d+ +0 +0$", said, re.MULTILINE)
    assert "  a red dog" in said
    assert "other raters and other prompts, from only 2 raters" in said
    assert "left side: " in said
    assert "alpha" in said
    found = json.loads(file.read_text())
    assert (found["study"]["policy_a"], found["study"]["detail"]["num_images"]) == ("tuned", 8)
    (result,) = found["by_kind_of_rater"]["person"]["results"]
    counted = result["whole"]["tally"]
    assert counted["wins"] + counted["losses"] == 64
    assert result["whole"]["rate"]["value"] == pytest.approx(counted["wins"] / 64, abs=0.02)
    assert len(result["prompts"]) == 4
    assert sum(part["tally"]["wins"] for part in result["prompts"]) == counted["wins"]


def test_programs_are_never_reported_as_people(loop, study):
    study("tuned", "base", *SMALL)
    answer(loop, "tuned-vs-base", people=("robot",), kind=RaterKind.SIMULATED)
    said = study("tuned-vs-base")
    assert "0 of 16 answers are there, by 0 people" in said
    assert "by SIMULATED raters" in said
    assert "8 answers by 1 SIMULATED raters" in said
    assert loop.store.counts().total == 0


def test_simulated_raters_answer_a_study_of_the_emoji_world_once(loop, study):
    study("tuned", "base", *SMALL, "--aspects", "alignment,quality")
    with pytest.raises(TastemakerError, match="simulated raters know only the emoji world"):
        study("tuned-vs-base", "--simulated")
    emoji = replace(loop.config, world="emoji")
    from feedback_loop.ask import ask_simulated_study

    for _ in range(2):
        ask_simulated_study(Loop(loop.workspace, emoji), "tuned-vs-base")
    answers = loop.store.study_comparisons("tuned-vs-base", RaterKind.SIMULATED)
    assert len(answers) == 8 * 2 * 2
    assert len({(c.pair_id, c.rater_id, c.aspect) for c in answers}) == 32


def test_closing_and_opening_again(loop, study):
    assert "no studies yet" in study("--list")
    study("tuned", "base", *SMALL)
    assert "tuned against base, closed" in study("tuned-vs-base", "--close")
    assert loop.store.served_pairs(0) == []
    assert "--reopen" in study("tuned", "base", *SMALL)
    assert "closed; 0 of 16 answers" in study("--list")
    assert "tuned against base, open" in study("tuned-vs-base", "--reopen")
    assert len(loop.store.served_pairs(0)) == 8


def test_status_says_how_far_studies_are(loop, study, capsys):
    say_status(loop.workspace)
    assert "studies" not in capsys.readouterr().out
    study("tuned", "base", *SMALL)
    answer(loop, "tuned-vs-base", people=("ann",))
    capsys.readouterr()
    say_status(loop.workspace)
    said = capsys.readouterr().out
    assert "studies       tuned-vs-base (open, 8 of 16 answers by people)" in said
    assert "0 by people" in said


def test_a_study_leaves_the_rounds_alone(loop, study):
    study("tuned", "base", *SMALL)
    before = loop.store.newest_round()
    run_stage(loop, Position(1, "generate", "new"))
    assert before == 0
    assert len(loop.store.pairs(1)) == 20
    assert len(loop.store.study_pairs("tuned-vs-base")) == 8


ORDER = partial(Order, name="s", policy_a="a", policy_b="b", plan=PAPER)


@pytest.mark.parametrize("prompt_set", ["paper", "emoji", "emoji-paper"])
def test_the_papers_study_asks_about_its_four_prompts(loop, prompt_set):
    with_set = Loop(loop.workspace, replace(loop.config, prompt_set=prompt_set))
    found = prompts_of(with_set, ORDER(prefers_paper=True))
    assert [prompt.family for prompt in found] == ["color", "count", "composition", "location"]
    assert found[0].text in ("a green rabbit", "A green colored rabbit.")


def test_a_set_without_them_asks_about_what_it_trains_on(loop):
    assert prompts_of(loop, ORDER(prefers_paper=True)) == loop.prompts("train")
    every = prompts_of(loop, ORDER(prompt_set="emoji", split="all"))
    assert every == load_prompt_set("emoji")


def test_the_preset_is_the_papers_and_options_win_over_it(loop, study):
    said = study("tuned", "base", "--preset", "paper", "--images", "1")
    assert "study tuned-vs-base-paper: tuned against base, open" in said
    assert "4 pairs, 8 people for each, asked for image-text alignment and image quality" in said
    assert loop.store.study("tuned-vs-base-paper").num_raters == 8
    assert PAPER.num_images == 40


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "expected two policies, the name of a study, or --list"),
        (("a", "b", "c"), "expected two policies, the name of a study, or --list"),
        (("base", "base"), "expected two policies, got base twice"),
        (("base", "nobody"), "no policy 'nobody' in"),
        (("base", "theirs"), "policy theirs is imported"),
        (("nowhere",), "no study 'nowhere' in"),
        (("nowhere", "--close"), "there is none"),
        (("base", "tuned", "--split", "compared"), "it has train, unseen (--split)"),
        (("base", "tuned", "--prompts", "no-such"), "no prompt set 'no-such'"),
        (("base", "tuned", "--aspects", "taste"), "expected some of overall, alignment, quality"),
        (("base", "tuned", "--images", "0"), "--images: expected 1 to 10000, got 0"),
        (("base", "tuned", "--raters", "0"), "--raters: expected 1"),
        (("base", "tuned", "--seed", "-1"), "--seed: expected 0"),
        (("base", "tuned", "--name", " "), "--name: expected 1 to 80 characters"),
        (("base", "tuned", "--preset", "ours"), "invalid choice: 'ours'"),
        (("base", "tuned", "--close"), "--close goes with the name of a study"),
        (("nowhere", "--images", "3"), "--images goes with two policies"),
        (("nowhere", "--close", "--reopen"), "expected --close or --reopen"),
        (("--list", "--json", "x"), "--json goes with the name of a study"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(loop, study, words, message):
    loop.store.add_policy(Policy(name="theirs", base=IMPORTED))
    prompts = loop.store.prompts()
    with pytest.raises(TastemakerError, match=re.escape(message)):
        study(*words)
    assert loop.store.studies() == []
    assert loop.store.images() == []
    assert loop.store.prompts() == prompts


def test_a_name_is_of_one_study(loop, study):
    study("tuned", "base", *SMALL)
    loop.store.add_policy(Policy(name="other", base=loop.config.base))
    num_images = len(loop.store.images())
    for words in [("other", "base", *SMALL), ("tuned", "base", "--images", "3", "--raters", "2")]:
        with pytest.raises(TastemakerError, match="is there already, of tuned against base"):
            study(*words, "--name", "tuned-vs-base")
    assert len(loop.store.images()) == num_images


BRIGHTNESS = """
def brightness(images, prompts):
    return images.mean(dim=(1, 2, 3))
"""


@pytest.fixture
def runs(tmp_path, loop, monkeypatch):
    """Return the folders of two tuning runs beside the rounds."""
    from rl_finetune.train import tune

    (tmp_path / "rewards_of_studies.py").write_text(BRIGHTNESS)
    monkeypatch.syspath_prepend(tmp_path)
    told = replace(
        loop.config.tune,
        policy=loop.config.base,
        reward="rewards_of_studies:brightness",
        prompts=loop.config.prompt_set,
        iterations=1,
    )
    for place, name in enumerate(("rl", "supervised")):
        tune(replace(told, seed=place), out=tmp_path / name)
    return tmp_path / "rl", tmp_path / "supervised"


def test_runs_beside_the_rounds_are_compared(loop, study, runs):
    said = study(*map(str, runs), "--preset", "paper", "--images", "1")
    assert "study rl-vs-supervised-paper: rl against supervised, open" in said
    policies = {policy.name: policy for policy in loop.store.policies()}
    for name in ("rl", "supervised"):
        assert (loop.workspace.root / policies[name].adapter).is_dir()
        assert policies[name].round == 0
        assert len(loop.store.images(policy=name)) == 4
    assert "nothing was added" in study(*map(str, runs), "--preset", "paper", "--images", "1")
    assert policy_of_round(loop, 1).name == "base"


def test_a_run_of_another_base_or_name_is_refused(loop, study, runs, tmp_path):
    elsewhere = Loop(loop.workspace, replace(loop.config, base=str(tmp_path)))
    with pytest.raises(TastemakerError, match="was tuned from"):
        policy_of_run(elsewhere, runs[0])
    loop.store.add_policy(Policy(name="rl", base=loop.config.base))
    with pytest.raises(TastemakerError, match="another policy is named rl"):
        study(str(runs[0]), "base")
    assert loop.store.images() == []


def test_a_run_named_like_a_rounds_own_is_refused(loop, study, runs):
    folder = runs[0].rename(runs[0].with_name("round-2"))
    with pytest.raises(TastemakerError, match=f"a round's own policy is called; rename {folder}"):
        study(str(folder), "base")
    own = loop.workspace.runs / "round-1"
    runs[1].rename(own)
    with pytest.raises(TastemakerError, match="is not tuned to its end; run `tastemaker round`"):
        study(str(own), "base")
    assert [policy.name for policy in loop.store.policies()] == ["base", "tuned"]
