"""Walking back from a policy where something on the way was deleted."""

import shutil

import pytest
from rounds_behind import finish

from data.errors import SnapshotMismatch
from feedback_loop.provenance import say_provenance


@pytest.mark.parametrize("with_comparisons", [False, True])
def test_a_snapshot_that_is_gone_is_said_and_the_way_goes_on(loop, capsys, with_comparisons):
    finish(loop)
    workspace, hash_of = loop.workspace, loop.store.reward_model("round-2").snapshot
    say_provenance(workspace, "round-2", with_comparisons=with_comparisons)
    whole = capsys.readouterr().out
    assert f"snapshot {hash_of}: 1 comparisons (0 person, 1 simulated, 0 model)" in whole
    (workspace.snapshots / hash_of / "comparisons.parquet").write_bytes(b"")
    with pytest.raises(SnapshotMismatch):
        say_provenance(workspace, "round-2", with_comparisons=with_comparisons)
    shutil.rmtree(workspace.snapshots / hash_of)
    say_provenance(workspace, "round-2", with_comparisons=with_comparisons)
    said = capsys.readouterr().out
    gone = f"{hash_of}: gone from {workspace.snapshots} (on record: 1 simulated comparisons)"
    assert said.count(gone) == 2
    assert "policy base, round 0" in said
