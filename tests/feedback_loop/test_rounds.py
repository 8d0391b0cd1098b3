"""Whole rounds on tiny random models: they stop for people, go on, and leave all in place."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

import reward_training
from data.config_file import load_yaml
from data.errors import ConfigError, StoreError, UnknownRecord
from data.records import Aspect, Choice, ChosenBy, Policy, Rater, RaterKind, RewardModel, Run
from data.snapshot import take_snapshot
from feedback_loop.__main__ import dispatch
from feedback_loop.fitting import fit_round
from feedback_loop.generate import generate
from feedback_loop.loop import create_loop, open_loop
from feedback_loop.measurements import read_measurements
from feedback_loop.pixels import read_images
from feedback_loop.rounds import Waiting, run_round, run_stage, say_waiting
from feedback_loop.stages import STAGES, Position, num_finished_rounds, position
from feedback_loop.tuning import tune_round
from reward_training.config import CombinationConfig
from rl_finetune.config import TuneConfig


@pytest.fixture(scope="module")
def first_round(tmp_path_factory, config, compare):
    """Return a workspace whose first round a person has compared and that is finished."""
    loop = create_loop(tmp_path_factory.mktemp("round") / "workspace", config)
    assert run_round(loop, "people") == Waiting(0, 20)
    compare(loop, 1)
    assert run_round(loop, "people") is None
    return loop


@pytest.fixture
def one_round(first_round, tmp_path):
    """Return a copy of it: a workspace can be moved."""
    shutil.copytree(first_round.workspace.root, tmp_path / "workspace")
    return open_loop(tmp_path / "workspace")


def test_two_rounds_by_people_from_nothing_to_the_report(one_round, compare, capsys):
    loop, store = one_round, one_round.store
    root = str(loop.workspace.root)
    assert num_finished_rounds(store.round_events()) == 1
    assert [policy.name for policy in store.policies()] == ["base", "round-1"]

    dispatch(["round", "--workspace", root])
    assert "round 2 waits for people: 0 of 20 pairs" in capsys.readouterr().out
    compare(loop, 2)
    dispatch(["round", "--workspace", root])
    assert "comparisons: 40 by people" in capsys.readouterr().out

    newest = store.newest_policy()
    assert (newest.name, newest.parent, newest.reward_model) == ("round-2", "round-1", "round-2")
    assert (loop.workspace.root / str(newest.adapter)).is_dir()
    assert store.reward_model("round-2").metrics["comparisons"]["total"] == 40
    assert [run.status for run in store.runs()] == ["finished", "finished"]
    summary = json.loads((loop.workspace.report / "summary.json").read_text())
    assert [policy["name"] for policy in summary["policies"]] == ["base", "round-1", "round-2"]
    assert all(policy["images"] == 18 for policy in summary["policies"])
    assert summary["comparisons"]["person"] == 40
    assert summary["reward_model"]["measured_by"] == "choices"
    assert (loop.workspace.report / "index.html").stat().st_size > 10_000

    _provenance_leads_back(loop, capsys)
    _policies_compare(root, capsys)


def _provenance_leads_back(loop, capsys):
    image = loop.store.images(policy="round-2")[0]
    root = str(loop.workspace.root)
    dispatch(["provenance", image.image_id, "--comparisons", "--workspace", root])
    said = capsys.readouterr().out
    ids = {comparison.comparison_id for comparison in loop.store.comparisons()}
    assert len(ids) == 40
    assert all(each in said for each in ids)
    assert "policy round-2" in said
    assert "policy round-1" in said
    assert "policy base" in said
    assert "by person" in said
    with pytest.raises(UnknownRecord, match="no policy and no image"):
        dispatch(["provenance", "nobody", "--workspace", root])


def _policies_compare(root, capsys):
    dispatch(["compare", "base", "round-2", "--workspace", root])
    said = capsys.readouterr().out
    assert "reward, train prompts" in said
    assert "18 images each" in said


def test_waiting_is_noted_once_and_costs_nothing(loop):
    for _ in range(3):
        assert run_round(loop, "people") == Waiting(0, 20)
    statuses = [event.status for event in loop.store.round_events(1) if event.stage == "compare"]
    assert statuses == ["started", "waiting"]


def test_a_round_goes_on_when_all_is_compared_or_skipped(loop, compare, capsys):
    run_stage(loop, Position(1, "generate"))
    at, root = Position(1, "compare", "waiting"), str(loop.workspace.root)
    first, *others = compare(loop, 1)
    skip_all = [replace(c, comparison_id=f"{c.comparison_id}-", idempotency_key=c.pair_id,
                        choice=Choice.SKIP) for c in (first, *others)]  # fmt: skip
    loop.store.record_many(skip_all)
    assert run_stage(loop, at) == Waiting(0, 20, 20), "nothing to learn from"
    with pytest.raises(StoreError, match="none of the 20 pairs"):
        dispatch(["fit", "--workspace", root])
    say_waiting(loop, Waiting(0, 20, 20))
    assert "0 of 20 pairs are compared, 20 skipped (20 comparisons" in capsys.readouterr().out
    compare(loop, 1, name="bob")
    dispatch(["status", "--workspace", root])
    assert "(round 1: 20 of 20 compared)" in capsys.readouterr().out
    for number in range(19):
        loop.store.take_back(Rater.new("bob", RaterKind.PERSON).rater_id, 1, f"undo {number}")
    dispatch(["status", "--workspace", root])
    assert "(round 1: 1 of 20 compared and 19 skipped)" in capsys.readouterr().out
    assert run_stage(loop, at) is None
    noted = loop.store.round_events(1)[-1]
    assert (noted.detail["num_compared"], noted.detail["num_skipped"]) == (1, 19)


def test_what_bf16_is_too_coarse_for_is_said_before_a_round_begins(loop):
    told = replace(loop.config.tune, precision="bf16")
    told = replace(told, optimiser=replace(told.optimiser, num_updates=2))
    with pytest.raises(ConfigError, match=r"num_updates is 2.*precision fp32"):
        run_round(replace(loop, config=replace(loop.config, tune=told)), "people")
    assert loop.store.round_events() == []


def test_the_fit_command_goes_on_with_what_there_is(loop, compare, capsys):
    root = str(loop.workspace.root)
    dispatch(["generate", "--workspace", root])
    assert "next: tastemaker label" in capsys.readouterr().out
    with pytest.raises(StoreError, match="none of the 20 pairs"):
        dispatch(["fit", "--workspace", root])
    rest = loop.store.pairs(1)[12:]
    compare(loop, 1)
    loop.store.take_back(loop.store.raters()[0].rater_id, 1, "undo")
    assert rest
    dispatch(["fit", "--workspace", root])
    assert "next: tastemaker tune" in capsys.readouterr().out
    assert loop.store.reward_model("round-1").metrics["comparisons"]["total"] == 19
    dispatch(["tune", "--workspace", root])
    dispatch(["report", "--workspace", root])
    assert position(loop.store.round_events()).round == 2


def test_every_stage_can_be_run_again_without_a_trace(one_round):
    """A kill between a stage's work and its note makes it run again; nothing may double."""
    store = one_round.store
    kept = ("policies", "images", "pairs", "comparisons", "reward_models", "runs", "raters")
    before = {name: getattr(store, name)() for name in kept}
    adapter = one_round.workspace.policies / "round-1" / "pytorch_lora_weights.safetensors"
    weights = adapter.read_bytes()
    for stage in STAGES:
        run_stage(one_round, Position(1, stage, "started"))
    assert {name: getattr(store, name)() for name in kept} == before
    assert adapter.read_bytes() == weights


