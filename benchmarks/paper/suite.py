"""One run of the suite: tuned, looked at, and kept as a file. What is there is not made again."""

from dataclasses import dataclass, field, fields
from pathlib import Path

from benchmarks.paper.claims import claim
from benchmarks.paper.experiments import Experiment, tune_config
from benchmarks.paper.records import record_of, write_record
from benchmarks.paper.rewards import TUNED, WATCHED, fit_reward
from data.config_file import load_yaml
from data.errors import ConfigError
from data.files import sha256_of
from emoji_world.assets import base_path, clip_path
from reward_training.folder import WEIGHTS_FILE
from rl_finetune.config import TuneConfig
from rl_finetune.evaluation_folder import EvaluationFolder, EvaluationSettings
from rl_finetune.evaluator import BASE, BASE_AGAIN, Evaluator, Summary, summarise
from rl_finetune.train import tune

_PLACES = ("policy", "reward", "watch", "prompts")
"""Fields that say where something lies, which may differ between machines."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """Where runs and their records lie, and the rewards that all of them share."""

    root: Path
    results: Path
    roles: dict[str, str]
    """What a reward is for, by the form in which tuning is told of it; the trained one first."""
    weights: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the fitted rewards' weights, by role: runs of one digest share a reward."""


def open_suite(root: Path, results: Path, num_comparisons: int) -> Suite:
    """Fit what is missing of the two rewards; processes that start together wait for the first."""
    with claim(root / "locks" / "rewards", wait=True):
        tuned, watched = (
            fit_reward(root / "rewards", which, num_comparisons) for which in (TUNED, WATCHED)
        )
    roles = {
        str(tuned.resolve()): "reward",
        str(watched.resolve()): "unseen reward",
        f"clip:{clip_path()}": "clip",
        "emoji_world.rewards:Alignment": "alignment",
        "emoji_world.rewards:DrawingQuality": "quality",
    }
    fitted = {"reward": tuned, "unseen reward": watched}
    weights = {role: sha256_of(folder / WEIGHTS_FILE) for role, folder in fitted.items()}
    return Suite(root=root, results=results, roles=roles, weights=weights)


def run_experiment(suite: Suite, experiment: Experiment, seed: int) -> None:
    """Make the record of an experiment's run with a seed, unless another process is at it."""
    name = f"{experiment.name}-{seed}"
    result = suite.results / f"{name}.json"
    with claim(suite.root / "locks" / name) as is_ours:
        if not is_ours or result.exists():
            return
        config = _config(suite, experiment, seed)
        run = suite.root / "runs" / name
        _tune(config, run)
        summary = _evaluate(suite, experiment, config, name, run / "adapter")
        record = record_of(experiment, seed=seed, run=run, config=config)
        record |= {"reward_weights": suite.weights, "evaluation": summary}
        write_record(result, record, {config.reward: "reward tuned on"} | suite.roles)


def _config(suite: Suite, experiment: Experiment, seed: int) -> TuneConfig:
    reward, *watch = suite.roles
    if experiment.lower:
        watch = [reward, *watch]
        reward = f"lower:{experiment.lower:g}:{reward}"
    return tune_config(
        experiment,
        base=str(base_path()),
        reward=reward,
        watch=tuple(watch),
        folder=suite.root / "prompts",
        seed=seed,
    )


def _tune(config: TuneConfig, run: Path) -> None:
    """Start a run or go on with it; `ConfigError` where the folder holds another experiment's."""
    saved = run / "config.yaml"
    if saved.exists():
        before = load_yaml(TuneConfig, saved)
        for name in (each.name for each in fields(TuneConfig) if each.name not in _PLACES):
            one, other = getattr(before, name), getattr(config, name)
            if one != other:
                raise ConfigError(
                    f"{run} was made with {name} {one}, the experiment now says {other}: "
                    "move the folder away"
                )
    if not (run / "adapter").exists():
        tune(config, out=run, resume=True)


def _evaluate(
    suite: Suite, experiment: Experiment, config: TuneConfig, name: str, adapter: Path
) -> Summary:
    """Return the measures of the base and of a run; runs of one prompt set share the base's."""
    settings = EvaluationSettings(
        base=config.policy,
        prompts=config.prompts,
        num_steps=config.sampling.num_steps,
        guidance=config.sampling.guidance,
        eta=config.sampling.eta,
        num_images_per_prompt=experiment.num_measured,
        rewards=tuple(suite.roles),
        features=str(clip_path()),
    )
    folder = EvaluationFolder(suite.root / "evaluation" / Path(config.prompts).stem, settings)
    evaluator = Evaluator(folder, settings, batch_size=config.sampling.batch_size)
    folder.open()
    base, again = evaluator.evaluate(BASE), evaluator.evaluate(BASE_AGAIN)
    policies = {BASE: base, "tuned": evaluator.evaluate(name, adapter)}
    return {which: summarise(policy, base, again) for which, policy in policies.items()}
