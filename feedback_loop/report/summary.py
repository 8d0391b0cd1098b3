"""The numbers of a report: `summary.json`, from which the page is written too.

Every number stands beside its 95 % interval, under the same name with `_interval` behind it: over
prompts (`statistics`), null where they tell none.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from data.records import Policy, RaterKind, RewardModel
from feedback_loop.loop import BASE, Loop
from feedback_loop.measurements import MeasuredImage
from feedback_loop.report.curves import read_curves
from feedback_loop.report.measured_trust import read_trust
from feedback_loop.stages import num_killed_by_stage, seconds_by_stage
from feedback_loop.statistics import estimate, gain, order_accuracy
from reward_training.config import CLIP_SIMILARITY
from reward_training.trust.evaluate import Estimate
from reward_training.trust.words import control_words, outputs_of

Images = Sequence[MeasuredImage]

_KL_ITERATIONS = 5

_OF_CHOICES = (
    "held_out_pairs",
    "held_out_accuracy",
    "held_out_accuracy_interval",
    "control_accuracy",
    "control_accuracy_interval",
)


def summarise(loop: Loop, measured: Images) -> dict[str, Any]:
    """Return the content of `summary.json`, policies in order and the base first."""
    store = loop.store
    by_kind, events = store.counts().by_kind, store.round_events()
    policies, models = in_order(store.policies()), store.reward_models()
    kls = {policy.name: _kl(loop, policy) for policy in policies}
    of_policy = {
        policy.name: images
        for policy in policies
        if (images := [image for image in measured if image.policy == policy.name])
    }
    families = list(dict.fromkeys(image.family for image in measured if image.family))
    base = of_policy.get(BASE, [])
    return {
        "seed": loop.config.seed,
        "comparisons": {kind.value: by_kind[kind] for kind in RaterKind},
        "reward_model": _reward_model(loop, measured_model(models, measured), base),
        "policies": [
            {"name": name, **_policy(images, base, families), "kl": kls[name]}
            for name, images in of_policy.items()
        ],
        "kl": kls[policies[-1].name],
        "seconds": seconds_by_stage(events),
        "killed": num_killed_by_stage(events),
        "rounds": [
            {"round": number, "seconds": seconds_by_stage(events, number)}
            for number in sorted({event.round for event in events})
        ],
    }


def measured_model(models: Sequence[RewardModel], measured: Images) -> RewardModel | None:
    """Return the model whose rewards were measured, which a later fit leaves as they are.

    The newest one where nothing was measured of any, or the measurements do not name theirs yet.
    """
    names = {image.reward_model for image in measured if image.reward is not None}
    known = [model for model in models if model.name in names] or models
    return known[-1] if known else None


def in_order(policies: Sequence[Policy]) -> list[Policy]:
    """Return the base first and the newest round's policy last, others as they were added."""
    return sorted(policies, key=lambda policy: policy.round)


def _kl(loop: Loop, policy: Policy) -> float | None:
    """Return the KL to the base in nats per image, over the last iterations of the policy's run.

    Each iteration estimates it from some steps of some images, so that a single one says little.
    """
    if policy.run_id is None:
        return None
    kls = read_curves(loop.workspace, policy.run_id).kls[-_KL_ITERATIONS:]
    return round(math.fsum(kls) / len(kls), 4) if kls else None


def _policy(images: Images, base: Images, families: Iterable[str]) -> dict[str, Any]:
    trained, unseen = _of_split(images, "train"), _of_split(images, "unseen")
    base_trained, base_unseen = _of_split(base, "train"), _of_split(base, "unseen")
    groups = {"overall": trained} | {
        family: [image for image in trained if image.family == family] for family in families
    }
    alignment = {name: estimate(group, _met) for name, group in groups.items()}
    return {
        "images": len(images),
        "alignment": {name: _value(each) for name, each in alignment.items()},
        "alignment_interval": {name: _interval(each) for name, each in alignment.items()},
        **_named("alignment_unseen", estimate(unseen, _met)),
        **_named("alignment_gain", gain(base_trained, trained, _met)),
        **_named("alignment_gain_unseen", gain(base_unseen, unseen, _met)),
        **_named("reward", estimate(trained, lambda image: image.reward)),
        **_named("reward_unseen", estimate(unseen, lambda image: image.reward)),
        **_named("diversity", estimate(images, lambda image: image.distance)),
        **_named("clip_similarity", estimate(trained, lambda image: image.clip)),
    }


def _reward_model(loop: Loop, model: RewardModel | None, base: Images) -> dict[str, Any]:
    """Say how far the measured reward model can be trusted, beside its untouched backbone.

    By the judge where there is one, on pairs of the base's measured images, of which no fit has
    seen any; `choices` holds what the fit measured on raters' choices that it left out, and `trust`
    what else it said of itself. Where there are several outputs, each has these below `outputs`.
    `clip_accuracy` is the control's, where that is CLIP similarity.
    """
    about = _accuracy_of_model(loop, model, base)
    of_clip = about.get("control") == CLIP_SIMILARITY
    return about | {"clip_accuracy": about["control_accuracy"] if of_clip else None}


def _accuracy_of_model(loop: Loop, model: RewardModel | None, base: Images) -> dict[str, Any]:
    nothing = {"held_out_accuracy": None, "held_out_pairs": 0, "control_accuracy": None}
    if model is None:
        return nothing
    trust = read_trust(loop.workspace, model)
    outputs = {
        name: {"choices": {key: of[key] for key in _OF_CHOICES}, "trust": trust[name]}
        for name, of in outputs_of(model.metrics).items()
    }
    seen = _accuracy(_of_split(base, "train"))
    unseen = _accuracy(_of_split(base, "unseen"))
    measured_by = "judge" if seen else "choices"
    about = {"name": model.name, "snapshot": model.snapshot, "measured_by": measured_by}
    about["control"] = control_words(model.metrics)
    if "" in outputs:
        return about | (seen or outputs[""]["choices"]) | {"unseen": unseen} | outputs[""]
    of_several = {
        name: {"weight": model.metrics["outputs"][name]["weight"]} | of
        for name, of in outputs.items()
    }
    return about | (seen or nothing) | {"unseen": unseen, "trust": trust[""], "outputs": of_several}


def _accuracy(images: Images) -> dict[str, Any] | None:
    found = order_accuracy(images)
    if found is None:
        return None
    return {
        "held_out_pairs": found.num_pairs,
        **_named("held_out_accuracy", found.reward),
        **_named("control_accuracy", found.clip),
        **_named("accuracy_gain", found.gain),
    }


def _of_split(images: Images, split: str) -> list[MeasuredImage]:
    return [image for image in images if image.split == split]


def _met(image: MeasuredImage) -> bool | None:
    return image.met


def _named(name: str, found: Estimate | None) -> dict[str, Any]:
    return {name: _value(found), f"{name}_interval": _interval(found)}


def _value(found: Estimate | None) -> float | None:
    return None if found is None else round(found.value, 4)


def _interval(found: Estimate | None) -> list[float] | None:
    if found is None or found.interval is None:
        return None
    return [round(bound, 4) for bound in found.interval]
