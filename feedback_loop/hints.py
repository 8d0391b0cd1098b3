"""Commands to run next, as they must be typed for a workspace."""

from data.workspace import Workspace, resolve_root, workspace_option


def hint(workspace: Workspace, command: str) -> str:
    """Return `tastemaker COMMAND` for a workspace; its folder is named where it has to be."""
    is_default = workspace.root.resolve() == resolve_root().resolve()
    return f"tastemaker {command}" + ("" if is_default else f" {workspace_option(workspace.root)}")
