"""Pairs made elsewhere: a folder of images and a table of prompts."""

import io
from pathlib import Path

import PIL.Image
import pytest

from data.errors import ExchangeError, StoreBusy
from data.exchange.gathering import Origin
from data.exchange.importing import import_folder
from data.files import sha256_of
from data.records import Prompt
from data.store import Batch, Store
from data.workspace import Workspace


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for place, name in enumerate("abcde"):
        content = io.BytesIO()
        PIL.Image.new("RGB", (4, 4), (place, 0, 0)).save(content, "PNG")
        (folder / f"{name}.png").write_bytes(content.getvalue())
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "empty")


def bring(workspace: Workspace, images: Path, name: str, text: str) -> list[str]:
    """Import and return the pairs by the letters of their images, with their prompt."""
    table = images.parent / name
    table.write_text(text, encoding="utf-8")
    import_folder(workspace, images, table, Origin(source="pictures"))
    letters = {sha256_of(path): path.stem for path in images.glob("*.png")}
    store = workspace.store()
    hashes = {image.image_id: image.sha256 for image in store.images()}
    texts = {prompt.prompt_id: prompt.text for prompt in store.prompts()}
    return [
        letters[hashes[pair.image_a]] + letters[hashes[pair.image_b]] + " " + texts[pair.prompt_id]
        for pair in store.pairs()
    ]


def test_a_row_per_pair(empty: Workspace, images: Path):
    text = "prompt,image_a,image_b,policy_a\na dog,a.png,b.png,mine\na cat,c.png,a.png,\n"
    assert bring(empty, images, "t.csv", text) == ["ab a dog", "ca a cat"]
    store = empty.store()
    assert [p.name for p in store.imported_policies()] == ["imported:mine", "imported:pictures"]
    assert store.comparison_events() == []
    assert bring(empty, images, "t.csv", text) == ["ab a dog", "ca a cat"]


def test_a_row_per_image_pairs_neighbours_and_an_odd_last_with_the_first(
    empty: Workspace, images: Path
):
    names = [("a", "x"), ("b", "x"), ("c", "y"), ("d", "y"), ("e", "x")]
    text = "image,prompt\n" + "".join(f"{name}.png,{prompt}\n" for name, prompt in names)
    assert bring(empty, images, "t.csv", text) == ["ab x", "ea x", "cd y"]


def test_spaces_around_a_prompt_make_no_other_prompt_that_is_learned_from(
    empty: Workspace, images: Path
):
    held_out = Prompt.new("a dog", split="unseen", prompt_set="paper")
    empty.store().add_prompts([held_out])
    text = 'prompt,image_a,image_b\n"a dog ",a.png,b.png\n"\n a dog",c.png,d.png\n'
    assert bring(empty, images, "t.csv", text) == ["ab a dog", "cd a dog"]
    assert empty.store().prompts() == [held_out]


def test_a_list(empty: Workspace, images: Path):
    text = """
- {prompt: <b>x</b>, images: [a.png, b.png, c.png]}
- prompt: "y"
  images: [d.png, e.png]
  policy: sdxl
"""
    assert bring(empty, images, "t.yaml", text) == ["ab <b>x</b>", "ca <b>x</b>", "de y"]
    assert [p.name for p in empty.store().imported_policies()] == [
        "imported:pictures", "imported:sdxl",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("t.yaml", "", "expected a list"),
        ("t.yaml", "prompt: x", "expected a list"),
        ("t.yaml", "- [x", "not readable as YAML"),
        ("t.yaml", "- {prompt: 2026-02-30}", "not readable as YAML .in line 1: '2026-02-30'"),
        ("t.yaml", 3000 * "[" + 3000 * "]", "not readable as YAML .it is nested too deeply"),
        ("t.yaml", "- {prompt: x, prompt: y}", "the key 'prompt' is given twice"),
        ("t.yaml", "- x", "row 1: expected `prompt`"),
        ("t.yaml", "- {prompt: x, images: a.png}", "expected a list"),
        ("t.yaml", "- {prompt: x, images: []}", "no pairs"),
        ("t.yaml", "- {prompt: x, images: [a.png]}", "only image"),
        ("t.yaml", "- {prompt: x, images: [a.png, 5]}", "expected a text, got 5"),
        ("t.yaml", "- {prompt: yes, images: [a.png, b.png]}", "expected a text, got True"),
        ("t.yaml", "- {prompt: x, images: [a.png, a.png]}", "both images are the same"),
        ("t.yaml", "- {prompt: x, image: [a.png, b.png]}", "unknown column 'image'"),
        ("t.yaml", "- {prompt: x, images: [a.png, ../t.yaml]}", "outside"),
        ("t.csv", "prompt,image\nx,a.png\n", "only image"),
        ("t.csv", "prompt,picture\nx,a.png\n", "unknown column 'picture'"),
        ("t.csv", "prompt,image_a\nx,a.png\n", "no column 'image_b'"),
        ("t.txt", "x", "expected a .csv, .yaml"),
    ],
)
def test_a_wrong_table_is_refused(
    name: str, text: str, expected: str, empty: Workspace, images: Path
):
    with pytest.raises(ExchangeError, match=expected) as refused:
        bring(empty, images, name, text)
    assert str(refused.value).startswith(str(images.parent / name))
    assert len(str(refused.value).splitlines()) == 1
    assert empty.store().prompts() == []
    assert list(empty.images_dir.rglob("*")) == []


def interrupt(monkeypatch: pytest.MonkeyPatch, *, after_commit: bool) -> None:
    """Let Ctrl-C arrive when a batch is added."""
    add_batch = Store.add_batch

    def interrupted(store: Store, batch: Batch) -> None:
        if after_commit:
            add_batch(store, batch)
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "add_batch", interrupted)


ONE_PAIR = "prompt,image_a,image_b\na dog,a.png,b.png\n"


def test_an_import_that_is_interrupted_after_it_was_recorded_keeps_its_images(
    empty: Workspace, images: Path, monkeypatch: pytest.MonkeyPatch
):
    interrupt(monkeypatch, after_commit=True)
    with pytest.raises(KeyboardInterrupt):
        bring(empty, images, "t.csv", ONE_PAIR)
    kept = [empty.read_image(image.sha256) for image in empty.store().images()]
    assert kept == [(images / name).read_bytes() for name in ("a.png", "b.png")]


@pytest.mark.parametrize("can_be_asked", [True, False])
def test_one_that_is_interrupted_before_removes_them_if_the_store_can_be_asked(
    can_be_asked: bool, empty: Workspace, images: Path, monkeypatch: pytest.MonkeyPatch
):
    def busy(_: Store) -> None:
        raise StoreBusy("in use")

    interrupt(monkeypatch, after_commit=False)
    if not can_be_asked:
        monkeypatch.setattr(Store, "writing", busy)
    with pytest.raises(KeyboardInterrupt):
        bring(empty, images, "t.csv", ONE_PAIR)
    assert len(list(empty.images_dir.rglob("*.png"))) == (0 if can_be_asked else 2)


def test_a_missing_folder_or_table_is_named(empty: Workspace, images: Path):
    with pytest.raises(ExchangeError, match="no such folder"):
        import_folder(empty, images / "none", images / "t.csv", Origin(source="x"))
    for name in ("t.csv", "t.yaml"):
        with pytest.raises(ExchangeError, match="no such file"):
            import_folder(empty, images, images / name, Origin(source="x"))
