import pytest
import torch

from data.records import Aspect
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.split import Fold
from reward_training.learning.checkpoint import Look
from reward_training.learning.selection import select


def look(update, loss, num_pairs):
    margins = torch.arange(num_pairs, dtype=torch.float32) + 100 * update
    return Look(
        update=update,
        train_loss=0.5 if update else None,
        held_out_loss=loss,
        margins=margins,
        probability_a=torch.sigmoid(margins),
    )


@pytest.fixture
def two_folds():
    few, many = torch.tensor([3]), torch.tensor([0, 2, 1])
    return [Fold(train=many, held_out=few), Fold(train=few, held_out=many)]


def test_the_smallest_loss_over_all_held_out_comparisons_is_chosen(snapshot, two_folds):
    comparisons = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)
    looks = [
        [look(0, 0.6, 1), look(5, 0.9, 1), look(10, 0.0, 1)],
        [look(0, 0.9, 3), look(5, 0.5, 3)],
    ]
    chosen = select(comparisons, two_folds, looks)
    assert chosen.num_updates == 5
    assert chosen.log_loss == pytest.approx((0.9 + 3 * 0.5) / 4)
    assert [point["update"] for point in chosen.curve] == [0, 5]
    assert "train_loss" not in chosen.curve[0]
    assert chosen.curve[1]["train_loss"] == 0.5


def test_margins_stay_with_the_comparisons_that_they_are_of(snapshot, two_folds):
    comparisons = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)
    looks = [[look(0, 1.0, 1)], [look(0, 1.0, 3)]]
    chosen = select(comparisons, two_folds, looks)
    rows = torch.tensor([3, 0, 2, 1])
    assert torch.equal(chosen.held_out.image_a, comparisons.image_a[rows])
    assert chosen.margins.tolist() == [0, 0, 1, 2]
    assert chosen.fold.tolist() == [0, 1, 1, 1]
    assert torch.equal(chosen.probability_a, torch.sigmoid(chosen.margins))
