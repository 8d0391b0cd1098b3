from collections import Counter

from data.records import Prompt
from rl_finetune.config import SamplingConfig
from rl_finetune.plan import plan_iteration

PROMPTS = [Prompt.new(str(n)) for n in range(7)]
SAMPLING = SamplingConfig(num_prompts=2, num_images_per_prompt=3)


def plan(iteration, seed=0):
    return plan_iteration(PROMPTS, SAMPLING, seed=seed, iteration=iteration)


def test_prompts_take_turns():
    texts = [prompt.text for i in range(1, 8) for prompt in plan(i).prompts]
    assert set(Counter(texts).values()) == {2 * 3}
    assert set(texts[: 7 * 3]) == {prompt.text for prompt in PROMPTS}


def test_a_plan_depends_on_seed_and_iteration_only():
    assert plan(3).seeds == plan(3).seeds
    assert plan(3).rng.random() == plan(3).rng.random()
    assert plan(3).seeds != plan(4).seeds
    assert plan(3).seeds != plan(3, seed=1).seeds
    assert len(set(plan(3).seeds)) == 6


def test_images_of_a_prompt_can_start_from_its_first_images_noise():
    first = plan(3).seeds
    assert plan(3).starts == [first[0]] * 3 + [first[3]] * 3


def test_a_small_set_is_used_whole():
    few = plan_iteration(PROMPTS[:1], SAMPLING, seed=0, iteration=5)
    assert few.prompts == [PROMPTS[0]] * 3
