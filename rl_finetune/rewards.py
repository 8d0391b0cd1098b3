"""Rewards: what a run is told to make larger, opened from a string and checked at every call."""

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from data.errors import RewardError
from data.reward_address import PLUS, is_reward_model, split_lower, split_sum


@runtime_checkable
class Reward(Protocol):
    """A scalar per image and prompt; larger is better."""

    def __call__(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        """Return the reward of each image, in [0, 1] per channel, with its prompt."""
        ...


def open_reward(reward: str, *, device: str | torch.device = "cpu") -> Reward:
    """Open a reward from what the command line calls it.

    Raises `RewardError` for a text of another form, a folder that is no reward model, and a
    callable that cannot be imported.
    """
    if is_reward_model(reward):
        return _open_reward_model(reward, device)
    if terms := split_sum(reward):
        return WeightedSum([(weight, open_reward(term, device=device)) for weight, term in terms])
    if bound := split_lower(reward):
        width, folder = bound
        return _open_lower_bound(folder, width, device)
    name, colon, rest = reward.partition(":")
    if name in _published():
        return _open_published(reward, device)
    if colon and all(name.split(".")) and rest.isidentifier():
        return _import_callable(name, rest)
    forms = ", ".join(f"{name}{after}" for name, after in _published().items())
    raise RewardError(
        f"reward {reward!r}: no such folder; expected a folder written by reward_training.fit, "
        f"FOLDER@OUTPUT or lower:WIDTH:FOLDER of one, {forms}, module:callable, or a sum such as "
        f"'0.7*image-reward{PLUS}0.3*aesthetic'"
    )


class WeightedSum:
    """Rewards added up, each times its weight."""

    def __init__(self, terms: list[tuple[float, Reward]]) -> None:
        self._terms = terms

    def __call__(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        """Return the sum; each term is checked as a reward by itself is."""
        scores = [weight * score(reward, images, prompts) for weight, reward in self._terms]
        return torch.stack(scores).sum(dim=0).to(images.device)


def _published() -> dict[str, str]:
    """Return the names of published rewards, each with what may come after it."""
    from reward_training.published.opening import PUBLISHED

    return {name: published.after for name, published in PUBLISHED.items()}


def _open_published(reward: str, device: str | torch.device) -> Reward:
    from reward_training.published.opening import open_published

    return open_published(reward, str(device))


def _open_reward_model(folder: str, device: str | torch.device) -> Reward:
    import reward_training

    return reward_training.load(folder, device=str(device))


def _open_lower_bound(folder: str, width: float, device: str | torch.device) -> Reward:
    """Open a reward model to be taken at its reward minus so many of its standard deviations."""
    import reward_training

    fitted = reward_training.load(folder, device=str(device))
    for output in fitted.outputs.values():
        _ = output.posterior  # says now, and not in the first iteration, that there is none

    def lower(
        images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        return fitted.lower_bound(images, prompts, width)

    return lower


def _import_callable(module: str, name: str) -> Reward:
    """Import the user's function, or make an instance of the user's class."""
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        imported = importlib.import_module(module)
    except (ImportError, SyntaxError) as error:
        raise RewardError(f"reward {module}:{name}: cannot be imported ({error})") from error
    if not hasattr(imported, name):
        raise RewardError(f"reward {module}:{name}: {module} has no {name}")
    found = getattr(imported, name)
    instance = _make(found, f"reward {module}:{name}") if isinstance(found, type) else found
    if not isinstance(instance, Reward):
        raise RewardError(f"reward {module}:{name} is a {type(found).__name__}, not a callable")
    return instance


def _make(found: type, reward: str) -> object:
    """Make an instance; what goes wrong inside the user's class keeps its traceback."""
    try:
        signature = inspect.signature(found)
    except ValueError:  # a compiled class need not say what it takes
        return found()
    try:
        signature.bind()
    except TypeError:
        takes = " ".join(str(signature).split())
        raise RewardError(
            f"{reward}: expected a class that needs no arguments, got {found.__name__}{takes}; "
            "give them defaults, or name an instance"
        ) from None
    return found()


@torch.no_grad()
def score(
    reward: Reward | Callable[..., object],
    images: Float[Tensor, "batch 3 height width"],
    prompts: list[str],
) -> Float[Tensor, " batch"]:
    """Return the rewards of one batch on the CPU in fp32.

    Raises `RewardError` unless there is exactly one finite number per image.
    """
    rewards = reward(images, prompts)
    if not isinstance(rewards, Tensor):
        raise RewardError(f"the reward returned a {type(rewards).__name__}; expected a tensor")
    if rewards.shape != (len(images),):
        raise RewardError(
            f"the reward returned shape {tuple(rewards.shape)} for {len(images)} images; "
            f"expected ({len(images)},)"
        )
    rewards = rewards.detach().cpu().float()
    if not rewards.isfinite().all():
        worst = int(torch.nonzero(~rewards.isfinite())[0, 0])
        raise RewardError(
            f"the reward is {rewards[worst].item()} for image {worst} of {len(images)}, "
            f"prompt {prompts[worst]!r}; expected a finite number"
        )
    return rewards


@runtime_checkable
class Vision(Protocol):
    """Maps images to features of unit length, by which they can be told apart."""

    def __call__(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch features"]:
        """Return the features of images in [0, 1]."""
        ...


def open_vision(backbone: str, *, device: str | torch.device = "cpu") -> Vision:
    """Open the vision tower of a backbone, called as `reward_training.fit --backbone` calls it."""
    from reward_training.towers.backbones import open_backbone

    eye = open_backbone(backbone).requires_grad_(False).eval().to(device)

    @torch.no_grad()
    def look(images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        return eye.look(images).cpu()

    return look
