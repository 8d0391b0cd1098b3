import torch

from reward_training.interpolation import between


def test_the_ends_are_the_untouched_and_the_fitted_towers():
    untouched = {"backbone.w": torch.zeros(3), "head.w": torch.zeros(2)}
    fitted = {"backbone.w": torch.ones(3), "head.w": torch.full((2,), 4.0)}
    assert torch.equal(between(untouched, fitted, 1.0)["backbone.w"], torch.ones(3))
    assert torch.equal(between(untouched, fitted, 0.0)["backbone.w"], torch.zeros(3))
    half = between(untouched, fitted, 0.5)
    assert torch.equal(half["backbone.w"], torch.full((3,), 0.5))
    assert torch.equal(half["head.w"], fitted["head.w"])
