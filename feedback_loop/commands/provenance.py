"""`tastemaker provenance`: from an image or a policy back to single comparisons."""

from feedback_loop.commands.arguments import Arguments

ABOUT = "Walk from a policy or an image back to the comparisons that shaped it."


def main(argv: list[str]) -> None:
    """Print the chain."""
    parser = Arguments("provenance", ABOUT)
    parser.add_argument("what", metavar="POLICY_OR_IMAGE", help="a policy's name or an image's id")
    parser.add_argument("--comparisons", action="store_true", help="list every single comparison")
    arguments = parser.read(argv)
    from data.workspace import Workspace, resolve_root
    from feedback_loop.provenance import say_provenance

    workspace = Workspace.open(resolve_root(arguments.workspace))
    say_provenance(workspace, arguments.what, with_comparisons=arguments.comparisons)
