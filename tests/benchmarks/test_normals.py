"""The yardstick of `make gpu`'s densities finds what is wrong with ours."""

import pytest
import torch

from benchmarks.gpu.architectures import build_parts
from benchmarks.gpu.normals import ALLOWED, check_normals
from data.records import Prompt
from rl_finetune import adapter as lora
from rl_finetune import denoising
from rl_finetune.rollout import collect
from rl_finetune.stable_diffusion import StableDiffusionPolicy

BY_NOISE, BY_LATENTS, KL, RATIO = ALLOWED


@pytest.fixture(scope="module", params=["fp32", "bf16"])
def tuned(request):
    """A policy off its base, and what it drew."""
    parts = build_parts("small", torch.device("cpu"))
    lora.add_adapter(parts.unet, rank=4, seed=0)
    policy = StableDiffusionPolicy(parts, precision=request.param)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in policy.adapter_parameters().values():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    rollout = collect(
        policy,
        [Prompt.new("a green rabbit"), Prompt.new("four wolves")],
        [0, 1],
        schedule=policy.schedule(4, 1.0),
        guidance=7.5,
        batch_size=2,
    )
    return policy, rollout


def broken(tuned):
    return {name for name, (error, allowed) in check_normals(*tuned) if not error <= allowed}


def test_every_density_is_that_of_torch(tuned):
    assert broken(tuned) == set()


@pytest.mark.parametrize(
    ("formula", "found"),
    [
        ("mean", {BY_LATENTS}),
        ("log_prob_of_noise", {BY_NOISE, BY_LATENTS}),
        ("kl_weight", {KL}),
        ("log_ratio", {RATIO}),
    ],
)
def test_a_formula_that_is_one_per_cent_off_is_found(tuned, monkeypatch, formula, found):
    right = getattr(denoising, formula)
    monkeypatch.setattr(denoising, formula, lambda *given: 1.01 * right(*given))
    assert broken(tuned) == found


def test_a_kl_that_is_not_a_number_is_found(tuned, monkeypatch):
    monkeypatch.setattr(denoising, "step_kl", lambda p, *_: torch.full((len(p),), torch.nan))
    assert broken(tuned) == {KL}
