import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest

from data.errors import ImageError, WorkspaceError
from data.files import sha256_of
from data.store_address import STORE_VARIABLE
from data.workspace import Workspace, resolve_root


def test_creating_twice_keeps_what_is_there(workspace: Workspace):
    again = Workspace.create(workspace.root)
    assert len(again.store().pairs()) == 6
    assert Workspace.open(workspace.root).store().pairs() == again.store().pairs()


def test_a_missing_workspace_says_how_to_make_one(tmp_path: Path):
    with pytest.raises(WorkspaceError, match="tastemaker init --workspace"):
        Workspace.open(tmp_path / "none")
    with pytest.raises(WorkspaceError, match="tastemaker init"):
        Workspace.open(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="is a file"):
        Workspace.create(tmp_path / "file")


def test_a_database_that_is_named_never_takes_the_place_of_the_folders_file(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(STORE_VARIABLE, "postgresql://ann:secret@host/db")
    with pytest.raises(WorkspaceError, match=r"duckdb, and --store or \$TASTEMAKER_STORE") as said:
        Workspace.open(workspace.root)
    assert "secret" not in str(said.value)
    monkeypatch.delenv(STORE_VARIABLE)
    assert len(Workspace.open(workspace.root).store().pairs()) == 6


def test_commands_to_type_quote_the_folder(tmp_path: Path):
    with pytest.raises(WorkspaceError, match=r"init --workspace '.*/sp ace/ws'`"):
        Workspace.open(tmp_path / "sp ace" / "ws")


def test_the_folder_is_the_argument_or_the_variable_or_the_default(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delenv("TASTEMAKER_WORKSPACE", raising=False)
    assert resolve_root() == Path("workspace")
    monkeypatch.setenv("TASTEMAKER_WORKSPACE", "/somewhere")
    assert resolve_root() == Path("/somewhere")
    assert resolve_root(Path("here")) == Path("here")


def test_an_image_is_written_once_under_its_hash(workspace: Workspace, png: Callable[[int], bytes]):
    content = png(77)
    sha256 = workspace.save_image(content)
    path = workspace.image_path(sha256)
    assert sha256 == sha256_of(content)
    assert path == workspace.images_dir / sha256[:2] / f"{sha256}.png"
    written = path.stat().st_mtime_ns
    assert workspace.save_image(content) == sha256
    assert path.stat().st_mtime_ns == written
    assert workspace.read_image(sha256) == content


@pytest.mark.parametrize("damage", [lambda png: png[:-3], lambda png: png[:-1] + b"x", bytes])
def test_a_damaged_image_is_refused_and_mended_by_saving_it_again(
    workspace: Workspace, png: Callable[[int], bytes], damage: Callable[[bytes], bytes]
):
    content = png(77)
    sha256 = workspace.save_image(content)
    damaged = damage(content)
    workspace.image_path(sha256).write_bytes(b"" if damaged == content else damaged)
    with pytest.raises(ImageError, match="is damaged"):
        workspace.read_image(sha256)
    workspace.save_image(content)
    assert workspace.read_image(sha256) == content


def test_a_missing_image_is_named(workspace: Workspace):
    with pytest.raises(ImageError, match=r"0000\.png"):
        workspace.read_image("0000")


@pytest.mark.parametrize(("kind", "suffix"), [("jpeg", ".jpg"), ("webp", ".webp")])
def test_jpeg_and_webp_are_kept_as_they_are(workspace: Workspace, kind: str, suffix: str):
    written = io.BytesIO()
    PIL.Image.new("RGB", (8, 8), "red").save(written, kind)
    sha256 = workspace.save_image(written.getvalue())
    path = workspace.images_dir / sha256[:2] / f"{sha256}{suffix}"
    assert workspace.image_path(sha256) == path
    assert workspace.read_image(sha256) == path.read_bytes() == written.getvalue()
    with pytest.raises(ImageError, match=f"whole {kind.upper()}"):
        workspace.save_image(written.getvalue()[:-5])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "PNG, JPEG or WEBP"),
        (b"GIF89a", "PNG, JPEG or WEBP"),
        (b"\x89PNG\r\n\x1a\n cut off", "whole PNG"),
    ],
)
def test_only_whole_images_are_saved(workspace: Workspace, content: bytes, expected: str):
    num_files = len(list(workspace.images_dir.rglob("*")))
    with pytest.raises(ImageError, match=expected):
        workspace.save_image(content)
    assert len(list(workspace.images_dir.rglob("*"))) == num_files


def test_no_space_for_an_image_is_one_line_and_leaves_nothing(
    workspace: Workspace, python: Callable[..., subprocess.Popen[str]]
):
    """A limit on the size of files stands in for a full disk."""
    script = """
import resource, sys
from pathlib import Path
from data.entry import run_command
from data.store_address import STORE_VARIABLE
from data.workspace import Workspace
workspace = Workspace(Path(sys.argv[1]))
large = b"\\x89PNG\\r\\n\\x1a\\n" + bytes(300_000) + b"IEND\\xaeB`\\x82"
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
run_command(lambda: workspace.save_image(large))
"""
    before = sorted(workspace.root.rglob("*.png"))
    process = python(script, workspace.root)
    out, said = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    assert said.startswith(f"error: {workspace.images_dir}")
    assert said.count("\n") == 1
    assert sorted(workspace.root.rglob("*.png")) == before
    assert list(workspace.root.rglob("*.tmp")) == []


def test_no_space_for_the_store_is_one_line_and_loses_nothing(
    workspace: Workspace, python: Callable[..., subprocess.Popen[str]]
):
    script = """
import resource, sys
from pathlib import Path
from data.entry import run_command
from data.records import Prompt
from data.store_address import STORE_VARIABLE
from data.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]))
store = workspace.store()
limit = workspace.store_path.stat().st_size + 1000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
def main():
    for number in range(100):
        store.add_prompts([Prompt.new(f"{number} {i} " + "long " * 100) for i in range(200)])
        print(number, flush=True)
run_command(main)
"""
    process = python(script, workspace.root)
    acknowledged, said = process.communicate(timeout=60)
    assert process.returncode == 2, said
    assert said.startswith(f"error: {workspace.store_path}: ")
    assert said.count("\n") == 1
    batches = {prompt.text.split()[0] for prompt in workspace.store().prompts()}
    assert set(acknowledged.split()) <= batches
