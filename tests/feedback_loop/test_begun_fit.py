"""A fit that was cut short goes on with the comparisons that it began with, as far as it may."""

import shutil
from dataclasses import replace

import pytest

from data.records import RaterKind
from feedback_loop.generate import generate
from feedback_loop.loop import create_loop, open_loop
from feedback_loop.rounds import run_stage
from feedback_loop.stages import Position, num_killed_by_stage, seconds_by_stage

FIT = Position(1, "fit")


def stop(*_):
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def first_fit(tmp_path_factory, config, compare):
    """Return a workspace whose fit was stopped half-way, after which someone compared more."""
    loop = create_loop(tmp_path_factory.mktemp("fit") / "workspace", config)
    generate(loop, 1)
    compare(loop, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reward_training.fitting.select", stop)
        with pytest.raises(KeyboardInterrupt, match="round 1 stopped in fit; what is done of it"):
            run_stage(loop, FIT)
    compare(loop, 1, name="late")
    return loop


@pytest.fixture
def stopped(first_fit, tmp_path):
    shutil.copytree(first_fit.workspace.root, tmp_path / "workspace")
    return open_loop(tmp_path / "workspace")


def snapshots(loop):
    return [e.detail["snapshot"] for e in loop.store.round_events(1) if e.status == "noted"]


def num_fitted(loop):
    run_stage(loop, replace(FIT, status="started"))
    return loop.store.reward_model("round-1").metrics["comparisons"]["total"]


def test_it_goes_on_whatever_was_compared_since(stopped, capsys):
    checkpoint = stopped.workspace.rewards / ".round-1.fitting" / "fold-1.pt"
    written = checkpoint.stat().st_mtime_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reward_training.fitting.select", stop)
        with pytest.raises(KeyboardInterrupt):
            run_stage(stopped, replace(FIT, status="started"))
    assert checkpoint.stat().st_mtime_ns == written, "the fold was fitted once more"
    assert num_fitted(stopped) == 20
    assert "goes on with the 20 comparisons that it began with" in capsys.readouterr().out
    assert len(snapshots(stopped)) == 1
    events = stopped.store.round_events(1)
    assert [e.status for e in events] == [
        "started", "noted", "stopped", "started", "stopped", "started", "finished",
    ]  # fmt: skip
    assert seconds_by_stage(events)["fit"] == pytest.approx(
        sum(e.seconds for e in events if e.status in ("stopped", "finished")), abs=0.01
    )
    assert num_killed_by_stage(events) == {}


def test_other_settings_begin_with_all_comparisons(stopped):
    training = replace(stopped.config.fit.training, num_updates=5)
    told = replace(stopped.config, fit=replace(stopped.config.fit, training=training))
    assert num_fitted(replace(stopped, config=told)) == 40


def test_what_was_erased_since_is_not_learned_from(stopped):
    ada = stopped.store.find_rater("ada", RaterKind.PERSON)
    stopped.store.erase_rater(ada.rater_id)
    assert num_fitted(stopped) == 20
    (before, after) = snapshots(stopped)
    assert before != after
    assert stopped.store.reward_model("round-1").snapshot == after


def test_a_snapshot_that_was_deleted_is_not_taken_again(stopped):
    shutil.rmtree(stopped.workspace.snapshots / snapshots(stopped)[0])
    assert num_fitted(stopped) == 40


def test_a_snapshot_whose_images_were_drawn_anew_is_not_gone_back_to(stopped):
    image = stopped.store.images()[0]
    stopped.workspace.image_path(image.sha256).unlink()
    other = stopped.store.images()[1].sha256
    stopped.store.replace_lost_images([replace(image, sha256=other)])
    assert num_fitted(stopped) == 40


def test_a_fit_that_was_refused_sees_what_was_compared_since(stopped):
    """Nothing half-done lies there, so nothing is lost by it."""
    shutil.rmtree(stopped.workspace.rewards / ".round-1.fitting")
    assert num_fitted(stopped) == 40
