"""Fits of a BLIP, which reads a text together with the image, to planted comparisons."""

import shutil
import sys
from dataclasses import replace

import pytest
import torch

import reward_training
from data.entry import run_command
from data.errors import RewardError
from data.records import Aspect
from data.snapshot import take_snapshot
from reward_training.config import ModelConfig
from reward_training.fit import main
from reward_training.fitting import fit, prepare_fitting
from reward_training.inputs import feature_cache, frozen_pairs
from reward_training.inputs.dataset import Comparisons, read_images
from reward_training.learning.checkpoint import Checkpoint
from reward_training.published.opening import open_published
from rl_finetune.rewards import open_reward

QUICK = [
    "--training.num-updates", "4", "--training.evaluate-every", "2", "--training.batch-size", "8",
    "--training.device", "cpu", "--training.no-cross-validate", "--training.learning-rate", "1e-3",
]  # fmt: skip


@pytest.fixture
def blip_config(quick_config, blip_folder):
    training = replace(quick_config.training, learning_rate=2e-3)
    return replace(quick_config, backbone=str(blip_folder), training=training)


def begin(config, snapshot):
    comparisons = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)
    return prepare_fitting(config, snapshot, comparisons), comparisons


def train(fitting, comparisons, folder, num_updates):
    checkpoint = Checkpoint(folder / "checkpoint.pt", "key")
    return fitting.train(comparisons, None, num_updates=num_updates, checkpoint=checkpoint)


def command(monkeypatch, capfd, *arguments):
    monkeypatch.setattr(sys, "argv", ["fit", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        run_command(main)
    said = capfd.readouterr()
    return ended.value.code, said.out, said.err


def test_a_planted_preference_is_learned_from_random_weights(
    thorough_config, blip_folder, snapshot, tmp_path
):
    config = replace(thorough_config, backbone=str(blip_folder))
    result = fit(config, snapshot, out=tmp_path / "reward")
    assert result.metrics["held_out_accuracy"] >= 0.9
    assert result.metrics["control"] == "BLIP's matching score"
    reward = reward_training.load(result.path)
    grey = torch.linspace(0.15, 0.85, 5).view(5, 1, 1, 1).expand(5, 3, 16, 16)
    brighter = reward(grey, ["a bright boat"] * 5).diff()
    darker = reward(grey, ["a dark boat"] * 5).diff()
    assert brighter.mean() > 0 > darker.mean()


def test_the_command_fits_image_reward_and_every_use_of_it_works(
    monkeypatch, capfd, image_reward_file, planted
):
    arguments = ["--backbone", f"image-reward:{image_reward_file}", "--name", "mine", *QUICK]
    arguments += ["--workspace", planted.root, "--model.head", "linear"]
    status, out, err = command(monkeypatch, capfd, *arguments)
    assert (status, [line for line in err.splitlines() if "error" in line]) == (0, [])
    assert "untouched ImageReward: " in out
    folder = planted.rewards / "mine"
    images = torch.rand(3, 3, 20, 30, generator=torch.Generator().manual_seed(0))
    prompts = ["a bright dog", "a dark cat", "a green rabbit"]
    reward, lower = open_reward(str(folder)), open_reward(f"lower:1:{folder}")
    untouched = open_published(f"image-reward:{image_reward_file}")(images, prompts)
    assert not torch.allclose(reward(images, prompts), untouched, atol=0.1)
    assert (reward(images, prompts) > lower(images, prompts)).all()
    together = reward(images, prompts)
    for place, prompt in enumerate(prompts):
        alone = reward(images[place, None], [prompt])
        torch.testing.assert_close(alone, together[place, None], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        ModelConfig(train="head", head="linear"),
        ModelConfig(train="head", head="mlp"),
        ModelConfig(head="mlp", ties="none"),
        ModelConfig(train="last", blocks=0.3),
        ModelConfig(train="lora", rank=2),
        ModelConfig(train="all", ties="rao_kupper"),
    ],
)
def test_every_part_learns_alone_lowers_the_loss_and_is_opened_as_it_was_saved(
    blip_config, snapshot, tmp_path, model
):
    config = replace(blip_config, model=model)
    fitting, comparisons = begin(config, snapshot)
    before = {name: weight.clone() for name, weight in fitting.reward.state_dict().items()}
    loss = fitting.loss(comparisons).item()
    train(fitting, comparisons, tmp_path, 20)
    assert fitting.loss(comparisons).item() < loss
    now = fitting.reward.state_dict()
    changed = {name for name, weight in now.items() if not torch.equal(weight, before[name])}
    unused = {"none": {"tie_logit", "bar"}, "rao_kupper": {"bar"}}.get(model.ties, set())
    assert changed == set(fitting.reward.trained_parameters()) - unused
    result = fit(config, snapshot, out=tmp_path / "reward")
    first, second = (reward_training.load(result.path) for _ in range(2))
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    prompts = ["a bright dog", "a dark cat"]
    assert torch.equal(first(images, prompts), second(images, prompts))
    assert first.lower_bound(images, prompts, 1.0).isfinite().all()


def test_the_last_blocks_learn_and_no_others(blip_config, snapshot):
    fitting, _ = begin(replace(blip_config, model=ModelConfig(train="last", blocks=0.3)), snapshot)
    starts = (
        "backbone.blip.vision.encoder.layers.1.",
        "backbone.blip.vision.post_layernorm.",
        "backbone.blip.text.encoder.layer.1.",
        "backbone.own.",
        "head.",
    )
    names = set(fitting.reward.trained_parameters()) - {"tie_logit", "bar"}
    assert all(name.startswith(starts) for name in names)
    assert all(any(name.startswith(start) for name in names) for start in starts)


def test_what_is_saved_gives_the_rewards_that_were_fitted(blip_config, snapshot, tmp_path):
    """On tokens of half precision, as a fit reads them: rewards differ by no more than that."""
    result = fit(blip_config, snapshot, out=tmp_path / "reward")
    reward = reward_training.load(result.path)
    comparisons = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)
    images, prompts = comparisons.pictures()
    pixels = torch.stack(list(read_images(snapshot, comparisons.images)))[images]
    rewards = reward(pixels, [comparisons.prompts[row] for row in prompts.tolist()])
    torch.testing.assert_close(rewards.mean(), torch.tensor(0.0), atol=1e-2, rtol=0)
    torch.testing.assert_close(rewards.std(correction=0), torch.tensor(1.0), atol=1e-2, rtol=0)


