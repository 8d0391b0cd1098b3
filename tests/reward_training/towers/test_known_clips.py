"""CLIPs that open_clip knows by name: a small one stands in for those that are downloaded."""

import copy
from pathlib import Path

import open_clip
import pytest
import torch
from open_clip import factory, pretrained

from reward_training.towers.backbones import digest_of_source, open_backbone, open_definition

NAME, QUICK, PLAIN = "ViT-tiny", "openai", "laion"
ARCHITECTURE = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 16, "layers": 1, "width": 16, "head_width": 8, "patch_size": 4},
    "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Weights of the small CLIP, which are what is downloaded for either of its tags."""
    monkeypatch.setitem(factory._MODEL_CONFIGS, NAME, copy.deepcopy(ARCHITECTURE))
    path = tmp_path / "weights.pt"
    torch.manual_seed(0)
    torch.save(open_clip.create_model(NAME).state_dict(), path)
    tags = {QUICK: {"url": "none", "quick_gelu": True}, PLAIN: {"url": "none"}}
    monkeypatch.setitem(pretrained._PRETRAINED, NAME, tags)
    monkeypatch.setattr(factory, "download_pretrained", lambda *_, **__: str(path))
    return path


def features_of(weights: Path, *, quick_gelu: bool):
    clip = open_clip.create_model(NAME, pretrained=str(weights), force_quick_gelu=quick_gelu)
    return clip.eval().encode_image((IMAGES - 0.5) / 0.5, normalize=True)


@pytest.mark.parametrize(("tag", "quick_gelu"), [(QUICK, True), (PLAIN, False)])
def test_towers_compute_what_their_weights_were_trained_with(weights, tag, quick_gelu, tmp_path):
    backbone = open_backbone(f"{NAME}/{tag}").eval()
    pixels = (IMAGES - 0.5) / 0.5
    found = backbone.encode_image(pixels)
    assert torch.equal(found, features_of(weights, quick_gelu=quick_gelu))
    assert (found - features_of(weights, quick_gelu=not quick_gelu)).abs().max() > 1e-4
    backbone.save_definition(tmp_path / "definition")
    rebuilt = open_definition(tmp_path / "definition")
    rebuilt.load_state_dict(backbone.state_dict())
    assert torch.equal(rebuilt.eval().encode_image(pixels), found)


def test_the_digest_has_the_architecture_that_a_name_stands_for(weights, monkeypatch):
    before = digest_of_source(f"{NAME}/{QUICK}")
    assert before == digest_of_source(f"{NAME}/{QUICK}")
    monkeypatch.setitem(pretrained._PRETRAINED[NAME], QUICK, {"url": "none"})
    assert digest_of_source(f"{NAME}/{QUICK}") != before


def test_the_digest_is_of_a_file_where_weights_are_one(weights):
    source = f"{NAME}/{weights}"
    assert open_backbone(source).embed_dim == ARCHITECTURE["embed_dim"]
    before = digest_of_source(source)
    moved = weights.rename(weights.parent / "elsewhere.pt")
    assert digest_of_source(source) != before
    weights.write_bytes(moved.read_bytes())
    assert digest_of_source(source) == before
    weights.write_bytes(moved.read_bytes()[:-1] + b"\x01")
    assert digest_of_source(source) != before
