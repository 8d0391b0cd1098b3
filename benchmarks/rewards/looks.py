"""How a reward orders a prompt's own images, and which it likes best of all prompts' images."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from data.records import Split
from feedback_loop.loop import BASE, Loop
from feedback_loop.measurements import MeasuredImage, read_measurements
from feedback_loop.pixels import read_images
from feedback_loop.statistics import order_accuracy
from feedback_loop.world import judge_of
from reward_training.model import LearnedReward

NUM_BEST = 8
SPLITS: tuple[Split, ...] = ("train", "unseen")


@dataclass(frozen=True)
class Pool:
    """The base's measured images of all prompts, and what the judge says of each for each."""

    images: list[MeasuredImage]
    pixels: Float[Tensor, "images 3 height width"]
    met: dict[str, Bool[Tensor, " images"]]
    """For every prompt's text, whether each image would meet it."""

    @classmethod
    def of(cls, loop: Loop) -> "Pool":
        """Read what a demo measured of its base."""
        images = [image for image in read_measurements(loop.workspace) if image.policy == BASE]
        pixels = read_images(loop.workspace, [image.sha256 for image in images])
        judge = judge_of(loop.config)
        assert judge is not None, "only the emoji world knows the truth"
        texts = dict.fromkeys(image.prompt for image in images)
        met = {
            text: torch.tensor([v.met for v in judge.verdicts(pixels, [text] * len(images))])
            for text in texts
        }
        return cls(images, pixels, met)

    def texts(self, split: Split) -> list[str]:
        """List the prompts of a split."""
        return list(dict.fromkeys(image.prompt for image in self.images if image.split == split))


@torch.no_grad()
def look_at(reward: LearnedReward, pool: Pool) -> dict[str, object]:
    """Return order within prompts and the share of the best of the pool that meet the prompt."""
    backbone = reward.backbone
    pixels = backbone.preprocess(pool.pixels)
    features = torch.cat([backbone.encode_image(chunk) for chunk in pixels.split(64)])
    rewards = {
        text: reward.head(features, backbone.encode_text(backbone.tokenize([text])))
        for text in pool.met
    }
    own = [
        replace(image, reward=rewards[image.prompt][row].item())
        for row, image in enumerate(pool.images)
    ]
    return {split: _order(own, split) | _best(pool, rewards, split) for split in SPLITS}


def _order(images: Sequence[MeasuredImage], split: Split) -> dict[str, object]:
    order = order_accuracy([image for image in images if image.split == split])
    assert order is not None, "no pair of the base's images differs in truth"
    return {"pairs": order.num_pairs, "order": asdict(order.reward)}


def _best(pool: Pool, rewards: dict[str, Tensor], split: Split) -> dict[str, object]:
    shares = [
        pool.met[text][rewards[text].topk(NUM_BEST).indices].float().mean().item()
        for text in pool.texts(split)
    ]
    return {"best": sum(shares) / len(shares)}
