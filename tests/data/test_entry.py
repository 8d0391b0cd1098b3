import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from data.entry import run_command
from data.errors import ConfigError
from data.files import write_atomically


def ends(main: Callable[[], None]) -> int:
    with pytest.raises(SystemExit) as stopped:
        run_command(main)
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def raising(error: BaseException) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


def test_a_command_that_returns_exits_zero():
    assert ends(lambda: None) == 0


def test_an_error_of_the_user_is_one_line_and_status_two(capsys: pytest.CaptureFixture[str]):
    assert ends(raising(ConfigError("expected this,\n  got that"))) == 2
    assert capsys.readouterr().err == "error: expected this, got that\n"


@pytest.mark.parametrize(
    "wrong", ["file/x", "file/x/y.csv", "folder", "long" * 100, "long" * 100 + "/x.csv"]
)
def test_a_path_that_cannot_be_is_one_line(
    wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert ends(lambda: write_atomically(tmp_path / wrong, "")) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path}")
    assert "choose" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EDQUOT, errno.EROFS])
def test_a_full_or_closed_disk_is_one_line(number: int, capsys: pytest.CaptureFixture[str]):
    assert ends(raising(OSError(number, "?", "some/file"))) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: some/file: ")
    assert said.count("\n") == 1


def test_other_failures_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run_command(raising(ZeroDivisionError()))
    with pytest.raises(OSError, match="odd"):
        run_command(raising(OSError(errno.EIO, "odd")))


def test_an_interrupt_says_what_is_kept(capsys: pytest.CaptureFixture[str]):
    assert ends(raising(KeyboardInterrupt("checkpoint 3 is kept"))) == 130
    assert "checkpoint 3 is kept" in capsys.readouterr().err
    assert ends(raising(KeyboardInterrupt())) == 130
    assert "kept" in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error(python: Callable[..., subprocess.Popen[str]]):
    script = """
from data.entry import run_command
def main():
    for _ in range(100_000):
        print("a line")
run_command(main)
"""
    process = python(script)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 141
    assert process.stderr is not None
    with process.stderr as errors:
        assert errors.read() == ""


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", "Łukasz 🐶"),
        ("latin-1", r"\u0141ukasz \U0001f436"),
        ("ascii:surrogateescape", r"\u0141ukasz \U0001f436"),
        ("ascii:replace", "?ukasz ?"),
    ],
)
def test_letters_that_a_terminal_cannot_hold_are_no_error(encoding: str, said: str, tmp_path: Path):
    script = """
from data.entry import run_command
from data.errors import ConfigError
def main():
    print("\u0141ukasz \U0001f436")
    raise ConfigError("\u0141ukasz \U0001f436")
run_command(main)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    shown = said.encode(encoding.partition(":")[0])
    assert done.stdout == shown + b"\n"
    told = shown if encoding == "utf-8" else rb"\u0141ukasz \U0001f436"
    assert done.stderr == b"error: " + told + b"\n"


def test_streams_of_other_kinds_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch):
    for stream in (None, io.StringIO()):
        monkeypatch.setattr("sys.stderr", stream)
        assert ends(lambda: None) == 0


def test_long_work_leaves_the_processor_to_raters_and_never_takes_back_what_it_left(
    python: Callable[..., subprocess.Popen[str]],
):
    script = """
import os
from data.entry import let_raters_go_first
for given in (0, 15):
    os.setpriority(os.PRIO_PROCESS, 0, max(given, os.getpriority(os.PRIO_PROCESS, 0)))
    let_raters_go_first()
    print(os.getpriority(os.PRIO_PROCESS, 0))
"""
    assert python(script).communicate() == ("10\n15\n", "")
