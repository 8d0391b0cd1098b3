"""What studies have found, on the terminal and in a file."""

import dataclasses
import json
from datetime import datetime
from pathlib import Path

from data.files import write_atomically
from data.questions import Study
from data.workspace import Workspace
from feedback_loop.hints import hint
from feedback_loop.terminal import say, say_table
from labeling_app.study_report import AspectResult, StudyReport, kinds_in, report_on_study
from labeling_app.study_words import (
    COLUMNS,
    QUESTIONS,
    agreement_words,
    cells,
    progress_words,
    reach_words,
    side_words,
    title,
    whose,
)

_MOST_PROMPTS = 12
"""More are told by family, where they have one."""


def say_studies(workspace: Workspace) -> None:
    """Print a line for each study."""
    store = workspace.store()
    studies = store.studies()
    for study in studies:
        say(f"{title(study)}; {progress_words(report_on_study(store, study.name))}")
    if not studies:
        say(f"no studies yet; {hint(workspace, 'study A B')} queues one")


def say_queued(workspace: Workspace, study: Study, *, is_new: bool) -> None:
    """Say what people are asked, and how it goes on."""
    num_pairs = len(workspace.store().study_pairs(study.name))
    asked = " and ".join(QUESTIONS[aspect] for aspect in study.aspects)
    say(
        f"study {title(study)}{'' if is_new else ' (it was there already: nothing was added)'}\n"
        f"{num_pairs} pairs, {study.num_raters} people for each, asked for {asked}: "
        f"{num_pairs * study.num_raters * len(study.aspects)} answers"
    )
    if study.status == "closed":
        say(f"people are asked again with:  {_command(workspace, study, ' --reopen')}")
    say(f"people rate them with:        {hint(workspace, 'label')}")
    say(f"what they prefer:             {_command(workspace, study)}")


def _command(workspace: Workspace, study: Study, options: str = "") -> str:
    import shlex

    return hint(workspace, f"study {shlex.quote(study.name)}{options}")


def say_study(workspace: Workspace, name: str) -> None:
    """Print the report, by each kind of rater that has answered."""
    store = workspace.store()
    say(title(store.study(name)))
    for kind in kinds_in(store, name):
        _say_report(report_on_study(store, name, kind))


def _say_report(report: StudyReport) -> None:
    say(f"\n{progress_words(report)}")
    if not report.num_answers:
        return
    say(
        f"win rate of {report.study.policy_a} over {report.study.policy_b}, by {whose(report.kind)}"
    )
    for result in report.results:
        _say_result(result)
    say("\nties count half; both bad and skips are counted and order nothing")


def _say_result(result: AspectResult) -> None:
    is_long = len(result.prompts) > _MOST_PROMPTS and result.families
    parts = result.families if is_long else result.prompts
    say()
    say_table(
        [
            [QUESTIONS[result.aspect], *COLUMNS],
            ["all", *cells(result.whole)],
            *([f"  {part.name}", *cells(part)] for part in parts),
        ]
    )
    say(reach_words(result.whole))
    say(f"{side_words(result.left)}; {agreement_words(result.agreement)}")


def write_results(workspace: Workspace, name: str, path: Path) -> None:
    """Write the report as JSON, by kind of rater; the file appears whole or not at all."""
    store = workspace.store()
    reports = {
        kind.value: dataclasses.asdict(report_on_study(store, name, kind))
        for kind in kinds_in(store, name)
    }
    found = {
        "study": dataclasses.asdict(store.study(name)),
        "by_kind_of_rater": {
            kind: {key: value for key, value in report.items() if key not in ("study", "kind")}
            for kind, report in reports.items()
        },
    }
    write_atomically(path, json.dumps(found, indent=2, ensure_ascii=False, default=_text) + "\n")
    say(f"written to {path}")


def _text(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()
