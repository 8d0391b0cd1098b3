"""Stable Diffusion 1.x and 2.x as a policy: the networks of diffusers behind our vocabulary."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from jaxtyping import Float, Int
from torch import Tensor

from data.errors import PolicyError
from rl_finetune import adapter as lora
from rl_finetune.config import Precision
from rl_finetune.distinct import distinct_rows
from rl_finetune.dpok_config import GuidanceGradient
from rl_finetune.pretrained import StableDiffusionParts, open_parts
from rl_finetune.sampling import sample_images
from rl_finetune.schedule import Schedule, make_schedule

logger = logging.getLogger(__name__)

_VALUES_PER_TENSOR = 64


class StableDiffusionPolicy:
    """A base, or a base with a LoRA adapter; `DiffusionPolicy` says what each method means.

    All networks stay in evaluation mode, in rollout and update alike, so that the ratio of their
    densities is 1 before the first update.
    """

    def __init__(self, parts: StableDiffusionParts, *, precision: Precision = "fp32") -> None:
        self.parts = parts
        self._precision = precision
        self._noiser = cast(DDIMScheduler, DDIMScheduler.from_config(parts.scheduler_config))
        self._encoded: dict[str, Tensor] = {}

    @classmethod
    def open(
        cls,
        base: str,
        *,
        adapter: Path | None = None,
        rank: int | None = None,
        seed: int = 0,
        device: str | torch.device = "cpu",
        precision: Precision = "fp32",
        gradient_checkpointing: bool = False,
        compiled: bool = False,
    ) -> "StableDiffusionPolicy":
        """Open a folder or hub id, with a saved adapter, a fresh one of `rank`, or none.

        Raises `PolicyError` where a part is missing or the saved adapter has another rank.
        """
        parts = open_parts(base, torch.device(device))
        if adapter is not None:
            lora.open_adapter(parts.unet, adapter)
            found = lora.adapter_rank(parts.unet)
            if rank not in (None, found):
                raise PolicyError(f"{adapter} has rank {found}, not {rank}: set lora.rank {found}")
        elif rank is not None:
            lora.add_adapter(parts.unet, rank=rank, seed=seed)
        if gradient_checkpointing:
            parts.unet.enable_gradient_checkpointing()
        if compiled:
            parts.unet.compile()
        return cls(parts, precision=precision)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.parts.unet.device

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the latents the UNet was trained on."""
        config = self.parts.unet.config
        size = config["sample_size"]
        height, width = (size, size) if isinstance(size, int) else size
        return config["in_channels"], height, width

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        scale = 2 ** (len(self.parts.vae.config["block_out_channels"]) - 1)
        return self.latent_shape[1] * scale, self.latent_shape[2] * scale

    def schedule(self, num_steps: int, eta: float) -> Schedule:
        """Return the coefficients of DDIM with this model's scheduler config."""
        return make_schedule(self.parts.scheduler_config, num_steps=num_steps, eta=eta)

    @property
    def num_noise_levels(self) -> int:
        """Number of timesteps that the UNet was trained on."""
        return self._noiser.config["num_train_timesteps"]

    def add_noise(
        self,
        latents: Float[Tensor, "batch channels height width"],
        noise: Float[Tensor, "batch channels height width"],
        timesteps: Int[Tensor, " batch"],
    ) -> tuple[
        Float[Tensor, "batch channels height width"], Float[Tensor, "batch channels height width"]
    ]:
        """Return clean latents made noisy, and what the UNet should say of them: e or v."""
        levels = cast(torch.IntTensor, timesteps)  # what diffusers calls any integers
        noisy = self._noiser.add_noise(latents, noise, levels)
        if self._noiser.config["prediction_type"] == "v_prediction":
            return noisy, self._noiser.get_velocity(latents, noise, levels)
        return noisy, noise

    def sample(
        self,
        prompts: list[str],
        seeds: list[int],
        *,
        num_steps: int,
        guidance: float,
        eta: float = 1.0,
        batch_size: int = 48,
    ) -> Float[Tensor, "batch 3 height width"]:
        """Draw one image per prompt and seed, in [0, 1], on the CPU."""
        return sample_images(
            self,
            prompts,
            seeds,
            schedule=self.schedule(num_steps, eta),
            guidance=guidance,
            batch_size=batch_size,
        )

    @torch.no_grad()
    def encode_prompts(self, prompts: list[str]) -> Float[Tensor, "batch tokens features"]:
        """Return the text encoder's states; each distinct prompt is encoded once and kept."""
        for prompt in dict.fromkeys(prompts):
            if prompt not in self._encoded:
                self._encoded[prompt] = self._encode(prompt)
        return torch.stack([self._encoded[prompt] for prompt in prompts])

    def _encode(self, prompt: str) -> Float[Tensor, "tokens features"]:
        tokenizer = self.parts.tokenizer
        length = tokenizer.model_max_length
        whole = tokenizer(prompt)["input_ids"]
        if len(whole) > length:
            logger.warning(
                "prompt of %d tokens: the model reads its first %d: %.60s",
                len(whole),
                length,
                prompt,
            )
        tokens = tokenizer(
            prompt, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        return self.parts.text_encoder(tokens["input_ids"].to(self.device))[0][0]

    def predict(
        self,
        latents: Float[Tensor, "batch channels height width"],
        timesteps: Int[Tensor, " batch"],
        condition: Float[Tensor, "batch tokens features"],
        *,
        guidance: float,
        gradient: GuidanceGradient = "both",
    ) -> Float[Tensor, "batch channels height width"]:
        """Return the guided prediction in fp32; the network sees equal rows once."""
        first, places = distinct_rows(latents, timesteps, condition)
        prediction = self._guided(
            latents[first], timesteps[first], condition[first], guidance, gradient
        )
        return prediction[places]

    def _guided(
        self,
        latents: Float[Tensor, "batch channels height width"],
        timesteps: Int[Tensor, " batch"],
        condition: Float[Tensor, "batch tokens features"],
        guidance: float,
        gradient: GuidanceGradient,
    ) -> Float[Tensor, "batch channels height width"]:
        """Both branches share one pass where both learn."""
        if guidance <= 1:
            return self._network(latents, timesteps, condition)
        empty = self.encode_prompts([""]).expand_as(condition)
        if gradient == "both" or not torch.is_grad_enabled():
            branches = self._network(
                torch.cat([latents, latents]),
                torch.cat([timesteps, timesteps]),
                torch.cat([empty, condition]),
            )
            unconditional, conditional = branches.chunk(2)
        else:
            with torch.no_grad():
                unconditional = self._network(latents, timesteps, empty)
            conditional = self._network(latents, timesteps, condition)
        return unconditional + guidance * (conditional - unconditional)

    def _network(self, latents: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
        is_bf16 = self._precision == "bf16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=is_bf16):
            output = self.parts.unet(
                latents, timesteps, encoder_hidden_states=condition, return_dict=False
            )
        return output[0].float()

    @torch.no_grad()
    def decode(
        self, latents: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch 3 image_height image_width"]:
        """Return images in [0, 1]."""
        vae = self.parts.vae
        images = vae.decode(latents / vae.config["scaling_factor"], return_dict=False)[0]
        return (images * 0.5 + 0.5).clamp(0, 1)

    @contextmanager
    def reference(self) -> Iterator[None]:
        """Switch the adapter off: the base is the reference, and no second UNet is needed."""
        if not self.adapter_parameters():
            yield
            return
        self.parts.unet.disable_adapters()
        try:
            yield
        finally:
            self.parts.unet.enable_adapters()

    def adapter_parameters(self) -> dict[str, torch.nn.Parameter]:
        """Return the adapter's weights, the only ones that learn."""
        return lora.adapter_parameters(self.parts.unet)

    def save_adapter(self, folder: Path) -> None:
        """Write the adapter where plain diffusers' `pipe.load_lora_weights(folder)` opens it."""
        lora.save_adapter(self.parts.unet, folder)

    def fingerprint(self) -> str:
        """Digest the frozen weights' shapes and a sample of their values."""
        digest = hashlib.sha256()
        for network in (self.parts.unet, self.parts.vae, self.parts.text_encoder):
            for name, weights in network.state_dict().items():
                if ".lora_" not in name:
                    flat = weights.detach().flatten().float()
                    values = flat[:: max(1, len(flat) // _VALUES_PER_TENSOR)].cpu().numpy()
                    digest.update(f"{name.replace('.base_layer', '')}{weights.shape}".encode())
                    digest.update(values.tobytes())
        return digest.hexdigest()[:16]
