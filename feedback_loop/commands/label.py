"""`tastemaker label`: people compare the pairs in a browser."""

import sys
from pathlib import Path

from feedback_loop.commands.arguments import Arguments
from feedback_loop.terminal import say

ABOUT = "Open the page on which people compare the pairs of a workspace."


def main(argv: list[str]) -> None:
    """Serve the page until Ctrl-C."""
    from labeling_app.launch import DEFAULT_ADDRESS, DEFAULT_PORT, serve

    parser = Arguments("label", ABOUT)
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--address",
        default=DEFAULT_ADDRESS,
        help="address to listen on (default: %(default)s, which only this machine reaches)",
    )
    arguments = parser.parse_args(argv)
    from data.workspace import resolve_root

    root: Path = resolve_root(arguments.workspace)
    say(f"comparing pairs of {root} at http://{arguments.address}:{arguments.port} (Ctrl-C ends)")
    status = serve(root, port=arguments.port, address=arguments.address)
    if status:
        sys.exit(status)
