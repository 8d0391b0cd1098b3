"""Two rounds that are over, as the report finds them in a workspace."""

import io
import json

import numpy as np
import PIL.Image

from data.records import (
    Choice,
    Comparison,
    Image,
    Pair,
    Policy,
    Rater,
    RaterKind,
    RewardModel,
    RoundEvent,
    Run,
    Sampler,
)
from data.snapshot import take_snapshot
from feedback_loop.measurements import MeasuredImage, write_measurements
from feedback_loop.seeds import measure_seeds
from feedback_loop.stages import TIMED_STAGES

SAMPLER = Sampler(scheduler="ddim", num_steps=3, guidance=2.0, eta=1.0, width=16, height=16)
FITTED = {
    "comparisons": {"by_rater_kind": {"simulated": 1}},
    "held_out_pairs": 9,
    "held_out_accuracy": 0.8,
    "held_out_accuracy_interval": [0.7, 0.9],
    "control_accuracy": 0.6,
    "control_accuracy_interval": None,
}


def accuracy(share, pairs=9, **more):
    interval = [share - 0.1, share + 0.1]
    return {
        "pairs": pairs, "prompts": 3, "accuracy": share, "accuracy_interval": interval, **more
    }  # fmt: skip


def calibration(error):
    bins = [accuracy(0.5, confidence=0.6), accuracy(0.8, confidence=0.9)]
    return {"error": error, "log_loss": 0.5, "bins": bins}


TRUSTED = {
    "calibration": {
        "temperature": 1.5,
        "slips": 0.1,
        "pairs": 18,
        "measured_between": "folds",
        "before": calibration(0.2),
        "after": calibration(0.1),
        "error_by_chance": 0.08,
    },
    "ceiling": {
        "person": {
            "raters": 2,
            "comparisons": 12,
            "of_another": 0.75,
            "of_another_interval": [0.6, 0.9],
            "of_another_pairs": 6,
            "of_majority": None,
            "of_majority_interval": None,
            "of_majority_pairs": 0,
            "reward": 0.7,
            "reward_interval": None,
        }
    },
    "held_out_by": {
        "family": [accuracy(0.4, name="<colour>"), accuracy(0.9, name="count")],
        "round": [accuracy(0.8, name=1)],
        "margin": [accuracy(0.2 * name, name=name, least=0.1, most=0.2) for name in (1, 2, 3, 4)],
        "rater": [
            accuracy(0.5, name="0123456789abcdef", rater_kind="person"),
            accuracy(0.9, name="fedcba9876543210", rater_kind="simulated"),
        ],
    },
}
CURVE = {
    "by_rater_kind": {"simulated": 40},
    "points": [
        {
            "comparisons": size,
            "held_out_accuracy": 0.5 + size / 100,
            "held_out_accuracy_interval": None,
        }
        for size in (10, 20, 35)
    ],
    "held_out_pairs": 18,
    "saturation": None,
    "more": 100,
    "gain_of_more": None,
    "gain_of_more_interval": None,
    "unknown": "a curve needs 4 numbers of comparisons, and there are 3",
}


def paint(light, size=16):
    file = io.BytesIO()
    PIL.Image.new("RGB", (size, size), (light, 0, 0)).save(file, "PNG")
    return file.getvalue()


def add_policy(loop, number):
    name = f"round-{number}"
    loop.store.add_policy(
        Policy(
            name=name,
            base="base",
            adapter=f"policies/{name}",
            adapter_sha256="ab" * 32,
            parent="base" if number == 1 else f"round-{number - 1}",
            run_id=name,
            reward_model=name,
            round=number,
        )
    )


def add_measured(loop, policy, *, truth=True, rewards=True):
    """Let every policy meet its prompts at every other seed, the newer ones more often."""
    rng = np.random.default_rng(len(policy))
    measured, images = [], []
    for prompt in loop.prompts():
        for place, seed in enumerate(measure_seeds(loop.config)):
            met = place % 2 == 0 or (policy != "base" and prompt.split == "train")
            light = int(rng.integers(256))
            image = Image.new(
                sha256=loop.workspace.save_image(paint(light)),
                policy=policy,
                prompt_id=prompt.prompt_id,
                seed=seed,
                sampler=SAMPLER,
            )
            images.append(image)
            measured.append(
                MeasuredImage(
                    policy=policy,
                    image_id=image.image_id,
                    sha256=image.sha256,
                    prompt_id=prompt.prompt_id,
                    prompt=prompt.text,
                    family=prompt.family,
                    split=prompt.split,
                    seed=seed,
                    met=met if truth else None,
                    quality=1.0 if truth else None,
                    reward=float(met) if rewards else None,
                    clip=light / 255,
                    distance=0.2,
                )
            )
    loop.store.add_images(images)
    return measured


def finish(loop):
    """Put two rounds into a workspace, of which nothing was really drawn or fitted."""
    store = loop.store
    measured = add_measured(loop, "base")
    first = measured[:2]
    rater = Rater.new("r<1>", RaterKind.SIMULATED, {"flip_rate": 0.15})
    pair = Pair.new(
        round=1,
        prompt_id=first[0].prompt_id,
        image_a=first[0].image_id,
        image_b=first[1].image_id,
    )
    store.add_pairs([pair])
    store.add_rater(rater)
    store.record_many(
        [
            Comparison.new(
                pair_id=pair.pair_id,
                rater_id=rater.rater_id,
                choice=Choice.LEFT,
                shown_left=pair.image_a,
            )
        ]
    )
    snapshot = take_snapshot(loop.workspace)
    for number in (1, 2):
        name = f"round-{number}"
        add_policy(loop, number)
        measured += add_measured(loop, name)
        store.add_reward_model(
            RewardModel(
                name=name,
                snapshot=snapshot.hash,
                path=f"rewards/{name}",
                metrics=FITTED,
                round=number,
            )
        )
        store.add_run(
            Run(
                run_id=name,
                policy_from="base",
                reward=name,
                path=f"runs/{name}",
                status="finished",
                round=number,
            )
        )
        (loop.workspace.runs / name).mkdir()
        (loop.workspace.runs / name / "metrics.jsonl").write_text(
            "".join(
                json.dumps({"reward_by_prompt": {"a": i}, "kl": i / 2}) + "\n" for i in range(9)
            )
        )
        for stage in TIMED_STAGES:
            store.add_round_event(
                RoundEvent(round=number, stage=stage, status="finished", seconds=2)
            )
    write_measurements(loop.workspace, measured)
