"""The report's sections on what came out: images, alignment, policies, curves."""

from typing import Any

from feedback_loop.loop import BASE
from feedback_loop.readable import UNKNOWN, bounds, percent, points
from feedback_loop.report.findings import Findings
from feedback_loop.report.grids import chosen_prompts, grid
from feedback_loop.report.html import card, section, table, text
from feedback_loop.report.plots import Curve, Series, bars, curves
from feedback_loop.report.svg import colours_of

_UNSEEN = "unseen\nprompts"


def images_section(found: Findings) -> str:
    """Show the first and the newest policy at the same prompts and seeds."""
    names = [policy.name for policy in found.policies]
    shown = list(dict.fromkeys([names[0], names[-1]]))
    of_policy = {policy["name"]: policy for policy in found.summary["policies"]}
    explanation = (
        "The same prompts and seeds for each policy. They are the first seeds of those measured, "
        "not chosen ones, and none of them was used in tuning."
    )
    if found.has_truth:
        explanation += (
            ' A <span class="key"></span> below an image says that the judge finds its prompt met.'
        )
    grids = []
    for split, per_family in (("train", 2), ("unseen", 1)):
        prompts = chosen_prompts(found.measured, split, per_family)
        if prompts:
            made = grid(
                found.loop.workspace,
                found.measured,
                policies=shown,
                heads=[_head(of_policy[name], split) for name in shown],
                prompt_ids=prompts,
            )
            title = "" if split == "train" else "<h3>Prompts that were never trained on</h3>"
            grids.append(card(title + made))
    return section("Before and after" if len(shown) > 1 else "Images", explanation, *grids)


def _head(policy: dict[str, Any], split: str) -> str:
    is_trained = split == "train"
    share = policy["alignment"]["overall"] if is_trained else policy["alignment_unseen"]
    which = "trained" if is_trained else "unseen"
    met = "" if share is None else f", {percent(share)} met over all {which} prompts"
    return f"<b>{text(policy['name'])}</b>{met}"


def alignment_section(found: Findings) -> str:
    """Plot the judge's alignment per family, and list it per prompt."""
    policies = found.summary["policies"]
    groups = ["overall", *found.families]
    has_unseen = any(policy["alignment_unseen"] is not None for policy in policies)
    series = []
    for policy, colour in zip(policies, colours_of(len(policies)), strict=True):
        values = [policy["alignment"][group] for group in groups]
        intervals = [policy["alignment_interval"][group] for group in groups]
        if has_unseen:
            values.append(policy["alignment_unseen"])
            intervals.append(policy["alignment_unseen_interval"])
        series.append(Series(policy["name"], colour, values, intervals))
    labels = [*groups, _UNSEEN] if has_unseen else groups
    plot = bars(labels, series, divide_before=len(groups) if has_unseen else None)
    explanation = (
        "Share of images that show what their prompt asks for, as the judge sees it: a network "
        "trained on scenes whose content is known, which no reward was ever trained on. Whiskers "
        "are 95 % intervals over prompts, wide where these are few: two tell little of others."
    )
    return section("Alignment", explanation, card(plot), _by_prompt(found))


def _by_prompt(found: Findings) -> str:
    names = [policy.name for policy in found.policies]
    rows: dict[str, list[str]] = {}
    for image in found.measured:
        rows.setdefault(image.prompt_id, [text(image.prompt), text(image.split)])
    for prompt_id, row in rows.items():
        for name in names:
            met = [
                image.met
                for image in found.measured
                if (image.prompt_id, image.policy) == (prompt_id, name) and image.met is not None
            ]
            row.append(percent(sum(met) / len(met) if met else None))
    listed = table(["prompt", "split", *map(text, names)], list(rows.values()), num_texts=2)
    return f"<details><summary>Every prompt</summary>{card(listed)}</details>"


def policies_section(found: Findings) -> str:
    """List every policy's numbers."""
    rows = [
        [
            text(policy["name"]),
            _gain(policy, "alignment_gain"),
            _gain(policy, "alignment_gain_unseen"),
            _number(policy, "reward"),
            _number(policy, "diversity", digits=3),
            UNKNOWN if policy["kl"] is None else f"{policy['kl']:.2f}",
            str(policy["images"]),
        ]
        for policy in found.summary["policies"]
    ]
    heads = ["policy", "gain", "gain, unseen", "reward", "diversity", "KL, nats", "images"]
    explanation = (
        "Gains are over the base at the same prompts and seeds; in brackets 95 % intervals over "
        f"prompts, none where all prompts are alike. {_whose_reward(found)}Diversity is the mean "
        "cosine distance between images of one prompt in the untouched backbone's vision features. "
        "The KL to the base is what tuning spent, per image, over its last five iterations."
    )
    return section("Policies", explanation, card(table(heads, rows)))


def _whose_reward(found: Findings) -> str:
    name = found.summary["reward_model"].get("name")
    if name is None:
        return ""
    return (
        f"The reward is that of reward model {text(name)}, in standard deviations of the images "
        "it was fitted on. "
    )


def _gain(policy: dict[str, Any], name: str) -> str:
    if policy["name"] == BASE:
        return UNKNOWN
    return points(policy[name], policy[f"{name}_interval"])


def _number(policy: dict[str, Any], name: str, digits: int = 2) -> str:
    if policy[name] is None:
        return UNKNOWN
    return f"{policy[name]:.{digits}f}{bounds(policy[f'{name}_interval'], digits=digits)}"


def tuning_section(found: Findings) -> str:
    """Plot reward and KL over the iterations of every run."""
    runs = [run for run in found.runs if run.rewards]
    if not runs:
        return ""
    colours = colours_of(len(runs) + 1)[1:]
    plot = curves(
        [
            ("reward", [Curve(r.run_id, c, r.rewards) for r, c in zip(runs, colours, strict=True)]),
            ("KL to the base, nats per image",
             [Curve(r.run_id, c, r.kls) for r, c in zip(runs, colours, strict=True)]),
        ]
    )  # fmt: skip
    names = ", ".join(text(run.run_id) for run in runs)
    explanation = (
        "Each iteration draws images, asks the reward model about them and updates the adapter "
        f"({names}; fainter lines are single iterations, full ones their moving mean). Prompts "
        "take turns; the curve is freed of which ones had theirs. The reward is the one trained "
        f"on, so its rise alone proves nothing{'; the judge decides' if found.has_truth else ''}."
    )
    return section("Tuning", explanation, card(plot))
