"""A tiny image model and a tiny CLIP of random weights, and workspaces that stand on them."""

import importlib.util
import sys
from pathlib import Path

import pytest

from data.records import Choice, Comparison, Rater, RaterKind
from emoji_world.judge import Verdict
from feedback_loop.config import FitSection, GenerateConfig, LoopConfig, MeasureConfig
from feedback_loop.loop import create_loop
from feedback_loop.pixels import read_images
from reward_training.config import TrainingConfig
from rl_finetune.config import (
    GalleryConfig,
    OptimiserConfig,
    SamplingConfig,
    TuneConfig,
)

PROMPTS = """\
name: tiny
prompts:
  - {text: "a red dog", family: color}
  - {text: "a blue dog", family: color}
  - {text: "a red cat", family: count}
  - {text: "a blue cat", family: count}
  - {text: "a red frog", family: color, split: unseen}
  - {text: "a blue frog", family: count, split: unseen}
"""


def conftest_of(package):
    """Open the fixtures of another package's tests, which build the models that it works on."""
    path = Path(__file__).parents[1] / package / "conftest.py"
    spec = importlib.util.spec_from_file_location(f"conftest_of_{package}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Return a folder with the image model `base`, the CLIP `clip` and the prompt set."""
    folder = tmp_path_factory.mktemp("models")
    conftest_of("rl_finetune").build_base(folder / "base")
    conftest_of("reward_training").write_clip(folder / "clip")
    (folder / "tiny.yaml").write_text(PROMPTS, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def config(models):
    """Return settings under which a whole round takes seconds."""
    return LoopConfig(
        world="none",
        base=str(models / "base"),
        prompt_set=str(models / "tiny.yaml"),
        generate=GenerateConfig(num_pairs=20, num_images=20),
        fit=FitSection(
            backbone=str(models / "clip"),
            held_out_fraction=0.5,
            training=TrainingConfig(num_updates=4, batch_size=8, evaluate_every=2),
        ),
        tune=TuneConfig(
            iterations=2,
            sampling=SamplingConfig(
                num_steps=3, num_prompts=2, num_images_per_prompt=2, batch_size=8
            ),
            optimiser=OptimiserConfig(num_updates=1),
            gallery=GalleryConfig(num_prompts=1, num_images_per_prompt=2),
        ),
        measure=MeasureConfig(num_images_per_prompt=3),
    )


@pytest.fixture
def loop(tmp_path, config):
    return create_loop(tmp_path / "workspace", config)


def compare_as_person(loop, number, name="ada"):
    """Record a person's answers about every pair of a round: the brighter image is better."""
    store = loop.store
    rater = Rater.new(name, RaterKind.PERSON)
    store.add_rater(rater)
    hashes = {image.image_id: image.sha256 for image in store.images()}
    comparisons = []
    for pair in store.pairs(number):
        a, b = read_images(loop.workspace, [hashes[pair.image_a], hashes[pair.image_b]]).mean(
            dim=(1, 2, 3)
        )
        comparisons += [
            Comparison.new(
                pair_id=pair.pair_id,
                rater_id=rater.rater_id,
                choice=Choice.LEFT if a > b else Choice.RIGHT,
                aspect=aspect,
                shown_left=pair.image_a,
                idempotency_key=f"{name}:{pair.pair_id}:{aspect}",
            )
            for aspect in pair.aspects
        ]
    store.record_many(comparisons)
    return comparisons


@pytest.fixture(scope="session")
def compare():
    return compare_as_person


class BrightnessJudge:
    """Finds a prompt met where the image is bright; knows nothing of cats."""

    def verdicts(self, images, prompts):
        brightness = images.mean(dim=(1, 2, 3)).tolist()
        return [
            Verdict(known="cat" not in prompt, met=light > 0.5, match=light, quality=1.0)
            for light, prompt in zip(brightness, prompts, strict=True)
        ]


@pytest.fixture
def brightness_judge():
    return BrightnessJudge()
