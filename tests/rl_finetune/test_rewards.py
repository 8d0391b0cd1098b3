import pytest
import torch

from data.errors import RewardError
from rl_finetune.rewards import open_reward, score

IMAGES = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
PROMPTS = ["a", "b", "c"]


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "my_reward.py").write_text(
        "class Brightness:\n"
        "    def __call__(self, images, prompts):\n"
        "        return images.mean((1, 2, 3))\n"
        "function = Brightness()\n"
        "number = 3\n"
        "class Loaded(Brightness):\n"
        "    def __init__(self, path: str, scale=1.0):\n"
        "        pass\n"
        "class Broken(Brightness):\n"
        "    def __init__(self):\n"
        "        len(3)\n"
    )
    (tmp_path / "my_slip.py").write_text("def reward(:\n")
    (tmp_path / "my_bug.py").write_text("import math\nmath.absent\nreward = print\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "my_reward", raising=False)
    return "my_reward"


@pytest.mark.parametrize("name", ["Brightness", "function"])
def test_a_users_callable_is_found_in_the_current_folder(module, name):
    reward = open_reward(f"{module}:{name}")
    torch.testing.assert_close(score(reward, IMAGES, PROMPTS), IMAGES.mean((1, 2, 3)))


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        ("nowhere", "no such folder"),
        ("", "no such folder"),
        ("no_such_module:f", "cannot be imported"),
        ("my_reward:absent", "has no absent"),
        ("my_reward:number", "not a callable"),
        ("my_reward:Loaded", r"needs no arguments, got Loaded\(path: str, scale=1.0\)"),
        ("builtins:dict", "not a callable"),
        ("my_slip:reward", r"cannot be imported \(.*my_slip.py, line 1\)"),
        (":reward", "no such folder"),
        (".my_reward:function", "no such folder"),
    ],
)
def test_what_is_no_reward_is_refused_in_one_line(module, reward, message):
    with pytest.raises(RewardError, match=message) as caught:
        open_reward(reward)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("reward", "bug"), [("my_reward:Broken", TypeError), ("my_bug:reward", AttributeError)]
)
def test_a_bug_in_a_users_own_code_is_not_hidden(module, reward, bug):
    with pytest.raises(bug):
        open_reward(reward)


@pytest.mark.parametrize("name", ["mine", "mine + yours"])
def test_a_folder_that_is_no_reward_model_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(RewardError, match="no reward model"):
        open_reward(str(tmp_path / name))


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (torch.ones(2), r"shape \(2,\) for 3 images"),
        (torch.ones(3, 1), r"shape \(3, 1\)"),
        ([1.0, 2.0, 3.0], "list; expected a tensor"),
        (torch.tensor([0.0, torch.nan, 0.0]), "nan for image 1 of 3, prompt 'b'"),
        (torch.tensor([0.0, 0.0, torch.inf]), "inf for image 2"),
    ],
)
def test_what_a_reward_returns_is_checked(returned, message):
    with pytest.raises(RewardError, match=message):
        score(lambda images, prompts: returned, IMAGES, PROMPTS)


def test_rewards_come_without_gradient_in_fp32():
    weight = torch.ones(3, dtype=torch.float64, requires_grad=True)
    rewards = score(lambda images, prompts: 2 * weight, IMAGES, PROMPTS)
    assert rewards.dtype == torch.float32
    assert not rewards.requires_grad
