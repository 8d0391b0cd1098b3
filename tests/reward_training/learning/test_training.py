from dataclasses import replace

import pytest
import torch

from data.errors import RewardError
from reward_training.inputs.dataset import read_images
from reward_training.inputs.shown import Shown
from reward_training.learning.checkpoint import Checkpoint
from reward_training.learning.losses import cross_entropy, smooth_targets
from reward_training.learning.optimiser import batch_rows, warm_up
from reward_training.learning.training import Fitting
from reward_training.whitening import Whitening


def train(fitting, train_part, held_out, path, *, num_updates=6, key="key"):
    return fitting.train(
        train_part, held_out, num_updates=num_updates, checkpoint=Checkpoint(path, key)
    )


def same_bits(first, second):
    return all(torch.equal(first[name], second[name]) for name in first) and set(first) == set(
        second
    )


def test_the_rate_warms_up_and_stays():
    shares = [warm_up(update, 100) for update in range(100)]
    assert shares[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert set(shares[9:]) == {1.0}


@pytest.mark.parametrize(("num_rows", "batch_size"), [(10, 4), (7, 7), (5, 12), (100, 3)])
def test_every_comparison_is_seen_equally_often(num_rows, batch_size):
    batches = [batch_rows(update, num_rows, batch_size, seed=3) for update in range(num_rows)]
    assert all(len(batch) == batch_size for batch in batches)
    seen = torch.cat(batches)
    assert torch.equal(seen.bincount(), torch.full((num_rows,), batch_size))
    for first in range(0, len(seen) - num_rows + 1, num_rows):
        assert sorted(seen[first : first + num_rows].tolist()) == list(range(num_rows))


@pytest.mark.parametrize("part", ["head", "text", "all"])
def test_precomputed_features_give_the_models_own_margins(make_fitting, snapshot, part):
    fitting, comparisons, _ = make_fitting(part)
    few = comparisons.take(torch.arange(5))
    prompts = [few.prompts[row] for row in few.prompt.tolist()]

    def raw(column):
        keys = [few.images[row] for row in column.tolist()]
        return fitting.reward.raw(torch.stack(list(read_images(snapshot, keys))), prompts)

    torch.testing.assert_close(
        fitting.rewards(few), torch.stack([raw(few.image_a), raw(few.image_b)], 1)
    )


def test_the_loss_without_contrast_is_that_of_the_comparisons_alone(make_fitting, quick_config):
    fitting, comparisons, _ = make_fitting(config=replace(quick_config.training, contrast=0.0))
    targets = smooth_targets(comparisons.targets, quick_config.training.label_smoothing)
    of_pairs = fitting.reward.log_probabilities(fitting.rewards(comparisons))
    expected = cross_entropy(of_pairs, targets).mean()
    torch.testing.assert_close(fitting.loss(comparisons), expected)
    with_contrast = replace(fitting, config=replace(fitting.config, contrast=0.5))
    assert with_contrast.loss(comparisons) > expected


def test_the_loss_adds_up_from_its_parts(make_fitting, quick_config):
    fitting, comparisons, _ = make_fitting()

    def loss(likelihood, contrast):
        config = replace(quick_config.training, likelihood=likelihood, contrast=contrast)
        return replace(fitting, config=config).loss(comparisons)

    torch.testing.assert_close(loss(2.0, 0.5), 2 * loss(1.0, 0.0) + 0.5 * loss(0.0, 1.0))


def test_swapping_a_pair_flips_its_margin(make_fitting):
    fitting, comparisons, _ = make_fitting()
    swapped = replace(comparisons, image_a=comparisons.image_b, image_b=comparisons.image_a)
    torch.testing.assert_close(
        fitting.all_rewards(swapped), fitting.all_rewards(comparisons).flip(1)
    )


@pytest.mark.parametrize("part", ["head", "text", "all"])
def test_training_changes_all_of_the_trained_part_and_nothing_else(make_fitting, tmp_path, part):
    fitting, comparisons, _ = make_fitting(part)
    fitting.prepare_for(comparisons)
    before = {name: weight.clone() for name, weight in fitting.reward.state_dict().items()}
    train(fitting, comparisons, None, tmp_path / "checkpoint.pt")
    changed = {
        name
        for name, weight in fitting.reward.state_dict().items()
        if not torch.equal(weight, before[name])
    }
    assert changed == set(fitting.reward.trained_parameters())


def test_a_frozen_text_tower_is_read_by_what_tells_the_learned_texts_apart(make_fitting, tmp_path):
    fitting, comparisons, held_out = make_fitting("head")
    train(fitting, comparisons, held_out, tmp_path / "checkpoint.pt")
    expected = Whitening()
    expected.fit(fitting.features.prompts(comparisons.prompt.unique()))
    assert same_bits(fitting.reward.head.texts.state_dict(), expected.state_dict())


@pytest.mark.parametrize("part", ["text", "last", "lora", "all"])
def test_a_text_tower_in_training_is_read_as_it_is(make_fitting, tmp_path, part):
    fitting, comparisons, held_out = make_fitting(part)
    train(fitting, comparisons, held_out, tmp_path / "checkpoint.pt")
    assert fitting.reward.head.texts.mean is None


@pytest.mark.parametrize("part", ["head", "text", "all"])
def test_the_same_seed_gives_the_same_bits(make_fitting, tmp_path, part):
    results = []
    for name in ("first.pt", "second.pt"):
        fitting, comparisons, held_out = make_fitting(part)
        train(fitting, comparisons, held_out, tmp_path / name)
        results.append(fitting.reward.state_dict())
    assert same_bits(*results)


def test_going_on_from_a_checkpoint_equals_never_stopping(make_fitting, tmp_path):
    whole, comparisons, held_out = make_fitting()
    expected = train(whole, comparisons, held_out, tmp_path / "whole.pt")

    class StopsAtFifth(Fitting):
        def _update(self, batch, optimiser):
            self.count.append(1)
            if len(self.count) == 5:
                raise KeyboardInterrupt
            return super()._update(batch, optimiser)

    stopped, *_ = make_fitting()
    broken = StopsAtFifth(
        stopped.reward, stopped.features, stopped.config, stopped.untouched, stopped.processes
    )
    object.__setattr__(broken, "count", [])
    with pytest.raises(KeyboardInterrupt):
        train(broken, comparisons, held_out, tmp_path / "part.pt")
    resumed, *_ = make_fitting()
    found = train(resumed, comparisons, held_out, tmp_path / "part.pt")
    assert same_bits(resumed.reward.state_dict(), whole.reward.state_dict())
    assert [look.train_loss for look in found.looks] == [look.train_loss for look in expected.looks]
    for ours, theirs in zip(found.looks, expected.looks, strict=True):
        assert torch.equal(ours.margins, theirs.margins)


def test_a_checkpoint_of_another_fit_is_not_taken(make_fitting, tmp_path):
    path = tmp_path / "checkpoint.pt"
    fitting, comparisons, held_out = make_fitting()
    train(fitting, comparisons, held_out, path)
    optimiser = torch.optim.AdamW(fitting.reward.trained_parameters().values())
    assert Checkpoint(path, "another").restore(fitting.reward, optimiser) is None
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(RewardError, match="no checkpoint"):
        Checkpoint(path, "key").restore(fitting.reward, optimiser)


def test_training_stops_when_held_out_comparisons_have_had_enough(
    make_fitting, quick_config, tmp_path
):
    # A rate so high that the held-out loss soon rises.
    config = replace(quick_config.training, learning_rate=0.3, num_updates=40, patience=2)
    fitting, comparisons, held_out = make_fitting(config=config)
    state = train(fitting, comparisons, held_out, tmp_path / "checkpoint.pt", num_updates=40)
    assert state.update < 40
    best = min(state.looks, key=lambda look: look.held_out_loss)
    assert state.update - best.update == 4


def test_the_result_is_what_the_last_look_saw(make_fitting, tmp_path):
    fitting, comparisons, held_out = make_fitting()
    state = train(fitting, comparisons, held_out, tmp_path / "checkpoint.pt")
    last = state.looks[-1]
    assert last.update == state.update
    rewards = fitting.all_rewards(held_out)
    assert torch.equal(rewards[:, 0] - rewards[:, 1], last.margins)


def test_no_update_leaves_the_weights_alone(make_fitting, tmp_path):
    fitting, comparisons, _ = make_fitting()
    before = fitting.reward.copy_trained_weights()
    state = train(fitting, comparisons, None, tmp_path / "checkpoint.pt", num_updates=0)
    assert state.is_done
    assert same_bits(fitting.reward.copy_trained_weights(), before)


def test_the_result_is_the_moving_average_of_the_weights(make_fitting, quick_config, tmp_path):
    config = replace(quick_config.training, averaging=0.6)
    fitting, comparisons, _ = make_fitting(config=config)
    seen = [fitting.reward.copy_trained_weights()]

    class Watches(Fitting):
        def _average(self, state):
            seen.append(self.reward.copy_trained_weights())
            super()._average(state)

    watching = Watches(
        fitting.reward, fitting.features, config, fitting.untouched, fitting.processes
    )
    train(watching, comparisons, None, tmp_path / "checkpoint.pt", num_updates=15)
    expected = seen[0]["bar"].double()
    for update, weights in enumerate(seen[1:], start=1):
        past = min(0.6, update / (update + 9))
        expected = past * expected + (1 - past) * weights["bar"]
    torch.testing.assert_close(fitting.reward.bar.detach().double(), expected)
    assert not torch.equal(fitting.reward.bar, seen[-1]["bar"])


def test_parts_of_a_batch_add_up_to_the_whole(make_fitting, quick_config):
    """Without contrast, whose rivals are those of the part."""
    weights = {}
    for parts in (1, 4):
        config = replace(quick_config.training, contrast=0.0, num_parts=parts)
        fitting, comparisons, _ = make_fitting(config=config)
        optimiser = torch.optim.SGD(fitting.reward.trained_parameters().values(), lr=0.1)
        loss = fitting._update(comparisons.take(torch.arange(10)), optimiser)
        weights[parts] = (loss, fitting.reward.copy_trained_weights())
    assert weights[4][0] == pytest.approx(weights[1][0], rel=1e-5)
    for name, weight in weights[1][1].items():
        torch.testing.assert_close(weights[4][1][name], weight, rtol=1e-4, atol=1e-6)


def test_half_precision_keeps_the_weights_whole_and_the_loss_near(make_fitting, quick_config):
    fitting, comparisons, _ = make_fitting("all")
    low, _, _ = make_fitting("all", replace(quick_config.training, precision="bf16"))
    few = comparisons.take(torch.arange(8))
    optimiser = torch.optim.SGD(low.reward.trained_parameters().values(), lr=0.01)
    assert low._update(few, optimiser) == pytest.approx(fitting.loss(few).item(), rel=0.05)
    assert {weight.dtype for weight in low.reward.trained_parameters().values()} == {torch.float32}
    assert all(weight.isfinite().all() for weight in low.reward.trained_parameters().values())


def test_half_precision_of_features_leaves_rewards_unrounded(make_fitting, quick_config):
    """A step of bf16 at a reward of 30 is an eighth."""
    low, comparisons, _ = make_fitting("all", replace(quick_config.training, precision="bf16"))
    shown = Shown.of(comparisons.take(torch.arange(8)))
    with torch.autocast("cpu", torch.bfloat16):
        assert low.features.images(shown.images).dtype == torch.bfloat16
        rewards = low._table(shown)
    assert not torch.equal(rewards, rewards.bfloat16().float())
