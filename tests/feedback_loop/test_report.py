"""The report: the promised keys, one page that needs nothing else, and honest words."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from rounds_behind import CURVE, FITTED, TRUSTED, add_measured, finish, paint

from data.errors import WorkspaceError
from data.records import Choice, Comparison, Rater, RaterKind, RoundEvent
from feedback_loop.measurements import measurements_path, read_measurements, write_measurements
from feedback_loop.outcome import say_outcome
from feedback_loop.report.build import build_report
from feedback_loop.report.curves import even_out, read_curves
from feedback_loop.report.findings import find
from feedback_loop.report.grids import data_uri
from feedback_loop.report.headline import notice
from feedback_loop.report.plots import Series, dots, smoothed
from feedback_loop.report.summary import summarise
from feedback_loop.report.svg import colours_of
from feedback_loop.stages import TIMED_STAGES
from feedback_loop.status import say_status


@pytest.fixture
def finished(loop):
    """Return a workspace with two rounds behind it."""
    finish(loop)
    return loop


class Page(HTMLParser):
    """Collects what a page is made of, and that every tag is closed."""

    VOID = ("meta", "img", "br", "link", "path", "use")

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.links, self.texts = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        self.images += [value for name, value in attributes if (tag, name) == ("img", "src")]
        self.links += [value for name, value in attributes if name in ("src", "href")]

    def handle_startendtag(self, tag, attributes):
        self.links += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_summary_has_the_promised_keys(finished):
    build_report(finished)
    summary = json.loads((finished.workspace.report / "summary.json").read_text())
    assert summary["comparisons"]["person"] == 0
    assert summary["comparisons"]["simulated"] == 1
    about = summary["reward_model"]
    assert {"held_out_accuracy", "held_out_pairs", "clip_accuracy"} <= set(about)
    assert about["clip_accuracy"] == about["control_accuracy"], "the control is CLIP here"
    assert about["held_out_accuracy"] == 1, "the planted reward is the truth"
    assert about["choices"]["held_out_accuracy"] == 0.8
    assert [policy["name"] for policy in summary["policies"]] == ["base", "round-1", "round-2"]
    for policy in summary["policies"]:
        assert {"images", "alignment_unseen", "reward", "diversity"} <= set(policy)
        assert set(policy["alignment"]) == {"overall", "color", "count"}
    assert summary["policies"][0]["alignment"]["overall"] == pytest.approx(2 / 3, abs=1e-4)
    assert summary["policies"][2]["alignment"]["overall"] == 1
    assert summary["policies"][2]["alignment_gain"] == pytest.approx(1 / 3, abs=1e-4)
    assert summary["policies"][2]["alignment_gain_unseen"] == 0
    assert summary["kl"] == 3, "the mean over the last five of 0, 0.5, ..., 4"
    assert summary["seconds"] == dict.fromkeys(TIMED_STAGES, 4)
    assert summary["seed"] == 0


def test_the_page_is_whole_and_needs_no_other_file(finished):
    page = Page(build_report(finished).read_text(encoding="utf-8"))
    assert page.open == []
    assert page.images
    assert all(image.startswith("data:image/") for image in page.images)
    assert all(link.startswith(("data:", "#")) for link in page.links)


def test_the_page_says_simulated_and_shows_no_markup_of_others(finished):
    text = build_report(finished).read_text(encoding="utf-8")
    assert "Simulated raters." in text
    assert "simulated raters" in text
    assert "$" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    assert "None" not in " ".join(Page(text).texts)


def test_how_far_to_trust_the_reward_is_shown_where_it_was_measured(finished):
    folder = finished.workspace.rewards / "round-2"
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(FITTED | TRUSTED))
    (folder / "learning_curve.json").write_text(json.dumps(CURVE))
    page = Page(build_report(finished).read_text(encoding="utf-8"))
    assert page.open == []
    said = " ".join(" ".join(page.texts).split())
    assert "Human ceiling: one tells another's choice in 75.0%" in said
    assert (
        "Calibration error 20.0% as fitted, 10.0% calibrated (temperature 1.50, 10% slips)" in said
    )
    assert said.index("<colour>") < said.index("count 9 3"), "the least accurate family first"
    assert "01234567 person" in said
    assert "By round" not in said, "a single round divides nothing"
    assert "cannot be told: a curve needs 4" in said
    assert "None" not in said
    summary = json.loads((finished.workspace.report / "summary.json").read_text())
    assert summary["reward_model"]["trust"] == TRUSTED | {"learning_curve": CURVE}


@pytest.mark.parametrize("truth", [True, False])
def test_both_outputs_of_a_reward_are_shown(finished, capsys, truth):
    folder, model = finished.workspace.rewards / "round-2", finished.store.reward_models()[-1]
    folder.mkdir()
    outputs = {
        "alignment": FITTED | TRUSTED | {"weight": 0.75},
        "quality": FITTED | TRUSTED | {"weight": 0.25, "held_out_accuracy": 0.71},
    }
    metrics = {"comparisons": FITTED["comparisons"], "outputs": outputs}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "learning_curve.json").write_text(json.dumps(CURVE))
    finished.store.add_reward_model(replace(model, name="round-3", metrics=metrics, round=3))
    if not truth:
        measured = read_measurements(finished.workspace)
        blind = [replace(each, met=None, quality=None) for each in measured]
        write_measurements(finished.workspace, blind)
    page = Page(build_report(finished).read_text(encoding="utf-8"))
    assert page.open == []
    said = " ".join(" ".join(page.texts).split())
    assert "one number: 0.75 alignment + 0.25 quality, each standardised" in said
    for name in outputs:
        assert f"Does it know when it is right? ({name})" in said
        assert f"Where is it right? ({name})" in said
        assert f"{name[0].upper()}{name[1:]}: Human ceiling" in said
        assert (f"pairs it gets right on {name}" in said) is not truth
    assert said.count("What would more comparisons be worth?") == 1
    assert "None" not in said
    about = json.loads((finished.workspace.report / "summary.json").read_text())["reward_model"]
    assert about["held_out_accuracy"] == (1 if truth else None)
    assert about["outputs"]["quality"]["choices"]["held_out_accuracy"] == 0.71
    assert about["outputs"]["alignment"]["trust"] == TRUSTED | {"learning_curve": None}
    say_outcome(finished)
    assert "its output quality orders 71 %" in capsys.readouterr().out
    say_status(finished.workspace)
    assert "round-3 (alignment 80 % of 9 and quality 71 % of 9 held-out choices)" in (
        capsys.readouterr().out
    )


def test_a_fit_that_called_its_control_clip_is_reported_as_any_other(finished):
    earlier = {name.replace("control_", "clip_"): value for name, value in FITTED.items()}
    model = finished.store.reward_models()[-1]
    finished.store.add_reward_model(replace(model, name="round-3", metrics=earlier, round=3))
    build_report(finished)
    about = json.loads((finished.workspace.report / "summary.json").read_text())["reward_model"]
    assert about["choices"]["control_accuracy"] == FITTED["control_accuracy"]
    say_outcome(finished)


def test_a_later_fit_does_not_pass_for_what_was_measured(finished):
    named = [replace(m, reward_model="round-2") for m in read_measurements(finished.workspace)]
    write_measurements(finished.workspace, named)
    model = finished.store.reward_models()[-1]
    finished.store.add_reward_model(replace(model, name="round-3", metrics=FITTED, round=3))
    page = build_report(finished).read_text(encoding="utf-8")
    about = json.loads((finished.workspace.report / "summary.json").read_text())["reward_model"]
    assert about["name"] == "round-2"
    assert "The reward is that of reward model round-2" in page


def test_measurements_of_before_name_no_model_and_open(finished):
    path = measurements_path(finished.workspace)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        del row["reward_model"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert summarise(finished, read_measurements(finished.workspace))["reward_model"]["name"] == (
        "round-2"
    )


def test_how_often_simulated_raters_err_is_what_is_on_record(finished):
    told = replace(finished.config, simulated=replace(finished.config.simulated, flip_rate=0.4))
    later = replace(finished, config=told)
    assert "err in 15 % of" in notice(find(later)), "whatever the settings say today"
    (event,) = finished.store.comparisons()
    for name, traits in (("s", {"flip_rate": 0.4}), ("t", {})):
        rater = Rater.new(name, RaterKind.SIMULATED, traits)
        finished.store.add_rater(rater)
        said = replace(event, comparison_id=name, idempotency_key=name, rater_id=rater.rater_id)
        finished.store.record_many([said])
    assert "err in between 15 and 40 % of their preferences, as far as it is known" in (
        notice(find(later))
    )


def test_what_is_compared_after_the_fit_taught_nothing_yet(finished):
    """People rate the next round while the report is written."""
    (pair,), rater = finished.store.pairs(), Rater.new("ada", RaterKind.PERSON)
    worse = Rater.new("s", RaterKind.SIMULATED, {"flip_rate": 0.4})
    newer = replace(pair, pair_id="newer", round=3)
    finished.store.add_pairs([newer])
    for each in (rater, worse):
        finished.store.add_rater(each)
        said = {"pair_id": "newer", "choice": Choice.TIE, "shown_left": pair.image_a}
        finished.store.record_many([Comparison.new(rater_id=each.rater_id, **said)])
    page = Page(build_report(finished).read_text(encoding="utf-8"))
    said = " ".join(" ".join(page.texts).split())
    assert "What 1 comparisons taught" in said
    assert "All comparisons here were made by programs" in said
    assert "err in 15 %" in said
    assert "simulated raters' held-out choices" in said
    model = finished.store.reward_models()[-1]
    assert (
        f"What raters have said up to now. Everything that reward model {model.name} knows, it "
        f"learned from 1 simulated comparisons, snapshot {model.snapshot} ;"
    ) in said
    summary = json.loads((finished.workspace.report / "summary.json").read_text())
    assert summary["comparisons"] == {"person": 1, "simulated": 2, "model": 0}


@pytest.mark.parametrize("interval", [None, [0.05, 0.3]])
def test_accuracies_far_below_chance_are_in_the_plot(interval):
    made = dots(["low", "high"], [Series("it", "#0d0e0f", [0.2, 0.8], [interval, None])])
    assert ">20</text" in made, "a value outside the axes has no label"
    assert ">80</text" in made


def test_the_same_measurements_give_the_same_page(finished):
    first = build_report(finished).read_bytes()
    assert build_report(finished).read_bytes() == first


def test_without_a_judge_and_before_any_fit_there_is_still_a_page(loop):
    write_measurements(loop.workspace, add_measured(loop, "base", truth=False, rewards=False))
    text = build_report(loop).read_text(encoding="utf-8")
    assert "Before any comparison" in text
    assert "No reward model has learned from it yet." in text
    assert "Simulated" not in text
    summary = json.loads((loop.workspace.report / "summary.json").read_text())
    assert summary["policies"][0]["alignment"]["overall"] is None
    assert summary["policies"][0]["reward"] is None
    assert summary["kl"] is None


def test_the_outcome_on_the_terminal_names_every_policy(finished, capsys):
    build_report(finished)
    say_outcome(finished)
    said = capsys.readouterr().out
    assert all(name in said for name in ("base", "round-1", "round-2", "SIMULATED"))


def test_a_time_says_what_it_leaves_out(finished, capsys):
    build_report(finished)
    say_outcome(finished)
    assert "killed" not in capsys.readouterr().out
    for status in ("started", "started", "finished"):
        finished.store.add_round_event(RoundEvent(round=3, stage="tune", status=status, seconds=1))
    page = build_report(finished).read_text(encoding="utf-8")
    say_outcome(finished)
    said = "without attempts that were killed, whose time nobody knows: tune 1"
    assert f"  {said}\n" in capsys.readouterr().out
    assert f"in 3 rounds, {said}." in page
    assert "at least 21 s of work" in page


def test_nothing_measured_is_one_clear_line(loop):
    with pytest.raises(WorkspaceError, match="nothing is measured"):
        build_report(loop)
    (loop.workspace.report / "measurements.jsonl").write_text('{"policy": "base"}\n')
    with pytest.raises(WorkspaceError, match="cannot be read"):
        build_report(loop)


def test_measurements_survive_the_file(finished):
    measured = read_measurements(finished.workspace)
    write_measurements(finished.workspace, measured)
    assert read_measurements(finished.workspace) == measured


@pytest.mark.parametrize("letter", ["\u2028", "\u2029", "\u0085"])
def test_a_prompt_that_holds_another_end_of_a_line_is_reported(finished, letter):
    measured = read_measurements(finished.workspace)
    odd = [replace(each, prompt=each.prompt.replace(" ", letter)) for each in measured]
    write_measurements(finished.workspace, odd)
    metrics = finished.workspace.runs / "round-2" / "metrics.jsonl"
    line = json.dumps({"reward_by_prompt": {f"a{letter}b": 1.0}, "kl": 1.0}, ensure_ascii=False)
    metrics.write_text(f"{line}\n", encoding="utf-8")
    assert read_measurements(finished.workspace) == odd
    build_report(finished)


def test_a_damaged_curve_is_one_clear_line_and_one_that_was_cut_short_is_read(finished):
    metrics = finished.workspace.runs / "round-2" / "metrics.jsonl"
    whole = metrics.read_text()
    metrics.write_text(f'{whole}{{"iteration": 9, "reward_by_prompt": {{"a": 1.0}}')
    assert len(read_curves(finished.workspace, "round-2").kls) == 9
    for damaged, why in (("{\n", "line 10: "), ('{"kl": 1.0}\n', "no 'reward_by_prompt'")):
        metrics.write_text(whole + damaged)
        with pytest.raises(WorkspaceError, match=f"metrics.jsonl cannot be read .*{why}"):
            build_report(finished)


def test_large_images_are_made_small_for_the_page():
    assert data_uri(paint(9)).startswith("data:image/png;base64,")
    assert data_uri(paint(9, size=600)).startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize("num_policies", range(1, 8))
def test_the_base_and_the_newest_policy_have_their_own_colours(num_policies):
    colours = colours_of(num_policies)
    assert len(colours) == num_policies
    assert colours[0] not in colours[1:]
    assert colours[-1] not in colours[:-1]


def test_curves_do_not_tell_which_prompts_had_their_turn():
    easy, hard = 5.0, -5.0
    by_prompt = [{"easy": easy + 0.1 * i} if i % 2 else {"hard": hard + 0.1 * i} for i in range(8)]
    evened = even_out(by_prompt)
    assert np.ptp(evened) < 1
    assert np.mean(evened) == pytest.approx(np.mean([v for r in by_prompt for v in r.values()]))
    together = [{"a": 1.0, "b": 3.0}, {"a": 2.0, "b": 4.0}]
    assert even_out(together) == pytest.approx([2.0, 3.0]), "without turns it is the plain mean"
    assert even_out([]) == []


def test_smoothing_keeps_length_and_constants():
    assert smoothed([2.0] * 7) == [2.0] * 7
    assert smoothed([0.0, 1.0, 2.0, 3.0, 4.0])[2] == 2
