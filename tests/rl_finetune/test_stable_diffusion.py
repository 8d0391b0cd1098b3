import json
import logging
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file

from data.errors import PolicyError
from rl_finetune import stable_diffusion
from rl_finetune.adapter import ADAPTER_FILE
from rl_finetune.policy import DiffusionPolicy
from rl_finetune.stable_diffusion import StableDiffusionPolicy

TEXTS = ["a green rabbit", "four wolves", "a cat and a dog"]

SEEDS = [3, 4, 5]


def plain_images(base, *, adapter=None, eta=1.0, guidance=2.0, num_steps=6):
    pipeline = StableDiffusionPipeline.from_pretrained(base)
    pipeline.set_progress_bar_config(disable=True)
    if adapter is not None:
        pipeline.load_lora_weights(adapter)
    images = pipeline(
        TEXTS,
        generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
        eta=eta,
        guidance_scale=guidance,
        num_inference_steps=num_steps,
        output_type="pt",
    )
    return images.images


def our_images(policy, *, eta=1.0, guidance=2.0, num_steps=6, **options):
    return policy.sample(TEXTS, SEEDS, eta=eta, guidance=guidance, num_steps=num_steps, **options)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_images_are_those_of_plain_diffusers(base, eta, guidance):
    theirs = plain_images(base, eta=eta, guidance=guidance)
    ours = our_images(StableDiffusionPolicy.open(str(base)), eta=eta, guidance=guidance)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_images_of_a_v_prediction_model_of_another_size_too(v_base):
    policy = StableDiffusionPolicy.open(str(v_base))
    assert policy.latent_shape == (4, 12, 12)
    assert policy.image_size == (48, 48)
    ours, theirs = our_images(policy, eta=0.9), plain_images(v_base, eta=0.9)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    assert our_images(policy, eta=1.0).isfinite().all()  # DDIMScheduler rounds to NaN here


@pytest.mark.parametrize(
    ("version", "size"), [("0.6.0", 64), ("0.8.1", 64), ("0.9.0.dev0", 8), ("0.10.2", 8)]
)
@pytest.mark.filterwarnings("ignore:The configuration file of the unet:FutureWarning")
def test_the_size_of_an_old_model_is_plain_diffusers(base, tmp_path, version, size):
    folder = tmp_path / "old"
    shutil.copytree(base, folder)
    config = folder / "unet" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"_diffusers_version": version}))
    assert StableDiffusionPipeline.from_pretrained(folder).unet.config.sample_size == size
    assert StableDiffusionPolicy.open(str(folder)).latent_shape == (4, size, size)


def test_plain_diffusers_opens_our_adapter_and_so_do_we(base, policy, tmp_path, disturb):
    disturb(policy)
    policy.save_adapter(tmp_path)
    ours = our_images(policy)
    assert (ours - our_images(StableDiffusionPolicy.open(str(base)))).abs().max() > 1e-3
    torch.testing.assert_close(ours, plain_images(base, adapter=tmp_path), rtol=0, atol=1e-5)
    again = StableDiffusionPolicy.open(str(base), adapter=tmp_path, rank=2)
    assert torch.equal(our_images(again), ours)
    again.save_adapter(tmp_path / "again")
    assert (tmp_path / "again" / ADAPTER_FILE).read_bytes() == (
        tmp_path / ADAPTER_FILE
    ).read_bytes()


def test_an_adapter_with_another_scale_keeps_its_meaning(base, policy, tmp_path, disturb):
    disturb(policy)
    policy.save_adapter(tmp_path)
    weights = load_file(tmp_path / ADAPTER_FILE)
    config = {"unet.r": 2, "unet.lora_alpha": 6, "unet.target_modules": ["to_q", "to_k", "to_v"]}
    config["unet.target_modules"].append("to_out.0")
    metadata = {"format": "pt", "lora_adapter_metadata": json.dumps(config)}
    save_file(weights, tmp_path / ADAPTER_FILE, metadata=metadata)
    theirs = plain_images(base, adapter=tmp_path)
    opened = StableDiffusionPolicy.open(str(base), adapter=tmp_path)
    torch.testing.assert_close(our_images(opened), theirs, rtol=0, atol=1e-5)
    opened.save_adapter(tmp_path / "folded")
    torch.testing.assert_close(
        plain_images(base, adapter=tmp_path / "folded"), theirs, rtol=0, atol=1e-5
    )


