"""The top of the page: what it is about, who compared, and the few numbers that matter most."""

from collections.abc import Sequence
from typing import Any

from data.records import RaterKind
from feedback_loop.readable import UNKNOWN, percent, points
from feedback_loop.report.findings import Findings
from feedback_loop.report.html import text


def title(found: Findings) -> str:
    """Return the page's title."""
    total = sum(found.taught.values())
    if found.measured_model is None:
        return f"{total} comparisons so far" if total else "Before any comparison"
    return f"What {total} comparisons taught"


def lead(found: Findings) -> str:
    """Say in a sentence what was done."""
    rounds = max((policy.round for policy in found.policies), default=0)
    is_emoji = found.loop.config.world == "emoji"
    world = "the embedded emoji world" if is_emoji else "a model of your own"
    return (
        f"{rounds} round{'' if rounds == 1 else 's'} on {world}, seed {found.loop.config.seed}: "
        "images are compared in pairs, a reward model learns from the choices, and the image model "
        "is tuned towards it."
    )


def notice(found: Findings) -> str:
    """Say first of all that comparisons were simulated, where they were."""
    total, simulated = sum(found.taught.values()), found.taught.get(RaterKind.SIMULATED.value, 0)
    if not simulated:
        return ""
    which = "All" if total == simulated else f"{simulated} of the {total}"
    return (
        f'<p class="notice"><b>Simulated raters.</b> {which} comparisons here were made by '
        f"programs{_errors(found.flip_rates)}, not by people.</p>"
    )


def _errors(flip_rates: Sequence[float | None]) -> str:
    """Say how often simulated raters err, as far as it is on record."""
    known = list(dict.fromkeys(f"{100 * rate:.0f}" for rate in flip_rates if rate is not None))
    if not known:
        return ""
    share = f"in {known[0]} %" if len(known) == 1 else f"in between {known[0]} and {known[-1]} %"
    rest = ", as far as it is known" if None in flip_rates else ""
    return f" that follow the judge and err {share} of their preferences{rest}"


def figures(found: Findings) -> str:
    """Return the numbers, each with what it should be read beside."""
    newest, base = found.summary["policies"][-1], found.summary["policies"][0]
    rows = []
    if found.has_truth:
        overall = (base["alignment"]["overall"], newest["alignment"]["overall"])
        gain = points(newest["alignment_gain"], newest["alignment_gain_interval"])
        rows.append(("trained prompts met", _change(*overall), gain))
        unseen = (base["alignment_unseen"], newest["alignment_unseen"])
        gain = points(newest["alignment_gain_unseen"], newest["alignment_gain_unseen_interval"])
        rows.append(("unseen prompts met", _change(*unseen), gain))
    rows += _reward_model(found.summary["reward_model"])
    kl = found.summary["kl"]
    rows.append(
        (
            "KL to the base",
            UNKNOWN if kl is None else f"{kl:.1f} nats",
            f"diversity {base['diversity']:.3f} → {newest['diversity']:.3f}",
        )
    )
    items = "".join(
        f'<div><dt>{text(name)}</dt><dd class="value">{text(value)}</dd>'
        f'<dd class="more">{text(more)}</dd></div>'
        for name, value, more in rows
    )
    return f'<dl class="figures">{items}</dl>'


def _change(before: float | None, after: float | None) -> str:
    return f"{percent(before)} → {percent(after)}".replace(" % →", " →")


def _reward_model(about: dict[str, Any]) -> list[tuple[str, str, str]]:
    if about["held_out_accuracy"] is not None:
        return [_accuracy("pairs the reward gets right", about, about["control"])]
    return [
        _accuracy(f"pairs it gets right on {name}", of["choices"], about["control"])
        for name, of in about.get("outputs", {}).items()
    ]


def _accuracy(what: str, measured: dict[str, Any], control: str) -> tuple[str, str, str]:
    beside = (
        f"untouched {control} {percent(measured['control_accuracy'])}, "
        f"on {measured['held_out_pairs']} held-out pairs"
    )
    return what, percent(measured["held_out_accuracy"]), beside