def test_a_run_whose_end_was_not_noted_is_noted(loop):
    """A kill between a round's policy and its run's end leaves the run as it was begun."""
    store, name = loop.store, "round-1"
    store.add_reward_model(RewardModel(name=name, snapshot="0", path=f"rewards/{name}", round=1))
    store.add_run(
        Run(run_id=name, policy_from="base", reward=name, path="runs/1", status="started", round=1)
    )
    store.add_policy(Policy(name=name, base=loop.config.base, parent="base", run_id=name, round=1))
    for _ in range(2):
        assert tune_round(loop, 1) == {"policy": name}
        assert [run.status for run in store.runs()] == ["finished"]


def test_another_policy_of_a_rounds_name_does_not_pass_for_its_own(loop):
    named = Policy(
        name="round-1", base=loop.config.base, parent="base", run_id="/elsewhere/round-1"
    )
    loop.store.add_policy(named)
    loop.store.add_reward_model(RewardModel(name="round-1", snapshot="0", path="rewards/round-1"))
    with pytest.raises(StoreError, match="came of /elsewhere/round-1 and not of round 1"):
        tune_round(loop, 1)
    assert loop.store.runs() == []


def test_comparisons_that_come_during_the_fit_wait_for_the_next_round(one_round, compare):
    compare(one_round, 1, name="late")
    detail = [e.detail for e in one_round.store.round_events(1) if e.stage == "fit"][-1]
    again = fit_round(one_round, 1)
    assert again["snapshot"] == detail["snapshot"]
    assert one_round.store.counts().by_kind[RaterKind.PERSON] == 40


