import torch

from reward_training.interpolation import SHARES, between, shares_of


def test_the_ends_are_the_untouched_and_the_fitted_towers():
    untouched = {"backbone.w": torch.zeros(3), "head.w": torch.zeros(2)}
    fitted = {"backbone.w": torch.ones(3), "head.w": torch.full((2,), 4.0)}
    assert torch.equal(between(untouched, fitted, 1.0)["backbone.w"], torch.ones(3))
    half = between(untouched, fitted, 0.5)
    assert torch.equal(half["backbone.w"], torch.full((3,), 0.5))
    assert torch.equal(half["head.w"], fitted["head.w"])


def test_a_head_alone_has_nothing_to_go_back_to(make_fitting):
    assert make_fitting("head")[0].shares == (1.0,)
    assert make_fitting("text")[0].shares == SHARES
    assert shares_of({}) == (1.0,)


def test_going_all_the_way_or_none_of_it(make_fitting):
    fitting, *_ = make_fitting()
    shifted = {name: weight + 1 for name, weight in fitting.untouched.items()}
    fitting.reward.load_trained_weights(shifted)
    fitting.go_share(1.0)
    assert torch.equal(fitting.reward.copy_trained_weights()["tie_logit"], shifted["tie_logit"])
    fitting.go_share(0.0)
    for name, weight in fitting.reward.copy_trained_weights().items():
        is_tower = name.startswith("backbone.")
        assert torch.equal(weight, fitting.untouched[name] if is_tower else shifted[name])
