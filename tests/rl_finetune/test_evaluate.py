"""`python -m rl_finetune.evaluate` on real runs of a tiny model."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from data.config_file import dump_yaml, load_yaml
from data.errors import ConfigError, PolicyError
from data.prompts import load_prompt_set
from emoji_world.assets import clip_path
from rl_finetune.config import SamplingConfig, TuneConfig
from rl_finetune.evaluate import main
from rl_finetune.evaluated_runs import open_runs
from rl_finetune.evaluation import FIRST_SEED, evaluate_policy
from rl_finetune.stable_diffusion import StableDiffusionPolicy

SAMPLING = SamplingConfig(num_steps=3, num_prompts=2, num_images_per_prompt=2)
PROMPTS = """\
name: mine
prompts:
- {text: a green rabbit, family: color}
- {text: four wolves, family: count}
- {text: a cat and a dog, family: composition, split: unseen}
"""
REWARDS = "def brightness(images, prompts):\n    return images.mean((1, 2, 3))\n"


@pytest.fixture
def runs(base, disturb, tmp_path, monkeypatch):
    """Two finished runs: one that never left the base, and one that did."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("evaluation_rewards.py").write_text(REWARDS)
    Path("prompts.yaml").write_text(PROMPTS)
    config = TuneConfig(
        policy=str(base),
        reward="evaluation_rewards:brightness",
        prompts="prompts.yaml",
        sampling=SAMPLING,
    )
    for name, scale in (("still", 0.0), ("moved", 0.3)):
        policy = StableDiffusionPolicy.open(str(base), rank=2)
        disturb(policy, scale=scale)
        policy.save_adapter(Path(name) / "adapter")
        dump_yaml(config, Path(name) / "config.yaml")
    return [Path("still"), Path("moved")]


def evaluate(monkeypatch, *arguments) -> dict:
    command = ["evaluate", *map(str, arguments), "--out", "measured"]
    monkeypatch.setattr(sys, "argv", command)
    main()
    return json.loads(Path("measured/evaluation.json").read_text())


def lines(path: str) -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_runs_are_measured_beside_their_base(runs, monkeypatch, capsys):
    arguments = ("--runs", *runs, "--features", clip_path(), "--num-images-per-prompt", 3)
    summary = evaluate(monkeypatch, *arguments)
    assert list(summary) == ["base", "moved", "still"]
    for split, number in (("train", 6), ("unseen", 3)):
        of_split = {name: policy[split] for name, policy in summary.items()}
        assert {policy["num_images"] for policy in of_split.values()} == {number}
        kl = of_split["still"]["measures"].pop("kl")
        assert kl["policy"]["value"] == pytest.approx(0.0, abs=1e-6)
        assert of_split["base"]["measures"].pop("kl")["policy"]["value"] == 0.0
        assert of_split["still"] == of_split["base"]
        assert of_split["moved"]["measures"]["kl"]["gain"]["value"] > 0
        assert of_split["moved"]["distance_to_base"] != of_split["base"]["distance_to_base"]
    records = lines("measured/moved.jsonl")
    assert {record["seed"] for record in records} == set(range(FIRST_SEED, FIRST_SEED + 3))
    again = lines("measured/base-again.jsonl")
    assert not {record["seed"] for record in again} & {record["seed"] for record in records}
    assert all(record["rewards"] == {} for record in again)
    assert "train: reward evaluation_rewards:brightness" in capsys.readouterr().out


def test_what_is_evaluated_already_is_not_drawn_again(runs, monkeypatch):
    first = evaluate(monkeypatch, "--runs", runs[0], "--num-images-per-prompt", 2)
    kept = Path("measured/still.jsonl").stat()
    both = evaluate(monkeypatch, "--runs", *runs, "--num-images-per-prompt", 2)
    assert Path("measured/still.jsonl").stat().st_mtime_ns == kept.st_mtime_ns
    assert both["still"] == first["still"]
    assert "diversity" not in both["moved"]["train"]["measures"]
    assert both["moved"]["train"]["distance_to_base"] is None


def test_a_run_that_was_prolonged_is_evaluated_anew(base, runs, disturb, monkeypatch):
    first = evaluate(monkeypatch, "--runs", *runs, "--num-images-per-prompt", 2)
    policy = StableDiffusionPolicy.open(str(base), adapter=runs[1] / "adapter")
    disturb(policy, seed=1, scale=0.3)
    policy.save_adapter(runs[1] / "adapter")
    second = evaluate(monkeypatch, "--runs", *runs, "--num-images-per-prompt", 2)
    assert second["still"] == first["still"]
    assert second["moved"] != first["moved"]


