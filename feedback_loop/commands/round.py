"""`tastemaker round`: run the next round, or go on with the current one."""

from dataclasses import dataclass

from feedback_loop.commands.arguments import LoopOptions, open_with_options, read_options
from feedback_loop.config import Raters

ABOUT = """Run the next round: generate pairs, let raters compare them, fit, tune, measure, report.
Where people have to compare, it stops and says so; run again, it goes on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundOptions(LoopOptions):
    """A round's settings."""

    raters: Raters = "people"
    """Who compares: people through `tastemaker label`, or simulated raters, which know only the
    emoji world and fill in what people left."""


def main(argv: list[str]) -> None:
    """Run the round and say what came out or what it waits for."""
    options = read_options(RoundOptions, argv, "round", ABOUT)
    from feedback_loop.outcome import say_outcome
    from feedback_loop.rounds import at_work_alone, run_round, say_waiting

    loop = open_with_options(options)
    with at_work_alone(loop):
        waiting = run_round(loop, options.raters)
    if waiting:
        say_waiting(loop, waiting)
    else:
        say_outcome(loop)
