"""Opens a published reward by its name, with weights from the hub or from a file of one's own."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from data.errors import RewardError
from reward_training.published import image_reward
from reward_training.published.aesthetic import Aesthetic
from reward_training.published.checkpoint import checkpoint_of, fill, read_checkpoint
from reward_training.published.own_score import OwnScore
from reward_training.published.reward import PublishedReward
from reward_training.published.similarity import Similarity, clip_score
from reward_training.towers.backbone import TwoTowers
from reward_training.towers.backbones import open_towers
from reward_training.towers.open_clip_backbone import ClipBackbone
from reward_training.towers.transformers_folder import HUB

_HPS_CLIP = "ViT-H-14"
_AESTHETIC_CLIP = "ViT-L-14/openai"
_PICK_SCORE = "yuvalkirstain/PickScore_v1"


def open_clip_score(_: str, backbone: str) -> PublishedReward:
    """Open CLIP score: 100 times the cosine of any backbone."""
    if not backbone:
        raise RewardError("reward clip: expected clip:BACKBONE, got no backbone")
    return clip_score(backbone)


def open_image_reward(name: str, path: str) -> PublishedReward:
    """Open ImageReward; BERT's vocabulary is taken from beside the checkpoint where it is there."""
    return OwnScore(name, image_reward.open_image_reward(path))


def open_pick_score(name: str, path: str) -> PublishedReward:
    """Open PickScore (Kirstain et al. 2023): a CLIP of transformers, with the scale it learned."""
    backbone = open_towers(path or f"{HUB}{_PICK_SCORE}")
    return Similarity(name, backbone, backbone.similarity_scale)


def open_hps(name: str, path: str, file: str = "HPS_v2_compressed.pt") -> PublishedReward:
    """Open HPS v2 (Wu et al. 2023): the cosine of a CLIP ViT-H/14 that was fitted to choices.

    Its publisher makes tensors of images before resizing them (`hpsv2/src/open_clip/transform.py`
    of tgxs002/HPSv2; with torchvision 0.17 or later that is antialiased).
    """
    backbone = ClipBackbone.of_architecture(_HPS_CLIP, resize_mode="longest")
    backbone.preprocess = replace(backbone.preprocess, whole_grey_levels=False)
    return fill_hps(name, checkpoint_of(path, "xswu/HPSv2", file), backbone)


def fill_hps(name: str, checkpoint: Path, backbone: ClipBackbone) -> PublishedReward:
    """Read HPS v2's checkpoint into a CLIP of its architecture."""
    fill(backbone.clip, read_checkpoint(checkpoint), checkpoint, "HPS v2")
    return Similarity(name, backbone, 1.0)


def open_aesthetic(name: str, path: str, backbone: TwoTowers | None = None) -> PublishedReward:
    """Open LAION's aesthetic predictor."""
    checkpoint = checkpoint_of(path, "trl-lib/ddpo-aesthetic-predictor", "aesthetic-model.pth")
    return Aesthetic.open(name, checkpoint, backbone or open_towers(_AESTHETIC_CLIP))


@dataclass(frozen=True, slots=True)
class Published:
    """How a reward is opened, and what its name may be followed by."""

    open: Callable[[str, str], PublishedReward]
    """From its name, and the text after it, empty where there is none."""
    after: str


PUBLISHED = {
    "clip": Published(open_clip_score, ":BACKBONE"),
    image_reward.NAME: Published(open_image_reward, "[:ImageReward.pt]"),
    "pick-score": Published(open_pick_score, "[:FOLDER]"),
    "hps-v2": Published(open_hps, "[:HPS_v2_compressed.pt]"),
    "hps-v2.1": Published(
        lambda name, path: open_hps(name, path, "HPS_v2.1_compressed.pt"),
        "[:HPS_v2.1_compressed.pt]",
    ),
    "aesthetic": Published(open_aesthetic, "[:aesthetic-model.pth]"),
}
"""By name; a file or folder of one's own comes after a colon."""


def open_published(reward: str, device: str = "cpu") -> PublishedReward:
    """Open `NAME` or `NAME:WHERE`, frozen, on a device.

    Raises `RewardError` in one line where that cannot be done, as where the hub is not to be had.
    """
    name, _, where = reward.partition(":")
    found = PUBLISHED[name].open(reward, where)
    return found.requires_grad_(False).eval().to(device)
