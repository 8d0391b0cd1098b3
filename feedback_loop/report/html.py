"""Pieces of HTML: text made safe, numbers made readable, tables, sections."""

import html
from collections.abc import Sequence


def text(value: object) -> str:
    """Return a text that HTML shows as it is."""
    return html.escape(str(value))


def section(title: str, explanation: str, *parts: str) -> str:
    """Return a section with a heading and a sentence on how to read it; the sentence is HTML."""
    return f"<section>\n<h2>{text(title)}</h2>\n<p>{explanation}</p>\n{''.join(parts)}\n</section>"


def card(content: str) -> str:
    """Frame a piece of HTML."""
    return f'<div class="card scroll">{content}</div>\n'


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], num_texts: int = 1, kind: str = "plain"
) -> str:
    """Return a table of HTML cells; columns after the first `num_texts` are numbers.

    `kind` is a class that the style sheet may know.
    """
    kinds = ["" if place < num_texts else ' class="number"' for place in range(len(heads))]
    head = "".join(f"<th{of}>{cell}</th>" for of, cell in zip(kinds, heads, strict=True))
    lines = [
        "".join(f"<td{of}>{cell}</td>" for of, cell in zip(kinds, row, strict=True)) for row in rows
    ]
    body = "".join(f"<tr>{line}</tr>\n" for line in lines)
    return f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>'
