"""Two outputs in one fit: each learns from its own question, and on frozen towers as if alone."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import reward_training
from data.errors import RewardError
from data.records import Aspect
from data.reward_address import in_workspace
from data.snapshot import take_snapshot
from reward_training.combined import CombinedReward
from reward_training.config import CombinationConfig, ModelConfig
from reward_training.curve.growing_parts import FEWEST
from reward_training.curve.measuring import measure_curve
from reward_training.fitting import fit, fit_in_workspace
from reward_training.inputs.asked import find_asked
from reward_training.inputs.split import make_folds
from reward_training.learning.checkpoint import Checkpoint
from reward_training.learning.joint_training import JointFitting
from reward_training.learning.training import Fitting
from reward_training.preparing import comparisons_of, prepare_fitting
from rl_finetune.rewards import open_reward

BOTH = (Aspect.ALIGNMENT, Aspect.QUALITY)
FROZEN = ModelConfig(train="head", head="mlp")
PROMPTS = ["a bright dog", "a dark cat", "a bright boat"]


@pytest.fixture(scope="session")
def both(two_questions):
    return take_snapshot(two_questions)


def prepared(config, snapshot, *aspects):
    comparisons = comparisons_of(config, snapshot, aspects)
    return prepare_fitting(config, snapshot, comparisons), comparisons


def trained(config, snapshot, path, *aspects, num_updates=6):
    fitting, comparisons = prepared(config, snapshot, *aspects)
    checkpoint = Checkpoint(path / "fit.pt", "key")
    fitting.train(comparisons, None, num_updates=num_updates, checkpoint=checkpoint)
    return fitting


def heads_of(reward):
    """All that is a head's own."""
    return {n: w for n, w in reward.state_dict().items() if not n.startswith("backbone.")}


def same_bits(first, second):
    return set(first) == set(second) and all(torch.equal(first[n], second[n]) for n in first)


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_on_frozen_towers_both_outputs_are_the_single_fits_bit_for_bit(
    quick_config, both, tmp_path, head
):
    config = replace(quick_config, model=ModelConfig(train="head", head=head))
    joint = trained(config, both, tmp_path / "both", *BOTH)
    assert isinstance(joint, JointFitting)
    for aspect in BOTH:
        contrast = 0.0 if aspect is Aspect.QUALITY else config.training.contrast
        told = replace(config, training=replace(config.training, contrast=contrast))
        alone = trained(told, both, tmp_path / aspect, aspect)
        assert isinstance(alone, Fitting)
        assert same_bits(heads_of(joint.reward.outputs[aspect]), heads_of(alone.reward))
    assert not same_bits(*(heads_of(output) for output in joint.reward.outputs.values()))


def test_a_question_moves_its_own_head_alone(quick_config, both):
    config = replace(quick_config, model=FROZEN)
    fitting, comparisons = prepared(config, both, *BOTH)
    before = {name: heads_of(output) for name, output in fitting.reward.outputs.items()}
    before = {name: {n: w.clone() for n, w in of.items()} for name, of in before.items()}
    optimiser = torch.optim.AdamW(fitting.reward.trained_parameters().values(), lr=0.1)
    asked_quality = comparisons.take(comparisons.rows_about(Aspect.QUALITY))
    fitting.learn(asked_quality, 0, optimiser)
    outputs = fitting.reward.outputs
    assert same_bits(heads_of(outputs["alignment"]), before["alignment"])
    moved = heads_of(outputs["quality"])
    assert not torch.equal(moved["bar"], before["quality"]["bar"])
    assert not torch.equal(moved["head.output_weight"], before["quality"]["head.output_weight"])


@pytest.mark.parametrize(
    "model",
    [ModelConfig(), ModelConfig(train="all", ties="rao_kupper"), ModelConfig(train="lora", rank=2)],
)
def test_shared_towers_learn_from_both_questions(quick_config, both, model):
    fitting, comparisons = prepared(replace(quick_config, model=model), both, *BOTH)
    outputs = list(fitting.reward.outputs.values())
    assert outputs[0].backbone is outputs[1].backbone is fitting.reward.backbone
    of_towers = [
        name for name in fitting.reward.trained_parameters() if name.startswith("backbone.")
    ]
    assert of_towers
    for aspect in BOTH:
        fitting.reward.load_trained_weights(fitting.untouched)
        optimiser = torch.optim.SGD(fitting.reward.trained_parameters().values(), lr=0.1)
        own = comparisons.take(comparisons.rows_about(aspect))
        for update in range(2):  # adapters begin with a factor of zero
            fitting.learn(own, update, optimiser)
        now = fitting.reward.trained_parameters()
        still = [n for n in of_towers if torch.equal(now[n], fitting.untouched[n])]
        assert len(still) < len(of_towers) / 4


