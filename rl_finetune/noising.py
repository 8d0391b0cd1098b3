"""The forward process that a diffusion network learns to undo.

x_t = sqrt(a) x_0 + sqrt(1 - a) e (DDPM, Eq. 4). The network is asked for e, or for
v = sqrt(a) e - sqrt(1 - a) x_0 (Salimans and Ho 2022, App. D).
"""

from jaxtyping import Float
from torch import Tensor

from rl_finetune.denoising import PredictionType


def add_noise(
    latents: Float[Tensor, "batch channels height width"],
    noise: Float[Tensor, "batch channels height width"],
    alpha: Float[Tensor, " batch"],
) -> Float[Tensor, "batch channels height width"]:
    """Return x_t for clean latents, standard normal noise and the cumulative alpha."""
    alpha = alpha[:, None, None, None]
    return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise


def training_target(
    latents: Float[Tensor, "batch channels height width"],
    noise: Float[Tensor, "batch channels height width"],
    alpha: Float[Tensor, " batch"],
    prediction_type: PredictionType,
) -> Float[Tensor, "batch channels height width"]:
    """Return what the network should say at x_t."""
    if prediction_type == "epsilon":
        return noise
    alpha = alpha[:, None, None, None]
    return alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
