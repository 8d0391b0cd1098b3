"""Evaluating runs: the base once, then each run's policy, at the same prompts and image seeds."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from data.files import sha256_of
from data.prompts import load_prompt_set
from data.records import Split
from devices.processes import Processes
from rl_finetune.config import TuneConfig
from rl_finetune.distributions import kernel_bandwidth, squared_mmd
from rl_finetune.evaluated_runs import EvaluateConfig
from rl_finetune.evaluation import FIRST_SEED, Evaluated, EvaluatedImage, evaluate_policy
from rl_finetune.evaluation_folder import EvaluationFolder, EvaluationSettings
from rl_finetune.evaluation_summary import compare
from rl_finetune.memory import shortage_explained
from rl_finetune.rewards import open_reward, open_vision
from rl_finetune.stable_diffusion import StableDiffusionPolicy
from rl_finetune.trained import weights_file

BASE = "base"
BASE_AGAIN = "base-again"
"""The base at other seeds: what its distribution is known by, and how far it is from itself."""
_SPLITS: tuple[Split, ...] = ("train", "unseen")

Summary = dict[str, dict[str, Any]]
"""Of each policy, by split, the measures as JSON has them."""


@shortage_explained("choose a smaller --batch-size; what is evaluated already is kept")
def evaluate_runs(config: EvaluateConfig, runs: Mapping[str, TuneConfig]) -> tuple[Summary, Path]:
    """Evaluate what is not evaluated yet; return all policies' measures and where they are."""
    first = next(iter(runs.values()))
    settings = EvaluationSettings(
        base=first.policy,
        prompts=config.prompts or first.prompts,
        num_steps=first.sampling.num_steps,
        guidance=first.sampling.guidance,
        eta=first.sampling.eta,
        num_images_per_prompt=config.num_images_per_prompt,
        rewards=config.rewards or (first.reward, *first.watch),
        features=config.features,
    )
    folder = EvaluationFolder(config.out, settings)
    size = config.batch_size or first.sampling.batch_size
    evaluator = Evaluator(folder, settings, batch_size=size)
    folder.open()
    base, again = evaluator.evaluate(BASE), evaluator.evaluate(BASE_AGAIN)
    policies = {BASE: base}
    for name, path in zip(runs, config.runs, strict=True):
        policies[name] = evaluator.evaluate(name, path / "adapter")
    summary = {name: summarise(found, base, again) for name, found in policies.items()}
    return summary, folder.write_summary(summary)


class Evaluator:
    """Looks at policies in one way, which the settings say."""

    def __init__(
        self, folder: EvaluationFolder, settings: EvaluationSettings, *, batch_size: int
    ) -> None:
        """Open prompts, rewards and vision; what is wrong with them is a `TastemakerError`.

        So many images are denoised together, which is no setting: it changes rounding only.
        """
        self._folder = folder
        self._settings = settings
        self._sampling = dataclasses.replace(settings.sampling, batch_size=batch_size)
        self._device = Processes().device
        self._prompts = [p for p in load_prompt_set(settings.prompts) if p.split in _SPLITS]
        self._rewards = {name: open_reward(name, device=self._device) for name in settings.rewards}
        features = settings.features
        self._vision = open_vision(features, device=self._device) if features else None

    def evaluate(self, name: str, adapter: Path | None = None) -> Evaluated:
        """Return a policy's images and what was found about them, made now or before."""
        sha256 = None if adapter is None else sha256_of(weights_file(adapter))
        found = self._folder.find(name, sha256)
        if found is not None and self._shows_the_prompts(found):
            return found
        number = self._settings.num_images_per_prompt
        first_seed = FIRST_SEED + (number if name == BASE_AGAIN else 0)
        evaluated = evaluate_policy(
            StableDiffusionPolicy.open(self._settings.base, adapter=adapter, device=self._device),
            self._prompts,
            range(first_seed, first_seed + number),
            sampling=self._sampling,
            rewards={} if name == BASE_AGAIN else self._rewards,
            vision=self._vision,
            adapter_sha256=sha256,
            progress=name,
        )
        self._folder.keep(name, evaluated)
        return evaluated

    def _shows_the_prompts(self, evaluated: Evaluated) -> bool:
        """The prompts have not changed since it was made, neither in text nor in split."""
        seen = {(image.prompt, image.split, image.family) for image in evaluated.images}
        return seen == {(prompt.text, prompt.split, prompt.family) for prompt in self._prompts}


def summarise(policy: Evaluated, base: Evaluated, again: Evaluated) -> dict[str, Any]:
    """Return a policy's measures beside the base's by split, as JSON has them."""
    summary: dict[str, Any] = {}
    for split in _SPLITS:
        of_policy, of_base = (_of_split(each, split) for each in (policy, base))
        if not of_policy:
            continue
        measures = compare(of_policy, of_base)
        summary[split] = {
            "num_images": len(of_policy),
            "measures": {name: dataclasses.asdict(each) for name, each in measures.items()},
            "distance_to_base": _distance(policy, again, split),
        }
    return summary


def _of_split(evaluated: Evaluated, split: Split) -> list[EvaluatedImage]:
    return [image for image in evaluated.images if image.split == split]


def _distance(policy: Evaluated, again: Evaluated, split: Split) -> float | None:
    """Return the squared MMD of a split's images to the base's at other seeds."""
    first, second = _features(policy, split), _features(again, split)
    if first is None or second is None:
        return None
    return squared_mmd(first, second, kernel_bandwidth(second))


def _features(evaluated: Evaluated, split: Split) -> Tensor | None:
    if evaluated.features is None:
        return None
    return evaluated.features[[image.split == split for image in evaluated.images]]
