"""What is written about a fit: every number together with what it was measured on."""

from collections import Counter
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.outcomes import BOTH_BAD, DECIDED, TIE
from reward_training.trust.breakdown import break_down
from reward_training.trust.calibration import calibrate
from reward_training.trust.ceiling import ceilings
from reward_training.trust.evaluate import (
    Estimate,
    Margins,
    Outcomes,
    hits,
    tie_aware_hits,
    tie_threshold,
)
from reward_training.trust.intervals import GAIN_OF_SHARE, SHARE, careful_estimate


def count_comparisons(comparisons: Comparisons) -> dict[str, Any]:
    """Count comparisons by kind of rater and outcome, and what they are about."""
    outcomes = Counter(comparisons.outcome.tolist())
    return {
        "total": len(comparisons),
        "by_rater_kind": dict(Counter(comparisons.rater_kinds)),
        "decided": sum(outcomes[each] for each in DECIDED),
        "ties": outcomes[TIE],
        "both_bad": outcomes[BOTH_BAD],
        "prompts": len(comparisons.prompt.unique()),
        "images": len(comparisons.pictures()[0]),
    }


def measured_rows(held_out: Comparisons) -> Int[Tensor, " rows"]:
    """Return the comparisons of pairs that chance chose, or all where none of those is decided."""
    decided = torch.tensor([outcome in DECIDED for outcome in held_out.outcome.tolist()])
    if not (decided & held_out.by_chance).any():
        return torch.arange(len(held_out))
    return held_out.by_chance.nonzero().squeeze(1)


def choice_notes(held_out: Comparisons) -> list[str]:
    """Say what it means for what is measured that pairs were chosen for their information."""
    informative = int((~held_out.by_chance).sum())
    if not informative:
        return []
    measured = len(measured_rows(held_out))
    if measured == len(held_out):
        return [
            "held-out numbers say too little: every decided pair was chosen because it is hard; "
            "raise generate.random_share"
        ]
    return [
        f"held-out numbers are of the {measured} comparisons whose pairs chance chose; the other "
        f"{informative} were chosen because they are hard"
    ]


def measure(
    held_out: Comparisons,
    *,
    margin: Float[Tensor, " pairs"],
    control_margin: Float[Tensor, " pairs"],
    probability_a: Float[Tensor, " pairs"],
    fold: Int[Tensor, " pairs"],
    generator: np.random.Generator,
) -> dict[str, Any]:
    """Measure a fit on held-out comparisons, beside its untouched backbone on the same pairs.

    Accuracy leaves out what orders nothing; tie-aware accuracy has it, "both bad" as a tie too, and
    calls margins ties up to the threshold that is best for the reward in question.
    `probability_a` is the probability of image a in each pair, given that one is preferred, and
    `fold` the number of the fit that gave it. Where some pairs were chosen for what their answers
    would tell, only those that chance chose are measured on.
    """
    rows = measured_rows(held_out)
    held_out, margin, control_margin = held_out.take(rows), margin[rows], control_margin[rows]
    probability_a, fold = probability_a[rows], fold[rows]
    outcome, prompt = held_out.outcome.clamp_max(TIE).numpy(), held_out.prompt.numpy()
    decided = outcome != TIE
    margins, control_margins = _numpy(margin), _numpy(control_margin)
    choices = held_out.take(torch.from_numpy(np.flatnonzero(decided)))
    right = hits(margins, outcome)[decided]
    control_right = hits(control_margins, outcome)[decided]
    tie_aware = tie_aware_hits(margins, outcome, tie_threshold(margins, outcome))
    control_tie_aware = tie_aware_hits(
        control_margins, outcome, tie_threshold(control_margins, outcome)
    )

    def estimate(
        name: str, values: Margins, of: Outcomes, bounds: tuple[int, int] = SHARE
    ) -> dict[str, Any]:
        return _named(name, careful_estimate(values, of, generator, bounds))

    return {
        "held_out_pairs": int(decided.sum()),
        "held_out_ties": int((~decided).sum()),
        "held_out_prompts": len(np.unique(prompt)),
        **estimate("held_out_accuracy", right, prompt[decided]),
        **estimate("control_accuracy", control_right, prompt[decided]),
        **estimate("accuracy_gain", right - control_right, prompt[decided], GAIN_OF_SHARE),
        **estimate("held_out_tie_aware_accuracy", tie_aware, prompt),
        **estimate("control_tie_aware_accuracy", control_tie_aware, prompt),
        "ceiling": ceilings(choices, right, generator),
        "held_out_by": break_down(choices, right, margins[decided], generator),
        "calibration": calibrate(
            _numpy(probability_a)[decided],
            outcome[decided],
            prompt=prompt[decided],
            fold=fold.numpy()[decided],
            generator=generator,
        ),
    }


def _named(name: str, estimate: Estimate) -> dict[str, Any]:
    return {name: estimate.value, f"{name}_interval": estimate.interval}


def _numpy(values: Float[Tensor, " pairs"]) -> Margins:
    return values.cpu().double().numpy()
