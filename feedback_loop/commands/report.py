"""`tastemaker report`: measure if a round has come to that, and write the report anew."""

from feedback_loop.commands.arguments import Arguments
from feedback_loop.terminal import say

ABOUT = "Write the report anew from what was measured last; a tuned round is measured first."


def main(argv: list[str]) -> None:
    """Write the report and say where it is."""
    parser = Arguments("report", ABOUT)
    parser.add_argument(
        "--measure", action="store_true", help="measure all policies again before it is written"
    )
    arguments = parser.read(argv)
    from data.workspace import resolve_root
    from feedback_loop.loop import open_loop
    from feedback_loop.measure import measure
    from feedback_loop.report.build import build_report
    from feedback_loop.rounds import at_work_alone, run_stage
    from feedback_loop.stages import position

    loop = open_loop(resolve_root(arguments.workspace))
    with at_work_alone(loop):
        at = position(loop.store.round_events())
        if arguments.measure and at.stage != "measure":
            measure(loop, at.round)
        while (at := position(loop.store.round_events())).stage in ("measure", "report"):
            run_stage(loop, at)
        say(f"report: {build_report(loop)}")
