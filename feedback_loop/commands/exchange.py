"""`tastemaker export` and `tastemaker import`: comparisons as CSV, JSONL or Parquet."""

from pathlib import Path

from feedback_loop.commands.arguments import Arguments

EXPORT_ABOUT = "Write the comparisons of a workspace to a .csv, .jsonl or .parquet file."
IMPORT_ABOUT = """Add comparisons from a file that `tastemaker export` wrote, made on the same pairs
elsewhere; those that are there already are left alone."""


def export(argv: list[str]) -> None:
    """Write the file."""
    parser = Arguments("export", EXPORT_ABOUT)
    parser.add_argument("file", type=Path, metavar="FILE", help="file to write")
    parser.add_argument(
        "--kind",
        choices=("person", "simulated", "model"),
        help="only comparisons by this kind of rater (default: all, each with its kind)",
    )
    arguments = parser.read(argv)
    from data.records import RaterKind
    from data.workspace import Workspace, resolve_root
    from feedback_loop.exchange import export_comparisons

    workspace = Workspace.open(resolve_root(arguments.workspace))
    kind = None if arguments.kind is None else RaterKind(arguments.kind)
    export_comparisons(workspace, arguments.file, kind)


def import_(argv: list[str]) -> None:
    """Read the file."""
    parser = Arguments("import", IMPORT_ABOUT)
    parser.add_argument("file", type=Path, metavar="FILE", help="file to read")
    arguments = parser.read(argv)
    from data.workspace import Workspace, resolve_root
    from feedback_loop.exchange import import_comparisons

    import_comparisons(Workspace.open(resolve_root(arguments.workspace)), arguments.file)
