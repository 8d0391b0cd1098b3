"""Releases that compute something else than ours expects are not among those that may be installed.

What is locked cannot show that: it is newer than every floor.
"""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ALLOWED = {r.name: r.specifier for r in map(Requirement, PROJECT["dependencies"])}


@pytest.mark.parametrize(
    ("name", "version"),
    [
        # The width was resized first, which rounds to other grey levels.
        ("pillow", "12.3.0"),
        # get_image_features returns a tensor, without pooler_output (PR 42564).
        ("transformers", "4.57.6"),
        # An image processor's size is a dict, without attributes: images would be squashed.
        ("transformers", "5.3.0"),
    ],
)
def test_a_release_that_does_something_else_is_not_installed(name, version):
    assert version not in ALLOWED[name]
