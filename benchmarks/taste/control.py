"""The control: the demo's DPOK budget spent on untouched CLIP similarity instead."""

from dataclasses import replace
from pathlib import Path

from data.records import Policy
from feedback_loop.loop import BASE, Loop, create_loop
from feedback_loop.seeds import round_seed
from feedback_loop.world import backbone_of, base_of

CONTROL = "control-clip"


def tune_control(demo: Loop, root: Path) -> Loop:
    """Tune from the same base with the same settings and seed; return the control's workspace."""
    from rl_finetune.train import tune

    loop = create_loop(root, demo.config)
    config = replace(
        loop.config.tune,
        policy=base_of(loop.config),
        reward=f"clip:{backbone_of(loop.config)}",
        prompts=loop.config.prompt_set,
        seed=round_seed(loop.config, 1),
    )
    result = tune(config, out=loop.workspace.runs / CONTROL, resume=True)
    loop.store.add_policy(
        Policy(
            name=CONTROL,
            base=base_of(loop.config),
            adapter=str(result.adapter.relative_to(loop.workspace.root)),
            adapter_sha256=result.adapter_sha256,
            parent=BASE,
            run_id=CONTROL,
            round=1,
        )
    )
    return loop
