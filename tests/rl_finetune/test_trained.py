"""What is trained of a UNet: an adapter, or all of its weights beside the base's."""

import dataclasses
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file

from data.errors import PolicyError
from rl_finetune.adapter import ADAPTER_FILE
from rl_finetune.config import GalleryConfig, SamplingConfig, TuneConfig
from rl_finetune.stable_diffusion import StableDiffusionPolicy
from rl_finetune.train import tune
from rl_finetune.trained import UNET_FILE

TEXTS = ["a green rabbit", "four wolves"]
SEEDS = [3, 4]


def images_of(policy):
    return policy.sample(TEXTS, SEEDS, eta=1.0, guidance=2.0, num_steps=4)


@pytest.fixture(params=["lora", "unet"])
def trained(request, base):
    return StableDiffusionPolicy.open(str(base), train=request.param, rank=2)


@pytest.fixture
def whole(base, disturb):
    policy = StableDiffusionPolicy.open(str(base), train="unet")
    disturb(policy, scale=0.02)
    return policy


def test_before_training_it_is_the_base(base, trained):
    assert torch.equal(images_of(trained), images_of(StableDiffusionPolicy.open(str(base))))


def test_the_reference_is_the_base_bit_for_bit(base, trained, disturb):
    disturb(trained, scale=0.02)
    plain = StableDiffusionPolicy.open(str(base))
    tuned = images_of(trained)
    with trained.reference():
        assert torch.equal(images_of(trained), images_of(plain))
        with trained.reference():
            assert torch.equal(images_of(trained), images_of(plain))
        assert torch.equal(images_of(trained), images_of(plain))
    assert torch.equal(images_of(trained), tuned)
    assert not torch.equal(images_of(plain), tuned)
    assert all(p.requires_grad for p in trained.adapter_parameters().values())
    assert trained.fingerprint() == plain.fingerprint()


def test_all_weights_of_the_unet_learn_and_none_of_the_base(base, whole):
    learning = whole.adapter_parameters()
    frozen = StableDiffusionPolicy.open(str(base)).parts.unet.state_dict()
    assert set(learning) == set(frozen)
    assert not any(p.requires_grad for p in whole.parts.unet.parameters())


def test_plain_diffusers_opens_our_unet_and_so_do_we(base, whole, tmp_path):
    whole.save_adapter(tmp_path / "unet")
    unet = UNet2DConditionModel.from_pretrained(tmp_path / "unet")
    pipeline = StableDiffusionPipeline.from_pretrained(base, unet=unet)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        TEXTS,
        generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
        eta=1.0,
        guidance_scale=2.0,
        num_inference_steps=4,
        output_type="pt",
    ).images
    ours = images_of(whole)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    again = StableDiffusionPolicy.open(str(base), adapter=tmp_path / "unet")
    assert torch.equal(images_of(again), ours)
    again.save_adapter(tmp_path / "again")
    first, second = (tmp_path / name / UNET_FILE for name in ("unet", "again"))
    assert first.read_bytes() == second.read_bytes()


def test_a_disk_without_room_is_no_traceback(trained, tmp_path, little_room):
    with pytest.raises((OSError, PolicyError)) as caught:
        trained.save_adapter(tmp_path)
    line = str(caught.value)
    assert str(tmp_path) in line
    assert "File too large" in line
    assert "\n" not in line
    assert not list(tmp_path.glob(f"*{ADAPTER_FILE}*"))


def test_the_adapters_file_is_the_one_that_diffusers_writes(policy, disturb, tmp_path):
    disturb(policy)
    policy.save_adapter(tmp_path)
    written = tmp_path / ADAPTER_FILE
    weights = {name.removeprefix("unet."): tensor for name, tensor in load_file(written).items()}
    StableDiffusionPipeline.save_lora_weights(
        tmp_path / "theirs", unet_lora_layers=weights, weight_name=ADAPTER_FILE
    )
    assert written.read_bytes() == (tmp_path / "theirs" / ADAPTER_FILE).read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_a_folder_of_the_other_kind_or_base_is_refused(base, v_base, policy, whole, tmp_path):
    whole.save_adapter(tmp_path / "unet")
    policy.save_adapter(tmp_path / "lora")

    def refuse(folder, message, of=base, **wanted):
        with pytest.raises(PolicyError, match=message):
            StableDiffusionPolicy.open(str(of), adapter=tmp_path / folder, **wanted)

    refuse("unet", "holds a whole UNet: set train unet", train="lora", rank=2)
    refuse("lora", "holds a LoRA adapter: set train lora", train="unet")
    refuse("unet", "does not fit the base", of=v_base)
    weights = tmp_path / "unet" / UNET_FILE
    weights.write_bytes(weights.read_bytes()[:1000])
    refuse("unet", "cannot open its UNet")


def test_a_run_goes_on_from_a_whole_unet(base, prompt_file, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    source = "def of_mine(images, prompts):\n    return images.mean((1, 2, 3))\n"
    (tmp_path / "brightness_reward.py").write_text(source)
    config = TuneConfig(
        policy=str(base),
        train="unet",
        reward="brightness_reward:of_mine",
        prompts=str(prompt_file),
        iterations=1,
        sampling=SamplingConfig(num_steps=3, num_prompts=2, num_images_per_prompt=2),
        gallery=GalleryConfig(every=3, num_prompts=1, num_images_per_prompt=1),
    )
    first = tune(config, out=tmp_path / "first", progress=False)
    config = dataclasses.replace(config, adapter=str(first.adapter))
    second = tune(config, out=tmp_path / "second", progress=False)
    assert first.iterations[0].kl == pytest.approx(0, abs=1e-6)
    assert second.iterations[0].kl > 0
    card = Path(second.adapter / "README.md").read_text()
    assert "| trained | all weights of the UNet |" in card
    assert "unet=unet" in card
