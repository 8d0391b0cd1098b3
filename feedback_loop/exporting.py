"""Comparisons written as another data set has them, and what is said of it."""

from pathlib import Path

from data.exchange.exporting import export_comparisons
from data.exchange.format import Container
from data.exchange.formats import format_of
from data.records import RaterKind
from data.workspace import Workspace
from feedback_loop.terminal import say


def export_folder(
    workspace: Workspace,
    out: Path,
    format_name: str,
    container: Container | None,
    kind: RaterKind | None,
) -> None:
    """Write the folder `out`, then say what is in it and what the format could not keep."""
    form = format_of(format_name)
    written = export_comparisons(workspace, out, form, container=container, kind=kind)
    said = ", ".join(f"{count} {of.value}" for of, count in written.by_kind.items())
    say(f"{written.table}: {sum(written.by_kind.values())} comparisons ({said})")
    for reason, count in written.left_out.items():
        say(f"left out: {count} {reason.replace('_', ' ')}, which {form.name} cannot say")
    if form.loses:
        say(f"not kept by {form.name}: {', '.join(form.loses)}")
