"""Tables as the data sets themselves have them, written by hand."""

import io
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import PIL.Image
import pyarrow
import pyarrow.parquet
import pytest

from data.errors import WorkspaceError
from data.exchange.formats import format_of
from data.exchange.gathering import Origin
from data.exchange.importing import Imported, alone, import_table
from data.exchange.reading import read_rows
from data.records import RaterKind
from data.snapshot import SnapshotRow, take_snapshot
from data.workspace import Workspace


def picture(light: int, kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    PIL.Image.new("RGB", (6, 4), (light, light, light)).save(content, kind)
    return content.getvalue()


IMAGES = {f"{n}.png": picture(40 * n) for n in range(1, 6)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "theirs"
    (made / "train").mkdir(parents=True)
    for name, content in IMAGES.items():
        (made / name).write_bytes(content)
        (made / "train" / name).write_bytes(content)
    return made


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "empty")


def bring(
    workspace: Workspace, folder: Path, name: str, suffix: str, rows: list[dict[str, Any]]
) -> Imported:
    file = folder / f"table{suffix}"
    if suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    elif suffix == ".json":
        file.write_text(json.dumps(rows, indent=1))
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return import_table(workspace, file, format_of(name), Origin(source=name))


def choices(workspace: Workspace) -> Counter[tuple[str, str]]:
    """Count by the lights of the preferred and the other image, or of both and what was said."""
    lights = {}
    for image in workspace.store().images():
        with PIL.Image.open(io.BytesIO(workspace.read_image(image.sha256))) as opened:
            lights[image.sha256] = str(round(opened.convert("L").getpixel((0, 0)) / 40))

    def said(row: SnapshotRow) -> tuple[str, str]:
        a, b = lights[row.image_a], lights[row.image_b]
        if row.choice in ("a", "b"):
            return (f"{a}>{b}" if row.choice == "a" else f"{b}>{a}"), row.rater_kind
        return row.choice + "".join(sorted(a + b)), row.rater_kind

    return Counter(said(row) for row in take_snapshot(workspace).rows())


def test_pick_a_pic(empty: Workspace, folder: Path):
    row = {
        "are_different": True, "best_image_uid": "u1", "caption": "a dog", "has_label": True,
        "image_0_uid": "u0", "image_1_uid": "u1", "jpg_0": picture(40, "JPEG"),
        "jpg_1": picture(80, "WEBP"), "label_0": 0.0, "label_1": 1.0, "model_0": "sd",
        "model_1": "dreamlike", "ranking_id": 1, "user_id": 7, "created_at": None,
    }  # fmt: skip
    tie = {**row, "label_0": 0.5, "label_1": 0.5, "best_image_uid": "tie", "ranking_id": 2}
    unlabelled = {**row, "caption": "a cat", "has_label": False, "label_0": None, "ranking_id": 3}
    added = bring(empty, folder, "pick-a-pic", ".parquet", [row, {**tie, "user_id": 8}, unlabelled])
    assert (added.num_comparisons, added.num_pairs) == (2, 2)
    assert choices(empty) == {("2>1", "person"): 1, ("tie12", "person"): 1}
    store = empty.store()
    assert [r.name for r in store.raters()] == ["pick-a-pic user 7", "pick-a-pic user 8"]
    assert [p.name for p in store.imported_policies()] == ["imported:sd", "imported:dreamlike"]
    assert {(i.width, i.height) for i in store.images()} == {(6, 4)}
    assert sorted(path.suffix for path in empty.images_dir.rglob("*.*")) == [".jpg", ".webp"]
    assert [p.split for p in store.prompts()] == ["compared", "compared"]
    assert [c.shown_left for c in store.comparisons()] == [store.pairs()[0].image_a] * 2


def test_image_reward_pairs_and_ranks(empty: Workspace, folder: Path):
    def image(n: int) -> dict[str, object]:
        return {"bytes": IMAGES[f"{n}.png"], "path": f"{n}.png"}

    pairs = [{"prompt": "a dog", "img_better": image(1), "img_worse": image(2)}]
    bring(empty, folder, "image-reward", ".parquet", pairs)
    assert choices(empty) == {("1>2", "person"): 1}
    ranked = [
        {
            "prompt_id": "p",
            "prompt": "a cat",
            "image": f"{n}.png",
            "rank": rank,
            "classification": "x",
        }
        for n, rank in ((1, 2), (2, 1), (3, 2))
    ]
    other = [{**row, "prompt_id": "q", "prompt": "a bird"} for row in ranked[:2]]
    added = bring(empty, folder, "image-reward", ".jsonl", ranked + other)
    assert added.num_comparisons == 4
    assert choices(empty) == {
        ("1>2", "person"): 1, ("2>1", "person"): 2, ("tie13", "person"): 1, ("2>3", "person"): 1,
    }  # fmt: skip


def test_hpd_v2_train_and_test(empty: Workspace, folder: Path):
    train = {"prompt": "a", "file_path": ["train/1.png", "train/2.png"], "human_preference": [0, 1]}
    bring(empty, folder, "hpd-v2", ".json", [train])
    assert choices(empty) == {("2>1", "person"): 1}
    raw = [{"rank": [1, 2, 3], "user_hash": "u"}, {"rank": [2, 1, 3], "user_hash": "v"}]
    test = {"prompt": "b", "image_path": ["1.png", "2.png", "3.png"], "rank": [1, 2, 3]}
    added = bring(empty, folder, "hpd-v2", ".json", [{**test, "raw_annotations": raw}])
    assert added.num_comparisons == 6
    assert choices(empty) == {
        ("2>1", "person"): 2, ("1>2", "person"): 1, ("1>3", "person"): 2, ("2>3", "person"): 2,
    }  # fmt: skip
    names = [rater.name for rater in empty.store().raters()]
    assert names == ["hpd-v2, vote 1", "hpd-v2 u", "hpd-v2 v"]


def test_hpd_v3(empty: Workspace, folder: Path):
    row = {"prompt": "a", "path1": "1.png", "path2": "2.png", "confidence": 0.9, "model1": "flux"}
    counted = {**row, "choice_dist": [3, 2]}
    alone = {**row, "prompt": "b", "choice_dist": None, "rater_kind": "model"}
    added = bring(empty, folder, "hpd-v3", ".json", [counted, alone])
    assert added.by_kind == {RaterKind.PERSON: 5, RaterKind.MODEL: 1}
    assert choices(empty) == {
        ("1>2", "person"): 3, ("2>1", "person"): 2, ("1>2", "model"): 1,
    }  # fmt: skip
    assert len(empty.store().raters()) == 6


def test_trl_in_words_and_in_images(empty: Workspace, folder: Path):
    plain = {"prompt": "a", "chosen": "1.png", "rejected": "2.png"}
    answer = [{"role": "assistant", "content": [{"type": "image"}]}]
    asked = [{"role": "user", "content": [{"type": "text", "text": "b"}]}]
    talk = {"prompt": asked, "chosen": answer, "rejected": answer, "images": ["3.png", "4.png"]}
    bring(empty, folder, "trl", ".jsonl", [plain, talk])
    assert choices(empty) == {("1>2", "person"): 1, ("3>4", "person"): 1}
    assert [prompt.text for prompt in empty.store().prompts()] == ["a", "b"]


def test_the_better_image_is_not_always_on_the_left(empty: Workspace, folder: Path):
    rows = [{"prompt": str(n), "chosen": "1.png", "rejected": "2.png"} for n in range(40)]
    bring(empty, folder, "trl", ".jsonl", rows)
    left = sum(comparison.choice == "left" for comparison in empty.store().comparisons())
    assert 8 <= left <= 32


def test_a_known_prompt_keeps_its_split_and_ours_are_not_drawn_with(
    workspace: Workspace, folder: Path
):
    text = workspace.store().prompts()[0].text
    bring(
        workspace,
        folder,
        "trl",
        ".jsonl",
        [{"prompt": text, "chosen": "1.png", "rejected": "2.png"}],
    )
    store = workspace.store()
    assert [(p.text, p.split) for p in store.prompts()] == [(text, "train")]
    assert [policy.name for policy in store.policies()] == ["base"]
    assert store.newest_policy().name == "base"
    assert store.pairs(0)[0].prompt_id == store.prompts()[0].prompt_id


def test_rows_are_read_one_by_one(folder: Path):
    """Of a large table only some rows are in memory at a time."""
    file = folder / "many.parquet"
    images = pyarrow.array([random.Random(n).randbytes(2**18) for n in range(200)])
    pyarrow.parquet.write_table(pyarrow.table({"image": images}), file, row_group_size=10)
    del images
    before, most = pyarrow.total_allocated_bytes(), 0
    for number, row in enumerate(read_rows(file), start=1):
        assert row.number == number
        most = max(most, pyarrow.total_allocated_bytes() - before)
    assert number == 200
    assert most < file.stat().st_size / 3


def test_one_import_at_a_time(empty: Workspace, folder: Path):
    rows = [{"prompt": "a", "chosen": "1.png", "rejected": "2.png"}]
    with alone(empty), pytest.raises(WorkspaceError, match="another import"):
        bring(empty, folder, "trl", ".jsonl", rows)
    assert bring(empty, folder, "trl", ".jsonl", rows).num_comparisons == 1


def test_an_interrupted_import_leaves_nothing(
    empty: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("data.store.Store.add_batch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        bring(
            empty,
            folder,
            "trl",
            ".jsonl",
            [{"prompt": "a", "chosen": "1.png", "rejected": "2.png"}],
        )
    assert list(empty.images_dir.rglob("*")) == []
    assert empty.store().pairs() == []