def test_prompts_that_have_changed_are_evaluated_anew(runs, monkeypatch):
    prompts = Path("prompts.txt")
    arguments = ("--num-images-per-prompt", 2, "--prompts", prompts, "--runs")
    prompts.write_text("a green rabbit\n")
    evaluate(monkeypatch, *arguments, runs[0])
    prompts.write_text("a green rabbit\nfour\x85wolves\n", encoding="utf-8")
    both = evaluate(monkeypatch, *arguments, *runs)
    assert {policy["train"]["num_images"] for policy in both.values()} == {4}
    again = evaluate(monkeypatch, *arguments, *runs)
    assert again == both


def test_an_image_is_the_same_whoever_it_is_drawn_beside(base):
    policy = StableDiffusionPolicy.open(str(base))
    prompts = load_prompt_set("paper")[:2]

    def look(prompts, seeds):
        measure = {"brightness": lambda images, _: images.mean((1, 2, 3))}
        found = evaluate_policy(
            policy, prompts, seeds, sampling=SAMPLING, rewards=measure, vision=None
        )
        return {(image.prompt, image.seed): image.rewards["brightness"] for image in found.images}

    many, few = look(prompts, [5, 6, 7]), look(prompts[1:], [6])
    ((key, value),) = few.items()
    assert many[key] == pytest.approx(value, abs=1e-5)
    assert len(many) == 6


def test_runs_whose_iterations_had_other_sizes_compare(runs, monkeypatch):
    config = load_yaml(TuneConfig, runs[1] / "config.yaml")
    sampling = SamplingConfig(num_steps=3, num_prompts=1, num_images_per_prompt=5)
    dump_yaml(dataclasses.replace(config, sampling=sampling), runs[1] / "config.yaml")
    one = evaluate(monkeypatch, "--runs", runs[0], "--num-images-per-prompt", 2)
    other = evaluate(monkeypatch, "--runs", runs[1], "--num-images-per-prompt", 2)
    assert one["base"] == other["base"]


def test_images_are_drawn_in_batches_of_the_first_runs_size(runs, monkeypatch):
    config = load_yaml(TuneConfig, runs[0] / "config.yaml")
    sampling = dataclasses.replace(SAMPLING, batch_size=2)
    dump_yaml(dataclasses.replace(config, sampling=sampling), runs[0] / "config.yaml")
    sizes, decode = [], StableDiffusionPolicy.decode

    def count(policy, latents):
        sizes.append(len(latents))
        return decode(policy, latents)

    monkeypatch.setattr(StableDiffusionPolicy, "decode", count)
    evaluate(monkeypatch, "--runs", runs[0], "--num-images-per-prompt", 3)
    assert sizes == [2, 1] * 9
    sizes.clear()
    evaluate(monkeypatch, "--runs", *runs, "--num-images-per-prompt", 3, "--batch-size", 1)
    assert sizes == [1] * 9


def test_too_little_memory_is_one_line(runs, monkeypatch):
    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate\n9 GiB.")

    monkeypatch.setattr(StableDiffusionPolicy, "decode", fail)
    with pytest.raises(PolicyError, match="memory does not suffice: choose a smaller --batch-size"):
        evaluate(monkeypatch, "--runs", runs[0], "--num-images-per-prompt", 2)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda run: shutil.rmtree(run / "adapter"), "moved is not finished: go on with it by"),
        (lambda run: (run / "config.yaml").unlink(), "moved holds no run; expected a folder"),
        (lambda run: shutil.move(run, "base"), "moved holds no run"),
        (
            lambda run: (run / "config.yaml").write_text(
                (run / "config.yaml").read_text().replace("guidance: 2.0", "guidance: 3.0")
            ),
            "runs still and moved do not compare: sampler",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(runs, spoil, said):
    spoil(runs[1])
    ended = subprocess.run(
        [sys.executable, "-m", "rl_finetune.evaluate", "--runs", *runs, "--out", "measured"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not Path("measured").exists()


def test_names_of_runs_must_differ(runs):
    shutil.copytree("moved", "elsewhere/still")
    with pytest.raises(ConfigError, match="the name still is taken"):
        open_runs((runs[0], Path("elsewhere/still")))
    shutil.copytree("moved", "elsewhere/base")
    with pytest.raises(ConfigError, match="the name base is taken"):
        open_runs((Path("elsewhere/base"),))


def test_a_folder_measured_otherwise_is_refused(runs, monkeypatch):
    evaluate(monkeypatch, "--runs", runs[0], "--num-images-per-prompt", 2)
    with pytest.raises(ConfigError, match="with num_images_per_prompt 2, not 3: choose another"):
        evaluate(monkeypatch, "--runs", runs[0], "--num-images-per-prompt", 3)
