"""How far the newest reward model can be trusted: calibration, breakdown, learning curve."""

from collections.abc import Sequence
from typing import Any

from data.records import RaterKind
from feedback_loop.readable import bounds, percent, short_id
from feedback_loop.report.html import card, table, text
from feedback_loop.report.svg import ACCENT, CONTROL, INK, RULE, as_svg, figure
from reward_training.trust.plots import (
    Palette,
    draw_learning_curve,
    draw_margin_quarters,
    draw_reliability,
)
from reward_training.trust.words import calibration_words, ceiling_words, curve_words

_MOST_ROWS = 8
_PALETTE = Palette(accent=ACCENT, control=CONTROL, ink=INK, rule=RULE)
_HEADS = {"family": "By family", "margin": "By how sure it is", "round": "By round"}
_QUARTERS = ("least sure", "less sure", "surer", "surest")


def trust_cards(trust: dict[str, Any], output: str = "") -> list[str]:
    """Return the cards that there are numbers for, of an output where there are several."""
    cards, asked = [], f" ({text(output)})" if output else ""
    if trust["calibration"] is not None:
        quarters = trust["held_out_by"]["margin"]
        cards.append(_calibration_card(trust["calibration"], quarters, asked))
    if trust["held_out_by"] is not None:
        cards.append(_breakdown_card(trust["held_out_by"], asked))
    if trust["learning_curve"] is not None:
        cards.append(_curve_card(trust["learning_curve"]))
    return cards


def ceiling_sentences(trust: dict[str, Any], output: str = "") -> str:
    """Say what can be expected of any reward at most, or that it is not known."""
    if trust["ceiling"] is None:
        return ""
    asked = f"{output[0].upper()}{output[1:]}: " if output else ""
    said = [f"{words[0].upper()}{words[1:]}." for words in ceiling_words(trust["ceiling"])]
    return f"<p>{text(asked)}{' '.join(map(text, said))}</p>"


def _calibration_card(
    calibration: dict[str, Any], quarters: Sequence[dict[str, Any]], asked: str
) -> str:
    with figure(7.6, 3.2, columns=2) as (made, (left, right)):
        draw_reliability(left, calibration, _PALETTE)
        draw_margin_quarters(right, quarters, _PALETTE)
        plot = as_svg(made, "How often the reward is right where it is how sure")
    words = (
        f"Calibration {calibration_words(calibration)}. What that is worth is measured "
        f"between {calibration.get('measured_between', 'prompts')}: on pairs that had no part in "
        "it."
        if calibration["after"] is not None
        else f"Calibration {calibration_words(calibration)}."
    )
    return card(f"<h3>Does it know when it is right?{asked}</h3><p>{text(words)}</p>{plot}")


def _breakdown_card(groups: dict[str, Any], asked: str) -> str:
    rows: list[list[str]] = []
    for key, head in _HEADS.items():
        rows += _rows(head, [(_name(key, each), each) for each in groups[key]], key)
    raters = [(_rater(each), each) for each in groups.get("rater", [])]
    rows += _rows("By rater", raters, "rater")
    if not rows:
        return ""
    listed = table(["held-out choices", "pairs", "prompts", "ordered rightly"], rows)
    return card(f"<h3>Where is it right?{asked}</h3>{listed}")


def _rows(head: str, groups: Sequence[tuple[str, dict[str, Any]]], key: str) -> list[list[str]]:
    """Return the rows of one way to divide the pairs; none where that divides nothing."""
    if len(groups) < 2:
        return []
    left_out = 0
    if key in ("family", "rater"):
        groups = sorted(groups, key=lambda group: group[1]["accuracy"])
        left_out = max(0, len(groups) - _MOST_ROWS)
    shown = groups[: len(groups) - left_out]
    rows = [[f"<b>{head}</b>", "", "", ""], *(_row(name, each) for name, each in shown)]
    if left_out:
        rows.append([f"<small>and {left_out} more, none of them less</small>", "", "", ""])
    return rows


def _row(name: str, group: dict[str, Any]) -> list[str]:
    interval = bounds(group["accuracy_interval"], 100)
    accuracy = f"{percent(group['accuracy'])}<small>{interval}</small>"
    return [name, str(group["pairs"]), str(group["prompts"]), accuracy]


def _name(key: str, group: dict[str, Any]) -> str:
    if key == "margin":
        return f"{_QUARTERS[group['name'] - 1]} quarter"
    if key == "round":
        return f"round {group['name']}"
    return text(group["name"] or "of no family")


def _rater(group: dict[str, Any]) -> str:
    kind = text(group["rater_kind"])
    shown = f'<span class="pill">{kind}</span>' if kind == RaterKind.SIMULATED.value else kind
    return f"<code>{text(short_id(group['name']))}</code> {shown}"


def _curve_card(curve: dict[str, Any]) -> str:
    with figure(7.6, 2.8) as (made, (axes,)):
        draw_learning_curve(axes, curve, _PALETTE)
        plot = as_svg(made, "Held-out accuracy by number of comparisons")
    words = curve_words(curve)
    said = text(f"{words[0].upper()}{words[1:]}.")
    return card(f"<h3>What would more comparisons be worth?</h3><p>{said}</p>{plot}")
