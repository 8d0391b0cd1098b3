"""Folders that snapshots are written to before they have their name, comparisons and all."""

import shutil
from pathlib import Path

from data.files import is_left
from data.workspace import Workspace


def unfinished_snapshots(workspace: Workspace) -> list[Path]:
    """List those of snapshots that are being taken, and those that kills left half-done."""
    return sorted(path for path in workspace.snapshots.glob(".*") if path.is_dir())


def killed_snapshots(workspace: Workspace) -> list[Path]:
    """List those that kills left."""
    return [path for path in unfinished_snapshots(workspace) if is_left(path)]


def remove_killed_snapshots(workspace: Workspace) -> None:
    """Remove what kills left, and nothing that may be under way."""
    for path in killed_snapshots(workspace):
        shutil.rmtree(path, ignore_errors=True)
