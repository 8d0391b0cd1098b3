"""What came out of the rounds, in a few lines on the terminal."""

import json
from typing import Any

from data.errors import WorkspaceError
from data.records import RaterKind
from feedback_loop.loop import Loop
from feedback_loop.readable import duration, killed_words, percent
from feedback_loop.terminal import say, say_table


def say_outcome(loop: Loop) -> None:
    """Print the summary of the report: alignment, the reward model, what it rests on."""
    summary = _read_summary(loop)
    policies = summary["policies"]
    say()
    if any(policy["alignment"]["overall"] is not None for policy in policies):
        groups = list(policies[0]["alignment"])
        say("share of images that meet their prompt, by the judge:")
        say_table(
            [
                ["", *groups, "unseen"],
                *(
                    [
                        policy["name"],
                        *(percent(policy["alignment"][group]) for group in groups),
                        percent(policy["alignment_unseen"]),
                    ]
                    for policy in policies
                ),
            ]
        )
    _say_reward_model(summary["reward_model"])
    counts = summary["comparisons"]
    simulated = counts[RaterKind.SIMULATED.value]
    said = f"{simulated} SIMULATED, " if simulated else ""
    say(f"comparisons: {said}{counts[RaterKind.PERSON.value]} by people")
    seconds = summary["seconds"]
    stages = ", ".join(f"{stage} {duration(took)}" for stage, took in seconds.items())
    say(f"time: {duration(sum(seconds.values()))} ({stages})")
    if killed := summary.get("killed"):  # a summary of before has none
        say(f"  {killed_words(killed)}")
    say(f"report: {loop.workspace.report / 'index.html'}")


def _say_reward_model(about: dict[str, Any]) -> None:
    for name, of in about.get("outputs", {}).items():
        choices = of["choices"]
        say(
            f"its output {name} orders {percent(choices['held_out_accuracy'])} of "
            f"{choices['held_out_pairs']} held-out pairs as raters did; "
            f"untouched {about['control']} {percent(choices['control_accuracy'])}"
        )
    if about["held_out_accuracy"] is None:
        return
    whose = "as the judge does" if about["measured_by"] == "judge" else "as raters did"
    say(
        f"the reward orders {percent(about['held_out_accuracy'])} of {about['held_out_pairs']} "
        f"held-out pairs {whose}; untouched {about['control']} {percent(about['control_accuracy'])}"
    )
    if about["unseen"]:
        say(
            f"  on unseen prompts {percent(about['unseen']['held_out_accuracy'])}; "
            f"untouched {about['control']} {percent(about['unseen']['control_accuracy'])}"
        )


def _read_summary(loop: Loop) -> dict[str, Any]:
    path = loop.workspace.report / "summary.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise WorkspaceError(f"{path} cannot be read; run `tastemaker report` again") from None
