"""`python -m benchmarks.pictures`: draw docs/emoji-world.png and docs/label-page.png anew."""

import sys
from dataclasses import dataclass
from pathlib import Path

from data.config_file import parse
from data.entry import run_command


@dataclass(frozen=True, kw_only=True, slots=True)
class PicturesConfig:
    """Which pictures, and where they go."""

    world: Path = Path("docs/emoji-world.png")
    """Samples of the base model with the judge's verdicts."""
    page: Path = Path("docs/label-page.png")
    """The labelling page in Chromium, on pairs of the emoji world."""


def main() -> None:
    """Draw both."""
    config = parse(
        PicturesConfig,
        sys.argv[1:],
        prog="python -m benchmarks.pictures",
        description="Draw the documents' pictures anew; needs Chromium.",
    )
    from benchmarks.pictures.label_page import photograph_page
    from benchmarks.pictures.world import draw_world

    draw_world(config.world)
    photograph_page(config.page)


if __name__ == "__main__":
    run_command(main)
