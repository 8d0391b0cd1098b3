"""Everything a report is written from, read once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data.records import Counts, Policy, RaterKind, RewardModel, RoundEvent
from feedback_loop.loop import Loop
from feedback_loop.measurements import MeasuredImage, read_measurements
from feedback_loop.report.curves import RunCurves, read_curves
from feedback_loop.report.summary import in_order, summarise


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
    runs: Sequence[RunCurves]
    counts: dict[RaterKind, Counts]
    flip_rates: Sequence[float | None]
    """How often the simulated raters who compared err, from the least; None: of some not known."""
    events: Sequence[RoundEvent]

    @property
    def families(self) -> list[str]:
        """Families of the measured prompts, in the prompt set's order."""
        return list(dict.fromkeys(image.family for image in self.measured if image.family))

    @property
    def num_simulated(self) -> int:
        """Number of comparisons by simulated raters."""
        return self.counts[RaterKind.SIMULATED].total

    @property
    def has_truth(self) -> bool:
        """Whether a judge knows which images meet their prompts."""
        return any(image.met is not None for image in self.measured)


def find(loop: Loop) -> Findings:
    """Read a workspace's measurements and records."""
    measured, store = read_measurements(loop.workspace), loop.store
    names = {image.policy for image in measured}
    return Findings(
        loop=loop,
        measured=measured,
        summary=summarise(loop, measured),
        policies=[policy for policy in in_order(store.policies()) if policy.name in names],
        reward_models=store.reward_models(),
        runs=[read_curves(loop.workspace, run.run_id) for run in store.runs()],
        counts={kind: store.counts(kind) for kind in RaterKind},
        flip_rates=_flip_rates(loop),
        events=store.round_events(),
    )


def _flip_rates(loop: Loop) -> list[float | None]:
    """Return what is on record of those who answered, whatever the settings say today."""
    compared = {comparison.rater_id for comparison in loop.store.comparisons()}
    rates = {
        rater.traits.get("flip_rate")
        for rater in loop.store.raters()
        if rater.kind is RaterKind.SIMULATED and rater.rater_id in compared
    }
    return sorted(rates, key=lambda rate: (rate is None, rate))
