"""Stable Diffusion 1.x and 2.x as a policy: the networks of diffusers behind our vocabulary."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from jaxtyping import Float, Int
from torch import Tensor

from rl_finetune.config import Precision, Train
from rl_finetune.distinct import distinct_rows
from rl_finetune.dpok_config import GuidanceGradient
from rl_finetune.fingerprint import fingerprint
from rl_finetune.kernels import keep_convolutions_in_fp32, keep_out_cudnn_attention
from rl_finetune.memory import shortage_explained
from rl_finetune.pretrained import StableDiffusionParts, open_parts
from rl_finetune.prompt_encoder import PromptEncoder
from rl_finetune.sampling import sample_images
from rl_finetune.schedule import Schedule, make_schedule
from rl_finetune.trained import Trained, TrainedAdapter, fresh, open_folder

_PIXELS_AT_ONCE = 2**20
"""Of the images decoded together: four of 512x512 take 3 GiB of activations in fp32."""


class StableDiffusionPolicy:
    """A base, or what was trained from one; `DiffusionPolicy` says what each method means.

    All networks stay in evaluation mode, in rollout and update alike, so that the ratio of their
    densities is 1 before the first update.
    """

    def __init__(
        self,
        parts: StableDiffusionParts,
        *,
        trained: Trained | None = None,
        precision: Precision = "fp32",
    ) -> None:
        """Take networks, of which the UNet has an adapter or none, or another one is trained."""
        keep_out_cudnn_attention()
        if precision == "fp32":
            keep_convolutions_in_fp32()
        self.parts = parts
        self._trained = trained or TrainedAdapter(parts.unet)
        self._unet = self._trained.unet
        self._precision = precision
        self._noiser = cast(DDIMScheduler, DDIMScheduler.from_config(parts.scheduler_config))
        self._encode = PromptEncoder(parts.tokenizer, parts.text_encoder)

    @classmethod
    def open(
        cls,
        base: str,
        *,
        adapter: Path | None = None,
        train: Train | None = None,
        rank: int | None = None,
        seed: int = 0,
        device: str | torch.device = "cpu",
        precision: Precision = "fp32",
        gradient_checkpointing: bool = False,
        compiled: bool = False,
    ) -> "StableDiffusionPolicy":
        """Open a folder or hub id, with what was trained of it before, or is to be trained.

        Without `adapter`, a folder of either, a fresh adapter of `rank` is trained, or with `train`
        unet the whole UNet, or nothing. Raises `PolicyError` where a part is missing or what was
        trained before is of another kind or rank.
        """
        parts = open_parts(base, torch.device(device))
        trained = None
        if adapter is not None:
            trained = open_folder(parts.unet, adapter, train=train, rank=rank)
        elif rank is not None or train == "unet":
            trained = fresh(parts.unet, train or "lora", rank=rank or 1, seed=seed)
        policy = cls(parts, trained=trained, precision=precision)
        if gradient_checkpointing:
            policy._unet.enable_gradient_checkpointing()
        if compiled:  # both, or equal weights would predict unequally
            for network in dict.fromkeys((policy._trained.unet, policy._trained.frozen)):
                network.compile()
        return policy

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

    @shortage_explained("choose a smaller sampling.batch_size")
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

    def encode_prompts(self, prompts: list[str]) -> Float[Tensor, "batch tokens features"]:
        """Return the text encoder's states; each distinct prompt is encoded once and kept."""
        return self._encode(prompts)

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
            output = self._unet(
                latents, timesteps, encoder_hidden_states=condition, return_dict=False
            )
        return output[0].float()

    @torch.no_grad()
    def decode(
        self, latents: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch 3 image_height image_width"]:
        """Return images in [0, 1]; few are decoded at once where they are large."""
        height, width = self.image_size
        parts = latents.split(max(1, _PIXELS_AT_ONCE // (height * width)))
        return torch.cat([self._decode(part) for part in parts])

    def _decode(self, latents: Tensor) -> Tensor:
        vae = self.parts.vae
        images = vae.decode(latents / vae.config["scaling_factor"], return_dict=False)[0]
        return (images * 0.5 + 0.5).clamp(0, 1)

    @contextmanager
    def reference(self) -> Iterator[None]:
        """Let the base predict."""
        usual = self._unet
        with self._trained.base() as base:
            self._unet = base
            try:
                yield
            finally:
                self._unet = usual

    def adapter_parameters(self) -> dict[str, torch.nn.Parameter]:
        """Return the weights that learn."""
        return self._trained.parameters()

    def save_adapter(self, folder: Path) -> None:
        """Write what was trained, where plain diffusers opens it."""
        self._trained.save(folder)

    def fingerprint(self) -> str:
        """Return a digest of the base's weights."""
        parts = self.parts
        return fingerprint((self._trained.frozen, parts.vae, parts.text_encoder))
