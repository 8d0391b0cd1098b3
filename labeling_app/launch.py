"""Starts the app: the Streamlit command for a workspace, with what must hold said on it.

The theme and the same defaults stand in `.streamlit/config.toml` beside `app.py`; here the flags
that keep the app private and quiet are repeated, because flags win over anyone's own settings.
"""

import os
import socket
import sys
import tomllib
from pathlib import Path
from typing import NoReturn

from data.errors import ConfigError
from data.workspace import Workspace

APP = Path(__file__).with_name("app.py")
DEFAULT_ADDRESS = "127.0.0.1"
DEFAULT_PORT = 8501
_LAST_PORT = 65535

SECRETS = "secrets.toml"
"""File of the workspace that sets up OIDC, where there is one; see `access`."""

_LOOPBACK = ("127.0.0.1", "localhost")


def command(
    workspace: Path, *, port: int = DEFAULT_PORT, address: str = DEFAULT_ADDRESS
) -> list[str]:
    """Return the command that serves the workspace.

    On the default address only this machine can reach the app, and no foreign page can pretend to
    be it (DNS rebinding). Any other address is reachable by whoever reaches the machine.
    """
    flags = {
        "server.address": address,
        "server.port": port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.maxUploadSize": 1,
        "browser.gatherUsageStats": "false",
        "client.showErrorDetails": "none",
        "runner.postScriptGC": "false",
    }
    options = [f"--{name}={value}" for name, value in flags.items()]
    options += [f"--secrets.files={path}" for path in (workspace / SECRETS,) if path.is_file()]
    if address in _LOOPBACK:
        options += [f"--server.allowedHosts={host}" for host in _LOOPBACK]
    run = [sys.executable, "-m", "streamlit", "run", str(APP), *options]
    return [*run, "--", "--workspace", str(workspace)]


def checked_command(
    workspace: Path, *, port: int = DEFAULT_PORT, address: str = DEFAULT_ADDRESS
) -> list[str]:
    """Return `command` once it is sure that there is something to serve and where.

    Raises `WorkspaceError` or `StoreError` when there is nothing to serve, and `ConfigError` when
    the port is taken or the file that asks for accounts cannot be read.
    """
    Workspace.open(workspace)
    _check_secrets(workspace / SECRETS)
    _check_port(address, port)
    return command(workspace, port=port, address=address)


def become(words: list[str]) -> NoReturn:
    """Turn this process into the command: whatever stops it stops the server."""
    sys.stdout.flush()
    os.execv(words[0], words)


def _check_secrets(path: Path) -> None:
    if path.exists():
        try:
            tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} cannot be read: expected TOML ({error})") from error


def _check_port(address: str, port: int) -> None:
    if not 0 < port <= _LAST_PORT:
        raise ConfigError(f"--port: expected 1 to {_LAST_PORT}, got {port}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {address} port {port} ({error.strerror}); choose another --port"
            ) from None
