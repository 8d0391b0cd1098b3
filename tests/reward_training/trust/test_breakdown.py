"""Groups of held-out comparisons: each way of dividing them holds all of them once."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from data.records import Aspect
from reward_training.inputs.dataset import Comparisons
from reward_training.trust.breakdown import accuracy_by, break_down, quarters


@pytest.fixture
def comparisons(snapshot):
    found = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)
    raters = [f"rater {row % 3}" for row in range(len(found))]
    kinds = ["simulated" if rater == "rater 0" else "person" for rater in raters]
    rounds = [1 + row % 2 for row in range(len(found))]
    return replace(found, raters=raters, rater_kinds=kinds, rounds=rounds)


def test_the_weighted_mean_of_every_breakdown_is_the_whole(comparisons):
    generator = np.random.default_rng(0)
    hits = generator.integers(0, 3, len(comparisons)) / 2
    found = break_down(comparisons, hits, generator.standard_normal(len(comparisons)), generator)
    assert sorted(found) == ["family", "margin", "rater", "round"]
    for groups in found.values():
        assert sum(group["pairs"] for group in groups) == len(comparisons)
        whole = sum(group["pairs"] * group["accuracy"] for group in groups) / len(comparisons)
        assert whole == pytest.approx(hits.mean())
    assert [group["name"] for group in found["round"]] == [1, 2]
    assert {group["name"]: group["rater_kind"] for group in found["rater"]} == {
        "rater 0": "simulated",
        "rater 1": "person",
        "rater 2": "person",
    }


def test_quarters_go_by_size_and_are_alike_in_number():
    margin = np.array([3.0, -0.1, 0.2, -4.0, 1.0, -1.5, 0.0, 2.0])
    assert quarters(margin).tolist() == [4, 1, 2, 4, 2, 3, 1, 3]
    assert np.bincount(quarters(np.zeros(10))).tolist() == [0, 3, 2, 3, 2]
    assert quarters(np.array([1.0])).tolist() == [1]


def test_surer_quarters_have_the_greater_margins(comparisons):
    generator = np.random.default_rng(0)
    margin = generator.standard_normal(len(comparisons))
    found = break_down(comparisons, np.ones(len(comparisons)), margin, generator)["margin"]
    assert [group["name"] for group in found] == [1, 2, 3, 4]
    assert found[0]["least"] == np.abs(margin).min()
    assert found[-1]["most"] == np.abs(margin).max()
    assert all(low["most"] <= high["least"] for low, high in pairwise(found))


def test_a_few_pairs_without_a_mistake_are_not_certain():
    names, prompt = ["x"] * 4 + ["y"] * 3, np.array([0, 0, 1, 1, 2, 2, 2])
    several, alone = accuracy_by(names, np.ones(7), prompt, np.random.default_rng(0))
    assert several["accuracy"] == 1
    assert several["accuracy_interval"][0] < 0.9
    assert alone["accuracy_interval"] is None
