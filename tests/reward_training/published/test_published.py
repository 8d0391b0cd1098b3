"""The other published rewards against plain sums of their publishers' models, and bad files."""

import pickle

import open_clip
import pytest
import torch
from published_layouts import head_weights
from safetensors.torch import load_file, save_file
from transformers import CLIPModel, SiglipModel

from data.errors import RewardError
from reward_training.published.aesthetic import Aesthetic
from reward_training.published.opening import (
    PUBLISHED,
    fill_hps,
    open_aesthetic,
    open_published,
)
from reward_training.towers.backbones import open_definition, open_towers
from reward_training.towers.open_clip_backbone import ClipBackbone
from rl_finetune.conformance import check_reward
from rl_finetune.rewards import open_reward, score

PROMPTS = ["a bright dog", "a dark cat", "a bright star"]


@pytest.fixture
def images():
    return torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def hps_file(clip_folder, tmp_path):
    weights = load_file(clip_folder / "open_clip_model.safetensors")
    torch.save({"epoch": 1, "state_dict": weights}, tmp_path / "HPS_v2_compressed.pt")
    return tmp_path / "HPS_v2_compressed.pt"


def small_hps(file, clip_folder):
    backbone = open_towers(str(clip_folder))
    assert isinstance(backbone, ClipBackbone)
    for weight in backbone.parameters():
        torch.nn.init.zeros_(weight)
    return fill_hps("hps-v2", file, backbone).eval()


def cosine(a, b):
    return (a / a.norm(dim=-1, keepdim=True) * b / b.norm(dim=-1, keepdim=True)).sum(dim=-1)


def test_pick_score_is_the_scaled_cosine_of_its_clip(pick_folder, images, tokenizer):
    model = CLIPModel.from_pretrained(pick_folder).eval()
    mean = torch.tensor(open_clip.OPENAI_DATASET_MEAN).view(3, 1, 1)
    std = torch.tensor(open_clip.OPENAI_DATASET_STD).view(3, 1, 1)
    read = tokenizer(PROMPTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        out = model(**read, pixel_values=(images - mean) / std)
        expected = model.logit_scale.exp() * cosine(out.image_embeds, out.text_embeds)
    assert model.logit_scale.item() == pytest.approx(1.3)
    torch.testing.assert_close(
        open_published(f"pick-score:{pick_folder}")(images, PROMPTS), expected
    )


def test_hps_is_the_cosine_of_its_clip(hps_file, clip_folder, images):
    clip, _, _ = open_clip.create_model_and_transforms(f"local-dir:{clip_folder}")
    clip.eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{clip_folder}")(PROMPTS)
    with torch.no_grad():
        expected = cosine(clip.encode_image((images - 0.5) / 0.5), clip.encode_text(tokens))
    torch.testing.assert_close(small_hps(hps_file, clip_folder)(images, PROMPTS), expected)


def test_hps_has_the_published_architecture_and_keeps_the_shape_of_images():
    backbone = ClipBackbone.of_architecture("ViT-B-32", resize_mode="longest")  # smaller, and alike
    assert backbone.preprocess.resize_mode == "longest"
    assert backbone.preprocess(torch.ones(1, 3, 50, 100)).shape == (1, 3, 224, 224)


def test_aesthetic_is_a_stack_of_linear_layers_on_the_unit_feature(
    aesthetic_file, clip_folder, images
):
    backbone = open_towers(str(clip_folder))
    reward = open_aesthetic("aesthetic", str(aesthetic_file), backbone).eval()
    with torch.no_grad():
        x = backbone.encode_image((images - 0.5) / 0.5)
        weights = torch.load(aesthetic_file)
        for place in (0, 2, 4, 6, 7):
            x = x @ weights[f"layers.{place}.weight"].T + weights[f"layers.{place}.bias"]
    torch.testing.assert_close(reward(images, PROMPTS), x[:, 0])
    torch.testing.assert_close(reward(images, PROMPTS), reward(images, ["", "b", "c"]))


def test_siglip_is_a_backbone_too(siglip_folder, images, siglip_tokenizer):
    model = SiglipModel.from_pretrained(siglip_folder).eval()
    read = siglip_tokenizer(
        PROMPTS, padding="max_length", max_length=8, truncation=True, return_tensors="pt"
    )
    with torch.no_grad():
        out = model(input_ids=read["input_ids"], pixel_values=(images - 0.5) / 0.5)
    expected = 100 * cosine(out.image_embeds, out.text_embeds)
    torch.testing.assert_close(open_reward(f"clip:{siglip_folder}")(images, PROMPTS), expected)


@pytest.mark.parametrize("kind", ["pick", "siglip"])
def test_a_definition_of_transformers_rebuilds_everything_but_the_weights(
    kind, pick_folder, siglip_folder, tmp_path, images
):
    backbone = open_towers(str({"pick": pick_folder, "siglip": siglip_folder}[kind]))
    backbone.save_definition(tmp_path)
    rebuilt = open_definition(tmp_path)
    rebuilt.load_state_dict(backbone.state_dict())
    for ours, theirs in zip(
        rebuilt.eval().encode_pairs(images, PROMPTS),
        backbone.eval().encode_pairs(images, PROMPTS),
        strict=True,
    ):
        assert torch.equal(ours, theirs)
        assert ours.shape == (3, rebuilt.embed_dim)
    vision, text = (
        {id(p) for p in part} for part in (backbone.vision_parameters(), backbone.text_parameters())
    )
    others = [n for n, p in backbone.named_parameters() if id(p) not in vision | text]
    assert not vision & text
    assert all("logit_" in name for name in others)


@pytest.fixture(params=["clip", "image-reward", "pick-score", "siglip", "hps-v2", "aesthetic"])
def published(request, clip_folder, image_reward_file, pick_folder, siglip_folder, aesthetic_file):
    files = {
        "clip": f"clip:{clip_folder}",
        "image-reward": f"image-reward:{image_reward_file}",
        "pick-score": f"pick-score:{pick_folder}",
        "siglip": f"clip:{siglip_folder}",
    }
    if request.param == "hps-v2":
        return small_hps(request.getfixturevalue("hps_file"), clip_folder)
    if request.param == "aesthetic":
        backbone = open_towers(str(clip_folder))
        return Aesthetic.open("aesthetic", aesthetic_file, backbone).eval()
    return open_published(files[request.param])


def test_all_of_them_conform(published):
    assert [check.describe() for check in check_reward(published) if not check.holds] == []


def test_gradients_reach_the_image_where_they_are_asked_for(published, images):
    images.requires_grad_(True)
    published.raw(images, PROMPTS).sum().backward()
    assert (images.grad.abs().sum(dim=(1, 2, 3)) > 0).all()


def test_half_the_precision_gives_nearly_the_same(published, images):
    whole = published(images, PROMPTS)
    half = published.to(torch.bfloat16)(images, PROMPTS)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, whole, atol=0.15 * float(whole.abs().max()), rtol=0)


