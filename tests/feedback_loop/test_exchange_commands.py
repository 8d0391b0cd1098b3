"""`tastemaker export` and `import` with other data sets' formats, and what stands on an import."""

import io
from dataclasses import replace

import PIL.Image
import pytest

from data.entry import run_command
from data.errors import ConfigError, ExchangeError, WorkspaceError
from data.records import IMPORTED, Aspect, RaterKind, RoundEvent
from data.snapshot import take_snapshot
from data.workspace import Workspace
from feedback_loop.__main__ import dispatch
from feedback_loop.generate import policy_of_round
from feedback_loop.loop import create_loop
from feedback_loop.stages import STAGES
from labeling_app.rating_report import report_on


@pytest.fixture
def table(tmp_path):
    """Return a CSV table of three comparisons of two people and a program, with images."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    for light in range(3):
        content = io.BytesIO()
        PIL.Image.new("RGB", (8, 8), (light * 90,) * 3).save(content, "JPEG")
        (folder / f"{light}.jpg").write_bytes(content.getvalue())
    (folder / "t.csv").write_text(
        "prompt,image_a,image_b,choice,rater,rater_kind\n"
        "<i>a dog</i>,0.jpg,1.jpg,a,Ann,\n"
        "<i>a dog</i>,1.jpg,2.jpg,both_bad,Bob,\n"
        "<i>a dog</i>,0.jpg,1.jpg,b,bot,simulated\n",
        encoding="utf-8",
    )
    return folder / "t.csv"


@pytest.fixture
def root(tmp_path):
    return Workspace.create(tmp_path / "workspace").root


def run(*words):
    dispatch([str(word) for word in words])


def test_what_was_imported_is_counted_taken_and_exported(table, root, tmp_path, capsys):
    run("import", table, "--format", "csv", "--workspace", root)
    said = capsys.readouterr().out
    assert "3 comparisons added (2 person, 1 simulated), 0 were there already; 2 new pairs" in said
    run("status", "--workspace", root)
    said = capsys.readouterr().out
    assert "comparisons   2 by people, 1 SIMULATED" in said
    assert "images        3 (3 imported)" in said
    assert "policies      none" in said
    snapshot = take_snapshot(Workspace(root))
    assert {row.policy_a for row in snapshot.rows()} == {"imported:csv"}
    run("provenance", snapshot.rows()[0].image_a, "--workspace", root)
    assert "imported from imported:csv" in capsys.readouterr().out
    run("export", "--format", "trl", "--out", tmp_path / "out", "--workspace", root)
    said = capsys.readouterr().out
    assert "2 comparisons (1 person, 1 simulated)" in said
    assert "left out: 1 both bad, which trl cannot say" in said
    assert "not kept by trl: raters" in said
    run("import", table, "--format", "csv", "--workspace", root)
    assert "0 comparisons added, 3 were there already; 0 new pairs" in capsys.readouterr().out


def test_a_folder_waits_to_be_compared(table, root, capsys):
    images = table.parent
    prompts = images / "prompts.csv"
    prompts.write_text("prompt,image\nx,0.jpg\nx,1.jpg\n", encoding="utf-8")
    run("import", images, "--prompts", prompts, "--round", "1", "--workspace", root)
    assert "0 comparisons added" in capsys.readouterr().out
    [pair] = Workspace(root).store().pairs(1)
    waiting = Workspace(root).store().take_questions("ann", 1, 9)
    assert [question.pair for question in waiting] == [pair]
    assert pair.aspects == (Aspect.OVERALL,)


def test_pairs_ask_what_the_workspace_asks(table, tmp_path, config, capsys):
    both = (Aspect.ALIGNMENT, Aspect.QUALITY)
    told = replace(config, generate=replace(config.generate, aspects=both))
    loop = create_loop(tmp_path / "both", told)
    prompts = table.parent / "prompts.csv"
    prompts.write_text("prompt,image\nx,0.jpg\nx,1.jpg\n", encoding="utf-8")
    words = ["--prompts", prompts, "--round", "1", "--workspace", loop.workspace.root]
    run("import", table.parent, *words)
    run("import", table, "--format", "csv", *words[2:])
    assert [pair.aspects for pair in loop.store.pairs(1)] == [both] * 3
    asked = loop.store.take_questions("ann", 1, 1)
    assert [question.aspect for question in asked] == list(both)
    assert report_on(loop.store).aspect is Aspect.ALIGNMENT


def test_a_round_that_is_not_reached_is_refused(table, loop):
    words = ["import", table, "--format", "csv", "--workspace", loop.workspace.root, "--round"]
    with pytest.raises(ConfigError, match="--round: expected 0 to 1, where the loop is, got 2"):
        run(*words, 2)
    assert loop.store.newest_round() == 0
    run(*words, 1)
    for stage in STAGES:
        loop.store.add_round_event(RoundEvent(round=1, stage=stage, status="finished"))
    run(*words, 2)
    with pytest.raises(ConfigError, match="--round: expected 0 to 2"):
        run(*words, 3)


def test_a_table_comes_once_whatever_round_is_said(table, root, capsys):
    words = ["import", table, "--format", "csv", "--workspace", root]
    run(*words)
    capsys.readouterr()
    run(*words, "--round", "1")
    assert "0 comparisons added, 3 were there already; 0 new pairs" in capsys.readouterr().out
    assert Workspace(root).store().counts().by_round == {0: 3}


def test_what_replaces_an_answer_and_what_is_older_is_said(table, root, capsys):
    head, *rows = table.read_text(encoding="utf-8").splitlines()
    said = {2: "1 comparisons added", 3: "replaced: 1 earlier", 1: "overtaken: 1 more"}
    for day in said:
        text = f"{head},created_at\n{rows[0]},2026-03-0{day}\n"
        table.write_text(text, encoding="utf-8")
        run("import", table, "--format", "csv", "--workspace", root)
        out = capsys.readouterr().out
        assert said[day] in out
        assert ("replaced" in out, "overtaken" in out) == (day == 3, day == 1)
    [comparison] = Workspace(root).store().comparisons()
    assert comparison.created_at.day == 3


def test_what_a_table_does_not_tell_is_told_by_options(table, root):
    told = ["--kind", "model", "--split", "unseen", "--source", "lab", "--round", "1"]
    run("import", table, "--format", "csv", *told, "--workspace", root)
    store = Workspace(root).store()
    assert store.counts().by_kind == {
        RaterKind.PERSON: 0, RaterKind.SIMULATED: 1, RaterKind.MODEL: 2,
    }  # fmt: skip
    assert [prompt.split for prompt in store.prompts()] == ["unseen"]
    assert [policy.name for policy in store.imported_policies()] == [f"{IMPORTED}:lab"]
    assert {pair.round for pair in store.pairs()} == {1}


def test_rounds_never_start_from_what_was_imported(table, loop):
    run("import", table, "--format", "csv", "--workspace", loop.workspace.root)
    assert policy_of_round(loop, 1).name == "base"
    assert [policy.name for policy in loop.store.policies()] == ["base"]


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["export"], ConfigError, "expected FILE, or --format"),
        (["export", "--format", "trl"], ConfigError, "expected FILE, or --format"),
        (["export", "x.csv", "--out", "y"], ConfigError, "expected FILE, or --format"),
        (["export", "x.csv", "--as", "parquet"], ConfigError, "--as goes with --format"),
        (["export", "--format", "x", "--out", "y"], ExchangeError, "no format 'x'; known are pick"),
        (["import", "x.csv", "--kind", "model"], ConfigError, "goes with --format"),
        (["import", "."], ConfigError, "is a folder; name its table"),
        (["import", "x", "--format", "csv", "--prompts", "y"], ConfigError, "not both"),
        (["import", "x.csv", "--format", "csv", "--round", "-1"], ConfigError, "0 or more"),
        (["import", "x.csv", "--format", "csv"], ExchangeError, "x.csv: no such file"),
        (["import", "x", "--prompts", "y.csv"], ExchangeError, "no such folder"),
    ],
)
def test_mistakes_are_one_line(words, error, message, root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        run(*words, "--workspace", root)


def test_a_refused_table_ends_in_status_2_and_one_line(table, root, capsys):
    table.write_text(table.read_text().replace("both_bad", "worst"))
    words = ["import", str(table), "--format", "csv", "--workspace", str(root)]
    with pytest.raises(SystemExit) as ended:
        run_command(lambda: dispatch(words))
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert said.err.startswith(f"error: {table}, row 2: column 'choice': expected one of a, b,")
    assert said.err.count("\n") == 1
    assert list(Workspace(root).images_dir.rglob("*")) == []


OWN = (
    "comparison_id,pair_id,choice,shown_left,rater_id,rater,rater_kind,aspect,milliseconds,"
    "created_at\n"
)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("c1,{},a,a,r,ada,human,overall,9,2026-01-02", "column 'rater_kind': expected one of pers"),
        ("c1,{},a,left,r,ada,person,overall,9,2026-01-02", "'shown_left': expected one of a, b, g"),
        (
            "c1,{},undo,a,r,ada,person,overall,9,2026-01-02",
            "column 'choice': expected one of a, b, t",
        ),
        ("c1,{},a,a,r,ada,person,overall,9,yesterday", "'created_at': expected a time such as"),
    ],
)
def test_a_row_that_means_nothing_here_is_one_line_and_adds_nothing(table, root, row, message):
    run("import", table, "--format", "csv", "--workspace", root)
    store, file = Workspace(root).store(), table.with_name("own.csv")
    before = store.raters(), store.comparison_events()
    file.write_text(OWN + row.format(store.pairs()[0].pair_id) + "\n", encoding="utf-8")
    with pytest.raises(ExchangeError, match=message):
        run("import", file, "--workspace", root)
    assert (store.raters(), store.comparison_events()) == before


def test_an_image_is_known_by_its_file(table, root, capsys):
    run("import", table, "--format", "csv", "--workspace", root)
    image = Workspace(root).store().images()[0]
    for name in (f"{image.sha256}.jpg", Workspace(root).image_path(image.sha256)):
        run("provenance", name, "--workspace", root)
        assert f"image {image.image_id}" in capsys.readouterr().out


def test_a_missing_workspace_is_named(table, tmp_path):
    with pytest.raises(WorkspaceError, match="tastemaker init"):
        run("import", table, "--format", "csv", "--workspace", tmp_path / "none")
