"""The report's sections on how it came about: comparisons, time, provenance, settings."""

import dataclasses
from typing import Any

from data.records import Choice, RaterKind
from feedback_loop.fitting import fitted_words
from feedback_loop.readable import duration, killed_words
from feedback_loop.report.findings import Findings
from feedback_loop.report.html import card, section, table, text

_CHOICES = tuple(choice for choice in Choice if choice is not Choice.UNDO)


def comparisons_section(found: Findings) -> str:
    """Count comparisons by who made them; simulated ones are called so."""
    rows = []
    for kind, counts in found.counts.items():
        if counts.total or kind is not RaterKind.MODEL:
            name = "people" if kind is RaterKind.PERSON else f"{kind.value} raters"
            if kind is RaterKind.SIMULATED and counts.total:
                name = f'{name} <span class="pill">simulated</span>'
            choices = [str(counts.by_choice[choice]) for choice in _CHOICES]
            rows.append([name, *choices, f"<b>{counts.total}</b>"])
    heads = ["compared by", *(choice.value.replace("_", " ") for choice in _CHOICES), "in all"]
    explanation = f"What raters have said up to now. {_learned_from(found)}"
    return section("Comparisons", explanation, card(table(heads, rows)))


def _learned_from(found: Findings) -> str:
    """Say what of it the reward model knows: people may have gone on comparing."""
    model = found.measured_model
    if model is None:
        return "No reward model has learned from it yet."
    return (
        f"Everything that reward model {text(model.name)} knows, it learned from "
        f"{text(fitted_words(model))} comparisons, snapshot <code>{text(model.snapshot)}</code>; "
        "skips teach nothing."
    )


def time_section(found: Findings) -> str:
    """Show what each stage took."""
    seconds: dict[str, float] = found.summary["seconds"]
    longest = max(*seconds.values(), 1e-9)
    rows = [
        [stage, f'<span class="bar" style="width: {100 * took / longest:.1f}%"></span>',
         duration(took)]
        for stage, took in seconds.items()
    ]  # fmt: skip
    rounds = found.summary["rounds"]
    took = f"{duration(sum(seconds.values()))} in {len(rounds)} round{'s' * (len(rounds) > 1)}"
    explanation = ", ".join(filter(None, [took, killed_words(found.summary["killed"])])) + "."
    made = table(["stage", "", "took"], rows, num_texts=2, kind="time")
    return section("Time", explanation, card(made))


def provenance_section(found: Findings) -> str:
    """Walk from the newest policy back to the comparisons that shaped it."""
    steps = []
    policies = {policy.name: policy for policy in found.policies}
    models = {model.name: model for model in found.reward_models}
    policy = found.policies[-1]
    while policy.reward_model is not None:
        model = models[policy.reward_model]
        steps.append(
            f"<b>{text(policy.name)}</b>: adapter <code>{text(policy.adapter)}</code>, sha256 "
            f"<code>{(policy.adapter_sha256 or '')[:16]}…</code>, run "
            f"<code>runs/{text(policy.run_id)}</code><br>tuned towards reward model "
            f"<b>{text(model.name)}</b>, fitted to snapshot <code>{text(model.snapshot)}</code> "
            f"({text(fitted_words(model))} comparisons)"
        )
        if policy.parent not in policies:
            break
        policy = policies[policy.parent]
    steps.append(f"<b>{text(policy.name)}</b>: <code>{text(_base(found, policy.base))}</code>")
    chain = "".join(f"<li>{step}</li>\n" for step in steps)
    command = f"tastemaker provenance {found.policies[-1].name} --comparisons"
    explanation = (
        "Where the newest policy comes from. Every single comparison behind it is listed by "
        f"<code>{text(command)}</code>; an image id in the policy's place leads back the same way."
    )
    return section(
        "Provenance", explanation, card(f'<ol class="chain">{chain}</ol>'), _settings(found)
    )


def _base(found: Findings, base: str) -> str:
    return base if found.loop.config.base else "the embedded emoji world's model"


def _settings(found: Findings) -> str:
    config = dataclasses.asdict(found.loop.config)
    rows = [[f"<code>{text(name)}</code>", text(value)] for name, value in _flat(config)]
    listed = table(["setting", "value"], rows, num_texts=2)
    return f"<details><summary>All settings (workspace.yaml)</summary>{card(listed)}</details>"


def _flat(config: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows = []
    for name, value in config.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name}.")
        elif value not in ("", None):
            rows.append((prefix + name, value))
    return rows
