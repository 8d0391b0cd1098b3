"""A round that asks for what its reward knows least: some by chance, the others by information."""

from dataclasses import replace
from datetime import datetime

import pytest

from data.records import ChosenBy, Policy
from data.snapshot import take_snapshot
from feedback_loop.fitting import fit_round
from feedback_loop.generate import generate
from feedback_loop.loop import create_loop


@pytest.fixture
def asking(tmp_path, config, compare):
    """A workspace whose first round is compared and fitted, and whose second is to be asked."""
    told = replace(config.generate, choose=ChosenBy.INFORMATION, num_pairs=16)
    loop = create_loop(tmp_path / "workspace", replace(config, generate=told))
    assert generate(loop, 1)["chosen_by"] == "chance"  # no reward yet
    compare(loop, 1)
    fit_round(loop, 1)
    base = loop.store.policy("base").base
    loop.store.add_policy(Policy(name="round-1", base=base, parent="base", round=1))
    return loop


def test_a_quarter_is_chosen_by_chance_and_the_rest_by_information(asking, compare):
    assert generate(asking, 2)["chosen_by"] == "information"
    pairs, images = asking.store.pairs(2), asking.store.images(round=2)
    assert len(images) == 20  # all that are allowed, for candidates
    assert len({pair.pair_id for pair in pairs}) == len(pairs) == 16
    by_chance = [pair for pair in pairs if pair.chosen_by is ChosenBy.CHANCE]
    assert len(by_chance) == 4
    assert all(pair.propensity == 1 for pair in by_chance)
    others = [pair for pair in pairs if pair.chosen_by is ChosenBy.INFORMATION]
    assert all(0 < pair.propensity <= 1 for pair in others)
    new = {image.image_id for image in images}
    assert all({pair.image_a, pair.image_b} & new for pair in pairs)
    compare(asking, 2)
    rows = [row for row in take_snapshot(asking.workspace).rows() if row.round == 2]
    told = {pair.pair_id: (pair.chosen_by, pair.propensity) for pair in pairs}
    assert {row.pair_id: (row.chosen_by, row.propensity) for row in rows} == told


def test_again_changes_nothing(asking):
    generate(asking, 2)
    before = {replace(pair, created_at=datetime.min) for pair in asking.store.pairs()}
    generate(asking, 2)
    assert {replace(pair, created_at=datetime.min) for pair in asking.store.pairs()} == before
