"""The ceiling beside the reward, on pairs that several raters decided."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from data.records import Aspect
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.outcomes import PREFERS_A, PREFERS_B
from reward_training.trust.ceiling import ceilings, overlap_table


@pytest.fixture
def say(snapshot):
    """Make comparisons of (pair, rater, kind, outcome); a pair's number is also its prompt's."""
    found = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)

    def made(*said):
        pairs, raters, kinds, outcomes = zip(*said, strict=True)
        rows = torch.tensor(pairs)
        return replace(
            found,
            image_a=2 * rows,
            image_b=2 * rows + 1,
            prompt=rows,
            outcome=torch.tensor(outcomes),
            raters=list(raters),
            rater_kinds=list(kinds),
            families=[""] * len(said),
            rounds=[1] * len(said),
            by_chance=torch.ones(len(said), dtype=torch.bool),
            weight=torch.ones(len(said)),
        )

    return made


A, B, HUMAN, MADE = PREFERS_A, PREFERS_B, "person", "simulated"


def test_a_case_computed_by_hand(say):
    decided = say(
        (0, "ann", HUMAN, A),
        (0, "ben", HUMAN, A),
        (0, "cleo", HUMAN, B),
        (1, "ann", HUMAN, B),
        (1, "ben", HUMAN, B),
        (2, "ann", HUMAN, A),
        (3, "ben", HUMAN, A),
        (3, "machine", MADE, B),
    )
    hits = np.array([1.0, 1, 0, 0.5, 0.5, 0, 0, 0])
    found = ceilings(decided, hits, np.random.default_rng(0))
    human = found["person"]
    # Against another: 1/2, 1/2 and 0 on the first pair, twice 1 on the second.
    assert human["of_another"] == pytest.approx((0.5 + 0.5 + 0 + 1 + 1) / 5)
    assert human["of_another_pairs"] == 2
    # Against the others' majority, of three raters: twice an even split, once against both.
    assert human["of_majority"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert (human["raters"], human["comparisons"]) == (3, 5)
    assert human["reward"] == pytest.approx(3 / 5), "on the same five comparisons"
    assert found["simulated"] is None


def test_simulated_raters_make_no_human_ceiling(say):
    decided = say((0, "one", MADE, A), (0, "two", MADE, A), (1, "ann", HUMAN, A))
    found = ceilings(decided, np.ones(3), np.random.default_rng(0))
    assert found["person"] is None
    assert found["simulated"]["of_another"] == 1


def test_nobody_is_another_rater_than_oneself(say):
    decided = say((0, "ann", HUMAN, A), (0, "ann", HUMAN, A), (1, "ben", HUMAN, B))
    assert ceilings(decided, np.ones(3), np.random.default_rng(0)) == {"person": None}


def test_the_same_images_in_another_round_are_another_pair(say):
    decided = say((0, "ann", HUMAN, A), (0, "ben", HUMAN, B))
    assert len(overlap_table(decided).pair_ids) == 1
    apart = replace(decided, rounds=[1, 2])
    assert len(overlap_table(apart).pair_ids) == 2
    assert ceilings(apart, np.ones(2), np.random.default_rng(0)) == {"person": None}
