"""Commands to run next, as they must be typed for a workspace."""

import shlex
from pathlib import Path

from data.workspace import DEFAULT_ROOT


def typed(words: str, root: Path) -> str:
    """Return `tastemaker WORDS`; the workspace is named where it is not the one taken anyway."""
    where = "" if root == DEFAULT_ROOT else f" --workspace {shlex.quote(str(root))}"
    return f"tastemaker {words}{where}"
