"""Where a workspace's reward models may stand by their names alone."""

import pytest

from data.reward_address import in_workspace, split_lower, split_sum


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("mine", "{rewards}/mine"),
        ("mine@quality", "{rewards}/mine@quality"),
        ("mine + yours", "{rewards}/mine + yours"),
        ("0.8*mine@alignment + aesthetic", "0.8*{rewards}/mine@alignment + aesthetic"),
        ("-1e-1 * mine", "-1e-1 * {rewards}/mine"),
        ("lower:1.5:mine", "lower:1.5:{rewards}/mine"),
        ("aesthetic + .5*lower:1:mine", "aesthetic + .5*lower:1:{rewards}/mine"),
        ("yours", "yours"),
        ("image-reward:mine", "image-reward:mine"),
        ("my.module:mine", "my.module:mine"),
        ("", ""),
    ],
)
def test_names_become_folders(tmp_path, written, meant):
    (tmp_path / "mine").mkdir()
    assert in_workspace(written, tmp_path) == meant.format(rewards=tmp_path)


@pytest.mark.parametrize("name", ["a + b", "2*a"])
def test_a_folder_that_is_called_like_a_sum_is_no_sum(tmp_path, monkeypatch, name):
    (tmp_path / "a").mkdir()
    (tmp_path / name).mkdir()
    assert in_workspace(name, tmp_path) == f"{tmp_path}/{name}"
    monkeypatch.chdir(tmp_path)
    assert in_workspace(name, tmp_path / "elsewhere") == name


def test_sums_and_bounds_are_told_apart():
    assert split_sum("0.7*a + b + -2 * c") == [(0.7, "a"), (1.0, "b"), (-2.0, "c")]
    assert split_sum("2*a") == [(2.0, "a")]
    assert split_sum("a+b") is None
    assert split_lower("lower:.5:a@b") == (0.5, "a@b")
    assert split_lower("lower:a") is None
