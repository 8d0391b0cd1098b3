"""What commands say on standard output: lines and plain tables."""

from collections.abc import Sequence


def say(text: str = "") -> None:
    """Print a line at once, so that it stands before the progress bars that follow."""
    print(text, flush=True)  # noqa: T201


def say_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns, the first row as the heading and the first column to the left."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for place, row in enumerate(rows):
        first, *others = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        say("  ".join([first, *others]).rstrip())
        if place == 0:
            say("  ".join("-" * width for width in widths))
