import socket
from pathlib import Path

import pytest

from data.errors import ConfigError, WorkspaceError
from data.workspace import Workspace
from labeling_app.launch import APP, SECRETS, checked_command, command


def test_the_command_is_private_and_quiet():
    asked = command(Path("my pairs"), port=8642)
    assert asked[1:5] == ["-m", "streamlit", "run", str(APP)]
    assert APP.is_file()
    assert asked[-3:] == ["--", "--workspace", "my pairs"]
    assert {
        "--server.address=127.0.0.1",
        "--server.port=8642",
        "--server.headless=true",
        "--browser.gatherUsageStats=false",
        "--server.fileWatcherType=none",
        "--runner.postScriptGC=false",
        "--server.allowedHosts=localhost",
    } <= set(asked)


def test_an_address_for_others_may_go_by_any_name():
    assert not [flag for flag in command(Path("w"), address="0.0.0.0") if "allowedHosts" in flag]


def test_a_missing_workspace_is_said_before_anything_starts(tmp_path: Path):
    with pytest.raises(WorkspaceError, match="tastemaker init"):
        checked_command(tmp_path / "none")


def test_accounts_that_cannot_be_read_are_said_before_anything_starts(workspace: Workspace):
    (workspace.root / SECRETS).write_text('[tastemaker]\nraters = ["ada@example.org"')
    with pytest.raises(ConfigError, match=r"secrets\.toml cannot be read: expected TOML"):
        checked_command(workspace.root)


def test_a_taken_port_is_said_before_anything_starts(workspace: Workspace):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port}.*--port"):
            checked_command(workspace.root, port=port)


@pytest.mark.parametrize("port", [-1, 0, 65536, 99999999])
def test_a_port_that_none_has_is_said(workspace: Workspace, port: int):
    with pytest.raises(ConfigError, match=f"--port: expected 1 to 65535, got {port}"):
        checked_command(workspace.root, port=port)
