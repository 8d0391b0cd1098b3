"""Between the backbone's weights as they were and as they were fitted.

A few hundred comparisons teach what they are about and unteach what they are silent on. Weights
between the two ends keep most of both: WiSE-FT, Wortsman et al. 2022, "Robust fine-tuning of
zero-shot models".
"""

from torch import Tensor

_TOWERS = "backbone."


def between(
    untouched: dict[str, Tensor], fitted: dict[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Go `share` of the way in the towers; the head and the tie parameter stay as fitted."""
    return {
        name: untouched[name].lerp(weight, share) if name.startswith(_TOWERS) else weight
        for name, weight in fitted.items()
    }
