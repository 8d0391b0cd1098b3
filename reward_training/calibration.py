"""Whether a reward's probabilities are kept: of pairs it calls 80 % sure, are 80 % right?

Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks", Eq. 9): the log
odds z of a preference are divided by one number T, which changes no order. T is the one under which
the choices are the most probable; those that it is reported on had no part in it.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from reward_training.evaluate import Outcomes, hits
from reward_training.intervals import careful_estimate
from reward_training.outcomes import PREFERS_A

NUM_BINS = 10
MAX_RATIO = 1000.0
"""Of a temperature to the mean log odds, and of those to a temperature."""
NUM_DRAWS = 200
MOST_PARTS = 10
"""Parts into which prompts are divided where there are no folds."""

LogOdds = Float[np.ndarray, " pairs"]
Probabilities = Float[np.ndarray, " pairs"]
Groups = Int[np.ndarray, " pairs"]


def log_odds(probability_a: Probabilities) -> LogOdds:
    """Return log P(a) / P(b), finite also where 32 bits have rounded a probability to 0 or 1."""
    least = float(np.finfo(np.float32).epsneg)
    return logit(np.clip(probability_a.astype(np.float64), least, 1 - least))


def calibrate(
    probability_a: Probabilities,
    outcome: Outcomes,
    *,
    prompt: Groups,
    fold: Groups,
    generator: np.random.Generator,
) -> dict[str, Any]:
    """Measure calibration on decided pairs without a temperature and with one.

    The temperature is of all pairs; what it is worth is measured fold by fold, with one of the
    other folds, or among the prompts where there is one fold. A single prompt cannot be calibrated:
    then the temperature stays 1 and nothing is said of what it is worth.
    """
    odds = log_odds(probability_a)
    by_fold = len(np.unique(fold)) > 1
    scaled = cross_fitted(odds, outcome, fold if by_fold else parts_of_prompts(prompt))
    before = _measured(odds, outcome, prompt, generator)
    if scaled is None:
        return {"temperature": 1.0, "pairs": len(odds), "before": before, "after": None}
    return {
        "temperature": fit_temperature(odds, outcome),
        "pairs": len(odds),
        "measured_between": "folds" if by_fold else "prompts",
        "before": before,
        "after": _measured(scaled, outcome, prompt, generator),
        "error_by_chance": error_by_chance(expit(scaled), generator),
    }


def fit_temperature(odds: LogOdds, outcome: Outcomes) -> float:
    """Return the temperature under which the choices of decided pairs are the most probable.

    Each choice is taken for a slip with probability 1 / (n + 2), as Platt (1999, "Probabilistic
    Outputs for Support Vector Machines", Sec. 2.2) does, so that no mistake in few pairs is not
    taken for certainty. Nothing but the ratio of `odds` to T counts: twice the odds, twice T.
    """
    if not odds.any():
        return 1.0
    signed = _signed(odds, outcome)
    slip = 1 / (len(odds) + 2)

    def loss(log_temperature: float) -> float:
        scaled = signed / np.exp(log_temperature)
        return float((np.logaddexp(0, -scaled) + slip * scaled).mean())

    # Relative to the odds' own size, so that their unit changes nothing.
    around, reach = np.log(np.abs(odds).mean()), np.log(MAX_RATIO)
    found = minimize_scalar(loss, bounds=(around - reach, around + reach), method="bounded")
    return float(np.exp(found.x))


def cross_fitted(odds: LogOdds, outcome: Outcomes, group: Groups) -> LogOdds | None:
    """Divide each group's log odds by the temperature of all other groups; None for a single one.

    Groups share no prompt.
    """
    if len(np.unique(group)) < 2:
        return None
    scaled = np.empty_like(odds)
    for number in np.unique(group):
        others = group != number
        scaled[~others] = odds[~others] / fit_temperature(odds[others], outcome[others])
    return scaled


def parts_of_prompts(prompt: Groups) -> Groups:
    """Divide prompts into at most ten parts, for calibration where there is but one fold."""
    return np.unique(prompt, return_inverse=True)[1] % MOST_PARTS


def log_loss(odds: LogOdds, outcome: Outcomes) -> float:
    """Return the mean negative log-likelihood of the choices."""
    return float(np.logaddexp(0, -_signed(odds, outcome)).mean())


def calibration_error(probability_a: Probabilities, outcome: Outcomes) -> float:
    """Return the expected calibration error of decided pairs over ten equal bins of confidence.

    Confidence is the probability of the more probable image, from 0.5 to 1 (Guo et al. 2017).
    """
    return _error(_confidence(probability_a), hits(probability_a - 0.5, outcome))


def error_by_chance(probability_a: Probabilities, generator: np.random.Generator) -> float:
    """Return the calibration error that a reward which is quite right about itself would show.

    It is not 0: in few pairs, shares stray from probabilities. Mean over drawn choices.
    """
    confidence = _confidence(probability_a)
    drawn = generator.random((NUM_DRAWS, len(confidence))) < confidence
    return float(np.mean([_error(confidence, right.astype(np.float64)) for right in drawn]))


def reliability(
    probability_a: Probabilities,
    outcome: Outcomes,
    prompt: Groups,
    generator: np.random.Generator,
) -> list[dict[str, Any]]:
    """Return the bins of confidence that hold pairs, from unsure to sure, with their accuracy."""
    confidence, right = _confidence(probability_a), hits(probability_a - 0.5, outcome)
    bins = _bins(confidence)
    found = []
    for place in np.unique(bins):
        here = bins == place
        accuracy = careful_estimate(right[here], prompt[here], generator)
        found.append(
            {
                "pairs": int(here.sum()),
                "confidence": float(confidence[here].mean()),
                "accuracy": accuracy.value,
                "accuracy_interval": accuracy.interval,
            }
        )
    return found


def _measured(
    odds: LogOdds, outcome: Outcomes, prompt: Groups, generator: np.random.Generator
) -> dict[str, Any]:
    probability_a = expit(odds)
    return {
        "error": calibration_error(probability_a, outcome),
        "log_loss": log_loss(odds, outcome),
        "bins": reliability(probability_a, outcome, prompt, generator),
    }


def _signed(odds: LogOdds, outcome: Outcomes) -> LogOdds:
    return np.where(outcome == PREFERS_A, odds, -odds)


def _confidence(probability_a: Probabilities) -> Probabilities:
    return np.maximum(probability_a, 1 - probability_a)


def _bins(confidence: Probabilities) -> Groups:
    return np.clip(((confidence - 0.5) * 2 * NUM_BINS).astype(int), 0, NUM_BINS - 1)


def _error(confidence: Probabilities, right: Float[np.ndarray, " pairs"]) -> float:
    gaps = np.bincount(_bins(confidence), confidence - right)
    return float(np.abs(gaps).sum() / len(confidence))
