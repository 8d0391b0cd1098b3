"""`tastemaker check-reward`: does a reward do what every reward must?"""

from devices.choice import DEVICES, chosen_device
from feedback_loop.commands.arguments import Arguments

ABOUT = (
    "Run a reward through the checks that every reward must pass: a published one, a model of "
    "this workspace, a folder, a sum, or a function of your own."
)


def main(argv: list[str]) -> None:
    """Open the reward, run the checks and list them; a failed one is a mistake of the reward's."""
    parser = Arguments("check-reward", ABOUT)
    parser.add_argument("reward", metavar="REWARD", help="as in --reward of rl_finetune.run")
    parser.add_argument("--device", default="cpu", help=f"{DEVICES}; default: cpu")
    arguments = parser.read(argv)
    from data.errors import RewardError
    from data.reward_address import in_workspace
    from data.workspace import resolve_root
    from feedback_loop.terminal import say
    from rl_finetune.conformance import check_reward
    from rl_finetune.rewards import open_reward

    device = chosen_device(arguments.device)
    named = in_workspace(arguments.reward, resolve_root(arguments.workspace) / "rewards")
    checks = check_reward(open_reward(named, device=device))
    for check in checks:
        say(f"{'ok    ' if check.holds else 'FAILED'}  {check.describe()}")
    failed = sum(not check.holds for check in checks)
    if failed:
        raise RewardError(
            f"reward {arguments.reward} fails {failed} of {len(checks)} checks; "
            "expected all to hold"
        )
