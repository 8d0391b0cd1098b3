"""Links from the documents to lines of code, such as [`step_kl`](../rl_finetune/denoising.py#L1).

`python tests/contracts/line_links.py` gives every such link the line, and where its name has moved
the file, in which the name is defined now.
"""

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<path>[^)#]+)#L(?P<line>\d+)\)")
_FOLDERS = (
    "rl_finetune", "reward_training", "devices", "feedback_loop", "data", "emoji_world", "tests",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Place:
    """A line of a file, by the file's path in the repository."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}#L{self.line}"


@cache
def definitions(path: Path) -> dict[str, int]:
    """Return the line of each function, class, field and constant, by Class.name inside a class."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lines: dict[str, int] = {}
    for name, line in _defined(tree.body, ""):
        lines.setdefault(name, line)
    return lines


def _defined(body: list[ast.stmt], above: str) -> Iterator[tuple[str, int]]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield f"{above}{node.name}", node.lineno
        if isinstance(node, ast.ClassDef):
            yield from _defined(node.body, f"{above}{node.name}.")
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name):
                yield f"{above}{target.id}", node.lineno


def find(name: str, linked: str) -> Place | None:
    """Return where a name is defined: in the linked file, or else in the one other that has it."""
    if (ROOT / linked).is_file() and name in definitions(ROOT / linked):
        return Place(path=linked, line=definitions(ROOT / linked)[name])
    files = [path for folder in _FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    places = [path for path in files if name in definitions(path)]
    if len(places) != 1:
        return None
    return Place(path=places[0].relative_to(ROOT).as_posix(), line=definitions(places[0])[name])


def wrong_links(document: Path) -> Iterator[str]:
    """Say of each link that does not lead to the line of its name where it should lead."""
    for link in _LINK.finditer(document.read_text(encoding="utf-8")):
        said, right = _said(link, document), _right(link, document)
        if right is None:
            yield f"{link['text']}: {said} has no such name, nor has exactly one other file"
        elif said != right:
            yield f"{link['text']}: at {right}, not {said}"


def mend(document: Path) -> None:
    """Put the right places into a document's links; a name that is nowhere is left as it is."""

    def mended(link: re.Match[str]) -> str:
        right = _right(link, document)
        if right is None:
            return link[0]
        path = os.path.relpath(ROOT / right.path, document.parent)
        return f"[{link['text']}]({Path(path).as_posix()}#L{right.line})"

    text = document.read_text(encoding="utf-8")
    document.write_text(_LINK.sub(mended, text), encoding="utf-8")


def _said(link: re.Match[str], document: Path) -> Place:
    path = (document.parent / link["path"]).resolve().relative_to(ROOT).as_posix()
    return Place(path=path, line=int(link["line"]))


def _right(link: re.Match[str], document: Path) -> Place | None:
    return find(link["text"].strip("`"), _said(link, document).path)


if __name__ == "__main__":
    for each in DOCUMENTS:
        mend(each)
        for wrong in wrong_links(each):
            print(f"{each.name}: {wrong}")  # noqa: T201
