"""What metrics.json says of how far to trust a reward, in words, for the terminal and the report.

Metrics of fits that were made before these were measured lack them; of those nothing is said.
"""

from collections.abc import Sequence
from typing import Any

from reward_training.config import CLIP_SIMILARITY

_WEAKEST = 3
_KINDS = {"person": "human ceiling", "simulated": "ceiling of simulated raters"}


def outputs_of(about: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is said of each output by its name; of the only one without a name."""
    outputs = about.get("outputs") or {"": about}
    return {name: _renamed(of) for name, of in outputs.items()}


def _renamed(of: dict[str, Any]) -> dict[str, Any]:
    """Return metrics under today's names: the control was called clip before it could be a BLIP."""
    return {
        f"control_{name.removeprefix('clip_')}" if name.startswith("clip_") else name: value
        for name, value in of.items()
    }


def control_words(metrics: dict[str, Any]) -> str:
    """Name the untouched backbone's own reward, which accuracy is measured beside."""
    # Folders written before there were others have CLIP's.
    return metrics.get("control", CLIP_SIMILARITY)


def combination_words(outputs: dict[str, dict[str, Any]]) -> str:
    """Say what several outputs are as one number."""
    terms = " + ".join(f"{output['weight']:g} {name}" for name, output in outputs.items())
    return f"one number: {terms}, each standardised"


def trust_lines(metrics: dict[str, Any]) -> list[str]:
    """Return a line each on ceiling, calibration and families, where they were measured."""
    lines = ceiling_words(metrics["ceiling"]) if "ceiling" in metrics else []
    if "calibration" in metrics:
        lines.append(f"calibration: {calibration_words(metrics['calibration'])}")
    families = metrics.get("held_out_by", {}).get("family", [])
    return [*lines, family_words(families)] if len(families) > 1 else lines


def ceiling_words(ceilings: dict[str, dict[str, Any] | None]) -> list[str]:
    """Say how well raters tell each other's choices, and that it is not known where it is not."""
    said = []
    for kind, found in ceilings.items():
        name = _KINDS.get(kind, f"ceiling of {kind} raters")
        if found is not None:
            said.append(
                f"{name}: one tells another's choice in {share_words(found, 'of_another')} of "
                f"{found['comparisons']} comparisons on {found['of_another_pairs']} pairs; the "
                f"reward in {share_words(found, 'reward')} of the same"
            )
        elif kind == "person":
            said.append(f"{name}: not known, for no held-out pair was decided by two people")
    return said


def calibration_words(calibration: dict[str, Any]) -> str:
    """Say how far probabilities are from shares, as fitted and calibrated."""
    before, after = calibration["before"], calibration["after"]
    if after is None:
        return f"error {before['error']:.1%}; one held-out prompt is too few to calibrate by"
    return (
        f"error {before['error']:.1%} as fitted, {after['error']:.1%} calibrated (temperature "
        f"{calibration['temperature']:.2f}, {calibration.get('slips', 0):.0%} slips), of which "
        f"chance explains {calibration['error_by_chance']:.1%}"
    )


def family_words(families: Sequence[dict[str, Any]]) -> str:
    """Name the families that the reward knows least."""
    weakest = sorted(families, key=lambda family: family["accuracy"])[:_WEAKEST]
    said = [
        f"{family['name'] or 'of no family'} {family['accuracy']:.1%} ({family['pairs']})"
        for family in weakest
    ]
    return f"least accurate families (pairs): {', '.join(said)}; of {len(families)}"


def curve_words(curve: dict[str, Any]) -> str:
    """Say what more comparisons would be worth, and why that cannot be told where it cannot."""
    most, kinds = curve["points"][-1], kinds_words(curve["by_rater_kind"])
    now = (
        f"learning from {most['comparisons']:.0f} of the comparisons ({kinds}), "
        f"{share_words(most, 'held_out_accuracy')} of {curve['held_out_pairs']} held-out pairs "
        f"are right; what the next {curve['more']} would be worth"
    )
    if curve["gain_of_more"] is None:
        return f"{now} cannot be told: {curve['unknown']}"
    low, high = (f"{100 * bound:.2f}" for bound in curve["gain_of_more_interval"])
    gain = f"{100 * curve['gain_of_more']:+.2f} points (95 % interval {low} to {high})"
    return f"{now} by the curve: {gain}"


def kinds_words(by_rater_kind: dict[str, int]) -> str:
    """Count comparisons by who made them."""
    return ", ".join(f"{count} {kind}" for kind, count in sorted(by_rater_kind.items()))


def share_words(metrics: dict[str, Any], name: str) -> str:
    """Write a share with its interval, where it has one."""
    value, interval = metrics[name], metrics[f"{name}_interval"]
    if interval is None:
        return f"{value:.1%}"
    return f"{value:.1%} (95 % interval {interval[0]:.1%} to {interval[1]:.1%})"
