"""What metrics.json says of a fit: on what, how it went, and how good each output is.

A reward of one output has its measurements beside the rest; one of several has them below
`outputs`, by name.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from data.records import Aspect
from reward_training.config import FitConfig, TrainingConfig
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.split import split_notes
from reward_training.learning.joint_training import JointFitting
from reward_training.learning.selection import Selection
from reward_training.learning.training import Fitting, TrainedOutput
from reward_training.trust.calibration import Calibration
from reward_training.trust.metrics import choice_notes, count_comparisons, measure

_BOOTSTRAP_STREAM = 1
"""Keeps the bootstrap's random numbers apart from the split's."""


def describe(
    config: FitConfig,
    fitting: Fitting | JointFitting,
    comparisons: Comparisons,
    learned_from: Comparisons,
    selection: Selection,
) -> dict[str, Any]:
    """Say what was fitted on what, and how it went."""
    notes = []
    for output in fitting.outputs(selection.held_out):
        about = f"{output.name}: " if output.name else ""
        held_out, own = selection.held_out.take(output.rows), _own(output, comparisons)
        said = split_notes(own, held_out) + choice_notes(held_out)
        notes += [about + note for note in said]
    control = fitting.reward.backbone.control
    if selection.num_updates == 0:
        notes.append(f"no update lowered the held-out loss: this is untouched {control}")
    elif unseen := _unseen_note(config.training, len(comparisons)):
        notes.append(unseen)
    return {
        "backbone": config.backbone,
        "control": control,
        **_counts(comparisons, selection.held_out, learned_from),
        "held_out_measured_on": "weights of a fit that has not seen the prompt; it only helped to "
        "choose num_updates",
        "num_updates": selection.num_updates,
        "held_out_log_loss": selection.log_loss,
        "curve": selection.curve,
        "notes": notes,
    }


def _unseen_note(training: TrainingConfig, num: int) -> str:
    """Say so where there are too few updates for every comparison to be learned from."""
    num_drawn = training.num_updates * training.batch_size
    if num_drawn >= num:
        return ""
    return (
        f"training.num_updates {training.num_updates} x batch_size {training.batch_size} draws "
        f"{num_drawn} of {num} comparisons: with more updates, all of them would be learned from"
    )


def measure_outputs(
    fitting: Fitting | JointFitting,
    comparisons: Comparisons,
    learned_from: Comparisons,
    selection: Selection,
    *,
    control_margin: Float[Tensor, " held_out"],
    seed: int,
) -> dict[str, Any]:
    """Measure every output on the held-out comparisons that are about it, and set its temperature.

    Args:
        fitting: What was fitted.
        comparisons: All of them.
        learned_from: Those that the saved weights were learned from.
        selection: What was held out, and what the fits said of it.
        control_margin: Margins of the untouched backbone, of what was held out.
        seed: Decides the intervals' resamples.
    """
    outputs = fitting.outputs(selection.held_out)
    found = {
        output.name: _measure_output(output, selection, control_margin, seed) for output in outputs
    }
    if isinstance(fitting, Fitting):
        (alone,) = found.values()
        return alone
    about = {
        output.name: {
            "weight": fitting.reward.weights[output.name],
            **_counts(
                *(_own(output, of) for of in (comparisons, selection.held_out, learned_from))
            ),
        }
        for output in outputs
    }
    return {"outputs": {name: about[name] | of for name, of in found.items()}}


def _measure_output(
    output: TrainedOutput,
    selection: Selection,
    control_margin: Float[Tensor, " held_out"],
    seed: int,
) -> dict[str, Any]:
    rows, reward = output.rows, output.fitting.reward
    found = measure(
        selection.held_out.take(rows),
        margin=selection.margins[rows],
        control_margin=control_margin[rows],
        probability_a=selection.probability_a[rows],
        fold=selection.fold[rows],
        generator=np.random.default_rng([seed, _BOOTSTRAP_STREAM]),
    )
    calibration = found["calibration"]
    reward.set_calibration(Calibration(calibration["temperature"], calibration["slips"]))
    reliability, reward.reliability = reward.reliability, None
    return found if reliability is None else {"reliability": reliability.by_name()} | found


def _own(output: TrainedOutput, comparisons: Comparisons) -> Comparisons:
    """Return the comparisons that are about the output."""
    return (
        comparisons.take(comparisons.rows_about(Aspect(output.name)))
        if output.name
        else comparisons
    )


def _counts(
    comparisons: Comparisons, held_out: Comparisons, learned_from: Comparisons
) -> dict[str, Any]:
    return {
        "comparisons": count_comparisons(comparisons),
        "held_out_comparisons": count_comparisons(held_out),
        "learned_from": count_comparisons(learned_from),
    }
