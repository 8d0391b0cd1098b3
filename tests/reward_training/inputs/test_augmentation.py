"""Changes of images: slight, the same for all that are compared, from seed and update alone."""

from dataclasses import replace

import pytest
import torch

from data.errors import ConfigError
from feedback_loop.config import FitSection
from reward_training.config import ModelConfig, TrainingConfig
from reward_training.fitting import fit
from reward_training.inputs.augmentation import MOST_BRIGHTNESS, MOST_CONTRAST, Views
from reward_training.learning.checkpoint import Checkpoint
from reward_training.learning.training import Fitting


def some(comparisons, *pairs):
    """As many comparisons, of these images."""
    a, b = torch.tensor(pairs).T
    return replace(comparisons.take(torch.arange(len(pairs))), image_a=a, image_b=b)


def change_of(views, image):
    place = int((views.images == image).nonzero())
    return torch.cat([views.frames[place].flatten(), views.levels[place]])


def test_what_is_compared_is_changed_alike_and_other_images_otherwise(make_fitting):
    _, comparisons, _ = make_fitting()
    batch = some(comparisons, (7, 2), (9, 4), (2, 11), (30, 31))
    views = Views.draw(batch, seed=3, update=5)
    assert views.images.tolist() == [2, 4, 7, 9, 11, 30, 31]
    alike = [(7, 2), (9, 4), (2, 11), (7, 11), (30, 31)]
    assert all(torch.equal(change_of(views, a), change_of(views, b)) for a, b in alike)
    changes = {tuple(change_of(views, image).tolist()) for image in (2, 4, 30)}
    assert len(changes) == 3


def test_a_change_follows_from_seed_and_update(make_fitting):
    _, comparisons, _ = make_fitting()
    batch = comparisons.take(torch.arange(8))
    first, again, later, other = (
        torch.cat([v.frames.flatten(), v.levels.flatten()])
        for v in (Views.draw(batch, seed=s, update=u) for s, u in ((0, 1), (0, 1), (0, 2), (1, 1)))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, later)
    assert not torch.equal(first, other)


def test_changes_are_slight_and_stay_within_black_and_white(make_fitting):
    _, comparisons, _ = make_fitting()
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    seen = []
    for update in range(40):
        views = Views.draw(comparisons.take(torch.arange(2)), seed=0, update=update)
        seen.append(views(views.images[:1], ramp)[0])
    seen = torch.stack(seen)
    assert seen.min() >= 0
    assert seen.max() <= 1
    # A ramp moved by a part of its side changes by that part.
    most = MOST_BRIGHTNESS + 0.5 * MOST_CONTRAST + 0.04 + 0.025
    assert 0.02 < (seen - ramp).abs().amax(dim=(1, 2, 3)).mean() < most
    assert (seen - ramp).abs().max() < most
    # Columns stay columns in their order: nothing is turned or mirrored.
    assert (seen[..., 8:56].diff(dim=-1) > 0).all()


def test_an_image_is_moved_as_it_is_said_to_be(make_fitting):
    _, comparisons, _ = make_fitting()
    views = Views.draw(comparisons.take(torch.arange(1)), seed=0, update=0)
    still = torch.tensor([[[1.0, 0, 0.5], [0, 1, 0]]]).expand(2, -1, -1)
    levels = torch.tensor([[1.0, 0.0]]).expand(2, -1)
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    moved = replace(views, frames=still, levels=levels)(views.images[:1], image)
    torch.testing.assert_close(moved[..., :-2], image[..., 2:])


def test_updates_see_changed_images_and_looks_do_not(make_fitting, quick_config):
    training = replace(quick_config.training, augment=True)
    fitting, comparisons, held_out = make_fitting("all", training)
    plain, *_ = make_fitting("all")
    assert torch.equal(fitting.all_rewards(held_out), plain.all_rewards(held_out))
    losses = []
    for each in (fitting, plain):
        optimiser = torch.optim.SGD(each.reward.trained_parameters().values(), lr=0.0)
        losses.append([each.learn(comparisons, update, optimiser) for update in range(2)])
    assert losses[0][0] != losses[1][0]
    assert losses[0][1] != losses[1][1]
    assert torch.equal(fitting.all_rewards(held_out), plain.all_rewards(held_out))


def test_a_pair_of_one_image_stays_a_pair_of_one_image(make_fitting, quick_config):
    training = replace(quick_config.training, augment=True)
    fitting, comparisons, _ = make_fitting("all", training)
    batch = comparisons.take(torch.arange(4))
    seen = []

    class Watches(Fitting):
        def loss(self, batch):
            seen.append(self.rewards(batch))
            return super().loss(batch)

    watching = Watches(
        fitting.reward, fitting.features, training, fitting.untouched, fitting.processes
    )
    same = replace(batch, image_b=batch.image_a)
    watching.learn(same, 0, torch.optim.SGD(fitting.reward.trained_parameters().values(), lr=0.0))
    assert torch.equal(seen[0][:, 0], seen[0][:, 1])


def test_going_on_from_a_checkpoint_sees_the_same_changes(make_fitting, quick_config, tmp_path):
    training = replace(quick_config.training, augment=True)

    def train(fitting, comparisons, held_out, name):
        checkpoint = Checkpoint(tmp_path / name, "key")
        return fitting.train(comparisons, held_out, num_updates=6, checkpoint=checkpoint)

    whole, comparisons, held_out = make_fitting("all", training)
    train(whole, comparisons, held_out, "whole.pt")

    class StopsAtFifth(Fitting):
        def learn(self, comparisons, update, optimiser):
            if update == 4:
                raise KeyboardInterrupt
            return super().learn(comparisons, update, optimiser)

    stopped, *_ = make_fitting("all", training)
    broken = StopsAtFifth(
        stopped.reward, stopped.features, training, stopped.untouched, stopped.processes
    )
    with pytest.raises(KeyboardInterrupt):
        train(broken, comparisons, held_out, "part.pt")
    resumed, *_ = make_fitting("all", training)
    train(resumed, comparisons, held_out, "part.pt")
    plain, *_ = make_fitting("all")
    train(plain, comparisons, held_out, "plain.pt")
    found, expected, without = (each.reward.state_dict() for each in (resumed, whole, plain))
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert not torch.equal(without["tie_logit"], expected["tie_logit"])


def test_off_is_the_default_bit_for_bit(quick_config, snapshot, tmp_path):
    config = replace(quick_config, model=ModelConfig(train="all"))
    assert not TrainingConfig().augment
    files = []
    for name, augment in (("default", None), ("off", False), ("on", True)):
        told = {} if augment is None else {"augment": augment}
        training = replace(config.training, **told)
        result = fit(replace(config, training=training), snapshot, out=tmp_path / name)
        files.append((result.path / "model.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize("train", ["head", "text"])
def test_a_frozen_tower_cannot_see_changed_images(quick_config, train):
    model, training = ModelConfig(train=train), TrainingConfig(augment=True)
    for make in (lambda **told: replace(quick_config, **told), FitSection):
        with pytest.raises((ValueError, ConfigError), match=f"model.train {train}, got true") as e:
            make(model=model, training=training)
        assert "\n" not in str(e.value)
