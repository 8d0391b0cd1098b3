"""`tastemaker compare`: two policies at the same prompts and seeds."""

from feedback_loop.commands.arguments import Arguments

ABOUT = "Compare two policies at the same prompts and seeds: judge and reward, with intervals."


def main(argv: list[str]) -> None:
    """Draw what is missing of their images and print the table."""
    parser = Arguments("compare", ABOUT)
    parser.add_argument("first", metavar="A", help="name of a policy")
    parser.add_argument("second", metavar="B", help="name of another policy")
    arguments = parser.read(argv)
    from data.workspace import resolve_root
    from feedback_loop.comparing import compare_policies
    from feedback_loop.loop import open_loop

    loop = open_loop(resolve_root(arguments.workspace))
    compare_policies(loop, arguments.first, arguments.second)