@pytest.mark.parametrize("model", [ModelConfig(train="head", head="mlp"), ModelConfig()])
def test_kept_half_kept_and_fresh_tokens_give_the_same_bits(
    blip_config, planted, tmp_path, monkeypatch, reads, model
):
    monkeypatch.setattr(feature_cache, "SMALL_SHARD", 16)
    config, snapshot = replace(blip_config, model=model), take_snapshot(planted)

    def fitted(name):
        reads.clear()
        path = fit(config, snapshot, out=tmp_path / name).path
        return (path / "model.safetensors").read_bytes(), len(reads)

    cold, num_cold = fitted("first/reward")
    kept = sorted(planted.features.glob("*/images/*.safetensors"))
    assert len(kept) == 5
    assert not list(planted.features.glob("*/texts"))
    for shard in kept[::2]:
        shard.unlink()
    half, num_half = fitted("second/reward")
    kept = sorted(planted.features.glob("*/images/*.safetensors"))
    kept[0].write_bytes(kept[0].read_bytes()[:-1])
    repaired, _ = fitted("third/reward")
    warm, num_warm = fitted("fourth/reward")
    assert num_cold == 80  # each image once
    assert 0 < num_half < 80
    assert num_warm == 0
    assert cold == half == repaired == warm


def test_tokens_that_are_kept_are_the_vision_towers_own(blip_config, snapshot):
    fitting, comparisons = begin(blip_config, snapshot)
    rows = torch.tensor([5, 0, 5, 17])
    images = read_images(snapshot, [comparisons.images[row] for row in rows])
    encode = fitting.reward.backbone.encode_raw_images
    expected = torch.cat([encode(image[None]) for image in images]).half().float()
    assert torch.equal(fitting.features.images(rows), expected)


