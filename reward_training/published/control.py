"""The control that a fitted reward is measured by: its backbone as it was before the fit."""

from reward_training.published.own_score import OwnScore
from reward_training.published.similarity import CLIP_FACTOR, Similarity
from reward_training.towers.backbone import TwoTowers
from reward_training.towers.backbones import open_backbone
from reward_training.towers.blip_backbone import BlipBackbone


def open_control(source: str, device: str = "cpu") -> Similarity | OwnScore:
    """Open a backbone as a reward, frozen: a hundred cosines, or a BLIP's own score."""
    backbone = open_backbone(source)
    assert isinstance(backbone, TwoTowers | BlipBackbone)
    control = (
        Similarity(source, backbone, CLIP_FACTOR)
        if isinstance(backbone, TwoTowers)
        else OwnScore(source, backbone)
    )
    return control.requires_grad_(False).eval().to(device)
