"""What a batch of comparisons shows: its distinct images and prompts, and who liked what."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.outcomes import PREFERS_A, PREFERS_B, TIE


@dataclass(frozen=True)
class Shown:
    """A batch's images and prompts, each once, with the comparisons as places among them."""

    images: Int[Tensor, " images"]
    """Rows of the fit's images."""
    prompts: Int[Tensor, " prompts"]
    """Rows of the fit's prompts."""
    image_a: Int[Tensor, " pairs"]
    """Place of each comparison's image a in `images`."""
    image_b: Int[Tensor, " pairs"]
    prompt: Int[Tensor, " pairs"]
    """Place of its prompt in `prompts`."""
    liking: Float[Tensor, "prompts images"]
    """Greatest weight of a comparison that preferred the image for the prompt, or called a tie."""
    is_own: Bool[Tensor, "prompts images"]
    """The image was compared for the prompt."""

    @classmethod
    def of(cls, batch: Comparisons) -> "Shown":
        """Number the images and prompts of a batch."""
        both = torch.stack([batch.image_a, batch.image_b])
        images, (image_a, image_b) = both.unique(return_inverse=True)
        prompts, prompt = batch.prompt.unique(return_inverse=True)
        is_own = torch.zeros(len(prompts), len(images), dtype=torch.bool)
        liking = torch.zeros(is_own.shape)
        for image, preferred in ((image_a, PREFERS_A), (image_b, PREFERS_B)):
            likes = (batch.outcome == preferred) | (batch.outcome == TIE)
            is_own[prompt, image] = True
            places = (prompt * len(images) + image)[likes]
            liking.view(-1).scatter_reduce_(0, places, batch.weight[likes], "amax")
        return cls(images, prompts, image_a, image_b, prompt, liking, is_own)

    def rivals(self, number: int) -> Bool[Tensor, "prompts images"]:
        """Mark, for each prompt, so many images that were compared for others alone, or all.

        Which ones follows from the batch, in turns, so that all images are used about as often.
        """
        chosen = torch.zeros_like(self.is_own)
        first = int(self.images.sum())
        for prompt, own in enumerate(self.is_own):
            others = (~own).nonzero().squeeze(1)
            turn = first + prompt * number + torch.arange(min(number, len(others)))
            chosen[prompt, others[turn % max(1, len(others))]] = True
        return chosen
