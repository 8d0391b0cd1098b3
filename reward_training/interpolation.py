"""Between the backbone's weights as they were and as they were fitted.

A few hundred comparisons teach what they are about and unteach what they are silent on. Weights
between the two ends keep most of both: WiSE-FT, Wortsman et al. 2022, "Robust fine-tuning of
zero-shot models", here with the share of the way chosen on held-out comparisons.
"""

from torch import Tensor

SHARES = (1.0, 0.75, 0.5, 0.25)
"""Shares of the way from the untouched towers to the fitted ones."""

_TOWERS = "backbone."


def between(
    untouched: dict[str, Tensor], fitted: dict[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Go `share` of the way in the towers; the head and the tie parameter stay as fitted."""
    return {
        name: untouched[name].lerp(weight, share) if name.startswith(_TOWERS) else weight
        for name, weight in fitted.items()
    }


def shares_of(untouched: dict[str, Tensor]) -> tuple[float, ...]:
    """Return the shares worth trying: one where no tower is trained."""
    return SHARES if any(name.startswith(_TOWERS) for name in untouched) else SHARES[:1]
