"""Measuring policies at the same prompts and seeds, by a judge where there is one."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from data.records import Image, Policy, Prompt, RewardModel
from devices.choice import default_device
from feedback_loop.drawing import Artist, Wanted
from feedback_loop.loop import Loop
from feedback_loop.measurements import MeasuredImage, write_measurements
from feedback_loop.seeds import measure_seeds
from feedback_loop.world import backbone_of, judge_of

if TYPE_CHECKING:
    from torch import Tensor

    from emoji_world.judge import Verdict
    from reward_training.combined import CombinedReward
    from reward_training.model import LearnedReward


def measure(loop: Loop, number: int) -> dict[str, object]:
    """Measure all policies by the newest reward model and write it down for the report.

    Images that are there from an earlier measurement are not drawn again. Returns what the round
    notes.
    """
    policies = loop.store.policies()
    measured = measure_policies(loop, policies, number)
    write_measurements(loop.workspace, measured)
    return {"policies": [policy.name for policy in policies], "num_images": len(measured)}


def measure_policies(loop: Loop, policies: Sequence[Policy], number: int) -> list[MeasuredImage]:
    """Return what is found about every policy's images, policy by policy in the same order."""
    gallery = [(policy, _draw(loop, policy, number)) for policy in policies]
    examiner = Examiner(loop)
    total = sum(len(images) for _, images in gallery)
    measured: list[MeasuredImage] = []
    with tqdm(total=total, desc="looking at the images", unit="image") as bar:
        for _, images in gallery:
            for of_prompt in _by_prompt(images):
                measured += examiner.examine(of_prompt)
                bar.update(len(of_prompt))
    return measured


def _draw(loop: Loop, policy: Policy, number: int) -> list[Image]:
    wanted = [
        Wanted(prompt, seed)
        for prompt in loop.prompts("train", "unseen")
        for seed in measure_seeds(loop.config)
    ]
    purpose = f"round {number}: measuring {policy.name}"
    return Artist(loop, policy).draw(wanted, number=number, purpose=purpose)


def _by_prompt(images: Sequence[Image]) -> Iterator[list[Image]]:
    groups: dict[str, list[Image]] = {}
    for image in images:
        groups.setdefault(image.prompt_id, []).append(image)
    yield from groups.values()


class Examiner:
    """Looks at images with everyone who has something to say: judge, reward model, control."""

    def __init__(self, loop: Loop) -> None:
        """Open the world's judge, the untouched backbone and the newest reward model."""
        from reward_training.published.control import open_control

        self._workspace = loop.workspace
        self._prompts = {prompt.prompt_id: prompt for prompt in loop.prompts()}
        self._judge = judge_of(loop.config)
        self._control = open_control(backbone_of(loop.config), default_device())
        models = loop.store.reward_models()
        self._model = models[-1] if models else None
        self._reward = None if self._model is None else _open(loop, self._model)
        self._device = default_device()

    def examine(self, images: Sequence[Image]) -> list[MeasuredImage]:
        """Return what is found about images of one prompt and one policy."""
        from feedback_loop.pixels import read_images

        prompt = self._prompts[images[0].prompt_id]
        texts = [prompt.text] * len(images)
        pixels = read_images(self._workspace, [image.sha256 for image in images])
        verdicts = self._verdicts(pixels, texts)
        on_device = pixels.to(self._device)
        similarities = self._control(on_device, texts).tolist()
        rewards = [None] * len(images) if self._reward is None else self._reward(on_device, texts)
        distances = self._distances(on_device)
        rows = zip(images, verdicts, rewards, similarities, distances, strict=True)
        model = None if self._model is None else self._model.name
        return [_measured(prompt, model, *row) for row in rows]

    def _verdicts(self, pixels: "Tensor", texts: list[str]) -> "list[Verdict | None]":
        if self._judge is None:
            return [None] * len(texts)
        verdicts = self._judge.verdicts(pixels, texts)
        return [verdict if verdict.known else None for verdict in verdicts]

    def _distances(self, pixels: "Tensor") -> list[float]:
        """Return each image's mean cosine distance to the others."""
        import torch

        from rl_finetune.distributions import mean_cosine_distances

        with torch.no_grad():
            features = self._control.backbone.look(pixels)
        return mean_cosine_distances(features).tolist()


def _open(loop: Loop, model: RewardModel) -> "LearnedReward | CombinedReward":
    import reward_training

    folder: Path = loop.workspace.root / model.path
    return reward_training.load(folder, device=default_device())


def _measured(
    prompt: Prompt,
    reward_model: str | None,
    image: Image,
    verdict: "Verdict | None",
    reward: "Tensor | None",
    similarity: float,
    distance: float,
) -> MeasuredImage:
    return MeasuredImage(
        policy=image.policy,
        image_id=image.image_id,
        sha256=image.sha256,
        prompt_id=prompt.prompt_id,
        prompt=prompt.text,
        family=prompt.family,
        split=prompt.split,
        seed=image.seed,
        met=None if verdict is None else verdict.met,
        quality=None if verdict is None else verdict.quality,
        reward=None if reward is None else float(reward),
        reward_model=reward_model,
        clip=similarity,
        distance=distance,
    )
