"""What draws must have the weights on record: others' images would pass for a policy's."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from data.errors import PolicyError, WorkspaceError
from data.files import sha256_of
from data.records import Policy, RewardModel
from feedback_loop.drawing import Artist, Wanted
from feedback_loop.loop import Loop
from feedback_loop.tuning import tune_config
from rl_finetune.stable_diffusion import StableDiffusionPolicy


def draw(loop, name="base", seed=0):
    artist = Artist(loop, loop.store.policy(name))
    return artist.draw([Wanted(loop.prompts()[0], seed)], number=1, purpose="")


@pytest.fixture
def moved(loop, tmp_path):
    """Return the workspace with a copy of its base, which lay elsewhere before."""
    here = shutil.copytree(loop.config.base, tmp_path / "now" / "base")
    gone = tmp_path / "gone" / "base"
    store = loop.store
    with store.writing() as connection:
        connection.execute("UPDATE policies SET base = ?", [str(gone)])
    return Loop(loop.workspace, replace(loop.config, base=str(here)))


def test_another_base_of_the_same_name_does_not_draw(loop, moved):
    draw(loop)
    images = draw(moved, seed=1)
    _change(Path(moved.config.base) / "unet" / "diffusion_pytorch_model.safetensors")
    with pytest.raises(WorkspaceError, match=r"has other weights than .* put base back"):
        draw(moved, seed=2)
    assert len(loop.store.images()) == 1 + len(images)
    (loop.workspace.policies / "base.yaml").unlink()
    assert draw(moved, seed=2)


def _change(file):
    weights = load_file(file)
    save_file({name: tensor + 0.1 for name, tensor in weights.items()}, file)


@pytest.fixture
def tuned(loop, tmp_path):
    """Return the workspace with a policy that has an adapter."""
    base = StableDiffusionPolicy.open(loop.config.base, rank=2, seed=0)
    folder = loop.workspace.policies / "round-1"
    base.save_adapter(folder)
    (weights,) = folder.glob("*.safetensors")
    loop.store.add_policy(
        Policy(
            name="round-1",
            base=loop.config.base,
            adapter="policies/round-1",
            adapter_sha256=sha256_of(weights),
            parent="base",
            run_id="round-1",
            round=1,
        )
    )
    return loop, weights


def test_an_adapter_that_was_exchanged_neither_draws_nor_is_tuned_on(tuned):
    loop, weights = tuned
    draw(loop, "round-1")
    assert draw(loop)
    reward = RewardModel(name="round-2", snapshot="0", path="rewards/round-2")
    policy = loop.store.policy("round-1")
    assert tune_config(loop, 2, policy, reward).adapter == str(weights.parent.resolve())
    _change(weights)
    for opening in (
        lambda: draw(loop, "round-1", seed=1),
        lambda: tune_config(loop, 2, policy, reward),
    ):
        with pytest.raises(
            PolicyError, match=r"is not the adapter of policy round-1: .*runs/round"
        ):
            opening()
    assert len(loop.store.images(policy="round-1")) == 1
