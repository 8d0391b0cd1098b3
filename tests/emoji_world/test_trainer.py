import pytest
import torch
from torch import nn

from emoji_world.pretrain.trainer import Training, train


def _train(folder, training):
    torch.manual_seed(0)
    network = nn.Linear(3, 1)
    train("line", network, lambda rng: _loss(network, rng), training, folder, seed=4)
    return network.state_dict()


def _loss(network, rng):
    x = torch.from_numpy(rng.normal(size=(8, 3))).float() + 0.01 * torch.randn(8, 3)
    return (network(x) - x.sum(1, keepdim=True)).square().mean()


class StopError(Exception):
    pass


def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(tmp_path):
    training = Training(num_updates=12, learning_rate=0.1, warmup=2, average=0.5, save_every=4)
    whole = _train(tmp_path / "whole", training)

    torch.manual_seed(0)
    network = nn.Linear(3, 1)
    calls = iter(range(100))

    def dies_at_seven(rng):
        if next(calls) == 7:
            raise StopError
        return _loss(network, rng)

    with pytest.raises(StopError):
        train("line", network, dies_at_seven, training, tmp_path / "cut", seed=4)
    resumed = _train(tmp_path / "cut", training)
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def test_a_finished_training_is_not_repeated(tmp_path):
    training = Training(num_updates=4, learning_rate=0.1, warmup=1, save_every=4)
    first = _train(tmp_path, training)
    network = nn.Linear(3, 1)
    train("line", network, lambda rng: 1 / 0, training, tmp_path, seed=4)
    assert all(torch.equal(first[name], value) for name, value in network.state_dict().items())
