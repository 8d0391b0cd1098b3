"""Everything a report is written from, read once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from data.records import Counts, Policy, RaterKind, RewardModel, RoundEvent
from feedback_loop.fitting import fitted_to
from feedback_loop.loop import Loop
from feedback_loop.measurements import MeasuredImage, read_measurements
from feedback_loop.report.curves import RunCurves, read_curves
from feedback_loop.report.summary import in_order, measured_model, summarise


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What is known of a workspace when its report is written."""

    loop: Loop
    measured: Sequence[MeasuredImage]
    summary: dict[str, Any]
    """The content of summary.json."""
    policies: Sequence[Policy]
    """Those that were measured."""
    reward_models: Sequence[RewardModel]
    measured_model: RewardModel | None
    """The one that the report speaks of."""
    runs: Sequence[RunCurves]
    counts: dict[RaterKind, Counts]
    """Of all that is on record when the report is written."""
    flip_rates: Sequence[float | None]
    """How often the simulated raters who taught the measured model err, from the least; None: of
    some not known."""
    events: Sequence[RoundEvent]

    @property
    def families(self) -> list[str]:
        """Families of the measured prompts, in the prompt set's order."""
        return list(dict.fromkeys(image.family for image in self.measured if image.family))

    @property
    def taught(self) -> dict[str, int]:
        """Number of comparisons that the measured model was fitted to, by kind of rater.

        Of those on record while no model is: raters may compare on while a report is written.
        """
        if self.measured_model is not None:
            return fitted_to(self.measured_model)
        return {kind.value: counts.total for kind, counts in self.counts.items() if counts.total}

    @property
    def has_truth(self) -> bool:
        """Whether a judge knows which images meet their prompts."""
        return any(image.met is not None for image in self.measured)


def find(loop: Loop) -> Findings:
    """Read a workspace's measurements and records."""
    measured, store = read_measurements(loop.workspace), loop.store
    names, models = {image.policy for image in measured}, store.reward_models()
    model = measured_model(models, measured)
    return Findings(
        loop=loop,
        measured=measured,
        summary=summarise(loop, measured),
        policies=[policy for policy in in_order(store.policies()) if policy.name in names],
        reward_models=models,
        measured_model=model,
        runs=[read_curves(loop.workspace, run.run_id) for run in store.runs()],
        counts={kind: store.counts(kind) for kind in RaterKind},
        flip_rates=_flip_rates(loop, model),
        events=store.round_events(),
    )


def _flip_rates(loop: Loop, model: RewardModel | None) -> list[float | None]:
    """Return what is on record of those who answered before a fit, whatever the settings say."""
    until = datetime.max if model is None else model.created_at
    answers = loop.store.comparisons(kind=RaterKind.SIMULATED)
    compared = {answer.rater_id for answer in answers if answer.created_at <= until}
    rates = {
        rater.traits.get("flip_rate") for rater in loop.store.raters() if rater.rater_id in compared
    }
    return sorted(rates, key=lambda rate: (rate is None, rate))
