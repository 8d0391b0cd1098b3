"""Which runs are evaluated, and with what: finished runs that compare. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path

from data.config_file import load_yaml
from data.errors import ConfigError
from rl_finetune.config import TuneConfig
from rl_finetune.validation import require

_BASE_NAMES = ("base", "base-again")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateConfig:
    """Which runs are looked at, and with what."""

    runs: tuple[Path, ...]
    """Folders of finished runs: of one base, with the same sampling."""
    out: Path
    """Folder to write; what it holds already is not drawn again."""
    rewards: tuple[str, ...] = ()
    """Rewards to measure by, in the forms that tuning knows; if none, those that the first run was
    tuned on and watched."""
    features: str = ""
    """CLIP whose vision features tell images apart, as a folder or one of open_clip's tags; without
    one, diversity and the distance to the base's images are left out."""
    prompts: str = ""
    """Prompt set; if none, the first run's. Prompts to train on and unseen ones are both used."""
    num_images_per_prompt: int = 16
    """Images of each prompt and policy."""
    batch_size: int | None = None
    """Images denoised together, which changes results by rounding only; if none, as many as the
    first run's sampling.batch_size."""

    def __post_init__(self) -> None:
        require(len(self.runs) > 0, "runs", self.runs, "at least one folder")
        number = self.num_images_per_prompt
        require(number >= 2, "num_images_per_prompt", number, ">= 2")
        size = self.batch_size
        require(size is None or size >= 1, "batch_size", size, ">= 1")


def open_runs(folders: tuple[Path, ...]) -> dict[str, TuneConfig]:
    """Return the runs' configs by their folders' names.

    Raises `ConfigError` for a folder that holds no finished run, and for runs that do not compare.
    """
    configs: dict[str, TuneConfig] = {}
    for folder in folders:
        name = folder.resolve().name
        if not (folder / "config.yaml").is_file():
            raise ConfigError(f"{folder} holds no run; expected a folder that tuning wrote")
        if not (folder / "adapter").is_dir():
            raise ConfigError(
                f"{folder} is not finished: go on with it by "
                f"`python -m rl_finetune.run --out {folder} --resume`"
            )
        if name in configs or name in _BASE_NAMES:
            raise ConfigError(f"{folder}: the name {name} is taken; give the folder another")
        configs[name] = load_yaml(TuneConfig, folder / "config.yaml")
    _refuse_differences(configs)
    return configs


def _refuse_differences(configs: dict[str, TuneConfig]) -> None:
    (first_name, first), *others = configs.items()
    for name, config in others:
        for field in ("policy", "sampler"):
            one, other = (_drawn_by(each)[field] for each in (first, config))
            if one != other:
                raise ConfigError(
                    f"runs {first_name} and {name} do not compare: {field} {one} and {other}; "
                    "evaluate them apart"
                )


def _drawn_by(config: TuneConfig) -> dict[str, object]:
    """Return what decides a base's images beside prompt and seed."""
    sampling = config.sampling
    sampler = {name: getattr(sampling, name) for name in ("num_steps", "guidance", "eta")}
    return {"policy": config.policy, "sampler": sampler}
