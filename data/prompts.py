"""Prompt sets: the texts that images are made from, shipped by name or in a file of one's own.

A YAML file holds `name`, `about` and `prompts`, each with a `text` and where it fits a `family` and
a `split`: "train"; "compared" for prompts that raters compare and no policy is tuned on; "unseen"
for prompts that nothing is trained on. A .txt file holds a prompt a line, all to train on.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from data.errors import PromptError
from data.plain_text import can_be_kept
from data.records import Prompt, Split
from data.yaml_text import read_yaml

MAX_CHARACTERS = 2000

_SHIPPED = Path(__file__).parent / "prompt_sets"
_ROW_KEYS = ("text", "family", "split")
_SET_KEYS = ("name", "about", "prompts")


def prompt_set_names() -> list[str]:
    """List the sets that come with the package."""
    return sorted(path.stem for path in _SHIPPED.glob("*.yaml"))


def load_prompt_set(name_or_path: str | Path) -> list[Prompt]:
    """Read a shipped set by name, or a .yaml or .txt file by path.

    `PromptError` names the file and the row that is empty, longer than 2000 characters, doubled or
    otherwise wrong.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml", ".txt"):
        path = _SHIPPED / f"{name_or_path}.yaml"
        if str(name_or_path) not in prompt_set_names():
            known = ", ".join(prompt_set_names())
            raise PromptError(
                f"no prompt set {str(name_or_path)!r}; known are {known}, or a .yaml or .txt file"
            )
    text = _read(path)
    prompts = list(_from_lines(path, text) if path.suffix == ".txt" else _from_yaml(path, text))
    if not prompts:
        raise PromptError(f"{path} holds no prompts; expected at least one")
    _refuse_doubles(path, prompts)
    return prompts


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise PromptError(f"no prompt set at {path}; expected a .yaml or .txt file") from None
    except UnicodeDecodeError as error:
        raise PromptError(
            f"{path} is not UTF-8 (byte {error.start}): save it in that encoding"
        ) from None
    except OSError as error:
        raise PromptError(f"{path} cannot be read ({error.strerror})") from None


def _from_lines(path: Path, text: str) -> Iterator[Prompt]:
    # Not splitlines, which breaks at letters that a prompt can hold, such as U+2028.
    lines = [line for line in text.split("\n") if line.strip()]
    for row, line in enumerate(lines, start=1):
        yield _prompt(path, row, path.stem, {"text": line})


def _from_yaml(path: Path, text: str) -> Iterator[Prompt]:
    try:
        content = read_yaml(text)
    except ValueError as error:
        raise PromptError(f"{path} is not valid YAML, {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("prompts"), list):
        raise PromptError(f"{path}: expected `name`, `about` and a list `prompts`")
    _refuse_unknown(f"{path}", content, _SET_KEYS)
    name = str(content.get("name", path.stem))
    for row, entry in enumerate(content["prompts"], start=1):
        yield _prompt(path, row, name, {"text": entry} if isinstance(entry, str) else entry)


def _prompt(path: Path, row: int, prompt_set: str, entry: object) -> Prompt:
    where = f"{path}, prompt {row}"
    if not isinstance(entry, dict):
        raise PromptError(
            f"{where}: expected a text, or `text`, `family` and `split`; got {entry!r}"
        )
    _refuse_unknown(where, entry, _ROW_KEYS)
    text, family, split = entry.get("text"), entry.get("family", ""), entry.get("split", "train")
    if not isinstance(text, str) or not text.strip():
        raise PromptError(f"{where}: the text is empty; write what the image should show")
    if len(text) > MAX_CHARACTERS:
        raise PromptError(
            f"{where}: the text has {len(text)} characters; at most {MAX_CHARACTERS} are allowed"
        )
    if not isinstance(family, str):
        raise PromptError(f"{where}: expected the name of a family, got {family!r}")
    _refuse_unkept(where, text, family, prompt_set)
    if split not in get_args(Split):
        raise PromptError(f"{where}: expected split train, compared or unseen, got {split!r}")
    return Prompt.new(text.strip(), family=family, split=split, prompt_set=prompt_set)


def _refuse_unkept(where: str, *texts: str) -> None:
    for text in texts:
        if not can_be_kept(text):
            raise PromptError(
                f"{where}: {text[:60]!r} has NUL or parts of characters in it;"
                r" write an emoji itself, not as \ud83d\udc36"
            )


def _refuse_unknown(where: str, entry: dict[object, object], known: tuple[str, ...]) -> None:
    for key in entry:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise PromptError(f"{where}: unknown key {key!r}; {hint}")


def _refuse_doubles(path: Path, prompts: list[Prompt]) -> None:
    row_of: dict[str, int] = {}
    for row, prompt in enumerate(prompts, start=1):
        first = row_of.setdefault(prompt.prompt_id, row)
        if first != row:
            raise PromptError(f"{path}, prompt {row}: the same text as prompt {first}; remove one")
