"""What training asks of a reward: the weights that gradients reach, by name, out and in again."""

import torch
from torch import Tensor, nn


class TrainableReward(nn.Module):
    """A reward some of whose parameters are trained: those that require gradients."""

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """Return the parameters that gradients reach, by name."""
        return {name: weight for name, weight in self.named_parameters() if weight.requires_grad}

    def copy_trained_weights(self) -> dict[str, Tensor]:
        """Return a copy of the trained parameters, by name."""
        return {name: w.detach().clone() for name, w in self.trained_parameters().items()}

    @torch.no_grad()
    def load_trained_weights(self, weights: dict[str, Tensor]) -> None:
        """Put a copy of trained parameters back."""
        for name, parameter in self.trained_parameters().items():
            parameter.copy_(weights[name])
