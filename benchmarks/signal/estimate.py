"""Signal and noise of a mean of vectors, from independent draws of it."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Strength:
    """Squared norms: of the gradient's expectation, and of one draw's deviation from it."""

    signal: float
    """Unbiased, so below zero where there is little."""
    noise: float

    def __add__(self, other: "Strength") -> "Strength":
        return Strength(self.signal + other.signal, self.noise + other.noise)

    def ratio(self, num_draws: float) -> float:
        """Return signal to noise of the mean of so many draws."""
        return num_draws * self.signal / self.noise


def strength(draws: Float[Tensor, "draws parameters"]) -> Strength:
    """Estimate both from the draws: different draws share nothing but their expectation."""
    num = len(draws)
    squares = draws.square().sum().item()
    signal = (draws.sum(dim=0).square().sum().item() - squares) / (num * (num - 1))
    return Strength(signal, squares / num - signal)
