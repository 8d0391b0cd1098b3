"""Which workspace the app serves: the one named after `--`, in the environment, or ./workspace."""

from collections.abc import Sequence
from pathlib import Path

from data.errors import ConfigError
from data.workspace import resolve_root

_USAGE = "expected `streamlit run labeling_app/app.py -- --workspace DIR`"


def workspace_root(arguments: Sequence[str]) -> Path:
    """Return the workspace's folder for the arguments that follow `--`; raise `ConfigError`."""
    if not arguments:
        return resolve_root()
    option, _, value = arguments[0].partition("=")
    values = [value, *arguments[1:]] if value else list(arguments[1:])
    if option != "--workspace" or len(values) != 1 or not values[0]:
        raise ConfigError(f"{_USAGE}, got `{' '.join(arguments)}`")
    return resolve_root(Path(values[0]))
