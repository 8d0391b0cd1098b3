"""`python -m benchmarks.pictures`: draw the documents' pictures of world and app anew.

The pictures of the app need a workspace with a tuned policy, which takes about half an hour on
two busy cores. `--workspace DIR` keeps it, and the next time finds it there.
"""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data.config_file import parse
from data.entry import run_command


@dataclass(frozen=True, kw_only=True, slots=True)
class PicturesConfig:
    """Where the pictures go, and what those of the app are taken of."""

    world: Path = Path("docs/emoji-world.png")
    """Samples of the base model with the judge's verdicts."""
    pages: Path = Path("docs")
    """Folder of the app's pages in Chromium."""
    workspace: str = ""
    """Folder of the workspace that they show; it is made, or finished, and kept. Empty: made anew
    and thrown away."""


def main() -> None:
    """Draw all."""
    config = parse(
        PicturesConfig,
        sys.argv[1:],
        prog="python -m benchmarks.pictures",
        description="Draw the documents' pictures anew; needs Chromium.",
    )
    from benchmarks.pictures.pages import photograph
    from benchmarks.pictures.workspace import make_workspace
    from benchmarks.pictures.world import draw_world

    draw_world(config.world)
    with _folder(config.workspace) as root:
        photograph(make_workspace(root).workspace.root, config.pages)


@contextlib.contextmanager
def _folder(named: str) -> Iterator[Path]:
    if named:
        yield Path(named)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "workspace"


if __name__ == "__main__":
    run_command(main)
