"""The demo: rounds with simulated raters until there are as many as asked for."""

from feedback_loop.hints import hint
from feedback_loop.loop import Loop
from feedback_loop.outcome import say_outcome
from feedback_loop.rounds import at_work_alone, run_round
from feedback_loop.stages import num_finished_rounds
from feedback_loop.terminal import say


def run_demo(loop: Loop, num_rounds: int) -> None:
    """Run the rounds that are missing; with none missing, only show what came out."""
    missing = num_rounds - num_finished_rounds(loop.store.round_events())
    if missing > 0:
        told = loop.config.simulated
        say(
            f"This demo's raters are SIMULATED: {told.num_raters} programs that follow the emoji "
            f"world's judge and err in {100 * told.flip_rate:.0f} % of their preferences.\n"
        )
        with at_work_alone(loop):
            for _ in range(missing):
                run_round(loop, "simulated")
    else:
        say(f"{loop.workspace.root} has its {num_rounds} round(s) already; nothing to do.")
    say_outcome(loop)
    say(
        "\nNow take over from the simulated raters:\n"
        f"  {hint(loop.workspace, 'round')}   draws new pairs from the tuned model, and waits\n"
        f"  {hint(loop.workspace, 'label')}   opens them in the browser for you to compare\n"
        f"  {hint(loop.workspace, 'round')}   goes on from your comparisons"
    )
