"""The controls: the demo's DPOK budget spent on rewards that no comparison taught."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.rewards.variants import fit_uncompared
from data.records import Policy
from feedback_loop.loop import BASE, Loop, create_loop
from feedback_loop.seeds import round_seed
from feedback_loop.world import backbone_of, base_of

CLIP = "control-clip"
UNCOMPARED = "control-uncompared"


def reward_of_clip(demo: Loop, _: Path) -> str:
    """Return untouched CLIP similarity."""
    return f"clip:{backbone_of(demo.config)}"


def reward_uncompared(demo: Loop, folder: Path) -> str:
    """Fit a reward that knows only which prompt each compared image was drawn for."""
    if not folder.exists():
        fit_uncompared(demo, folder)
    return str(folder.resolve())


CONTROLS: dict[str, Callable[[Loop, Path], str]] = {
    CLIP: reward_of_clip,
    UNCOMPARED: reward_uncompared,
}


def tune_controls(demo: Loop, root: Path) -> Loop:
    """Tune from the same base with the same settings and seed; return the controls' workspace."""
    loop = create_loop(root, demo.config)
    for name, make_reward in CONTROLS.items():
        _tune(loop, name, make_reward(demo, loop.workspace.rewards / name))
    return loop


def _tune(loop: Loop, name: str, reward: str) -> None:
    from rl_finetune.train import tune

    config = replace(
        loop.config.tune,
        policy=base_of(loop.config),
        reward=reward,
        prompts=loop.config.prompt_set,
        seed=round_seed(loop.config, 1),
    )
    result = tune(config, out=loop.workspace.runs / name, resume=True)
    loop.store.add_policy(
        Policy(
            name=name,
            base=base_of(loop.config),
            adapter=str(result.adapter.relative_to(loop.workspace.root)),
            adapter_sha256=result.adapter_sha256,
            parent=BASE,
            run_id=name,
            round=1,
        )
    )
