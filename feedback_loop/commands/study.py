"""`tastemaker study`: people compare two policies blind, and what they prefer."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import ConfigError
from data.records import Aspect
from feedback_loop.commands.arguments import Arguments
from labeling_app.study_plan import LONGEST_NAME, PRESETS, StudyPlan, default_name

if TYPE_CHECKING:
    from feedback_loop.studies import Order

ABOUT = """Let people compare two policies blind. With two policies A B: draw what is missing of
their images at the same prompts and seeds and queue the pairs. With a study's NAME: report how
often A is preferred."""

_QUEUEING = ("name", "prompts", "split", "images", "raters", "aspects", "preset", "seed")
_KNOWN = ("close", "reopen", "simulated", "json")
_ASPECTS = ", ".join(Aspect)
_MOST_IMAGES = 10_000  # the seeds of one study
_MOST_SEEDS = 100


def main(argv: list[str]) -> None:
    """Queue a study, or say what is known of one or of all."""
    arguments = _parser().read(argv)
    words = _checked(arguments)
    if arguments.list:
        _list(arguments.workspace)
    elif len(words) == 2:
        _queue(arguments.workspace, _order(arguments))
    else:
        _known(arguments)


def _parser() -> Arguments:
    parser = Arguments("study", ABOUT)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="A B | NAME",
        help="two policies (or folders of tuning runs), or a study",
    )
    parser.add_argument("--list", action="store_true", help="list all studies")
    _add_queueing(parser.add_argument_group("with two policies"))
    known = parser.add_argument_group("with a study's name")
    known.add_argument("--close", action="store_true", help="ask its pairs no more")
    known.add_argument("--reopen", action="store_true", help="ask its pairs again")
    known.add_argument(
        "--simulated", action="store_true", help="let SIMULATED raters answer (emoji world only)"
    )
    known.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    return parser


def _add_queueing(group: "argparse._ArgumentGroup") -> None:
    plain = StudyPlan()
    group.add_argument(
        "--preset", choices=tuple(PRESETS), help="paper: the human study of the DPOK paper"
    )
    group.add_argument("--name", help="of the study (default: A-vs-B)")
    group.add_argument("--prompts", metavar="SET", help="prompt set or file (default: its own)")
    group.add_argument(
        "--split", choices=("train", "compared", "unseen", "all"), help="default: train"
    )
    group.add_argument(
        "--images", type=int, metavar="N", help=f"of each policy a prompt ({plain.num_images})"
    )
    group.add_argument(
        "--raters", type=int, metavar="K", help=f"people who judge each pair ({plain.num_raters})"
    )
    group.add_argument("--aspects", help=f"what is asked, of {_ASPECTS} (default: overall)")
    group.add_argument(
        "--seed", type=int, metavar="N", help="other images of the same (default: 0)"
    )


def _checked(arguments: argparse.Namespace) -> list[str]:
    """Refuse what does not go together."""
    words, given = arguments.words, vars(arguments)
    if arguments.list != (not words) or len(words) > 2:
        raise ConfigError(
            "expected two policies, the name of a study, or --list (see tastemaker study --help)"
        )
    refused = [*_QUEUEING] * (len(words) != 2) + [*_KNOWN] * (len(words) != 1)
    for option in refused:
        if given[option] not in (None, False):
            wanted = "two policies" if option in _QUEUEING else "the name of a study"
            raise ConfigError(f"--{option} goes with {wanted} (see tastemaker study --help)")
    if arguments.close and arguments.reopen:
        raise ConfigError("expected --close or --reopen, not both")
    if len(words) == 2 and words[0] == words[1]:
        raise ConfigError(f"expected two policies, got {words[0]} twice")
    return words


def _order(arguments: argparse.Namespace) -> "Order":
    from feedback_loop.run_folders import run_folder
    from feedback_loop.studies import Order

    folders = {word: run_folder(word) for word in arguments.words}
    first, second = (folder.name if folder else word for word, folder in folders.items())
    if first == second:
        raise ConfigError(f"expected two policies, got {first} twice")
    plan = PRESETS[arguments.preset] if arguments.preset else StudyPlan()
    return Order(
        name=_name(arguments.name, default_name(first, second, arguments.preset)),
        policy_a=first,
        policy_b=second,
        run_folders={folder.name: folder for folder in folders.values() if folder},
        plan=StudyPlan(
            num_images=_within("images", arguments.images, plan.num_images, 1, _MOST_IMAGES),
            num_raters=_within("raters", arguments.raters, plan.num_raters, 1, 1000),
            aspects=plan.aspects if arguments.aspects is None else _aspects(arguments.aspects),
        ),
        prompt_set=_prompt_set(arguments.prompts),
        split=arguments.split,
        seed=_within("seed", arguments.seed, 0, 0, _MOST_SEEDS - 1),
        prefers_paper=arguments.preset == "paper" and not (arguments.prompts or arguments.split),
    )


def _name(given: str | None, otherwise: str) -> str:
    name = otherwise if given is None else " ".join(given.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise ConfigError(f"--name: expected 1 to {LONGEST_NAME} characters, got {len(name)}")
    return name


def _within(option: str, given: int | None, otherwise: int, least: int, most: int) -> int:
    value = otherwise if given is None else given
    if not least <= value <= most:
        raise ConfigError(f"--{option}: expected {least} to {most}, got {value}")
    return value


def _aspects(given: str) -> tuple[Aspect, ...]:
    names = [name.strip() for name in given.split(",")]
    for name in names:
        if name not in tuple(Aspect):
            raise ConfigError(f"--aspects: expected some of {_ASPECTS}, got {name!r}")
    return tuple(Aspect(name) for name in dict.fromkeys(names))


def _prompt_set(given: str | None) -> str | None:
    """Return a file's whole path, so that the same command from elsewhere is the same study."""
    return str(Path(given).resolve()) if given and Path(given).suffix else given


def _list(workspace: Path | None) -> None:
    from data.workspace import Workspace, resolve_root
    from feedback_loop.study_results import say_studies

    say_studies(Workspace.open(resolve_root(workspace)))


def _queue(workspace: Path | None, order: "Order") -> None:
    from data.workspace import resolve_root
    from feedback_loop.loop import open_loop
    from feedback_loop.studies import queue
    from feedback_loop.study_results import say_queued

    loop = open_loop(resolve_root(workspace))
    study, is_new = queue(loop, order)
    say_queued(loop.workspace, study, is_new=is_new)


def _known(arguments: argparse.Namespace) -> None:
    from data.workspace import Workspace, resolve_root
    from feedback_loop.study_results import say_study, write_results

    workspace, (name,) = Workspace.open(resolve_root(arguments.workspace)), arguments.words
    if arguments.simulated:
        from feedback_loop.ask import ask_simulated_study
        from feedback_loop.loop import open_loop

        ask_simulated_study(open_loop(workspace.root), name)
    if arguments.close or arguments.reopen:
        workspace.store().set_study_status(name, "closed" if arguments.close else "open")
    say_study(workspace, name)
    if arguments.json is not None:
        write_results(workspace, name, arguments.json)
