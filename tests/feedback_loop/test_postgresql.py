"""The commands over a store on PostgreSQL: made once, then known to the workspace."""

import subprocess
import sys
from pathlib import Path

import pytest
from postgres_server import PASSWORD

from data.errors import WorkspaceError
from data.store_address import STORE_VARIABLE
from feedback_loop.__main__ import dispatch
from feedback_loop.loop import create_loop, open_loop
from feedback_loop.rounds import Waiting, run_round

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _environment_as_before(monkeypatch):
    """`--store` stays in the environment of the process, which is this one."""
    monkeypatch.setenv(STORE_VARIABLE, "")


def test_a_workspace_is_made_with_its_store_and_keeps_no_password(postgres, tmp_path, monkeypatch):
    secret = PASSWORD.replace("/", "%2F").replace("@", "%40").replace("?", "%3F")
    url, root = postgres.make(), tmp_path / "w"
    monkeypatch.delenv("PGPASSWORD")
    words = ["init", "--workspace", str(root), "--store", url.replace("@/", f":{secret}@/")]
    made = tastemaker(*words)
    assert made.returncode == 0, made.stderr
    assert f"store: {url} (no password is kept" in made.stdout
    texts = [file.read_text() for file in root.iterdir() if file.is_file()]
    assert not [text for text in (*texts, made.stdout) if secret in text or PASSWORD in text]
    refused = tastemaker("status", "--workspace", str(root))
    assert refused.returncode == 2
    assert "set PGPASSWORD or write ~/.pgpass" in refused.stderr
    assert refused.stderr.count("\n") == 1
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert url in tastemaker("status", "--workspace", str(root)).stdout


def test_a_database_never_takes_the_place_of_a_workspaces_own_file(
    postgres, tmp_path, config, monkeypatch
):
    create_loop(tmp_path / "w", config)
    words, url = ["--workspace", str(tmp_path / "w")], postgres.make()
    with pytest.raises(WorkspaceError, match=r"preferences\.duckdb, .*unset TASTEMAKER_STORE"):
        dispatch(["status", *words, "--store", url])
    with pytest.raises(WorkspaceError, match=r"has its store in .*preferences\.duckdb, not in"):
        dispatch(["init", *words])
    monkeypatch.setenv(STORE_VARIABLE, url)
    create_loop(tmp_path / "other", config)
    with pytest.raises(WorkspaceError, match=r"preferences\.duckdb, .*unset TASTEMAKER_STORE"):
        dispatch(["round", *words])
    monkeypatch.setenv(STORE_VARIABLE, "")
    assert open_loop(tmp_path / "w").store.images() == []


def test_a_whole_round_leaves_all_in_the_database(postgres, tmp_path, config, compare, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv(STORE_VARIABLE, postgres.make())
        loop = create_loop(tmp_path / "w", config)
    assert run_round(loop, "people") == Waiting(0, 20)
    compare(loop, 1)
    assert run_round(loop, "people") is None
    store = open_loop(tmp_path / "w").store
    assert store.place.startswith("postgresql://")
    assert [policy.name for policy in store.policies()] == ["base", "round-1"]
    assert store.reward_model("round-1").metrics["comparisons"]["total"] == 20
    assert (loop.workspace.report / "index.html").is_file()
    assert not loop.workspace.store_path.exists()


def tastemaker(*words):
    command = [sys.executable, "-m", "feedback_loop", *words]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