def test_the_published_adapter_says_where_it_comes_from(one_round):
    card = (one_round.workspace.policies / "round-1" / "README.md").read_text(encoding="utf-8")
    assert "20 person comparisons" in card
    assert one_round.store.reward_model("round-1").snapshot in card


def test_plain_diffusers_draws_what_was_measured(one_round):
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    from feedback_loop.pixels import read_images

    policy = one_round.store.policy("round-1")
    image = one_round.store.images(policy="round-1")[0]
    pipeline = StableDiffusionPipeline.from_pretrained(policy.base, safety_checker=None)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.load_lora_weights(str(one_round.workspace.root / str(policy.adapter)))
    pipeline.set_progress_bar_config(disable=True)
    drawn = pipeline(
        one_round.store.prompt(image.prompt_id).text,
        num_inference_steps=image.sampler.num_steps,
        guidance_scale=image.sampler.guidance,
        eta=image.sampler.eta,
        generator=torch.Generator().manual_seed(image.seed),
        output_type="pt",
    ).images
    kept = read_images(one_round.workspace, [image.sha256])
    assert (drawn - kept).abs().max() < 2 / 255


def test_export_and_import_bring_comparisons_back(one_round, tmp_path, capsys):
    root, store = str(one_round.workspace.root), one_round.store
    before = store.comparison_events()
    for suffix in ("csv", "jsonl", "parquet"):
        file = str(tmp_path / f"comparisons.{suffix}")
        dispatch(["export", file, "--workspace", root])
        dispatch(["import", file, "--workspace", root])
        assert "0 comparisons added, 20 were there already" in capsys.readouterr().out
    assert store.comparison_events() == before
    _import_elsewhere(one_round, tmp_path, store.comparisons())


def _import_elsewhere(loop, tmp_path, comparisons):
    """Bring the comparisons into a copy of the workspace in which nobody has compared."""
    other = create_loop(tmp_path / "other", loop.config)
    generate(other, 1)
    dispatch(["import", str(tmp_path / "comparisons.csv"), "--workspace", str(tmp_path / "other")])
    found = {c.comparison_id: (c.pair_id, c.choice, c.shown_left, c.rater_id)
             for c in other.store.comparisons()}  # fmt: skip
    assert found == {
        c.comparison_id: (c.pair_id, c.choice, c.shown_left, c.rater_id) for c in comparisons
    }
    assert [rater.kind for rater in other.store.raters()] == [RaterKind.PERSON]
    assert take_snapshot(other.workspace).hash == take_snapshot(loop.workspace).hash
    empty = create_loop(tmp_path / "empty", loop.config)
    with pytest.raises(StoreError, match="not in this workspace"):
        dispatch(
            ["import", str(tmp_path / "comparisons.csv"), "--workspace", str(tmp_path / "empty")]
        )
    assert not empty.store.comparison_events()


def test_a_round_that_asks_two_questions_tunes_towards_both_answers(tmp_path, config, compare):
    both = (Aspect.ALIGNMENT, Aspect.QUALITY)
    told = replace(
        config,
        generate=replace(config.generate, aspects=both, choose=ChosenBy.INFORMATION),
        fit=replace(config.fit, combination=CombinationConfig(alignment=0.75, quality=0.25)),
    )
    loop = create_loop(tmp_path / "workspace", told)
    assert run_round(loop, "people") == Waiting(0, 20)
    compare(loop, 1)
    assert run_round(loop, "people") is None
    assert loop.store.reward_model("round-1").metrics["comparisons"]["total"] == 40
    folder = loop.workspace.rewards / "round-1"
    reward = reward_training.load(folder)
    assert reward.weights == {"alignment": 0.75, "quality": 0.25}
    run = load_yaml(TuneConfig, loop.workspace.runs / "round-1" / "config.yaml")
    assert run.reward == str(folder.resolve())
    measured = [each for each in read_measurements(loop.workspace) if each.policy == "round-1"]
    pixels = read_images(loop.workspace, [each.sha256 for each in measured])
    rewards = reward(pixels, [each.prompt for each in measured]).tolist()
    assert [each.reward for each in measured] == pytest.approx(rewards, abs=1e-4)
    generate(loop, 2)
    chosen = {pair.chosen_by for pair in loop.store.pairs(2)}
    assert ChosenBy.INFORMATION in chosen
    for name in ("round-1@alignment", "round-1@quality", f"lower:1:{folder}@quality"):
        dispatch(["check-reward", name, "--workspace", str(loop.workspace.root)])
