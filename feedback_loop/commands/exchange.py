"""`tastemaker export` and `tastemaker import`: comparisons out of a workspace and into it."""

import argparse
from pathlib import Path

from data.errors import ConfigError
from feedback_loop.commands.arguments import Arguments

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
    from data.workspace import Workspace, resolve_root
    from feedback_loop.exporting import export_folder
    from feedback_loop.own_pairs import export_comparisons

    workspace = Workspace.open(resolve_root(arguments.workspace))
    kind = None if arguments.kind is None else RaterKind(arguments.kind)
    if arguments.format is None:
        export_comparisons(workspace, arguments.file, kind)
    else:
        export_folder(workspace, arguments.out, arguments.format, arguments.container, kind)


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
    parser.add_argument("--round", type=int, metavar="N", help="that pairs belong to (default: 0)")
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
    from data.workspace import Workspace, resolve_root
    from feedback_loop.importing import import_elsewhere
    from feedback_loop.own_pairs import import_comparisons

    workspace = Workspace.open(resolve_root(arguments.workspace))
    if arguments.format is None and arguments.prompts is None:
        import_comparisons(workspace, arguments.file)
        return
    import_elsewhere(
        workspace,
        arguments.file,
        format_name=arguments.format,
        prompts=arguments.prompts,
        kind=arguments.kind or "person",
        split=arguments.split or "compared",
        number=arguments.round or 0,
        source=arguments.source,
    )