def test_an_image_depends_on_its_own_seed_and_prompt_only(policy):
    torch.testing.assert_close(our_images(policy), our_images(policy, batch_size=2))
    alone = policy.sample(TEXTS[2:], SEEDS[2:], eta=1.0, guidance=2.0, num_steps=6)
    torch.testing.assert_close(our_images(policy)[2:], alone)


def test_large_images_are_decoded_few_at_a_time(policy, monkeypatch):
    latents = torch.randn(5, *policy.latent_shape, generator=torch.Generator().manual_seed(0))
    together = policy.decode(latents)
    sizes, decode = [], policy.parts.vae.decode

    def count(latents, **options):
        sizes.append(len(latents))
        return decode(latents, **options)

    monkeypatch.setattr(policy.parts.vae, "decode", count)
    assert torch.equal(policy.decode(latents), together)
    assert sizes == [5]
    monkeypatch.setattr(stable_diffusion, "_PIXELS_AT_ONCE", 2 * 16 * 16 + 1)
    torch.testing.assert_close(policy.decode(latents), together)
    assert sizes == [5, 2, 2, 1]


def test_it_is_a_policy_whose_adapter_alone_can_learn(policy):
    assert isinstance(policy, DiffusionPolicy)
    adapter = {id(p) for p in policy.adapter_parameters().values()}
    unet = policy.parts.unet
    assert adapter == {id(p) for p in unet.parameters() if p.requires_grad}
    assert len(adapter) == 2 * 4 * 2 * 4  # A and B of 4 projections, 2 attentions, 4 blocks


def test_the_first_adapter_is_decided_by_the_seed(base):
    first, same, other = (
        list(StableDiffusionPolicy.open(str(base), rank=2, seed=seed).adapter_parameters().values())
        for seed in (0, 0, 1)
    )
    assert torch.equal(first[0], same[0])
    assert not torch.equal(first[0], other[0])


def test_gradient_of_the_branches_is_named(policy, disturb):
    disturb(policy)
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    condition = policy.encode_prompts(TEXTS[:2])
    parameters = list(policy.adapter_parameters().values())

    def evaluate(gradient, guidance=3.0):
        prediction = policy.predict(
            latents, torch.tensor([500, 20]), condition, guidance=guidance, gradient=gradient
        )
        gradients = torch.autograd.grad(prediction.square().sum(), parameters)
        return prediction, torch.cat([g.flatten() for g in gradients])

    both, conditional = evaluate("both"), evaluate("conditional")
    torch.testing.assert_close(both[0], conditional[0])
    assert not torch.allclose(both[1], conditional[1], rtol=1e-2)
    assert torch.equal(evaluate("both", 1.0)[1], evaluate("conditional", 1.0)[1])


def test_the_network_sees_equal_rows_once_with_the_same_gradient(policy, disturb):
    disturb(policy)
    generator = torch.Generator().manual_seed(3)
    distinct = torch.randn(2, *policy.latent_shape, generator=generator)
    rows = [0, 1, 0, 0]
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0]).view(4, 1, 1, 1)
    timesteps, parameters = torch.tensor([901, 401]), list(policy.adapter_parameters().values())
    condition = policy.encode_prompts(["a cat", "a dog"])
    seen = []
    hook = policy.parts.unet.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    together = policy.predict(distinct[rows], timesteps[rows], condition[rows], guidance=2.0)
    hook.remove()
    assert seen == [4]  # two rows, two branches
    apart = torch.cat(
        [
            policy.predict(distinct[[row]], timesteps[[row]], condition[[row]], guidance=2.0)
            for row in rows
        ]
    )
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-5)
    gradients = [
        torch.cat([g.flatten() for g in torch.autograd.grad((weights * p).sum(), parameters)])
        for p in (together, apart)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-4)


