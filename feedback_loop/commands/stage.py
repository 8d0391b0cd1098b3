"""`tastemaker generate`, `fit` and `tune`: one stage of the current round at a time."""

from data.errors import StoreError
from feedback_loop.commands.arguments import LoopOptions, open_with_options, read_options
from feedback_loop.hints import hint
from feedback_loop.stages import STAGES, Position, Stage, position

ABOUT: dict[Stage, str] = {
    "generate": "Draw the images of the current round with the newest policy and pair them up.",
    "fit": "Fit the round's reward model on all comparisons so far.",
    "tune": "Tune the newest policy towards the round's reward model.",
}


def main(argv: list[str], stage: Stage) -> None:
    """Run the stage if it is the one that comes next, and say what follows."""
    options = read_options(LoopOptions, argv, stage, ABOUT[stage])
    from feedback_loop.rounds import at_work_alone, close_comparing, run_stage
    from feedback_loop.terminal import say

    loop = open_with_options(options)
    with at_work_alone(loop):
        at = position(loop.store.round_events())
        if stage == "fit" and at.stage == "compare":
            close_comparing(loop, at.round)
            at = position(loop.store.round_events())
        if at.stage != stage:
            raise StoreError(_not_now(at, stage, hint(loop.workspace, "round")))
        run_stage(loop, at)
    following = STAGES[STAGES.index(stage) + 1]
    step = {"compare": "label", "tune": "tune"}.get(following, "round")
    say(f"next: {hint(loop.workspace, step)}")


def _not_now(at: Position, stage: Stage, go_on: str) -> str:
    apart = {
        "generate": "",
        "fit": "; for a fit apart from the rounds: python -m reward_training.fit",
        "tune": "; for a run apart from the rounds: python -m rl_finetune.run",
    }
    return (
        f"{stage} is not what comes next: round {at.round} stands at {at.stage}; "
        f"go on with `{go_on}`{apart.get(stage, '')}"
    )
