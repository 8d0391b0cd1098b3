"""Comparisons, or pairs to compare, that were made elsewhere, and what is said of them."""

from pathlib import Path

from data.exchange.formats import format_of
from data.exchange.gathering import Origin
from data.exchange.importing import Imported, import_folder, import_table
from data.records import RaterKind, Split
from data.workspace import Workspace
from feedback_loop.hints import hint
from feedback_loop.terminal import say


def import_elsewhere(
    workspace: Workspace,
    file: Path,
    *,
    format_name: str | None,
    prompts: Path | None,
    kind: str,
    split: Split,
    number: int,
    source: str | None,
) -> None:
    """Add a table in the format named, or a folder of images with its table `prompts`."""
    origin = Origin(
        source=source or format_name or file.resolve().name,
        rater_kind=RaterKind(kind),
        round=number,
        split=split,
    )
    if prompts is not None:
        added = import_folder(workspace, file, prompts, origin)
    else:
        added = import_table(workspace, file, format_of(format_name or ""), origin)
    _say(workspace, file, added)


def _say(workspace: Workspace, file: Path, added: Imported) -> None:
    by_kind = ", ".join(f"{count} {kind.value}" for kind, count in added.by_kind.items())
    said = f"{added.num_comparisons} comparisons added" + (f" ({by_kind})" if by_kind else "")
    say(f"{file}: {said}, {added.num_known} were there already; {added.num_pairs} new pairs")
    say(f"next: {hint(workspace, 'status')}")
