"""The tuning of a round: from its policy towards its reward, to the next policy."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import StoreError
from data.files import write_atomically
from data.records import Policy, RewardModel, Run
from feedback_loop.fitting import fitted_words, name_of_round
from feedback_loop.generate import policy_of_round
from feedback_loop.loop import Loop
from feedback_loop.seeds import round_seed
from feedback_loop.world import base_of

if TYPE_CHECKING:
    from rl_finetune.config import TuneConfig
    from rl_finetune.train import TuneResult


def tune_round(loop: Loop, number: int) -> dict[str, object]:
    """Tune the round's policy towards its reward and put the new policy on record.

    The adapter is continued, and the KL stays relative to the bare base. A run that was cut short
    goes on from its checkpoint. Returns what the round notes; `StoreError` where a policy that did
    not come of this round has its name.
    """
    from rl_finetune.train import tune

    store, name = loop.store, name_of_round(number)
    parent, reward = policy_of_round(loop, number), store.reward_model(name)
    run = Run(
        run_id=name,
        policy_from=parent.name,
        reward=reward.name,
        path=f"{loop.workspace.runs.name}/{name}",
        status="started",
        round=number,
    )
    if _is_on_record(loop, number):
        _note_finished(loop, run)
        return {"policy": name}
    store.add_run(run)
    result = tune(
        tune_config(loop, number, parent, reward), out=loop.workspace.runs / name, resume=True
    )
    policy = Policy(
        name=name,
        base=base_of(loop.config),
        adapter=f"{loop.workspace.policies.name}/{name}",
        adapter_sha256=result.adapter_sha256,
        parent=parent.name,
        run_id=name,
        reward_model=reward.name,
        round=number,
    )
    _publish(loop, policy, reward, result)
    store.add_policy(policy)
    _note_finished(loop, run)
    return {"policy": name}


def _is_on_record(loop: Loop, number: int) -> bool:
    """Return whether the round has its policy already."""
    name = name_of_round(number)
    of_name = [policy for policy in loop.store.policies() if policy.name == name]
    for policy in of_name:
        if (policy.round, policy.run_id) != (number, name):
            raise StoreError(
                f"policy {name} in {loop.store.place} came of {policy.run_id or 'no run'} and not "
                f"of round {number}, which needs the name; go on in a new workspace"
            )
    return bool(of_name)


def _note_finished(loop: Loop, run: Run) -> None:
    """Put the run's end on record, once: a kill may have come after its policy and before that."""
    if (run.run_id, "finished") not in [(each.run_id, each.status) for each in loop.store.runs()]:
        loop.store.add_run(replace(run, status="finished"))


def tune_config(loop: Loop, number: int, parent: Policy, reward: RewardModel) -> "TuneConfig":
    """Return what the round's tuning run is told."""
    adapter = loop.adapter_of(parent)
    return replace(
        loop.config.tune,
        policy=base_of(loop.config),
        adapter="" if adapter is None else str(adapter.resolve()),
        reward=str((loop.workspace.root / reward.path).resolve()),
        prompts=loop.config.prompt_set,
        seed=round_seed(loop.config, number),
    )


def _publish(loop: Loop, policy: Policy, reward: RewardModel, result: "TuneResult") -> None:
    """Copy the run's adapter to the policies, with its provenance in the model card, in one go."""
    folder: Path = loop.workspace.policies / policy.name
    aside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(result.adapter, aside)
    card = (aside / "README.md").read_text(encoding="utf-8")
    write_atomically(aside / "README.md", card + _provenance(policy, reward))
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)


def _provenance(policy: Policy, reward: RewardModel) -> str:
    fitted = f"{fitted_words(reward)} comparisons (snapshot `{reward.snapshot}`)"
    return f"""
## Provenance

Round {policy.round} of a workspace: tuned from policy `{policy.parent}` towards reward model
`{reward.name}`, which was fitted to {fitted}.
`tastemaker provenance {policy.name} --comparisons` lists every one of them.
"""
