from collections import Counter

import numpy as np
import pytest
import torch

from data.records import Aspect
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.split import make_folds, prompt_folds, split_notes

FAMILIES = {f"prompt {number}": f"family {number % 4}" for number in range(40)}


@pytest.mark.parametrize("seed", range(10))
def test_every_fold_has_its_share_of_every_family(seed):
    for fold in prompt_folds(FAMILIES, 0.2, np.random.default_rng(seed)):
        assert Counter(FAMILIES[prompt] for prompt in fold) == {f"family {n}": 2 for n in range(4)}


def test_folds_are_seeded_and_do_not_follow_the_order_of_the_prompts():
    turned = dict(reversed(FAMILIES.items()))
    folds = prompt_folds(FAMILIES, 0.25, np.random.default_rng(5))
    assert prompt_folds(turned, 0.25, np.random.default_rng(5)) == folds
    assert prompt_folds(FAMILIES, 0.25, np.random.default_rng(6)) != folds


@pytest.mark.parametrize("number", [2, 3, 7, 40])
@pytest.mark.parametrize("fraction", [0.05, 0.25, 0.5])
def test_every_prompt_is_in_one_fold_and_no_fold_is_empty(number, fraction):
    families = dict(list(FAMILIES.items())[:number])
    folds = prompt_folds(families, fraction, np.random.default_rng(0))
    assert 2 <= len(folds) <= round(1 / fraction)
    assert all(folds)
    assert Counter(prompt for fold in folds for prompt in fold) == dict.fromkeys(families, 1)


def test_no_prompt_is_on_both_sides_and_no_comparison_is_lost(snapshot):
    comparisons = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)
    folds = make_folds(comparisons, 0.25, np.random.default_rng(0))
    for fold in folds:
        train, held_out = comparisons.take(fold.train), comparisons.take(fold.held_out)
        assert not set(train.prompt.tolist()) & set(held_out.prompt.tolist())
        assert sorted([*fold.train, *fold.held_out]) == list(range(len(comparisons)))
    everything = torch.cat([fold.held_out for fold in folds]).sort().values
    assert torch.equal(everything, torch.arange(len(comparisons)))


def test_few_prompts_are_called_few(snapshot):
    comparisons = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)
    notes = []
    for num_prompts in (1, 2, 20):
        rows = (comparisons.prompt < num_prompts).nonzero().squeeze(1)
        notes.append(split_notes(comparisons, comparisons.take(rows)))
    assert "anecdote" in notes[0][0]
    assert "2 of 20 prompts" in notes[1][0]
    assert notes[2] == []
