"""BLIP as a backbone: what transformers makes of the same folder, and what ImageReward is."""

import json
import shutil

import pytest
import torch
from published_layouts import write_blip
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BlipForImageTextRetrieval

from data.errors import RewardError
from reward_training.model import LearnedReward
from reward_training.published.control import open_control
from reward_training.published.opening import open_published
from reward_training.towers.backbones import (
    digest_of_source,
    open_backbone,
    open_definition,
    open_towers,
)
from reward_training.towers.partly import last_blocks

PROMPTS = ["a bright dog", "a green rabbit on the moon", "a dark cat"]


@pytest.fixture
def images():
    return torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def untouched(backbone, head="similarity"):
    return LearnedReward(
        backbone, head=head, ties="davidson", generator=torch.Generator().manual_seed(0)
    )


def sources(blip_folder, image_reward_file):
    return {"blip": str(blip_folder), "image-reward": f"image-reward:{image_reward_file}"}


@pytest.fixture(params=["blip", "image-reward"])
def source(request, blip_folder, image_reward_file):
    return sources(blip_folder, image_reward_file)[request.param]


def test_the_own_score_is_the_log_odds_of_a_match(blip_folder, images):
    backbone = open_backbone(str(blip_folder))
    model = BlipForImageTextRetrieval.from_pretrained(blip_folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(blip_folder)
    read = tokenizer(PROMPTS, padding=True, return_tensors="pt")
    pixels = backbone.preprocess(images)
    with torch.no_grad():
        odds = model(**read, pixel_values=pixels).itm_score.log_softmax(dim=-1)
        found = untouched(backbone).raw(images, PROMPTS)
    assert found.std() > 0.01
    torch.testing.assert_close(found, odds[:, 1] - odds[:, 0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("head", ["similarity", "linear", "mlp"])
def test_untouched_it_is_image_reward_bit_for_bit(image_reward_file, images, head):
    source = f"image-reward:{image_reward_file}"
    reward, published = untouched(open_backbone(source), head), open_published(source)
    assert torch.equal(reward.raw(images, PROMPTS).detach(), published(images, PROMPTS))
    assert torch.equal(open_control(source)(images, PROMPTS), published(images, PROMPTS))


def test_a_text_is_read_with_the_image(source, images):
    reward = untouched(open_backbone(source))
    same_text = reward(images, PROMPTS[:1] * 3)
    same_image = reward(images[:1].expand(3, -1, -1, -1), PROMPTS)
    assert same_text.std() > 1e-3
    assert same_image.std() > 1e-3
    images.requires_grad_(True)
    reward.raw(images, PROMPTS).sum().backward()
    assert (images.grad.abs().sum(dim=(1, 2, 3)) > 0).all()


def test_what_pads_a_text_changes_nothing(source, images):
    backbone = open_backbone(source)
    seen, words = backbone.encode_pairs(images, PROMPTS)
    end = int((words != 0).sum(dim=1).max())
    short, _ = backbone.join(seen, words[:, :end])
    long, _ = backbone.join(seen, words)
    torch.testing.assert_close(short, long)


def test_images_are_told_apart_at_unit_length(source, images):
    vectors = open_backbone(source).look(images)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(3))
    assert (vectors[0] - vectors[1]).abs().max() > 1e-3


def test_a_definition_rebuilds_all_but_the_weights(source, images, tmp_path):
    backbone = open_backbone(source)
    backbone.save_definition(tmp_path)
    again = open_definition(tmp_path)
    again.load_state_dict(backbone.state_dict())
    again.eval()
    assert again.preprocess == backbone.preprocess
    assert torch.equal(again.tokenize(PROMPTS), backbone.tokenize(PROMPTS))
    assert torch.equal(untouched(again)(images, PROMPTS), untouched(backbone)(images, PROMPTS))


def test_the_last_block_of_each_part_and_what_follows_it(source):
    backbone = open_backbone(source)
    chosen = {id(weight) for weight in last_blocks(backbone, 0.3)}
    late = {name for name, weight in backbone.named_parameters() if id(weight) in chosen}
    starts = (
        "blip.vision.encoder.layers.1.",
        "blip.vision.post_layernorm.",
        "blip.text.encoder.layer.1.",
        "own.",
    )
    assert late == {name for name, _ in backbone.named_parameters() if name.startswith(starts)}


def test_it_has_no_features_of_either_alone(source):
    with pytest.raises(RewardError, match="expected a CLIP") as caught:
        open_towers(source)
    assert "\n" not in str(caught.value)


def broken(folder, target, *, drop=(), vocabulary=None, **text_config):
    shutil.copytree(folder, target)
    weights = load_file(target / "model.safetensors")
    kept = {name: w for name, w in weights.items() if not name.startswith(tuple(drop) or "-")}
    save_file(kept, target / "model.safetensors", {"format": "pt"})
    config = json.loads((target / "config.json").read_text())
    config["text_config"] |= text_config
    (target / "config.json").write_text(json.dumps(config))
    return str(target)


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        ({"drop": ["itm_head"]}, "itm_head"),
        ({"drop": ["text_encoder.encoder.layer.1.crossattention"]}, "crossattention"),
        ({"is_decoder": False}, "cross-attention"),
        ({"hidden_size": 32}, "BLIP"),
        ({"vocab_size": 10}, "BLIP"),
    ],
)
def test_another_blip_is_refused_in_one_line(blip_folder, tmp_path, harm, word):
    with pytest.raises(RewardError, match=word) as caught:
        open_backbone(broken(blip_folder, tmp_path / "blip", **harm))
    assert "\n" not in str(caught.value)


def test_a_vocabulary_of_another_model_is_refused(image_reward_file, tmp_path):
    shutil.copytree(image_reward_file.parent, tmp_path / "other")
    with (tmp_path / "other" / "vocab.txt").open("a") as file:
        file.writelines(f"word{number}\n" for number in range(20))
    with pytest.raises(RewardError, match="the tokenizer has"):
        open_backbone(f"image-reward:{tmp_path / 'other' / 'ImageReward.pt'}")


def test_the_digest_of_a_source_is_of_its_files(image_reward_file, blip_folder, tmp_path):
    shutil.copytree(image_reward_file.parent, tmp_path / "same")
    copy = tmp_path / "same" / "ImageReward.pt"
    digest = digest_of_source(f"image-reward:{copy}")
    assert digest == digest_of_source(f"image-reward:{image_reward_file}")
    with (copy.parent / "vocab.txt").open("a") as file:
        file.write("word\n")
    other = write_blip(tmp_path / "other", ["a", "z"], seed=1)
    digests = [digest, digest_of_source(f"image-reward:{copy}"), digest_of_source("image-reward")]
    digests += [digest_of_source(str(blip_folder)), digest_of_source(str(other))]
    assert len(set(digests)) == len(digests)
