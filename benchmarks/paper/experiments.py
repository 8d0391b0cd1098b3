"""The suite's experiments: what each tells a tuning run. Earlier ones matter more."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data.config_file import load_yaml
from rl_finetune.config import TuneConfig
from rl_finetune.run import PRESETS

SHORT, LONG = 126, 312
"""Iterations for 2,016 and for 4,992 images, 16 in each."""
SHORT_DRAWS, LONG_DRAWS = 42, 104
"""The same, 48 in each."""

WORLD_RATE = {"learning_rate": 1e-3, "max_grad_norm": 1.0}
"""The defaults'; the paper's 1e-5 and 0.1 are made for a UNet two hundred times as large."""

TARGET_KL = 15.0
"""Nats an image, about what the default comes to."""

FOUR = {
    "color": "a green rabbit",
    "count": "four wolves",
    "composition": "a cat and a dog",
    "location": "a dog on the moon",
}
"""The paper's prompts in the world's wording."""

RARE = ("an orange apple", "four cars", "two apples", "a frog and an apple")
"""What the base meets most seldom of all that the world's grammar has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """One cell of the suite, run with several seeds."""

    name: str
    about: str
    iterations: int = SHORT
    prompts: str | tuple[str, ...] = "emoji-paper"
    """Name of a shipped set, or the prompts that are tuned on."""
    num_prompts: int = 4
    """Prompts of an iteration."""
    num_images_per_prompt: int = 4
    """Images of each of them, and so rewards asked for."""
    preset: str = "emoji-default"
    changes: dict[str, Any] = field(default_factory=dict)
    """Fields of the tuning run that differ from the preset's, by section."""
    lower: float = 0.0
    """How many of the reward's own standard deviations it is taken below its mean."""
    num_measured: int = 32
    """Images of each prompt that the finished run is measured by."""


def _supervised(objective: str, about: str, **changes: Any) -> Experiment:  # noqa: ANN401
    settings = {"num_draws": SHORT_DRAWS, "num_updates": 60} | changes
    return Experiment(
        name=objective,
        about=about,
        iterations=14,
        num_images_per_prompt=12,
        changes={"objective": objective, "supervised": settings},
    )


_DPOK = Experiment(name="dpok", about="DPOK as it is by default, one model for four prompts")
_SUPERVISED = _supervised("supervised", "reward-weighted loss on images drawn once from the base")
_SUPERVISED_KL_D = _supervised("supervised-kl-d", "the same, weights max(r + 0.25, 0)", gamma=0.25)


EXPERIMENTS = (
    _DPOK,
    _SUPERVISED,
    _SUPERVISED_KL_D,
    _supervised("supervised-kl-o", "the same, with 0.05 |e - e_base|^2 as a penalty", gamma=0.05),
    Experiment(name="dpok-no-kl", about="no KL: DDPO", changes={"dpok": {"kl_weight": 0.0}}),
    Experiment(name="dpok-long", about="DPOK with 4,992 images", iterations=LONG),
    Experiment(
        name="parity",
        about="the released code's quirks",
        preset="emoji-parity",
        iterations=LONG_DRAWS,
        num_images_per_prompt=12,
    ),
    Experiment(
        name="paper",
        about="the paper's equations and settings",
        preset="emoji-paper",
        iterations=LONG_DRAWS,
        num_images_per_prompt=12,
    ),
    Experiment(
        name="parity-rate",
        about="the released code's quirks at this world's learning rate",
        preset="emoji-parity",
        iterations=LONG_DRAWS,
        num_images_per_prompt=12,
        changes={"optimiser": WORLD_RATE},
    ),
    Experiment(
        name="paper-rate",
        about="the paper's equations at this world's learning rate",
        preset="emoji-paper",
        iterations=LONG_DRAWS,
        num_images_per_prompt=12,
        changes={"optimiser": WORLD_RATE},
    ),
    Experiment(
        name="dpok-value",
        about="a learned V(x_t, t, z) as the baseline",
        changes={"advantage": {"baseline": "value"}},
    ),
    Experiment(
        name="dpok-no-baseline",
        about="rewards as they are, in the prompt's standard deviation",
        changes={"advantage": {"baseline": "none"}},
    ),
    Experiment(
        name="dpok-kl-low",
        about="a quarter of the KL's weight",
        changes={"dpok": {"kl_weight": 0.0025}},
    ),
    Experiment(
        name="dpok-kl-high",
        about="four times the KL's weight",
        changes={"dpok": {"kl_weight": 0.04}},
    ),
    Experiment(
        name="dpok-target",
        about="KL steered to 15 nats, to be compared with dpok-lower",
        changes={"dpok": {"target_kl": TARGET_KL}},
    ),
    Experiment(
        name="dpok-lower",
        about="the same, with the reward's lower bound: one standard deviation below its mean",
        changes={"dpok": {"target_kl": TARGET_KL}},
        lower=1.0,
    ),
    *(
        Experiment(
            name=f"single-{family}",
            about=f"{text!r} alone",
            prompts=(text,),
            num_prompts=1,
            num_images_per_prompt=16,
        )
        for family, text in FOUR.items()
    ),
    Experiment(
        name="many",
        about="one model for 111 prompts",
        prompts="emoji-many",
        iterations=LONG,
        num_measured=8,
    ),
    *(
        replace(each, name=f"rare-{each.name}", about=f"{each.about}; rare prompts", prompts=RARE)
        for each in (_DPOK, _SUPERVISED, _SUPERVISED_KL_D)
    ),
    replace(
        _supervised("supervised-kl-d", "", gamma=0.7),
        name="rare-supervised-kl-d-wide",
        about="weights max(r + 0.7, 0): a quarter of the draws count, as of the paper's prompts",
        prompts=RARE,
    ),
    replace(
        _supervised("supervised-kl-d", "", gamma=0.25, num_draws=LONG_DRAWS),
        name="many-supervised-kl-d",
        about="weights max(r + 0.25, 0), one model for 111 prompts",
        prompts="emoji-many",
        iterations=35,
        num_measured=8,
    ),
)


def tune_config(
    experiment: Experiment,
    *,
    base: str,
    reward: str,
    watch: tuple[str, ...],
    folder: Path,
    seed: int,
) -> TuneConfig:
    """Return what a run of the experiment is told; a single prompt's file is in `folder`."""
    config = load_yaml(TuneConfig, PRESETS / f"{experiment.preset}.yaml")
    config = replace(
        config,
        policy=base,
        reward=reward,
        watch=watch,
        prompts=_prompt_set(experiment, folder),
        iterations=experiment.iterations,
        seed=seed,
        sampling=replace(
            config.sampling,
            num_prompts=experiment.num_prompts,
            num_images_per_prompt=experiment.num_images_per_prompt,
        ),
    )
    changes = {
        name: replace(getattr(config, name), **value) if isinstance(value, dict) else value
        for name, value in experiment.changes.items()
    }
    return replace(config, **changes)


def _prompt_set(experiment: Experiment, folder: Path) -> str:
    """Return a name, or write a set of one's own with the held-out prompts beside it."""
    from data.files import write_atomically
    from data.prompts import load_prompt_set

    if isinstance(experiment.prompts, str):
        return experiment.prompts
    lines = [
        f'  - {{text: "{prompt.text}", family: {prompt.family}, split: {prompt.split}}}'
        for prompt in load_prompt_set("emoji-many")
        if prompt.split == "unseen" or prompt.text in experiment.prompts
    ]
    path = folder / f"{experiment.name}.yaml"
    write_atomically(path, "\n".join([f"name: {experiment.name}", "prompts:", *lines]) + "\n")
    return str(path)