def test_both_are_fitted_measured_saved_and_opened(thorough_config, both, tmp_path):
    config = replace(thorough_config, combination=CombinationConfig(alignment=0.75, quality=0.25))
    result = fit(config, both, out=tmp_path / "reward")
    assert "fitted to alignment and quality" in result.metrics["notes"][0]
    assert result.metrics["comparisons"]["total"] == 400
    for name, measured in result.metrics["outputs"].items():
        assert measured["comparisons"]["total"] == 200
        assert measured["held_out_accuracy"] >= 0.8, name
        assert {"calibration", "ceiling", "held_out_by", "control_accuracy"} <= set(measured)
        assert (result.path / f"reliability-{name}.png").is_file()
    assert "held_out_accuracy" not in result.metrics
    assert "rater" not in str(result.metrics_on_record["outputs"]["quality"]["held_out_by"])
    reward = reward_training.load(result.path)
    assert isinstance(reward, CombinedReward)
    assert reward.weights == {"alignment": 0.75, "quality": 0.25}
    for name, output in reward.outputs.items():
        calibration = result.metrics["outputs"][name]["calibration"]
        for number in ("temperature", "slips"):
            assert output.get_buffer(number) == pytest.approx(calibration[number])
    grey = torch.linspace(0.15, 0.85, 5).view(5, 1, 1, 1).expand(5, 3, 16, 16)
    dark = ["a dark boat"] * 5
    alignment, quality = (
        reward_training.load(f"{result.path}@{name}")(grey, dark).diff() for name in reward.outputs
    )
    assert alignment.mean() < 0 < quality.mean()


def test_the_one_number_is_the_weighted_sum_of_the_outputs(quick_config, both, tmp_path):
    config = replace(quick_config, combination=CombinationConfig(alignment=2.0, quality=0.5))
    result = fit(config, both, out=tmp_path / "reward")
    images = torch.rand(3, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    whole = reward_training.load(result.path)
    outputs = [reward_training.load(f"{result.path}@{name}") for name in BOTH]
    assert outputs[0].name == "quick@alignment"
    both_rewards = [output(images, PROMPTS) for output in outputs]
    torch.testing.assert_close(whole(images, PROMPTS), 2 * both_rewards[0] + 0.5 * both_rewards[1])
    assert same_bits(outputs[0].state_dict(), whole.outputs["alignment"].state_dict())
    spread = [
        output(images, PROMPTS) - output.lower_bound(images, PROMPTS, 1.0) for output in outputs
    ]
    expected = torch.hypot(2 * spread[0], 0.5 * spread[1])
    found = whole(images, PROMPTS) - whole.lower_bound(images, PROMPTS, 1.0)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)
    for output in outputs:
        assert output.probability_a(torch.tensor([[1.0, 1.0]])) == pytest.approx(0.5)


def test_an_output_that_is_not_there_is_named_in_one_line(quick_config, both, snapshot, tmp_path):
    two = fit(replace(quick_config, model=FROZEN), both, out=tmp_path / "two").path
    one = fit(replace(quick_config, model=FROZEN), snapshot, out=tmp_path / "one").path
    with pytest.raises(RewardError, match="no output 'taste'; expected one of alignment, quality"):
        reward_training.load(f"{two}@taste")
    with pytest.raises(RewardError, match=r"it has one alone: open .*one itself"):
        reward_training.load(f"{one}@alignment")
    with pytest.raises(RewardError, match="no reward model at"):
        reward_training.load(f"{tmp_path / 'none'}@alignment")


def test_outputs_are_rewards_alone_in_sums_and_as_lower_bounds(quick_config, both, tmp_path):
    folder = fit(quick_config, both, out=tmp_path / "my@reward").path
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))

    def rewards(text):
        return open_reward(text)(images, PROMPTS)

    alignment, quality = (rewards(f"{folder}@{name}") for name in BOTH)
    torch.testing.assert_close(rewards(str(folder)), (alignment + quality) / 2)
    torch.testing.assert_close(
        rewards(f"0.8*{folder}@alignment + 0.2*{folder}@quality"), 0.8 * alignment + 0.2 * quality
    )
    torch.testing.assert_close(rewards(f"lower:0:{folder}@quality"), quality)
    assert (rewards(f"lower:1:{folder}@quality") < quality).all()
    assert (rewards(f"lower:1:{folder}") < rewards(str(folder))).all()
    with pytest.raises(RewardError, match="no output 'taste'"):
        rewards(f"lower:1:{folder}@taste")
    assert in_workspace("my@reward@quality", tmp_path) == f"{folder}@quality"


@pytest.mark.parametrize("train", ["text", "all"])
def test_a_fit_of_both_that_was_cut_short_ends_in_the_same_bits(
    quick_config, both, tmp_path, monkeypatch, train
):
    training = replace(quick_config.training, raters="learned")
    config = replace(quick_config, model=ModelConfig(train=train), training=training)
    whole = fit(config, both, out=tmp_path / "whole")
    learn, taken = JointFitting.learn, []

    def stops_at_fifth(self, comparisons, update, optimiser):
        taken.append(update)
        if len(taken) == 5:
            raise KeyboardInterrupt
        return learn(self, comparisons, update, optimiser)

    monkeypatch.setattr(JointFitting, "learn", stops_at_fifth)
    with pytest.raises(KeyboardInterrupt, match="is kept in"):
        fit(config, both, out=tmp_path / "parts")
    monkeypatch.undo()
    parts = fit(config, both, out=tmp_path / "parts")
    assert parts.metrics == whole.metrics
    assert all(0 < r < 1 for r in parts.metrics["outputs"]["quality"]["reliability"].values())
    for name in ("model.safetensors", "metrics.json"):
        assert (parts.path / name).read_bytes() == (whole.path / name).read_bytes()


