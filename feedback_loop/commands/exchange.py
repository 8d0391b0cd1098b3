"""`tastemaker export` and `tastemaker import`: comparisons out of a workspace and into it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import ConfigError
from data.workspace import Workspace, resolve_root
from feedback_loop.commands.arguments import Arguments
from feedback_loop.hints import hint
from feedback_loop.terminal import say

if TYPE_CHECKING:
    from data.exchange.gathering import Origin
    from data.exchange.outcome import Imported
    from data.records import Aspect, RaterKind

EXPORT_ABOUT = """Write the comparisons of a workspace: to FILE (.csv, .jsonl or .parquet) without
images, for this workspace; or with --format and --out, with images, as another data set does."""
IMPORT_ABOUT = """Add comparisons made elsewhere; what is there already is left alone. FILE is what
`tastemaker export FILE` wrote, or with --format a table as another data set has it, or with
--prompts a folder of images. See docs/exchange.md."""

_KINDS = ("person", "simulated", "model")
_FORMAT_HELP = "pick-a-pic, image-reward, hpd-v2, hpd-v3, trl or csv"


def export(argv: list[str]) -> None:
    """Write the file or the folder."""
    parser = Arguments("export", EXPORT_ABOUT)
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="file to write")
    parser.add_argument("--format", metavar="NAME", help=_FORMAT_HELP)
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to make, with --format")
    parser.add_argument(
        "--as", dest="container", choices=("parquet", "jsonl"), help="with --format"
    )
    parser.add_argument(
        "--kind",
        choices=_KINDS,
        help="only comparisons by this kind of rater (default: all, each with its kind)",
    )
    arguments = parser.read(argv)
    if (arguments.format is None) != (arguments.out is None) or (
        (arguments.file is None) == (arguments.out is None)
    ):
        raise ConfigError(
            "expected FILE, or --format NAME and --out DIR (see tastemaker export --help)"
        )
    if arguments.container is not None and arguments.format is None:
        raise ConfigError("--as goes with --format; FILE's own ending says how it is written")
    _export(arguments)


def _export(arguments: argparse.Namespace) -> None:
    from data.records import RaterKind
    from feedback_loop.exporting import export_folder

    workspace = Workspace.open(resolve_root(arguments.workspace))
    kind = None if arguments.kind is None else RaterKind(arguments.kind)
    if arguments.format is None:
        _export_own(workspace, arguments.file, kind)
    else:
        export_folder(workspace, arguments.out, arguments.format, arguments.container, kind)


def _export_own(workspace: Workspace, file: Path, kind: "RaterKind | None") -> None:
    from data.exchange.own_pairs import export_own

    snapshot = export_own(workspace, file, kind)
    counts = {k.value: sum(choices.values()) for k, choices in snapshot.counts.items()}
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    say(f"{file}: {len(snapshot.rows())} comparisons ({said}), snapshot {snapshot.hash}")


def import_(argv: list[str]) -> None:
    """Read the file or the folder."""
    parser = Arguments("import", IMPORT_ABOUT)
    parser.add_argument("file", type=Path, metavar="FILE", help="table, or folder of images")
    parser.add_argument("--format", metavar="NAME", help=_FORMAT_HELP)
    parser.add_argument("--prompts", type=Path, metavar="TABLE", help=".csv or .yaml of a folder")
    parser.add_argument(
        "--kind", choices=_KINDS, help="of raters, where a table tells none (default: person)"
    )
    parser.add_argument(
        "--split",
        choices=("train", "compared", "unseen"),
        help="of prompts, where a table tells none (default: compared)",
    )
    parser.add_argument(
        "--round",
        type=int,
        metavar="N",
        help="that pairs belong to, up to the one that the loop is at (default: 0)",
    )
    parser.add_argument(
        "--source", metavar="NAME", help="of nameless models and raters (default: the format)"
    )
    arguments = parser.read(argv)
    _check_import(arguments)
    _import(arguments)


def _check_import(arguments: argparse.Namespace) -> None:
    if arguments.format is not None and arguments.prompts is not None:
        raise ConfigError("expected --format for a table or --prompts for a folder, not both")
    told = [name for name in ("kind", "split", "round", "source") if getattr(arguments, name)]
    if told and arguments.format is None and arguments.prompts is None:
        raise ConfigError(f"--{told[0]} goes with --format or --prompts; add one of them")
    if arguments.file.is_dir() and arguments.prompts is None:
        raise ConfigError(f"{arguments.file} is a folder; name its table with --prompts")
    if arguments.round is not None and not 0 <= arguments.round < 2**31:
        raise ConfigError(f"--round: expected 0 or more, got {arguments.round}")


def _import(arguments: argparse.Namespace) -> None:
    from data.exchange.formats import format_of
    from data.exchange.importing import import_folder, import_table
    from data.exchange.own_pairs import import_own

    workspace, file = Workspace.open(resolve_root(arguments.workspace)), arguments.file
    if arguments.prompts is not None:
        added = import_folder(workspace, file, arguments.prompts, _origin(workspace, arguments))
    elif arguments.format is not None:
        form = format_of(arguments.format)
        added = import_table(workspace, file, form, _origin(workspace, arguments))
    else:
        _say(file, import_own(workspace, file))
        return
    _say(file, added, f"; {added.num_pairs} new pairs")
    say(f"next: {hint(workspace, 'status')}")


def _origin(workspace: Workspace, arguments: argparse.Namespace) -> "Origin":
    """Return what holds where a table tells nothing."""
    from data.exchange.gathering import Origin
    from data.records import RaterKind

    number = arguments.round or 0
    _refuse_later_round(workspace, number)
    return Origin(
        source=arguments.source or arguments.format or arguments.file.resolve().name,
        rater_kind=RaterKind(arguments.kind or "person"),
        round=number,
        split=arguments.split or "compared",
        aspects=_aspects(workspace),
    )


def _refuse_later_round(workspace: Workspace, number: int) -> None:
    """Refuse a round that is not reached: the page would ask its pairs, and no others, at once."""
    from feedback_loop.stages import position

    reached = position(workspace.store().round_events()).round
    if number > reached:
        raise ConfigError(
            f"--round: expected 0 to {reached}, where the loop is, got {number}; people compare the"
            " newest round that has pairs, so pairs of a later one would keep them from this one's"
        )


def _aspects(workspace: Workspace) -> "tuple[Aspect, ...]":
    """Return what the workspace's rounds ask; where it has no settings, what rounds ask by default.

    Answers to anything else would be left out of its fits.
    """
    from feedback_loop.config import GenerateConfig
    from feedback_loop.loop import stored_config

    is_told = workspace.config_path.is_file()
    asked = stored_config(workspace.root).generate if is_told else GenerateConfig()
    return asked.aspects


def _say(file: Path, added: "Imported", pairs: str = "") -> None:
    by_kind = ", ".join(f"{count} {kind.value}" for kind, count in added.by_kind.items())
    said = f"{added.num_comparisons} comparisons added" + (f" ({by_kind})" if by_kind else "")
    say(f"{file}: {said}, {added.num_known} were there already{pairs}")
    if added.num_replacing:
        say(f"replaced: {added.num_replacing} earlier answers of the same raters")
    if added.num_overtaken:
        say(
            f"overtaken: {added.num_overtaken} more, whose raters have answered anew, or taken the"
            " answer back, since"
        )
