"""Partial training of transformers' towers: their blocks and stems are told apart by name."""

import pytest
import torch

from reward_training.towers.backbones import open_backbone
from reward_training.towers.partly import add_adapters, last_blocks, merge_adapters

STEM = ("embedding", "pre_layrnorm")


@pytest.fixture(params=["pick", "siglip"])
def backbone(request, pick_folder, siglip_folder):
    return open_backbone(str({"pick": pick_folder, "siglip": siglip_folder}[request.param]))


def test_the_last_block_of_both_towers_and_what_follows_it(backbone):
    chosen = {id(weight) for weight in last_blocks(backbone, 1)}
    late = {name for name, weight in backbone.named_parameters() if id(weight) in chosen}
    for tower in ("vision_model", "text_model"):
        blocks = {n.split(".layers.")[1].split(".")[0] for n in late if f"{tower}.enc" in n}
        assert len(blocks) == 1
    assert any("final_layer_norm" in name for name in late)
    assert not any(stem in name for name in late for stem in STEM)


def test_adapters_stand_beside_attention_and_leave_no_trace(backbone):
    before = {name: weight.clone() for name, weight in backbone.state_dict().items()}
    add_adapters(backbone, 2, torch.Generator().manual_seed(0))
    assert any("q_proj.parametrizations" in name for name, _ in backbone.named_parameters())
    merge_adapters(backbone)
    after = backbone.state_dict()
    assert set(after) == set(before)
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
