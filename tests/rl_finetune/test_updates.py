import itertools
import weakref
from typing import ClassVar

import pytest
import torch

from devices.processes import Processes
from rl_finetune.config import OptimiserConfig
from rl_finetune.dpok_config import DpokConfig
from rl_finetune.learner import Learner, make_optimiser, set_learning_rate
from rl_finetune.reference import reference_predictions, rollout_kl
from rl_finetune.rollout import collect, make_transitions
from rl_finetune.stable_diffusion import StableDiffusionPolicy
from rl_finetune.steps import ChosenSteps
from rl_finetune.updates import update, update_on_rollout

OF_IMAGES = torch.tensor([1.0, -1.0, 0.5])
ADVANTAGES = OF_IMAGES[:, None].expand(3, 3)
CHOSEN = ChosenSteps(
    trained=torch.tensor([[0, 2], [1, 2], [2, 0]]),
    later=torch.tensor([[3], [3], [3]]),
    window_size=3,
    num_later=1,
)


def make_learner(policy, *, optimiser=None, **settings):
    config = OptimiserConfig(**settings)
    return Learner(
        policy=policy,
        optimiser=optimiser or make_optimiser(policy, config),
        settings=config,
        processes=Processes(),
    )


def roll_out(policy, prompts, guidance=2.0):
    return collect(
        policy,
        prompts,
        [1, 2, 3],
        schedule=policy.schedule(4, 1.0),
        guidance=guidance,
        batch_size=2,
    )


def make_all(policy, rollout, batch_size=48):
    reference = reference_predictions(policy, rollout, CHOSEN.indices, batch_size)
    return make_transitions(rollout, ADVANTAGES, CHOSEN, reference)


@pytest.mark.parametrize(
    ("precision", "guidance", "batch_size", "checkpointing"),
    [
        ("fp32", 1.0, 48, False),
        ("fp32", 2.0, 48, True),
        ("fp32", 2.0, 1, False),
        ("fp32", 2.0, 4, True),
        ("bf16", 1.0, 4, True),
        ("bf16", 2.0, 48, False),
    ],
)
@pytest.mark.parametrize("gradient", ["both", "conditional"])
@pytest.mark.parametrize("train", ["lora", "unet"])
def test_before_the_first_update_the_ratio_is_one_and_the_kl_zero(
    base, prompts, precision, guidance, batch_size, checkpointing, gradient, train
):
    policy = StableDiffusionPolicy.open(
        str(base), train=train, rank=2, precision=precision, gradient_checkpointing=checkpointing
    )
    dpok = DpokConfig(guidance_gradient=gradient)
    learner = make_learner(policy, batch_size=batch_size)
    rollout = roll_out(policy, prompts, guidance)
    reference = reference_predictions(policy, rollout, CHOSEN.indices, batch_size)
    kl = rollout_kl(rollout, CHOSEN.indices, reference)
    assert kl.max() < (1e-8 if precision == "fp32" else 1e-3)
    transitions = make_transitions(rollout, ADVANTAGES, CHOSEN, reference)
    report = update(learner, rollout, transitions, dpok, is_on_policy=True)
    assert report.grad_norm > 0
    assert report.ratio.eq(1).all()
    assert not report.is_clipped.any()
    assert report.is_live.all()


def gradient_of(policy, rollout, transitions, **options):
    learner = make_learner(policy, max_grad_norm=1e9, learning_rate=1e-30, **options)
    report = update(learner, rollout, transitions, DpokConfig(), is_on_policy=True)
    gradients = [p.grad.flatten() for p in policy.adapter_parameters().values()]
    return report.loss, torch.cat(gradients)


def test_accumulation_does_not_change_the_gradient(policy, prompts, disturb):
    disturb(policy)
    rollout = roll_out(policy, prompts)
    transitions = make_all(policy, rollout)
    whole = gradient_of(policy, rollout, transitions)
    for batch_size in (1, 4):
        parts = gradient_of(policy, rollout, transitions, batch_size=batch_size)
        assert parts[0] == pytest.approx(whole[0], rel=1e-4)
        torch.testing.assert_close(parts[1], whole[1], rtol=1e-3, atol=1e-4)


def test_checkpointing_does_not_change_the_gradient(base, policy, prompts, disturb):
    saving = StableDiffusionPolicy.open(str(base), rank=2, gradient_checkpointing=True)
    for each in (policy, saving):
        disturb(each)
    rollout = roll_out(policy, prompts)
    transitions = make_all(policy, rollout)
    ours, theirs = (gradient_of(each, rollout, transitions)[1] for each in (policy, saving))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def frozen_weights(policy):
    networks = (policy.parts.unet, policy.parts.vae, policy.parts.text_encoder)
    states = [network.state_dict().items() for network in networks]
    return {
        (number, name): tensor.clone()
        for number, state in enumerate(states)
        for name, tensor in state
        if ".lora_" not in name
    }


@pytest.mark.parametrize("train", ["lora", "unet"])
def test_every_trained_weight_and_nothing_else_changes(base, prompts, train):
    policy = StableDiffusionPolicy.open(str(base), train=train, rank=2)
    frozen = frozen_weights(policy)
    adapter = {n: p.detach().clone() for n, p in policy.adapter_parameters().items()}
    learner = make_learner(policy, num_updates=2, num_passes=2)
    rollout = roll_out(policy, prompts)
    reference = reference_predictions(policy, rollout, CHOSEN.indices, 48)
    reports = update_on_rollout(learner, rollout, ADVANTAGES, CHOSEN, reference, DpokConfig())
    assert len(reports) == 4
    assert [report.indices.tolist() for report in reports[:2]] == [[0, 3, 1, 3, 2, 3], [2, 2, 0]]
    after = frozen_weights(policy)
    assert all(torch.equal(after[name], tensor) for name, tensor in frozen.items())
    for name, parameter in policy.adapter_parameters().items():
        assert (parameter != adapter[name]).float().mean() > 0.9, name


