"""Two app processes, as on two machines, over one database and one shared folder."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from postgres_server import Server

from data.records import Rater, RaterKind
from data.store_address import STORE_VARIABLE
from data.workspace import Workspace

RATE = """
import sys, time
from data.records import Choice
from data.workspace import Workspace
from labeling_app.desk import Outcome, desk_of
from labeling_app.presses import MIN_GAP_S, Press
from labeling_app.raters import welcome
from labeling_app.settings import workspace_root
workspace = Workspace.open(workspace_root(sys.argv[2:]))
desk = desk_of(workspace.store(), welcome(workspace.store(), sys.argv[1]))
while (view := desk.view()).card is not None:
    time.sleep(1.2 * MIN_GAP_S)
    outcome = desk.press(Press(token=view.token, choice=Choice.LEFT, milliseconds=900))
    assert outcome is Outcome.RECORDED, outcome
    desk.refill()
"""


def test_raters_at_two_apps_share_their_pairs(
    postgres: Server, tmp_path: Path, add_round: Callable, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.setenv(STORE_VARIABLE, postgres.make())
        workspace = Workspace.create(tmp_path / "shared")
    add_round(workspace, 20)
    words = [sys.executable, "-c", RATE]
    apps = [
        subprocess.Popen(
            [*words, name, "--workspace", str(workspace.root)], stderr=subprocess.PIPE, text=True
        )
        for name in ("Ada", "Grace")
    ]
    assert [app.communicate(timeout=60)[1] for app in apps] == ["", ""]
    comparisons = workspace.store().comparisons(kind=RaterKind.PERSON)
    asked = {(comparison.rater_id, comparison.pair_id) for comparison in comparisons}
    assert {pair_id for _, pair_id in asked} == {p.pair_id for p in workspace.store().pairs()}
    assert len(asked) == len(comparisons) == 20  # one seat each, whichever app it was
    names = {Rater.new(name, RaterKind.PERSON).rater_id for name in ("Ada", "Grace")}
    assert {rater_id for rater_id, _ in asked} == names
