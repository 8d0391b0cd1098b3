"""What tuning needs from a policy, whatever network and latents are behind it."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rl_finetune.dpok_config import GuidanceGradient
from rl_finetune.schedule import Schedule


@runtime_checkable
class DiffusionPolicy(Protocol):
    """An image model as a Markov decision process, of which an adapter or all can be trained."""

    @property
    def device(self) -> torch.device:
        """Where the network runs and all tensors that it takes and gives lie."""
        ...

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the latents of one image."""
        ...

    def schedule(self, num_steps: int, eta: float) -> Schedule:
        """Return the coefficients of `num_steps` denoising steps."""
        ...

    @property
    def num_noise_levels(self) -> int:
        """Number of timesteps that the network was trained on."""
        ...

    def add_noise(
        self,
        latents: Float[Tensor, "batch channels height width"],
        noise: Float[Tensor, "batch channels height width"],
        timesteps: Int[Tensor, " batch"],
    ) -> tuple[
        Float[Tensor, "batch channels height width"], Float[Tensor, "batch channels height width"]
    ]:
        """Return clean latents made noisy, and what the network should say of them."""
        ...

    def encode_prompts(self, prompts: list[str]) -> Float[Tensor, "batch tokens features"]:
        """Return what the network is conditioned on, without gradient."""
        ...

    def predict(
        self,
        latents: Float[Tensor, "batch channels height width"],
        timesteps: Int[Tensor, " batch"],
        condition: Float[Tensor, "batch tokens features"],
        *,
        guidance: float,
        gradient: GuidanceGradient = "both",
    ) -> Float[Tensor, "batch channels height width"]:
        """Return the network's guided prediction in fp32; `gradient` names who carries one."""
        ...

    def decode(
        self, latents: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch 3 image_height image_width"]:
        """Return images in [0, 1], without gradient."""
        ...

    def reference(self) -> AbstractContextManager[None]:
        """Within it, `predict` is the base's."""
        ...

    def adapter_parameters(self) -> dict[str, torch.nn.Parameter]:
        """Return what is trained, by name; empty for a bare base."""
        ...

    def fingerprint(self) -> str:
        """Return a digest of the frozen weights: equal for equal bases."""
        ...

    def save_adapter(self, folder: Path) -> None:
        """Write what is trained, in diffusers' format."""
        ...
