"""`tastemaker demo`: whole rounds on the embedded emoji world, with simulated raters."""

from dataclasses import dataclass

from data.errors import ConfigError
from feedback_loop.commands.arguments import LoopOptions, read_options

ABOUT = """Run whole rounds on the embedded emoji world with SIMULATED raters, on a fresh workspace.
Cut short, it goes on when run again; finished, it shows what came out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoOptions(LoopOptions):
    """The demo's settings."""

    rounds: int = 1
    """Rounds to have when it ends."""


def main(argv: list[str]) -> None:
    """Run what is missing of the rounds, then say what came out and what a person can do next."""
    options = read_options(DemoOptions, argv, "demo", ABOUT)
    if options.rounds < 1:
        raise ConfigError(f"rounds: expected 1 or more, got {options.rounds}")
    if options.world != "emoji":
        raise ConfigError("the demo runs on the emoji world; for your own model: `tastemaker init`")
    from feedback_loop.demo import run_demo
    from feedback_loop.loop import create_loop

    run_demo(create_loop(options.root, options.config), options.rounds)
