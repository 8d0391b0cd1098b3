"""The `tastemaker` command: one word for each thing to do, each in a module of its own."""

import difflib
import sys
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn

from data.entry import let_raters_go_first, run_command
from data.errors import ConfigError

Command = Callable[[list[str]], None]

COMMANDS = {
    "init": "make a workspace",
    "generate": "draw images of the newest policy and pair them up",
    "label": "compare pairs in the browser",
    "fit": "fit a reward model on all comparisons so far",
    "tune": "tune the newest policy towards the reward model",
    "round": "run the next round, from generating to the report",
    "demo": "run a whole round on the emoji world, with simulated raters",
    "status": "say where a workspace stands",
    "report": "write the report anew",
    "compare": "compare two policies at the same prompts and seeds",
    "study": "let people compare two policies blind",
    "provenance": "walk from a policy or an image back to single comparisons",
    "check-reward": "run a reward through the checks that every reward must pass",
    "export": "write comparisons to a file",
    "import": "read comparisons from a file",
    "erase": "forget a rater, for good",
}


_LONG = ("generate", "fit", "tune", "round", "demo", "report", "compare", "study", "check-reward")


def main() -> NoReturn:
    """Run the command line and exit: 0 when done, 2 on a mistake that the user can mend."""
    argv = sys.argv[1:]
    if argv and argv[0] in _LONG:
        let_raters_go_first()
    run_command(lambda: dispatch(argv))


def dispatch(argv: list[str]) -> None:
    """Run the command that the first word names."""
    word, *others = argv or ["--help"]
    if word in ("-h", "--help", "help"):
        sys.stdout.write(_help())
    elif word in ("-V", "--version"):
        from importlib.metadata import version

        sys.stdout.write(f"tastemaker {version('tastemaker')}\n")
    elif word in COMMANDS:
        _command(word)(others)
    else:
        near = difflib.get_close_matches(word, COMMANDS, 1)
        meant = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(COMMANDS)}"
        raise ConfigError(f"no command {word!r}; {meant} (see tastemaker --help)")


def _command(word: str) -> Command:
    """Import the module of one command, and none of the others."""
    if word in ("generate", "fit", "tune"):
        from feedback_loop.commands import stage

        return lambda argv: stage.main(argv, word)
    modules = {
        "init": "initialise",
        "export": "exchange",
        "import": "exchange",
        "check-reward": "check_reward",
    }
    functions = {"export": "export", "import": "import_"}
    module = import_module(f"feedback_loop.commands.{modules.get(word, word)}")
    return getattr(module, functions.get(word, "main"))


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {about}" for name, about in COMMANDS.items()]
    return "\n".join(
        [
            "usage: tastemaker COMMAND [CONFIG.yaml] [--option value ...]",
            "",
            "Teach a text-to-image model the taste of the people who use it.",
            "",
            *lines,
            "",
            "tastemaker COMMAND --help says what a command can be told.",
            "Every command takes --workspace FOLDER (default: ./workspace), and --store URL for a",
            "workspace whose store is on PostgreSQL.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
