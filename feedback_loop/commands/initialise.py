"""`tastemaker init`: make a workspace."""

from feedback_loop.commands.arguments import LoopOptions, read_options
from feedback_loop.hints import hint
from feedback_loop.terminal import say

ABOUT = "Make a workspace; where there is one already, nothing changes."


def main(argv: list[str]) -> None:
    """Make the workspace and say what comes next."""
    options = read_options(LoopOptions, argv, "init", ABOUT)
    from feedback_loop.loop import create_loop

    loop = create_loop(options.root, options.config)
    say(f"workspace {loop.workspace.root}: {len(loop.prompts())} prompts, policy base")
    say(f"settings: {loop.workspace.config_path}")
    if not loop.workspace.store_path.exists():
        say(f"store: {loop.store.place} (no password is kept: set PGPASSWORD or write ~/.pgpass)")
    say(f"next: {hint(loop.workspace, 'round')}, or {hint(loop.workspace, 'generate')}")
