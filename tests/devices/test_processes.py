"""What processes tell each other, and that one alone is told the same."""

import pytest
import torch
from launching import launch_two

from data.errors import ConfigError
from devices.processes import Processes

SCRIPT = """
import torch

from devices.processes import Processes

processes = Processes()
chunks = torch.arange(11.0).split(2)
computed = []


def double(chunk):
    computed.append(len(chunk))
    return 2 * chunk


assert processes.map(double, chunks).tolist() == [2.0 * row for row in range(11)]
assert len(computed) == 3, "each computes every other chunk"
assert processes.map(double, chunks[:1]).tolist() == [0.0, 2.0], "some have none"
assert processes.gather_objects(processes.index) == [0, 1]
assert processes.from_main(lambda: processes.index) == 0
assert processes.sum(processes.index + 1) == 3
weight = torch.nn.Parameter(torch.zeros(2))
weight.grad = torch.tensor([1.0, processes.index])
processes.sum_gradients([weight, torch.nn.Parameter(torch.zeros(1))])
assert weight.grad.tolist() == [2.0, 1.0]
assert processes.hides_bars is (None if processes.is_main else True)
processes.wait()
if processes.is_main:
    print("all of it held")
processes.leave()
"""

ONE_FAILS = """
import torch

from devices.processes import Processes

processes = Processes()
torch.distributed.destroy_process_group = lambda *_: print("closed")
if processes.index == 1:
    raise SystemExit("error: one cannot go on")
processes.gather_objects("the other waits")
processes.leave()
"""


@pytest.mark.slow
def test_two_processes_find_what_one_would(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    assert "all of it held" in launch_two(["script.py"], tmp_path).stdout


@pytest.mark.slow
def test_one_that_fails_does_not_wait_for_the_others(tmp_path):
    """With NCCL closing the connections would: the other waits in a gather, and never ends."""
    (tmp_path / "script.py").write_text(ONE_FAILS)
    done = launch_two(["script.py"], tmp_path, check=False)
    assert done.returncode != 0
    assert "one cannot go on" in done.stderr
    assert "closed" not in done.stdout


def test_one_process_does_everything_itself():
    processes = Processes()
    assert (processes.index, processes.count, processes.is_main) == (0, 1, True)
    assert processes.hides_bars is None
    assert processes.own("abc") == ["a", "b", "c"]
    assert processes.map(torch.neg, torch.arange(5).split(2)).tolist() == [0, -1, -2, -3, -4]
    assert processes.from_main(lambda: "mine") == "mine"
    assert processes.gather_objects(3) == [3]
    assert processes.sum(0.1) == 0.1


def test_images_that_cannot_be_shared_evenly_are_refused(monkeypatch):
    monkeypatch.setattr(Processes, "count", 3)
    with pytest.raises(ConfigError, match="4 images cannot be shared evenly by 3 processes"):
        Processes().share(4, "images")
