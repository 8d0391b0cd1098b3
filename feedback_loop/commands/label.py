"""`tastemaker label`: people compare the pairs in a browser."""

from feedback_loop.commands.arguments import Arguments
from feedback_loop.terminal import say

ABOUT = "Open the page on which people compare the pairs of a workspace."


def main(argv: list[str]) -> None:
    """Serve the page until Ctrl-C."""
    from labeling_app.launch import DEFAULT_ADDRESS, DEFAULT_PORT, become, checked_command

    parser = Arguments("label", ABOUT)
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--address",
        default=DEFAULT_ADDRESS,
        help="address to listen on (default: %(default)s, which only this machine reaches)",
    )
    arguments = parser.read(argv)
    from data.workspace import resolve_root

    root, port, address = resolve_root(arguments.workspace), arguments.port, arguments.address
    words = checked_command(root, port=port, address=address)
    say(f"comparing pairs of {root} at http://{address}:{port} (Ctrl-C ends)")
    become(words)
