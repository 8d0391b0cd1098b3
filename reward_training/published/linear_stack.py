"""The head that ImageReward and the LAION aesthetic predictor share: linear layers alone.

Trained with dropout, which a reward in use has none of.
"""

from jaxtyping import Float
from torch import Tensor, nn

_WIDTHS = (1024, 128, 64, 16, 1)
_PLACES = (0, 2, 4, 6, 7)
"""Where the linear layers are in `layers` of both checkpoints; between them is dropout."""


class LinearStack(nn.Module):
    """Five linear layers from a feature to a number, named as in both checkpoints."""

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = (width, *_WIDTHS)
        self.layers = nn.ModuleDict(
            {
                str(place): nn.Linear(before, after)
                for place, before, after in zip(_PLACES, widths, widths[1:])  # noqa: B905
            }
        )

    def forward(self, features: Float[Tensor, "batch width"]) -> Float[Tensor, " batch"]:
        """Return a number for each feature."""
        for layer in self.layers.values():
            features = layer(features)
        return features.squeeze(-1)