def test_an_update_makes_good_images_likelier_and_bad_ones_less(policy, prompts, disturb):
    disturb(policy)
    dpok = DpokConfig(kl_weight=0.0, clip_nats=10.0)
    learner = make_learner(policy, learning_rate=1e-3)
    rollout = roll_out(policy, prompts)
    transitions = make_all(policy, rollout)
    update(learner, rollout, transitions, dpok, is_on_policy=True)
    report = update(learner, rollout, transitions, dpok, is_on_policy=False)
    ratio = report.ratio.log().reshape(3, 3)[:, :2].sum(1)
    assert (ratio * OF_IMAGES).sum() > 0
    assert ratio[0] > 0 > ratio[1]


def test_the_kl_term_pulls_towards_the_base(policy, prompts, disturb):
    disturb(policy)
    dpok = DpokConfig(reward_weight=0.0, kl_weight=1.0)
    learner = make_learner(policy, learning_rate=1e-2)
    rollout = roll_out(policy, prompts)
    transitions = make_all(policy, rollout)
    losses = [
        update(learner, rollout, transitions, dpok, is_on_policy=False).loss for _ in range(10)
    ]
    assert all(after < before for before, after in itertools.pairwise(losses))


def test_a_loss_that_is_not_finite_leaves_the_weights_alone(policy, prompts):
    before = [p.detach().clone() for p in policy.adapter_parameters().values()]
    rollout = roll_out(policy, prompts)
    reference = reference_predictions(policy, rollout, CHOSEN.indices, 48)
    transitions = make_transitions(rollout, ADVANTAGES * torch.inf, CHOSEN, reference)
    with pytest.raises(FloatingPointError, match="the loss is"):
        update(make_learner(policy), rollout, transitions, DpokConfig(), is_on_policy=True)
    after = policy.adapter_parameters().values()
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


def mean_reward(policy, prompts, num):
    """Sample the same noise at any bias, so that differences of means have little error."""
    rollout = collect(
        policy,
        prompts * num,
        list(range(num)),
        schedule=policy.schedule(4, 1.0),
        guidance=1.0,
        batch_size=num,
    )
    return rollout, rollout.latents[:, -1].mean((1, 2, 3))


@pytest.mark.parametrize("is_on_policy", [True, False])
def test_the_gradient_is_that_of_the_expected_reward(linear_policy, prompts, is_on_policy):
    num, bias = 20_000, 0.1
    low, high = (
        mean_reward(linear_policy(bias + shift), prompts[:1], 500)[1].mean().item()
        for shift in (-0.1, 0.1)
    )
    policy = linear_policy(bias)
    rollout, rewards = mean_reward(policy, prompts[:1], num)
    steps = rollout.schedule.stochastic_steps.expand(num, -1)
    chosen = ChosenSteps(trained=steps, later=steps[:, :0], window_size=3, num_later=0)
    reference = rollout.predictions[:, :3]
    (parameter,) = policy.adapter_parameters().values()
    learner = make_learner(
        policy,
        optimiser=torch.optim.SGD([parameter], lr=1.0),
        max_grad_norm=1e9,
        batch_size=10**6,
    )
    transitions = make_transitions(
        rollout, (rewards - rewards.mean())[:, None].expand_as(steps), chosen, reference
    )
    dpok = DpokConfig(kl_weight=0.0)
    update(learner, rollout, transitions, dpok, is_on_policy=is_on_policy)
    assert parameter.item() - bias == pytest.approx((high - low) / 0.2, rel=0.1)


@pytest.mark.parametrize(("share_done", "rate"), [(0.0, 2e-3), (0.5, 1.1e-3), (1.0, 2e-4)])
def test_the_rate_falls_from_its_first_value_to_its_last(policy, share_done, rate):
    learner = make_learner(policy, learning_rate=2e-3, final_rate=0.1)
    set_learning_rate(learner, share_done)
    assert [group["lr"] for group in learner.optimiser.param_groups] == pytest.approx([rate])


class Token:
    """Lives as long as the graph that holds it."""


class Mark(torch.autograd.Function):
    tokens: ClassVar[list] = []

    @staticmethod
    def forward(ctx, prediction):
        ctx.token = Token()
        Mark.tokens.append(weakref.ref(ctx.token))
        return prediction.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def test_no_graph_outlives_its_backward_pass(policy, prompts, disturb):
    """What is kept for the report must not keep a micro-batch's activations."""
    disturb(policy)
    rollout = roll_out(policy, prompts)
    transitions = make_all(policy, rollout)
    alive, predict = [], policy.predict

    def watched(*arguments, **options):
        alive.append(sum(token() is not None for token in Mark.tokens))
        return Mark.apply(predict(*arguments, **options))

    policy.predict = watched
    learner = make_learner(policy, batch_size=3)
    update(learner, rollout, transitions, DpokConfig(), is_on_policy=False)
    assert alive == [0, 0, 0]
