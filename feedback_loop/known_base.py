"""What the base of a workspace's policies looked like when it first drew: `policies/base.yaml`.

The store knows a base by its path alone, and another model may come to lie there, or under the same
name elsewhere.
"""

from dataclasses import dataclass

from data.config_file import dump_yaml, load_yaml
from data.errors import WorkspaceError
from data.workspace import Workspace


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownBase:
    """The content of the file."""

    base: str
    """Where it was then: a folder or a hub id."""
    fingerprint: str
    """Of its weights, whatever they are called on a disk; see `rl_finetune.fingerprint`."""


def require_known_base(workspace: Workspace, base: str, fingerprint: str) -> None:
    """Note a base that draws for the first time; raise `WorkspaceError` where it is another one.

    What it draws would pass for the images of the base that all policies started from.
    """
    path = workspace.policies / "base.yaml"
    if not path.is_file():
        dump_yaml(KnownBase(base=base, fingerprint=fingerprint), path)
        return
    known = load_yaml(KnownBase, path)
    if known.fingerprint != fingerprint:
        raise WorkspaceError(
            f"{base} has other weights than {known.base} had when policies of {workspace.root} "
            f"first drew; put base back, or, if you know that it is the same, delete {path}"
        )