def relabelled(snapshot, change):
    """The snapshot with rows changed, and those that become None left out."""
    rows = tuple(row for row in map(change, snapshot.verified_rows) if row is not None)
    return replace(snapshot, verified_rows=rows)


def test_what_is_fitted_follows_from_what_was_asked(both, snapshot):
    assert find_asked(snapshot, "auto") == find_asked(snapshot, "overall")
    assert find_asked(snapshot, "auto").notes == []
    assert find_asked(both, "auto").aspects == BOTH
    assert find_asked(both, "both").notes == []
    assert find_asked(both, "quality").aspects == (Aspect.QUALITY,)
    alone = relabelled(both, lambda row: row if row.aspect == Aspect.QUALITY else None)
    assert find_asked(alone, "auto").aspects == (Aspect.QUALITY,)
    assert "fitted to quality" in find_asked(alone, "auto").notes[0]
    mixed = relabelled(
        both,
        lambda row: row if row.aspect == Aspect.QUALITY else replace(row, aspect=Aspect.OVERALL),
    )
    asked = find_asked(mixed, "auto")
    assert asked.aspects == (Aspect.OVERALL,)
    assert asked.notes == ["left out: 200 on quality; --aspect says which comparisons are used"]


def test_both_cannot_be_fitted_where_one_was_asked(quick_config, both, tmp_path):
    alone = relabelled(both, lambda row: row if row.aspect == Aspect.QUALITY else None)
    with pytest.raises(RewardError, match="got 0 on overall, 0 on alignment, 200 on quality") as e:
        fit(replace(quick_config, aspect="both"), alone, out=tmp_path / "reward")
    assert "\n" not in str(e.value)
    ties = relabelled(
        both, lambda row: replace(row, choice="tie") if row.aspect == Aspect.QUALITY else row
    )
    with pytest.raises(RewardError, match=r"all 200 comparisons on quality of .* are ties"):
        fit(quick_config, ties, out=tmp_path / "reward")


def test_heads_that_could_not_differ_are_refused(quick_config, both, tmp_path):
    config = replace(quick_config, model=ModelConfig(head="similarity"))
    with pytest.raises(RewardError, match="the same order"):
        fit(config, both, out=tmp_path / "reward")
    training = replace(quick_config.training, likelihood=0.0)
    with pytest.raises(RewardError, match="quality learns from comparisons alone"):
        fit(replace(quick_config, training=training), both, out=tmp_path / "reward")


def test_a_fold_without_a_decided_answer_to_one_question_is_refused_before_training(
    quick_config, both, tmp_path
):
    comparisons = comparisons_of(quick_config, both, BOTH)
    rng = np.random.default_rng(quick_config.training.seed)
    first = make_folds(comparisons, quick_config.held_out_fraction, rng)[0]
    asked = [comparisons.prompts[row] for row in comparisons.take(first.train).prompt.tolist()]
    few = relabelled(
        both,
        lambda row: row if row.aspect == Aspect.ALIGNMENT or row.prompt in asked else None,
    )
    with pytest.raises(RewardError, match="a decided comparison on quality among those held out"):
        fit(replace(quick_config, model=FROZEN), few, out=tmp_path / "reward")


def test_equal_prompts_count_alike_for_each_question(quick_config, both):
    some = relabelled(
        both,
        lambda row: (
            None if row.aspect == Aspect.QUALITY and int(row.comparison_id, 16) % 2 else row
        ),
    )
    training = replace(quick_config.training, prompts="equal")
    comparisons = comparisons_of(replace(quick_config, training=training), some, BOTH)
    for aspect in BOTH:
        own = comparisons.take(comparisons.rows_about(aspect))
        assert own.weight.mean() == pytest.approx(1)
        sums = torch.zeros(len(own.prompts)).index_add(0, own.prompt, own.weight)
        torch.testing.assert_close(sums, sums[:1].expand_as(sums))


def test_a_learning_curve_counts_answers_to_both(quick_config, two_questions, tmp_path):
    config = replace(quick_config, model=FROZEN, out=tmp_path / "reward", name="reward")
    result = fit_in_workspace(config, two_questions)
    snapshot = take_snapshot(two_questions)
    curve = measure_curve(result.path, snapshot, num_sizes=3, device="cpu")
    assert curve["comparisons"] == 400
    assert curve["points"][0]["comparisons"] >= FEWEST
    assert json.loads((result.path / "learning_curve.json").read_text())["key"] == curve["key"]
