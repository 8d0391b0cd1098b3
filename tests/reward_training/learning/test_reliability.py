"""Raters' reliability: what the mixture says, and that a fit finds out who guesses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from reward_training.config import TrainingConfig
from reward_training.inputs.outcomes import NUM_OUTCOMES, PREFERS_A, PREFERS_B, TIE
from reward_training.learning.checkpoint import Checkpoint
from reward_training.learning.reliability import AT_FIRST, Reliability


@pytest.fixture
def comparisons(make_fitting):
    return make_fitting()[1]


def by_two(comparisons, *, guessing_share=0.5, seed=0):
    """Give part of the comparisons to a second rater, who answers left or right by chance."""
    rng = np.random.default_rng(seed)
    guesses = rng.random(len(comparisons)) < guessing_share
    chance = torch.from_numpy(rng.integers(0, 2, len(comparisons)))
    return replace(
        comparisons,
        raters=["guesser" if each else "honest" for each in guesses],
        outcome=torch.where(torch.from_numpy(guesses), chance, comparisons.outcome),
    )


@pytest.mark.parametrize("num_outcomes", [2, 3, 4])
def test_a_mixture_is_a_distribution(comparisons, num_outcomes):
    mixed = by_two(comparisons)
    expected = torch.randn(len(mixed), num_outcomes).log_softmax(-1)
    found = Reliability(mixed).mix(expected, mixed).exp()
    torch.testing.assert_close(found.sum(-1), torch.ones(len(mixed)))


def test_full_reliability_is_the_rewards_own_and_none_is_habit(comparisons):
    mixed = by_two(comparisons)
    reliability = Reliability(mixed)
    expected = torch.randn(len(mixed), NUM_OUTCOMES).log_softmax(-1)
    torch.testing.assert_close(reliability.of(mixed), torch.full((len(mixed),), AT_FIRST))
    reliability.logits.data[:] = torch.tensor([-80.0, 80.0])
    found = reliability.mix(expected, mixed)
    honest = torch.tensor([rater == "honest" for rater in mixed.raters])
    torch.testing.assert_close(found[honest], expected[honest])
    habit = reliability.habits[0].log().expand(int((~honest).sum()), -1)
    torch.testing.assert_close(found[~honest], habit)


def test_habits_know_no_side_and_sum_to_one(comparisons):
    habits = Reliability(by_two(comparisons)).habits
    torch.testing.assert_close(habits.sum(-1), torch.ones(2))
    assert torch.equal(habits[:, PREFERS_A], habits[:, PREFERS_B])
    assert habits[0, TIE] < habits[1, TIE]  # who guesses never calls a tie


def test_a_fit_finds_out_who_guesses(make_fitting, tmp_path):
    config = TrainingConfig(
        num_updates=150, batch_size=32, learning_rate=2e-3, raters="learned", device="cpu"
    )
    fitting, train, _ = make_fitting(config=config)
    mixed = by_two(train)
    fitting = type(fitting).begin(fitting.reward, fitting.features, config, mixed)
    fitting.train(mixed, None, num_updates=150, checkpoint=Checkpoint(tmp_path / "a.pt", "key"))
    found = fitting.reward.reliability.by_name()
    assert found["guesser"] < 0.5 < found["honest"]


def test_a_weight_of_zero_is_as_if_the_comparison_were_not_there(make_fitting):
    fitting, train, _ = make_fitting()
    few = train.take(torch.arange(8))
    one_less = replace(few, weight=torch.tensor([0.0, *[8 / 7] * 7]))
    fitting = replace(fitting, config=replace(fitting.config, contrast=0.0))
    torch.testing.assert_close(fitting.loss(one_less), fitting.loss(few.take(torch.arange(1, 8))))


def test_equal_prompts_count_the_same_and_one_in_the_mean(comparisons):
    uneven = comparisons.take(torch.arange(len(comparisons) // 2 + 3)).with_equal_prompts()
    sums = torch.zeros(len(uneven.prompts)).index_add_(0, uneven.prompt, uneven.weight)
    sums = sums[sums > 0]
    torch.testing.assert_close(sums, sums.mean().expand_as(sums))
    torch.testing.assert_close(uneven.weight.mean(), torch.tensor(1.0))
