"""The README's commands for one's own model, on a tiny one of random weights, in a small round."""

import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

import pytest

from feedback_loop.loop import open_loop

ROOT = Path(__file__).parents[2]
COMMANDS = re.findall(r"^tastemaker .*", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
SHORT = " --generate.num-pairs 60 --generate.num-images 120 --tune.iterations 3"
"""Added to the first of them, which are else word for word: at full size they take minutes."""
PORT = 8501
PATIENCE_S = 600


def start(line, folder):
    words = shlex.split(line, comments=True)
    return subprocess.Popen(
        [Path(sys.executable).parent / words[0], *words[1:]],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(line, folder):
    process = start(line, folder)
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, f"{line}\n{said}"
    return said


def serve(line, folder):
    """Run a command that serves until its page answers, then end it."""
    health = f"http://localhost:{PORT}/_stcore/health"
    process = start(line, folder)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(health) as answer:
                    return answer.status
            except OSError:
                time.sleep(0.1)
        pytest.fail(f"{line}\nended with {process.poll()} and no page on port {PORT}")
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
        with pytest.raises(URLError, match="refused"):
            urllib.request.urlopen(health)


@pytest.mark.slow
def test_the_commands_for_ones_own_model_run_as_they_stand(models, compare, tmp_path):
    with socket.socket() as probe:
        if probe.connect_ex(("localhost", PORT)) == 0:
            pytest.skip(f"port {PORT}, on which the README's page opens, is in use")
    (tmp_path / "path/to").mkdir(parents=True)
    (tmp_path / "path/to/stable-diffusion").symlink_to(models / "base")
    (tmp_path / "path/to/clip").symlink_to(models / "clip")
    init, draw, label, finish, status, provenance = COMMANDS

    run(init + SHORT, tmp_path)
    assert "tastemaker label" in run(draw, tmp_path)
    assert serve(label, tmp_path) == 200
    compare(open_loop(tmp_path / "my-taste"), 1)
    run(finish, tmp_path)
    assert (tmp_path / "my-taste/report/index.html").is_file()
    assert "1 finished" in run(status, tmp_path)
    assert "ada" in run(provenance, tmp_path)
