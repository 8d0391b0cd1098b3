"""Steering the KL's weight to a target (Ziegler et al. 2019, arXiv 1909.08593, section 2.2)."""

import math

_MAX_ERROR = 0.2
_RATE = 0.1


class KlWeight:
    """The weight beta of the KL: fixed, or up where more KL is spent than wanted and down below."""

    def __init__(self, start: float, target: float | None) -> None:
        self.value = start
        self._target = target

    def steer(self, kl: float) -> None:
        """Adjust the weight to an iteration's KL, in nats per image, by two per cent at most."""
        if self._target is not None:
            error = min(max(kl / self._target - 1, -_MAX_ERROR), _MAX_ERROR)
            self.value *= math.exp(_RATE * error)

    def state_dict(self) -> dict[str, float]:
        """Return the weight."""
        return {"value": self.value}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """Continue from what `state_dict` returned."""
        self.value = state_dict["value"]
