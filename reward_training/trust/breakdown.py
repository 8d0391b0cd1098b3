"""Where a reward is right and where not: held-out accuracy by rater, family, round and margin."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from reward_training.inputs.dataset import Comparisons
from reward_training.trust.evaluate import Margins
from reward_training.trust.intervals import careful_estimate

Hits = Float[np.ndarray, " pairs"]
Numbers = Int[np.ndarray, " pairs"]

NUM_QUARTERS = 4


def break_down(
    decided: Comparisons, hits: Hits, margin: Margins, generator: np.random.Generator
) -> dict[str, list[dict[str, Any]]]:
    """Divide decided held-out comparisons four ways, each of which holds all of them once.

    Raters are ids with their kind, and no more than counts is said of them.
    """
    prompt = decided.prompt.numpy()

    def by(names: Sequence[Any]) -> list[dict[str, Any]]:
        return accuracy_by(names, hits, prompt, generator)

    kinds = dict(zip(decided.raters, decided.rater_kinds, strict=True))
    return {
        "family": by(decided.families),
        "round": by(decided.rounds),
        "margin": [
            {**each, "least": float(least), "most": float(most)}
            for each, (least, most) in zip(
                by(quarters(margin).tolist()), quarter_bounds(margin), strict=True
            )
        ],
        "rater": [{**each, "rater_kind": kinds[each["name"]]} for each in by(decided.raters)],
    }


def accuracy_by(
    names: Sequence[Any], hits: Hits, prompt: Numbers, generator: np.random.Generator
) -> list[dict[str, Any]]:
    """Return pairs, prompts and accuracy of each group of comparisons with one name, in order."""
    found = []
    for name in sorted(set(names)):
        rows = np.array([each == name for each in names])
        accuracy = careful_estimate(hits[rows], prompt[rows], generator)
        found.append(
            {
                "name": name,
                "pairs": int(rows.sum()),
                "prompts": len(np.unique(prompt[rows])),
                "accuracy": accuracy.value,
                "accuracy_interval": accuracy.interval,
            }
        )
    return found


def quarters(margin: Margins) -> Numbers:
    """Return which quarter each pair is in by the size of its margin, 1 the least sure.

    Quarters differ in size by one pair at most, whatever margins are equal.
    """
    place = np.abs(margin).argsort(kind="stable").argsort(kind="stable")
    return 1 + place * NUM_QUARTERS // len(margin)


def quarter_bounds(margin: Margins) -> list[tuple[float, float]]:
    """Return the least and the greatest size of margin in each quarter that holds a pair."""
    size, quarter = np.abs(margin), quarters(margin)
    return [
        (size[quarter == each].min(), size[quarter == each].max()) for each in np.unique(quarter)
    ]
