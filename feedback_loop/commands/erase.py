"""`tastemaker erase`: forget a rater, for good."""

from feedback_loop.commands.arguments import Arguments

ABOUT = "Erase a rater's name and comparisons. Without --yes, say what would go."


def main(argv: list[str]) -> None:
    """Erase, or say what would be erased."""
    parser = Arguments("erase", ABOUT)
    parser.add_argument("name", metavar="NAME", help="the rater's name, as `status` says it")
    parser.add_argument(
        "--kind", choices=("person", "simulated", "model"), default="person", help="default: person"
    )
    parser.add_argument("--yes", action="store_true", help="do it: it cannot be undone")
    arguments = parser.read(argv)
    from data.records import RaterKind
    from data.workspace import Workspace, resolve_root
    from feedback_loop.erasing import erase

    workspace = Workspace.open(resolve_root(arguments.workspace))
    erase(workspace, arguments.name, RaterKind(arguments.kind), for_good=arguments.yes)
