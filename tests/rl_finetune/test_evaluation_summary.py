"""From evaluated images to measures with intervals."""

import pytest

from rl_finetune.evaluation import EvaluatedImage
from rl_finetune.evaluation_summary import compare, estimate, tabulate
from rl_finetune.evaluation_table import format_table


def image(prompt: str, reward: float, **others) -> EvaluatedImage:
    known = {"seed": 0, "kl": 1.0, "saturation": 0.5, "edge_density": 0.1, "distance": None}
    return EvaluatedImage(
        prompt=prompt,
        family=prompt[0],
        split="train",
        rewards={"judge": reward},
        **(known | others),
    )


def test_a_measure_is_a_mean_over_each_prompts_images():
    table = tabulate([image("a1", 0.0, distance=0.2), image("a1", 1.0, distance=0.4)])
    assert table["reward judge"] == {"a1": 0.5}
    assert table["reward_std judge"] == {"a1": 0.5}
    assert table["diversity"] == {"a1": pytest.approx(0.3)}
    assert table["kl"] == {"a1": 1.0}


def test_diversity_is_left_out_where_nothing_tells_images_apart():
    assert "diversity" not in tabulate([image("a1", 0.0)])


def test_prompts_count_alike_and_gains_are_taken_prompt_by_prompt():
    """Three images of one prompt weigh as much as one image of another."""
    base = [image("a1", 0.0), image("b1", 0.5)]
    policy = [image("b1", 1.0), image("a1", 0.2), image("a1", 0.2), image("a1", 0.2)]
    measure = compare(policy, base)["reward judge"]
    assert measure.policy.value == pytest.approx(0.6)
    assert measure.gain.value == pytest.approx(0.35)
    assert measure.families == pytest.approx({"a": 0.2, "b": 1.0})


def test_an_interval_resamples_prompts():
    """Its ends lie within the prompts' range, hold the mean, and repeat; one prompt has none."""
    values = [0.0, 0.2, 0.4, 0.9]
    found = estimate(values)
    assert found.low is not None
    assert found.high is not None
    assert 0.0 <= found.low < found.value < found.high <= 0.9
    assert found == estimate(values)
    assert (estimate([0.3]).low, estimate([0.3]).high) == (None, None)


def test_a_row_shows_gain_and_interval_with_a_star_where_it_leaves_out_nothing():
    def policy(low, high):
        gain = {"value": 0.2, "low": low, "high": high}
        measure = {"policy": {"value": 0.5}, "gain": gain, "families": {"color": 0.25}}
        return {"train": {"measures": {"reward judge": measure}, "distance_to_base": None}}

    lines = format_table({"sure": policy(0.1, 0.3), "unsure": policy(-0.1, 0.3)})
    assert lines[0] == "train: reward judge"
    assert " ".join(lines[1].split()) == "sure 0.500 +0.200 [+0.100, +0.300]* color 0.250"
    assert " ".join(lines[2].split()) == "unsure 0.500 +0.200 [-0.100, +0.300] color 0.250"
