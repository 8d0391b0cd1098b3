"""`tastemaker status`: where a workspace stands."""

from feedback_loop.commands.arguments import Arguments

ABOUT = "Say where a workspace stands: what there is, who compared, and what comes next."


def main(argv: list[str]) -> None:
    """Print it."""
    arguments = Arguments("status", ABOUT).read(argv)
    from data.workspace import Workspace, resolve_root
    from feedback_loop.status import say_status

    say_status(Workspace.open(resolve_root(arguments.workspace)))
