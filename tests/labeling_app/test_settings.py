from pathlib import Path

import pytest

from data.errors import ConfigError
from labeling_app.settings import workspace_root


@pytest.mark.parametrize("arguments", [["--workspace", "here"], ["--workspace=here"]])
def test_the_argument_wins(arguments: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TASTEMAKER_WORKSPACE", "there")
    assert workspace_root(arguments) == Path("here")


def test_then_the_environment_then_the_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TASTEMAKER_WORKSPACE", "there")
    assert workspace_root([]) == Path("there")
    monkeypatch.delenv("TASTEMAKER_WORKSPACE")
    assert workspace_root([]) == Path("workspace")


@pytest.mark.parametrize(
    "arguments",
    [["--workspace"], ["--workspace="], ["--wrokspace", "x"], ["x"], ["--workspace", "x", "y"]],
)
def test_other_arguments_are_refused(arguments: list[str]):
    with pytest.raises(ConfigError, match="--workspace DIR"):
        workspace_root(arguments)