def test_sums_are_weighted(clip_folder, pick_folder, images):
    clip, pick = f"clip:{clip_folder}", f"pick-score:{pick_folder}"
    one, other = (score(open_reward(each), images, PROMPTS) for each in (clip, pick))
    both = score(open_reward(f"0.25*{clip} + {pick}"), images, PROMPTS)
    torch.testing.assert_close(both, 0.25 * one + other)
    torch.testing.assert_close(score(open_reward(f"-2 * {pick}"), images, PROMPTS), -2 * other)


class Evil:
    def __reduce__(self):
        return (print, ("ran",))


def damaged(tmp_path, kind):
    """Write a file that is no checkpoint, in one of several ways."""
    path = tmp_path / "weights.pt"
    if kind == "garbage":
        path.write_bytes(b"nothing of the kind")
    if kind == "code":
        path.write_bytes(pickle.dumps({"layers.0.weight": Evil()}, protocol=2))
    if kind == "list":
        torch.save([1, 2], path)
    if kind == "another architecture":
        torch.save(head_weights(torch.Generator(), 48), path)
    if kind == "one layer missing":
        weights = head_weights(torch.Generator(), 32)
        del weights["layers.6.bias"]
        path = tmp_path / "weights.safetensors"
        save_file(weights, path)
    return path


@pytest.mark.parametrize(
    "kind", ["missing", "garbage", "code", "list", "another architecture", "one layer missing"]
)
def test_a_damaged_checkpoint_is_refused_in_one_line(clip_folder, tmp_path, capsys, kind):
    path = damaged(tmp_path, kind)
    with pytest.raises(RewardError, match="expected") as caught:
        open_aesthetic("aesthetic", str(path), open_towers(str(clip_folder)))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert "ran" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["image-reward", "hps-v2", "aesthetic"])
def test_another_models_checkpoint_is_refused(tmp_path, name, clip_folder):
    path = tmp_path / "weights.pt"
    torch.save(head_weights(torch.Generator(), 48), path)
    openers = {
        "image-reward": lambda: open_published(f"{name}:{path}"),
        "hps-v2": lambda: small_hps(path, clip_folder),
        "aesthetic": lambda: open_aesthetic(name, str(path), open_towers(str(clip_folder))),
    }
    with pytest.raises(RewardError, match="expected") as caught:
        openers[name]()
    assert "\n" not in str(caught.value)


def test_a_model_of_another_kind_is_refused(pick_folder, tmp_path):
    CLIPModel.from_pretrained(pick_folder).text_model.config.save_pretrained(tmp_path)
    with pytest.raises(RewardError, match="clip or siglip"):
        open_reward(f"pick-score:{tmp_path}")


def test_without_the_hub_a_file_is_asked_for(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_CACHE", "/nowhere")
    assert set(PUBLISHED) == {
        "clip", "image-reward", "pick-score", "hps-v2", "hps-v2.1", "aesthetic"
    }  # fmt: skip
    for name in ("image-reward", "aesthetic", "clip"):
        with pytest.raises(RewardError, match="expected") as caught:
            open_reward(name)
        assert "\n" not in str(caught.value)
