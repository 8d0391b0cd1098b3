"""What every reward must do, as checks that any reward can be run through.

A reward that fails one of them can be trained on all the same, and will mislead: a score that
depends on who else is in the batch is no function of an image and its prompt.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from data.errors import TastemakerError
from rl_finetune.rewards import Reward, score

PROMPTS = (
    "a green rabbit",
    "four wolves in the park, digital art",
    "",
    "ein Hund auf dem Mond 🐶🌕",
    "a very long prompt, " * 500,
    "a green rabbit",
)
"""An empty one, one of other letters, one of 10,000 characters, and one twice are among them."""

SIZE = 96
TOLERANCE = 1e-4
"""Of a score, times one plus its size: batches add up in another order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that a reward must do, and whether it does."""

    name: str
    problem: str = ""
    """Why not, in a line; empty where it does."""

    @property
    def holds(self) -> bool:
        """Say whether nothing is wrong."""
        return not self.problem

    def describe(self) -> str:
        """Return its name, and what is wrong."""
        return f"{self.name}: {self.problem}" if self.problem else self.name


def check_reward(reward: Reward) -> list[Check]:
    """Run a reward through all checks, on images of noise."""
    images = torch.rand(len(PROMPTS), 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return [_run(name, check, reward, images) for name, check in _CHECKS.items()]


def _run(
    name: str,
    check: Callable[[Reward, Tensor], str],
    reward: Reward,
    images: Float[Tensor, "batch 3 height width"],
) -> Check:
    try:
        return Check(name=name, problem=check(reward, images))
    except TastemakerError as error:
        return Check(name=name, problem=str(error))
    except Exception as error:
        said = str(error).splitlines()
        return Check(name=name, problem=f"{type(error).__name__}: {said[0] if said else ''}")


def _scores(reward: Reward, images: Tensor, prompts: tuple[str, ...] = PROMPTS) -> Tensor:
    return score(reward, images, list(prompts))


def _one_number_each(reward: Reward, images: Tensor) -> str:
    _scores(reward, images)
    return ""


def _on_its_device(reward: Reward, images: Tensor) -> str:
    returned = reward(images, list(PROMPTS))
    assert isinstance(returned, Tensor)
    return _difference("returned on", returned.device, images.device)


def _without_gradients(reward: Reward, images: Tensor) -> str:
    returned = reward(images.clone().requires_grad_(True), list(PROMPTS))
    assert isinstance(returned, Tensor)
    return "a call keeps the gradient's graph, and with it memory" if returned.requires_grad else ""


def _the_same_again(reward: Reward, images: Tensor) -> str:
    first, second = _scores(reward, images), _scores(reward, images)
    return "" if torch.equal(first, second) else _apart("a second call", first, second)


def _one_by_one(reward: Reward, images: Tensor) -> str:
    alone = [_scores(reward, images[n : n + 1], PROMPTS[n : n + 1]) for n in range(len(images))]
    return _close("one by one", torch.cat(alone), _scores(reward, images))


def _in_another_order(reward: Reward, images: Tensor) -> str:
    order = list(reversed(range(len(images))))
    turned = _scores(reward, images[order], tuple(PROMPTS[n] for n in order))
    return _close("in another order", turned, _scores(reward, images)[order])


def _of_other_sizes(reward: Reward, images: Tensor) -> str:
    for height, width in ((64, 64), (128, 96), (96, 200)):
        other = torch.nn.functional.interpolate(images[:2], (height, width), mode="nearest")
        _scores(reward, other, PROMPTS[:2])
    return ""


def _leaves_images_alone(reward: Reward, images: Tensor) -> str:
    before = images.clone()
    _scores(reward, images)
    return "" if torch.equal(before, images) else "it changes the images that it is given"


def _sees_images(reward: Reward, images: Tensor) -> str:
    same_prompt = (PROMPTS[0],) * len(images)
    spread = _scores(reward, images, same_prompt).std()
    return "" if spread > 0 else "six images have the same score"


_CHECKS = {
    "one finite number per image, for any prompt": _one_number_each,
    "where the images are": _on_its_device,
    "no gradients are kept": _without_gradients,
    "the same again": _the_same_again,
    "the same one by one": _one_by_one,
    "the same in another order": _in_another_order,
    "images of other sizes": _of_other_sizes,
    "images are left as they are": _leaves_images_alone,
    "other images, other scores": _sees_images,
}


def _close(what: str, ours: Float[Tensor, " batch"], theirs: Float[Tensor, " batch"]) -> str:
    is_close = (ours - theirs).abs() <= TOLERANCE * (1 + theirs.abs())
    return "" if bool(is_close.all()) else _apart(what, ours, theirs)


def _apart(what: str, ours: Float[Tensor, " batch"], theirs: Float[Tensor, " batch"]) -> str:
    worst = int((ours - theirs).abs().argmax())
    return f"{what} image {worst} has {ours[worst]:.6g}, and {theirs[worst]:.6g} otherwise"


def _difference(what: str, ours: object, theirs: object) -> str:
    return "" if ours == theirs else f"{what} {ours}, expected {theirs}"