def test_an_image_stays_on_the_disk_where_the_folder_may_not_be_written(
    blip_config, planted, tmp_path, monkeypatch
):
    def read_only(path, content):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(feature_cache, "write_atomically", read_only)
    with pytest.raises(RewardError, match="too large for memory") as caught:
        fit(blip_config, take_snapshot(planted), out=tmp_path / "reward")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("contrast", [0.0, 1.0])
def test_an_update_reads_each_pair_once_and_two_rivals(
    blip_config, snapshot, monkeypatch, contrast
):
    training = replace(blip_config.training, contrast=contrast)
    fitting, comparisons = begin(replace(blip_config, training=training), snapshot)
    batch, read = comparisons.take(torch.arange(0, 200, 20)), []
    join = fitting.reward.backbone.join

    def count(images, texts):
        read.append(len(images))
        return join(images, texts)

    monkeypatch.setattr(fitting.reward.backbone, "join", count)
    loss = fitting.loss(batch)
    assert read == [20 + (2 * len(batch.prompt.unique()) if contrast else 0)]
    loss.backward()
    grads = [weight.grad for weight in fitting.trained.values() if weight.grad is not None]
    assert all(grad.isfinite().all() for grad in grads)


def test_with_a_head_alone_each_pair_is_read_once(blip_config, snapshot, tmp_path, monkeypatch):
    training = replace(blip_config.training, contrast=0.0, learning_rate=1e-2)
    config = replace(blip_config, model=ModelConfig(train="head", head="mlp"), training=training)
    fitting, comparisons = begin(config, snapshot)
    num_read, join = [], fitting.reward.backbone.join
    monkeypatch.setattr(
        fitting.reward.backbone, "join", lambda *pair: num_read.append(len(pair[0])) or join(*pair)
    )
    before = fitting.loss(comparisons).item()
    train(fitting, comparisons, tmp_path, 20)
    assert fitting.loss(comparisons).item() < before
    assert num_read == []  # all were, when the bar was set
    monkeypatch.setattr(frozen_pairs, "KEPT_PAIRS", 50)
    again = fitting.features.pairs
    few = frozen_pairs.FrozenPairs(again.backbone, again.images, again.prompts)
    rows = comparisons.image_a.repeat(2), comparisons.prompt.repeat(2)
    for kept, fresh in zip(again(*rows), few(*rows), strict=True):
        assert torch.equal(kept, fresh)
    assert len(few.kept) == 50
    assert num_read == [1] * 200


def test_the_loss_without_contrast_is_that_of_the_comparisons_alone(blip_config, snapshot):
    training = replace(blip_config.training, contrast=0.0)
    fitting, comparisons = begin(replace(blip_config, training=training), snapshot)
    expected = fitting._likelihood_loss(fitting.rewards(comparisons), comparisons)
    torch.testing.assert_close(fitting.loss(comparisons), expected)
    assert replace(fitting, config=blip_config.training).loss(comparisons) > expected


def test_contrast_teaches_a_reward_that_has_seen_no_comparison(blip_config, snapshot, tmp_path):
    training = replace(blip_config.training, likelihood=0.0, learning_rate=5e-3, batch_size=32)
    fitting, comparisons = begin(replace(blip_config, training=training), snapshot)
    before = fitting.loss(comparisons).item()
    train(fitting, comparisons, tmp_path, 60)
    assert fitting.loss(comparisons).item() < before - 0.05


def test_a_wrong_checkpoint_is_refused_in_one_line(
    monkeypatch, capfd, image_reward_file, planted, tmp_path, blip_folder
):
    weights = torch.load(image_reward_file)
    del weights["mlp.layers.4.bias"]
    shutil.copytree(image_reward_file.parent, tmp_path / "wrong")
    torch.save(weights, tmp_path / "wrong" / "ImageReward.pt")
    damaged = shutil.copytree(blip_folder, tmp_path / "damaged") / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    sources = {
        f"image-reward:{tmp_path / 'wrong' / 'ImageReward.pt'}": "layers.4.bias",
        f"image-reward:{tmp_path / 'none.pt'}": "no checkpoint",
        str(tmp_path / "damaged"): "BLIP",
    }
    for source, word in sources.items():
        arguments = ["--backbone", source, "--workspace", planted.root, *QUICK]
        status, out, err = command(monkeypatch, capfd, *arguments)
        assert (status, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert word in err
