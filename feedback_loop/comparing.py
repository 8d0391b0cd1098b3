"""Two policies side by side: every number with its interval, and the paired difference."""

from collections.abc import Callable, Sequence

from data.errors import ConfigError
from feedback_loop.drawing import policy_that_draws
from feedback_loop.loop import Loop
from feedback_loop.measure import measure_policies
from feedback_loop.measurements import MeasuredImage
from feedback_loop.readable import bounds
from feedback_loop.stages import position
from feedback_loop.statistics import estimate, gain
from feedback_loop.terminal import say, say_table
from reward_training.trust.evaluate import Estimate

Value = Callable[[MeasuredImage], float | bool | None]


def compare_policies(loop: Loop, first: str, second: str) -> None:
    """Measure two policies at the same prompts and seeds and print what differs.

    `ConfigError` where one cannot draw or both are the same, `UnknownRecord` where one is missing.
    """
    if first == second:
        raise ConfigError(f"expected two policies, got {first} twice")
    policies = [policy_that_draws(loop, first), policy_that_draws(loop, second)]
    measured = measure_policies(loop, policies, position(loop.store.round_events()).round)
    before, after = (
        [image for image in measured if image.policy == name] for name in (first, second)
    )
    families = list(dict.fromkeys(image.family for image in measured if image.family))
    splits = list(dict.fromkeys(image.split for image in measured))
    rows = [["", first, second, "difference"]]
    for split in splits:
        a, b = ([i for i in images if i.split == split] for images in (before, after))
        rows.append(_row(f"alignment, {split} prompts", a, b, lambda image: image.met, 100))
        for family in families:
            a_family, b_family = ([i for i in images if i.family == family] for images in (a, b))
            rows.append(_row(f"  {family}", a_family, b_family, lambda image: image.met, 100))
        rows.append(_row(f"reward, {split} prompts", a, b, lambda image: image.reward))
    rows.append(_row("diversity", before, after, lambda image: image.distance))
    say_table([row for row in rows if row[1:] != [""] * 3])
    say(
        f"{len(before)} images each, same prompts and seeds; 95 % intervals over prompts, "
        "wide where they are few"
    )


def _row(
    name: str,
    before: Sequence[MeasuredImage],
    after: Sequence[MeasuredImage],
    value: Value,
    factor: float = 1,
) -> list[str]:
    found = [estimate(before, value), estimate(after, value), gain(before, after, value)]
    signs = ("", "", "+")
    return [name, *(_cell(each, factor, s) for each, s in zip(found, signs, strict=True))]


def _cell(found: Estimate | None, factor: float, sign: str) -> str:
    if found is None:
        return ""
    digits = 0 if factor == 100 else 3
    unit = " %" if factor == 100 and not sign else ""
    return f"{factor * found.value:{sign}.{digits}f}{unit}{bounds(found.interval, factor, digits)}"
