import json
import shutil

import numpy as np
import open_clip
import PIL.Image
import pytest
import torch

from data.errors import RewardError
from reward_training.towers.backbones import digest_of_source, open_backbone, open_definition
from reward_training.towers.open_clip_backbone import CONFIG_FILE


def reopened_with(folder, target, **preprocess):
    shutil.copytree(folder, target)
    config = json.loads((target / CONFIG_FILE).read_text())
    config["preprocess_cfg"] |= preprocess
    (target / CONFIG_FILE).write_text(json.dumps(config))
    return open_backbone(str(target))


def smooth_picture(height, width):
    rows, columns = np.mgrid[0:height, 0:width]
    channels = [rows / height, columns / width, 0.5 + 0.4 * np.sin(rows / 9 + columns / 7)]
    return (np.stack(channels, axis=-1) * 255).astype(np.uint8)


@pytest.mark.parametrize("mode", ["squash", "shortest", "longest"])
@pytest.mark.parametrize(
    "size", [(16, 16), (64, 64), (40, 56), (9, 12), (33, 9), (9, 33), (40, 20)]
)
def test_preprocessing_is_open_clips_own(clip_folder, tmp_path, mode, size):
    backbone = reopened_with(clip_folder, tmp_path / "clip", resize_mode=mode)
    _, _, transform = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'clip'}")
    picture = smooth_picture(*size)
    expected = transform(PIL.Image.fromarray(picture))
    image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    levels = ((backbone.preprocess(image)[0] - expected).abs() * 0.5 * 255).round()
    assert levels.max() <= 1  # where PIL rounds a half the other way
    assert levels.mean() < 0.03


def test_gradients_reach_the_image_through_resizing(backbone):
    image = torch.full((1, 3, 40, 40), 0.5, requires_grad=True)
    backbone.encode_image(backbone.preprocess(image)).sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


def test_features_are_open_clips_own(backbone, clip_folder):
    clip, _, _ = open_clip.create_model_and_transforms(f"local-dir:{clip_folder}")
    tokens = open_clip.get_tokenizer(f"local-dir:{clip_folder}")(["a bright dog"])
    expected = clip.encode_text(tokens, normalize=True)
    torch.testing.assert_close(backbone.encode_text(backbone.tokenize(["a bright dog"])), expected)


def test_each_prompt_gets_its_own_image(backbone):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(3, 3, 16, 16, generator=generator)
    prompts = ["a dark cat", "a bright dog", "a dark cat"]
    together = backbone.encode_pairs(images, prompts)
    for row, prompt in enumerate(prompts):
        alone = backbone.encode_pairs(images[row : row + 1], [prompt])
        for joint, single in zip(together, alone, strict=True):
            torch.testing.assert_close(joint[row], single[0])


def test_any_text_can_be_tokenised(backbone):
    odd = ["", "🐶☃ " * 40, "x" * 10_000, "ein Hund"]
    assert backbone.tokenize(odd).shape == (4, 8)
    assert torch.isfinite(backbone.encode_text(backbone.tokenize(odd))).all()


def test_a_definition_rebuilds_everything_but_the_weights(backbone, tmp_path):
    backbone.save_definition(tmp_path)
    rebuilt = open_definition(tmp_path)
    rebuilt.load_state_dict(backbone.state_dict())
    image, prompt = torch.full((1, 3, 16, 16), 0.3), ["a dark bird"]
    for ours, theirs in zip(
        rebuilt.encode_pairs(image, prompt), backbone.encode_pairs(image, prompt), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_towers_share_no_parameter_and_leave_out_only_the_scale(backbone):
    vision = {id(p) for p in backbone.vision_parameters()}
    text = {id(p) for p in backbone.text_parameters()}
    everything = {id(p): name for name, p in backbone.named_parameters()}
    assert not vision & text
    assert {everything[i] for i in everything.keys() - vision - text} == {"clip.logit_scale"}


def test_the_digest_follows_the_weights(clip_folder, tmp_path):
    copy = shutil.copytree(clip_folder, tmp_path / "copy")
    assert digest_of_source(str(copy)) == digest_of_source(str(clip_folder))
    weights = copy / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert digest_of_source(str(copy)) != digest_of_source(str(clip_folder))


def damage_nothing_there(folder):
    shutil.rmtree(folder)


def damage_config(folder):
    (folder / CONFIG_FILE).write_text("{")


def damage_no_weights(folder):
    (folder / "open_clip_model.safetensors").unlink()


def damage_weights(folder):
    (folder / "open_clip_model.safetensors").write_bytes(b"nothing of the kind")


def damage_tokenizer(folder):
    (folder / "tokenizer.json").unlink()


def damage_architecture(folder):
    config = json.loads((folder / CONFIG_FILE).read_text())
    config["model_cfg"]["vision_cfg"]["width"] = 64
    (folder / CONFIG_FILE).write_text(json.dumps(config))


def damage_resize_mode(folder):
    config = json.loads((folder / CONFIG_FILE).read_text())
    config["preprocess_cfg"]["resize_mode"] = "widest"
    (folder / CONFIG_FILE).write_text(json.dumps(config))


@pytest.mark.parametrize(
    "damage",
    [
        damage_nothing_there,
        damage_config,
        damage_no_weights,
        damage_weights,
        damage_tokenizer,
        damage_architecture,
        damage_resize_mode,
    ],
)
def test_a_folder_that_cannot_be_opened_is_named_in_one_line(clip_folder, tmp_path, damage):
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    damage(folder)
    with pytest.raises(RewardError, match="expected") as caught:
        open_backbone(str(folder))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
