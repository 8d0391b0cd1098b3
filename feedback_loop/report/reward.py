"""The report's section on the reward model: how often it is right, and how far to trust it."""

from collections.abc import Sequence
from typing import Any

from data.records import RaterKind
from feedback_loop.report.findings import Findings
from feedback_loop.report.html import card, section
from feedback_loop.report.plots import Series, dots
from feedback_loop.report.svg import ACCENT, CONTROL, INK
from feedback_loop.report.trust import ceiling_sentences, trust_cards
from reward_training.trust.words import combination_words, outputs_of

_WHOSE = {"person": "several people", "simulated": "several simulated raters"}


def reward_section(found: Findings) -> str:
    """Plot how often the reward model orders pairs rightly, and show how far to trust it."""
    about = found.summary["reward_model"]
    if not found.reward_models:
        return ""
    groups, rows = [], []
    if about["measured_by"] == "judge":
        groups.append(f"seen prompts, by the judge\n{about['held_out_pairs']} pairs")
        rows.append(about)
        if about["unseen"]:
            groups.append(
                f"unseen prompts, by the judge\n{about['unseen']['held_out_pairs']} pairs"
            )
            rows.append(about["unseen"])
    outputs = outputs_of(about)
    for name, output in outputs.items():
        asked = f" on {name}" if name else ""
        number = output["choices"]["held_out_pairs"]
        groups.append(f"{_whose(found)} held-out choices{asked}\n{number} pairs")
        rows.append(output["choices"])
        for kind, ceiling in (output["trust"]["ceiling"] or {}).items():
            if ceiling is not None:
                whose = _WHOSE.get(kind, f"several {kind} raters")
                groups.append(f"{whose} decided{asked}\n{ceiling['comparisons']} choices")
                rows.append(_as_row(ceiling))
    plot = dots(
        groups,
        [
            _accuracies("learned from comparisons", ACCENT, "held_out_accuracy", rows),
            _accuracies(f"untouched {about['control']}", CONTROL, "control_accuracy", rows),
            _accuracies("another rater", INK, "of_another", rows),
        ],
    )
    explanation = (
        "How often the reward puts the better of two images of a prompt first, on pairs that it "
        "never learned from. The dashed line is chance. Raters' choices carry their own mistakes, "
        "which no reward can foresee."
    )
    if len(outputs) > 1:
        explanation += f" It has an output for each question; as {combination_words(outputs)}."
    said = "".join(ceiling_sentences(output["trust"], name) for name, output in outputs.items())
    cards = [each for name, of in outputs.items() for each in trust_cards(of["trust"], name)]
    if len(outputs) > 1:
        cards += trust_cards(about["trust"])
    return section("The reward model", explanation, card(plot + said), *cards)


def _whose(found: Findings) -> str:
    are_simulated = list(found.taught) == [RaterKind.SIMULATED.value]
    return "simulated raters'" if are_simulated else "raters'"


def _accuracies(name: str, colour: str, key: str, rows: Sequence[dict[str, Any]]) -> Series:
    values = [row.get(key) for row in rows]
    return Series(name, colour, values, [row.get(f"{key}_interval") for row in rows])


def _as_row(ceiling: dict[str, Any]) -> dict[str, Any]:
    """Give the reward's accuracy on a ceiling's comparisons the name it has elsewhere."""
    accuracy, interval = ceiling["reward"], ceiling["reward_interval"]
    return ceiling | {"held_out_accuracy": accuracy, "held_out_accuracy_interval": interval}