def test_bf16_is_near_fp32(base, policy):
    half = StableDiffusionPolicy.open(str(base), rank=2, precision="bf16")
    difference = our_images(half) - our_images(policy)
    assert 0 < difference.abs().mean() < 0.01


def test_a_long_prompt_is_cut_and_warned_of_once(policy, caplog):
    long = "wolves " * 250
    with caplog.at_level(logging.WARNING, logger="rl_finetune"):
        first = policy.encode_prompts([long, "🐺" * 3, ""])
        policy.encode_prompts([long])
    assert first.shape == (3, 24, 16)
    assert [r.levelname for r in caplog.records if "tokens" in r.message] == ["WARNING"]
    assert not torch.equal(first[1], first[2])


def damage(folder, name):
    if name == "no such folder":
        shutil.rmtree(folder)
    elif name == "no model_index.json":
        (folder / "model_index.json").unlink()
    elif name == "not readable as JSON":
        (folder / "model_index.json").write_text("{")
    elif name == "StableDiffusionXLPipeline":
        (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    elif name == "cannot open its unet":
        (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"not weights")
    elif name == "cannot open its vae":
        shutil.rmtree(folder / "vae")
    elif name == "cannot open its text_encoder":
        (folder / "text_encoder" / "model.safetensors").unlink()
    elif name == "cannot open its tokenizer":
        shutil.rmtree(folder / "tokenizer")
    elif name == "cannot open its scheduler":
        shutil.rmtree(folder / "scheduler")


@pytest.mark.parametrize(
    "message",
    [
        "no such folder",
        "no model_index.json",
        "not readable as JSON",
        "StableDiffusionXLPipeline",
        "cannot open its unet",
        "cannot open its vae",
        "cannot open its text_encoder",
        "cannot open its tokenizer",
        "cannot open its scheduler",
    ],
)
def test_a_folder_that_is_no_model_is_named(base, tmp_path, message):
    folder = tmp_path / "copy"
    shutil.copytree(base, folder)
    damage(folder, message)
    with pytest.raises(PolicyError, match=message) as caught:
        StableDiffusionPolicy.open(str(folder))
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def hub_copy(base, cache, name):
    """Lay a model into an empty cache of the hub, as a download does; return its folder."""
    commit = "0" * 40
    model = cache / f"models--{name.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(commit)
    return Path(shutil.copytree(base, model / "snapshots" / commit))


@pytest.mark.filterwarnings("ignore:The `local_dir_use_symlinks`:UserWarning")  # diffusers' own
def test_another_pipeline_of_the_hub_is_named(base, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    index = hub_copy(base, tmp_path, "me/model") / "model_index.json"
    assert StableDiffusionPolicy.open("me/model").latent_shape == (4, 8, 8)
    index.write_text('{"_class_name": "StableDiffusionInpaintPipeline"}')
    with pytest.raises(
        PolicyError, match="me/model is a StableDiffusionInpaintPipeline; supported"
    ):
        StableDiffusionPolicy.open("me/model")
    index.unlink()
    with pytest.raises(PolicyError, match="me/model: cannot open its model_index"):
        StableDiffusionPolicy.open("me/model")


def test_an_adapter_that_does_not_fit_is_refused(base, v_base, policy, tmp_path):
    with pytest.raises(PolicyError, match="no pytorch_lora_weights"):
        StableDiffusionPolicy.open(str(base), adapter=tmp_path)
    policy.save_adapter(tmp_path)
    with pytest.raises(PolicyError, match="rank 2, not 4"):
        StableDiffusionPolicy.open(str(base), adapter=tmp_path, rank=4)
    with pytest.raises(PolicyError, match="does not fit the base"):
        StableDiffusionPolicy.open(str(v_base), adapter=tmp_path)
    (tmp_path / ADAPTER_FILE).write_bytes(b"not weights")
    with pytest.raises(PolicyError, match="does not fit the base"):
        StableDiffusionPolicy.open(str(base), adapter=tmp_path)
