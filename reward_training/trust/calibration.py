"""Whether a reward's probabilities are kept: of pairs it calls 80 % sure, are 80 % right?

Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks", Eq. 9) divides the
log odds z of a preference by one number T. That cannot say that a rater misses a key now and then
however clear the pair is; so a share of answers is taken for slips, which fall on either image, as
in psychometrics (Wichmann & Hill 2001, "The psychometric function: I", Eq. 1, lapse rate). Neither
changes an order. Both are those under which the choices are the most probable; those that they are
reported on had no part in them.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize
from scipy.special import expit, logit

from reward_training.inputs.outcomes import PREFERS_A
from reward_training.trust.evaluate import Outcomes, hits
from reward_training.trust.intervals import careful_estimate

NUM_BINS = 10
MAX_RATIO = 1000.0
"""Of a temperature to the mean log odds, and of those to a temperature."""
_FEWEST_SLIPS = 1e-9
"""Not none: no probability of an answer is quite 0."""
MOST_SLIPS = 0.5
"""Share of answers that may be taken for slips: with more, nothing is known of the others."""
NUM_DRAWS = 200
MOST_PARTS = 10
"""Parts into which prompts are divided where there are no folds."""

LogOdds = Float[np.ndarray, " pairs"]
Probabilities = Float[np.ndarray, " pairs"]
Groups = Int[np.ndarray, " pairs"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """From log odds to the probability of an answer."""

    temperature: float = 1.0
    slips: float = 0.0
    """Share of answers that fall on either image, however clear the pair is."""

    def __call__(self, odds: LogOdds) -> Probabilities:
        """Return P(a) of pairs."""
        return self.slips / 2 + (1 - self.slips) * expit(odds / self.temperature)


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
    """Measure calibration on decided pairs as they are and as they are once calibrated.

    Temperature and slips are of all pairs; what they are worth is measured fold by fold, with those
    of the other folds, or among the prompts where there is one fold. A single prompt cannot be
    calibrated: then nothing is changed and nothing is said of what that would be worth.
    """
    odds = log_odds(probability_a)
    by_fold = len(np.unique(fold)) > 1
    calibrated = cross_fitted(odds, outcome, fold if by_fold else parts_of_prompts(prompt))
    before = _measured(expit(odds), outcome, prompt, generator)
    if calibrated is None:
        return asdict(Calibration()) | {"pairs": len(odds), "before": before, "after": None}
    return asdict(fit_calibration(odds, outcome)) | {
        "pairs": len(odds),
        "measured_between": "folds" if by_fold else "prompts",
        "before": before,
        "after": _measured(calibrated, outcome, prompt, generator),
        "error_by_chance": error_by_chance(calibrated, generator),
    }


def fit_calibration(odds: LogOdds, outcome: Outcomes) -> Calibration:
    """Return the temperature and slips under which the choices of decided pairs are most probable.

    Beside the slips that they show, two answers are taken for unseen ones that fell on either image
    (as in Platt 1999, "Probabilistic Outputs for Support Vector Machines", Sec. 2.2), so that no
    mistake in few pairs is not taken for certainty. Nothing but the ratio of `odds` to T counts:
    twice the odds, twice T.
    """
    if not odds.any():
        return Calibration()
    signed = _signed(odds, outcome)
    missed = 1 / (len(odds) + 2)
    unit = np.abs(odds).mean()

    def loss(numbers: Float[np.ndarray, "2"]) -> float:
        right = Calibration(unit * np.exp(numbers[0]), numbers[1])(signed)
        return -float(((1 - missed) * np.log(right) + missed * np.log1p(-right)).mean())

    reach = np.log(MAX_RATIO)
    # Two hills may lie between the temperatures of few slips and of many.
    found = min(
        (
            minimize(loss, [0.0, slips], bounds=[(-reach, reach), (_FEWEST_SLIPS, MOST_SLIPS)])
            for slips in (0.02, 0.2)
        ),
        key=lambda result: result.fun,
    )
    return Calibration(float(unit * np.exp(found.x[0])), float(found.x[1]))


def cross_fitted(odds: LogOdds, outcome: Outcomes, group: Groups) -> Probabilities | None:
    """Return each group's P(a) by the calibration of all other groups; None for a single one.

    Groups share no prompt.
    """
    if len(np.unique(group)) < 2:
        return None
    found = np.empty_like(odds)
    for number in np.unique(group):
        others = group != number
        found[~others] = fit_calibration(odds[others], outcome[others])(odds[~others])
    return found


def parts_of_prompts(prompt: Groups) -> Groups:
    """Divide prompts into at most ten parts, for calibration where there is but one fold."""
    return np.unique(prompt, return_inverse=True)[1] % MOST_PARTS


def log_loss(probability_a: Probabilities, outcome: Outcomes) -> float:
    """Return the mean negative log-likelihood of the choices."""
    return float(np.logaddexp(0, -_signed(log_odds(probability_a), outcome)).mean())


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
    probability_a: Probabilities, outcome: Outcomes, prompt: Groups, generator: np.random.Generator
) -> dict[str, Any]:
    return {
        "error": calibration_error(probability_a, outcome),
        "log_loss": log_loss(probability_a, outcome),
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
