"""Writing the report: `report/index.html` and `report/summary.json`."""

import json
from pathlib import Path
from string import Template

from data.files import write_atomically
from feedback_loop.loop import Loop
from feedback_loop.readable import duration
from feedback_loop.report import headline
from feedback_loop.report.findings import Findings, find
from feedback_loop.report.html import text

_HERE = Path(__file__).parent


def build_report(loop: Loop) -> Path:
    """Write the page and the numbers from what was measured last; return the page's path.

    `WorkspaceError` where nothing was measured yet.
    """
    found = find(loop)
    folder = loop.workspace.report
    write_atomically(folder / "summary.json", json.dumps(found.summary, indent=2) + "\n")
    page = folder / "index.html"
    write_atomically(page, render(found))
    return page


def render(found: Findings) -> str:
    """Return the page: one HTML text that needs no other file."""
    # Matplotlib takes a second to import, which the numbers alone need not wait for.
    from feedback_loop.report import account, reward, sections

    parts = [
        headline.figures(found),
        sections.images_section(found),
        sections.alignment_section(found) if found.has_truth else "",
        reward.reward_section(found),
        sections.tuning_section(found),
        sections.policies_section(found),
        account.comparisons_section(found),
        account.time_section(found),
        account.provenance_section(found),
    ]
    template = Template((_HERE / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=headline.title(found),
        style=(_HERE / "style.css").read_text(encoding="utf-8"),
        lead=headline.lead(found),
        notice=headline.notice(found),
        body="\n".join(part for part in parts if part),
        footer=_footer(found),
    )


def _footer(found: Findings) -> str:
    from importlib.metadata import version

    measured = found.events[-1].created_at if found.events else None
    when = f", {measured:%Y-%m-%d %H:%M} UTC" if measured else ""
    least = "at least " if found.summary["killed"] else ""
    spent = f"{least}{duration(sum(found.summary['seconds'].values()))}"
    return text(f"Tastemaker {version('tastemaker')}{when}; {spent} of work. ")
