"""Prompts as the text encoder's states, each distinct one encoded once and kept."""

import logging

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

logger = logging.getLogger(__name__)


class PromptEncoder:
    """A tokenizer and a text encoder, with what they said before."""

    def __init__(self, tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel) -> None:
        self._tokenizer = tokenizer
        self._text_encoder = text_encoder
        self._encoded: dict[str, Tensor] = {}

    @torch.no_grad()
    def __call__(self, prompts: list[str]) -> Float[Tensor, "batch tokens features"]:
        """Return the states of each prompt's tokens; what is too long is cut, and said so."""
        for prompt in dict.fromkeys(prompts):
            if prompt not in self._encoded:
                self._encoded[prompt] = self._encode(prompt)
        return torch.stack([self._encoded[prompt] for prompt in prompts])

    def _encode(self, prompt: str) -> Float[Tensor, "tokens features"]:
        length = self._tokenizer.model_max_length
        whole = self._tokenizer(prompt)["input_ids"]
        if len(whole) > length:
            logger.warning(
                "prompt of %d tokens: the model reads its first %d: %.60s",
                len(whole),
                length,
                prompt,
            )
        tokens = self._tokenizer(
            prompt, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        return self._text_encoder(tokens["input_ids"].to(self._text_encoder.device))[0][0]
