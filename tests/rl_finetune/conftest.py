"""A tiny Stable Diffusion model of random weights, and a policy that is smaller still."""

import resource
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from data.records import Prompt
from rl_finetune.schedule import make_schedule
from rl_finetune.stable_diffusion import StableDiffusionPolicy

TEXTS = ["a green rabbit", "four wolves", "a cat and a dog"]


def byte_level_tokenizer(length):
    """Return a CLIP tokenizer without merges: it accepts any text, a token per byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [256 + n for n in range(256 - len(printable))]
    letters = [chr(code) for code in printable + others]
    words = [*letters, *(f"{c}</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: index for index, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=length)


def build_base(
    folder: Path, *, sample_size=8, channels=(8, 16), vae_levels=2, text_width=16, **scheduler
):
    """Write a random model; `scheduler` overrides the scheduler's config."""
    levels = len(channels)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        unet = UNet2DConditionModel(
            sample_size=sample_size,
            block_out_channels=channels,
            layers_per_block=1,
            down_block_types=("DownBlock2D",) * (levels - 1) + ("CrossAttnDownBlock2D",),
            up_block_types=("CrossAttnUpBlock2D",) + ("UpBlock2D",) * (levels - 1),
            cross_attention_dim=text_width,
            attention_head_dim=2,
            norm_num_groups=4,
        )
        vae = AutoencoderKL(
            block_out_channels=(8,) * vae_levels,
            down_block_types=("DownEncoderBlock2D",) * vae_levels,
            up_block_types=("UpDecoderBlock2D",) * vae_levels,
            layers_per_block=1,
            mid_block_add_attention=False,
            norm_num_groups=4,
            latent_channels=4,
        )
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=514,
                hidden_size=text_width,
                intermediate_size=2 * text_width,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=24,
                bos_token_id=512,
                eos_token_id=513,
                pad_token_id=513,
            )
        )
    defaults = {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "steps_offset": 1,
        "set_alpha_to_one": False,
        "clip_sample": False,
    }
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=byte_level_tokenizer(24),
        unet=unet,
        scheduler=DDIMScheduler(**(defaults | scheduler)),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return folder


class LinearPolicy:
    """Predicts `slope * latents + bias` with a bias that is learned; prompts mean nothing to it."""

    def __init__(self, bias=0.0, slope=0.3):
        self._bias = torch.nn.Parameter(torch.full((1,), float(bias)))
        self._slope = slope
        self._is_reference = False

    device = torch.device("cpu")
    latent_shape = (1, 2, 2)
    num_noise_levels = 4

    def schedule(self, num_steps, eta):
        # Four noisy steps; the last one has no noise and does not depend on the prediction.
        config = {"num_train_timesteps": 4, "trained_betas": [0.2, 0.4, 0.5, 0.6]}
        return make_schedule(config | {"set_alpha_to_one": False}, num_steps=num_steps, eta=eta)

    def add_noise(self, latents, noise, timesteps):
        raise NotImplementedError

    def encode_prompts(self, prompts):
        return torch.zeros(len(prompts), 1, 1)

    def predict(self, latents, timesteps, condition, *, guidance, gradient="both"):
        bias = torch.zeros(1) if self._is_reference else self._bias
        return self._slope * latents + bias

    def decode(self, latents):
        return latents.detach().expand(-1, 3, -1, -1)

    @contextmanager
    def reference(self):
        self._is_reference = True
        yield
        self._is_reference = False

    def adapter_parameters(self):
        return {"bias": self._bias}

    def fingerprint(self):
        return "linear"

    def save_adapter(self, folder):
        raise NotImplementedError


@pytest.fixture(scope="session", name="build_base")
def build_base_fixture():
    return build_base


@pytest.fixture(scope="session")
def linear_policy():
    return LinearPolicy


@pytest.fixture(scope="session")
def disturb():
    """Move an adapter off the base, as training would."""

    def move(policy, seed=0, scale=0.2):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in policy.adapter_parameters().values():
                parameter.add_(scale * torch.randn(parameter.shape, generator=generator))

    return move


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return build_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def v_base(tmp_path_factory):
    return build_base(
        tmp_path_factory.mktemp("v_base"),
        sample_size=12,
        channels=(8, 8, 16),
        vae_levels=3,
        text_width=24,
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
    )


@pytest.fixture
def policy(base):
    return StableDiffusionPolicy.open(str(base), rank=2)


@pytest.fixture
def prompts():
    return [Prompt.new(text) for text in TEXTS]


@pytest.fixture
def prompt_file(tmp_path):
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(TEXTS), encoding="utf-8")
    return path


@pytest.fixture
def little_room():
    """Let no file of this process grow beyond 4 kB, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
