"""The pairs of a round that asks for what its reward knows least."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.records import ChosenBy, Image, Pair
from feedback_loop.fitting import name_of_round
from feedback_loop.loop import Loop
from feedback_loop.pixels import read_images

if TYPE_CHECKING:
    import torch

    from reward_training.model import LearnedReward

_BATCH = 64


def reward_before(loop: Loop, number: int) -> Path | None:
    """Return the folder of the reward that chooses a round's pairs; None where chance does."""
    folder = loop.workspace.rewards / name_of_round(number - 1)
    is_wanted = loop.config.generate.choose is ChosenBy.INFORMATION
    return folder if is_wanted and folder.is_dir() else None


def choose_pairs(
    loop: Loop,
    number: int,
    reward: Path,
    images: Sequence[Image],
    earlier: Mapping[str, Sequence[str]],
    *,
    evenly: Sequence[Pair],
) -> list[Pair]:
    """Return a round's pairs: some as chance made them, the others by what they should tell.

    Args:
        loop: The workspace.
        number: The round.
        reward: Folder of the reward that asks.
        images: The round's images, on record.
        earlier: Ids of the parent policy's images, by prompt, that these may meet.
        evenly: The pairs that chance would ask about.
    """
    told = loop.config.generate
    rng = np.random.default_rng([loop.config.seed, number, 2])
    kept = rng.permutation(len(evenly))[: round(told.random_share * len(evenly))]
    by_chance = [evenly[int(place)] for place in sorted(kept)]
    candidates = _candidates(number, images, earlier)
    place_of = {pair.pair_id: place for place, pair in enumerate(candidates)}
    from reward_training.choosing import choose

    # Answers to several questions tell of heads that have nothing in common: gains add up.
    scales = _Scale.of(loop, reward, candidates)
    drawn = choose(
        np.sum([scale.gains(candidates) for scale in scales], axis=0),
        num=len(evenly) - len(by_chance),
        evenly=[place_of[pair.pair_id] for pair in by_chance],
        rng=rng,
    )
    chosen = [
        replace(
            candidates[each.candidate],
            chosen_by=ChosenBy.INFORMATION,
            propensity=each.propensity,
        )
        for each in drawn
    ]
    return by_chance + chosen


def _candidates(
    number: int, images: Sequence[Image], earlier: Mapping[str, Sequence[str]]
) -> list[Pair]:
    """Return every pair of one prompt's images of which one is new."""
    new: dict[str, list[str]] = {}
    for image in images:
        new.setdefault(image.prompt_id, []).append(image.image_id)
    return [
        Pair.new(round=number, prompt_id=prompt_id, image_a=a, image_b=b)
        for prompt_id, own in new.items()
        for place, a in enumerate(own)
        for b in [*own[place + 1 :], *earlier.get(prompt_id, [])]
    ]


@dataclass(frozen=True)
class _Scale:
    """What an output of a reward sees in images: its last features and its raw reward, by image."""

    output: "LearnedReward"
    row_of: dict[str, int]
    features: "torch.Tensor"
    rewards: "torch.Tensor"

    @classmethod
    def of(cls, loop: Loop, folder: Path, candidates: Sequence[Pair]) -> "list[_Scale]":
        """Look at every image that a candidate shows, once, and return a scale for each output."""
        import torch

        import reward_training

        reward = reward_training.load(folder)
        texts = {prompt.prompt_id: prompt.text for prompt in loop.store.prompts()}
        prompt_of = {i: pair.prompt_id for pair in candidates for i in (pair.image_a, pair.image_b)}
        shown = loop.store.images(prompt_ids=sorted(set(prompt_of.values())))
        hashes = {image.image_id: image.sha256 for image in shown}
        ids, outputs, seen = list(prompt_of), list(reward.outputs.values()), []
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]
            pixels = read_images(loop.workspace, [hashes[each] for each in batch])
            with torch.no_grad():
                read = reward.backbone.read(pixels, [texts[prompt_of[i]] for i in batch])
                heads = [output.head for output in outputs]
                seen.append([(head.last_features(*read), head(*read)) for head in heads])
        rows = {image_id: row for row, image_id in enumerate(ids)}
        by_output = zip(outputs, zip(*seen, strict=True), strict=True)
        return [
            cls(output, rows, *(torch.cat(column) for column in zip(*parts, strict=True)))
            for output, parts in by_output
        ]

    def gains(self, candidates: Sequence[Pair]) -> np.ndarray:
        """Return what an answer about each pair is expected to tell, in nats."""
        import torch

        from reward_training.choosing import information_gain

        rows = torch.tensor([[self.row_of[p.image_a], self.row_of[p.image_b]] for p in candidates])
        with torch.no_grad():
            gains = [
                information_gain(
                    self.features[chunk],
                    self.rewards[chunk],
                    self.output.posterior,
                    tie_logit=self.output.tie_logit,
                    bar=self.output.bar,
                    ties=self.output.ties,
                )
                for chunk in rows.split(_BATCH * _BATCH)
            ]
        return torch.cat(gains).numpy()
