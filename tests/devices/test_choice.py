import pytest
import torch

from data.config_file import parse
from data.errors import ConfigError
from devices.choice import chosen_device
from feedback_loop.commands import check_reward
from reward_training.config import FitConfig
from reward_training.curve.config import CurveConfig


@pytest.fixture
def gpus(monkeypatch):
    """Let torch find so many GPUs."""

    def find(count):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)

    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    return find


@pytest.mark.parametrize(
    ("count", "name", "device"),
    [(0, "auto", "cpu"), (0, "cpu", "cpu"), (1, "auto", "cuda"), (2, "cuda:1", "cuda:1")],
)
def test_a_device_that_is_there_is_taken(gpus, count, name, device):
    gpus(count)
    assert chosen_device(name) == device


@pytest.mark.parametrize(
    ("count", "name", "expected"),
    [
        (1, "gpu", "cuda:N"),
        (1, "tpu", "cuda:N"),
        (1, "cuda:", "cuda:N"),
        (1, "", "cuda:N"),
        (1, "CPU", "cuda:N"),
        (0, "cuda", "torch can use"),
        (2, "cuda:2", "torch can use"),
        (1, "mps", "torch can use"),
    ],
)
def test_a_device_that_is_not_to_be_had_is_said_in_one_line(gpus, count, name, expected):
    gpus(count)
    with pytest.raises(ConfigError, match=f"device: expected .*{expected}.*, got {name}") as caught:
        chosen_device(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (FitConfig, ["--backbone", "x", "--training.device", "gpu"]),
        (CurveConfig, ["--device", "gpu"]),
    ],
)
def test_a_misspelt_device_is_noticed_with_the_other_options(kind, options):
    with pytest.raises(ConfigError, match="expected auto, cpu, cuda, cuda:N or mps, got gpu"):
        parse(kind, options, prog="p", description="d")


def test_a_reward_is_not_opened_for_a_device_that_is_not_there(gpus):
    gpus(0)
    with pytest.raises(ConfigError, match="torch can use here, got cuda"):
        check_reward.main(["nowhere", "--device", "cuda"])
