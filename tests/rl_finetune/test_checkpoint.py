import numpy as np
import pytest
import torch

from devices.processes import Processes
from rl_finetune.advantages import PromptStatistics
from rl_finetune.checkpoint import Checkpoints, TrainingState
from rl_finetune.config import OptimiserConfig
from rl_finetune.learner import make_optimiser
from rl_finetune.stable_diffusion import StableDiffusionPolicy


@pytest.fixture
def state(policy):
    return make_state(policy)


def make_state(policy):
    return TrainingState(
        policy=policy,
        processes=Processes(),
        parts={
            "optimiser": make_optimiser(policy, OptimiserConfig()),
            "statistics": PromptStatistics(3),
        },
    )


def draw_globally():
    # Not from `random`, which the type checks of the tests draw from as well.
    return torch.rand(1).item(), np.random.rand()  # noqa: NPY002


def test_everything_comes_back(base, state, disturb, tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    disturb(state.policy)
    state.parts["statistics"].update(["a", "b"], torch.tensor([1.0, 2.0]))
    for parameter in state.policy.adapter_parameters().values():
        parameter.grad = torch.ones_like(parameter)
    state.parts["optimiser"].step()
    checkpoints.save(state, 7)
    drawn = draw_globally()

    policy = StableDiffusionPolicy.open(str(base), rank=2, seed=5)
    fresh = make_state(policy)
    assert checkpoints.load_newest(fresh) == 7
    assert draw_globally() == drawn
    statistics = [s.parts["statistics"].state_dict() for s in (fresh, state)]
    assert statistics[0] == statistics[1]
    ours, theirs = state.policy.adapter_parameters(), policy.adapter_parameters()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    moments, expected = (
        [moment["exp_avg"] for moment in s.parts["optimiser"].state.values()]
        for s in (fresh, state)
    )
    assert all(torch.equal(a, b) for a, b in zip(moments, expected, strict=True))


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        (None, 7),  # as it is written now: this process's GPU alone
        ([0, 1], 1),  # as it used to be: all GPUs that the process saw
        ([0, 1, 2], 1),
        ([0], None),
        ([], None),
    ],
)
def test_only_this_process_gpu_has_its_state_put_back(
    state, tmp_path, monkeypatch, saved, expected
):
    device, put_back = torch.device("cuda", 1), []
    monkeypatch.setattr(Processes, "device", device)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda _: torch.tensor([7]))
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda *given: put_back.append(given))
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state, 1)
    path = tmp_path / "000001" / "state.pt"
    if saved is not None:
        packed = torch.load(path)
        packed["random"][0]["cuda"] = [torch.tensor([number]) for number in saved]
        torch.save(packed, path)
    checkpoints.load_newest(state)
    found = [(tensor.item(), where) for tensor, where in put_back]
    assert found == ([] if expected is None else [(expected, device)])


def test_the_newest_two_are_kept_and_half_written_ones_ignored(state, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.newest() is None
    assert checkpoints.load_newest(state) == 0
    (tmp_path / ".000009.partial").mkdir()
    for iteration in (8, 9, 10):
        checkpoints.save(state, iteration)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000009", "000010"]
    assert checkpoints.newest() == tmp_path / "000010"


def test_a_disk_without_room_keeps_the_checkpoint_before(state, tmp_path, request):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state, 1)
    request.getfixturevalue("little_room")
    with pytest.raises(OSError, match="File too large") as caught:
        checkpoints.save(state, 2)
    assert caught.value.filename == str(tmp_path / ".000002.partial" / "state.pt")
    assert checkpoints.newest() == tmp_path / "000001"
    assert checkpoints.load_newest(state) == 1


def test_a_checkpoint_serves_as_adapter(base, state, disturb, tmp_path):
    disturb(state.policy)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state, 1)
    opened = StableDiffusionPolicy.open(str(base), adapter=checkpoints.newest())
    ours, theirs = state.policy.adapter_parameters(), opened.adapter_parameters()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
