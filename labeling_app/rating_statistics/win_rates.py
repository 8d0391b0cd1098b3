"""Win rates between policies, from comparisons of their images.

One fit of Davidson's model (`davidson`) serves all policies; intervals speak of other raters and
other prompts (`two_way`). "Both bad" and skips order nothing and are counted apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import expit, logit, softmax

from data.records import Aspect, Choice, Comparison, Pair
from labeling_app.rating_statistics.davidson import (
    LEFT,
    PRIOR_SD,
    RIGHT,
    TIE,
    Fit,
    Seen,
    Theta,
    design_of,
    fit,
)
from labeling_app.rating_statistics.estimates import Estimate
from labeling_app.rating_statistics.outcomes import numbered, of_aspect
from labeling_app.rating_statistics.two_way import half_width

_SEEN = {Choice.LEFT: LEFT, Choice.RIGHT: RIGHT, Choice.TIE: TIE}


@dataclass(frozen=True, slots=True)
class WinRates:
    """What comparisons say of the policies whose images were shown."""

    policies: tuple[str, ...]
    """In alphabetical order."""
    win_rates: dict[tuple[str, str], Estimate]
    """P(first wins) + P(tie) / 2 of each ordered pair of policies, averaged over both sides: for
    two policies shown equally often on each side that is the observed share. `num` counts their
    direct comparisons; with none it follows from the other policies, or from the prior alone."""
    left: Estimate | None
    """Share of decided comparisons of equal images that go to the left, minus one half."""
    num_decided: int
    num_ties: int
    num_both_bad: int
    num_skips: int
    num_raters: int
    num_prompts: int


def win_rates_by_aspect(
    comparisons: Sequence[Comparison], pairs: Mapping[str, Pair], policy_of: Mapping[str, str]
) -> dict[Aspect, WinRates]:
    """Return the win rates of each aspect that was asked about."""
    by_aspect = {aspect: of_aspect(comparisons, aspect) for aspect in Aspect}
    return {a: win_rates(found, pairs, policy_of) for a, found in by_aspect.items() if found}


def win_rates(
    comparisons: Sequence[Comparison],
    pairs: Mapping[str, Pair],
    policy_of: Mapping[str, str],
    *,
    same_raters: bool = False,
    prior_sd: float = PRIOR_SD,
) -> WinRates:
    """Fit Davidson's model to current comparisons of one aspect.

    Args:
        comparisons: Of one aspect, as the store lists them; an undo is a `ValueError`.
        pairs: The pairs by their id.
        policy_of: The policy that drew an image, by image id.
        same_raters: Ask about other prompts and these very raters: intervals are clustered by
            prompt only. With one rater they always are; with one prompt, by rater only.
        prior_sd: Standard deviation of the prior on all parameters, in logits.
    """
    shown = [_shown(comparison, pairs, policy_of) for comparison in comparisons]
    policies = tuple(sorted({policy for left_and_right in shown for policy in left_and_right}))
    kept = [n for n, c in enumerate(comparisons) if c.choice in _SEEN]
    number_of = {policy: n for n, policy in enumerate(policies)}
    left, right = (
        np.array([number_of[shown[n][side]] for n in kept], dtype=np.int64) for side in (0, 1)
    )
    seen = np.array([_SEEN[comparisons[n].choice] for n in kept], dtype=np.int64)
    raters = numbered([comparisons[n].rater_id for n in kept])
    prompts = numbered([pairs[comparisons[n].pair_id].prompt_id for n in kept])
    fitted = fit(design_of(left, right, len(policies)), seen, prior_sd)
    ways = [prompts] if same_raters else [raters, prompts]
    choices = [comparison.choice for comparison in comparisons]
    return WinRates(
        policies=policies,
        win_rates=_all_win_rates(fitted, policies, left, right, ways) if kept else {},
        left=_left_estimate(fitted, ways, int((seen != TIE).sum())),
        num_decided=int((seen != TIE).sum()),
        num_ties=int((seen == TIE).sum()),
        num_both_bad=choices.count(Choice.BOTH_BAD),
        num_skips=choices.count(Choice.SKIP),
        num_raters=len(np.unique(raters)),
        num_prompts=len(np.unique(prompts)),
    )


def win_probability(theta: Theta, first: int, second: int) -> tuple[float, Theta]:
    """Return P(first wins) + P(tie) / 2, averaged over both sides, and its gradient by theta."""
    sides = np.array([first, second]), np.array([second, first])
    design = design_of(*sides, len(theta) - 2)
    probabilities = softmax(design @ theta, axis=1)
    worth = np.array([[1, 0, 0.5], [0, 1, 0.5]])
    expected = np.einsum("no,nop->np", probabilities, design)
    slopes = np.einsum("no,no,nop->np", worth, probabilities, design - expected[:, None])
    return float((worth * probabilities).sum(axis=1).mean()), slopes.mean(axis=0)


def _shown(
    comparison: Comparison, pairs: Mapping[str, Pair], policy_of: Mapping[str, str]
) -> tuple[str, str]:
    """Return the policies on the left and on the right."""
    if comparison.choice is Choice.UNDO:
        raise ValueError(f"expected current comparisons, got the undo {comparison}")
    pair = pairs[comparison.pair_id]
    is_a_left = comparison.shown_left == pair.image_a
    images = (pair.image_a, pair.image_b) if is_a_left else (pair.image_b, pair.image_a)
    return policy_of[images[0]], policy_of[images[1]]


def _all_win_rates(
    fitted: Fit,
    policies: Sequence[str],
    left: Seen,
    right: Seen,
    ways: Sequence[Int[np.ndarray, " comparisons"]],
) -> dict[tuple[str, str], Estimate]:
    found: dict[tuple[str, str], Estimate] = {}
    for a, first in enumerate(policies):
        for b, second in enumerate(policies[:a]):
            num = int((((left == a) & (right == b)) | ((left == b) & (right == a))).sum())
            value, slope = win_probability(fitted.theta, a, b)
            over = _on_logit_scale(fitted, value, slope, ways, num)
            found[first, second], found[second, first] = over, _opposite(over)
    return found


def _left_estimate(
    fitted: Fit, ways: Sequence[Int[np.ndarray, " comparisons"]], num: int
) -> Estimate | None:
    if not num:
        return None
    value = float(expit(fitted.theta[-2]))
    slope: Float[np.ndarray, " theta"] = np.zeros_like(fitted.theta)
    slope[-2] = value * (1 - value)
    share = _on_logit_scale(fitted, value, slope, ways, num)
    low, high = (None if end is None else end - 0.5 for end in (share.low, share.high))
    return Estimate(share.value - 0.5, low, high, num)


def _on_logit_scale(
    fitted: Fit,
    value: float,
    slope: Theta,
    ways: Sequence[Int[np.ndarray, " comparisons"]],
    num: int,
) -> Estimate:
    """Return a probability with an interval that is symmetric in logits, so within 0 and 1."""
    half = half_width(fitted, slope / (value * (1 - value)), ways)
    if half is None:
        return Estimate(value, None, None, num)
    low, high = expit(logit(value) + np.array([-half, half]))
    return Estimate(value, float(low), float(high), num)


def _opposite(over: Estimate) -> Estimate:
    if over.low is None or over.high is None:
        return Estimate(1 - over.value, None, None, over.num)
    return Estimate(1 - over.value, 1 - over.high, 1 - over.low, over.num)
