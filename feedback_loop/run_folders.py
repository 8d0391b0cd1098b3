"""Policies that tuning runs made beside the rounds, taken into a workspace to be looked at.

They are of round 0, so no round goes on from them, and none has a name that a round will give.
"""

import shutil
from pathlib import Path

from data.errors import ConfigError, StoreError
from data.files import sha256_of
from data.records import Policy
from feedback_loop.fitting import is_of_rounds
from feedback_loop.loop import BASE, Loop
from feedback_loop.world import base_of


def run_folder(word: str) -> Path | None:
    """Return the folder of a tuning run that a word names, if it does."""
    folder = Path(word)
    return folder.resolve() if (folder / "config.yaml").is_file() else None


def policy_of_run(loop: Loop, folder: Path) -> Policy:
    """Return the policy that a run made, by its folder's name; nothing is written.

    `ConfigError` where the run is not finished or started from another base, `StoreError` where
    another policy has the name or a round may come to have it.
    """
    from rl_finetune.evaluated_runs import open_runs
    from rl_finetune.trained import weights_file

    (config,) = open_runs((folder,)).values()
    base = base_of(loop.config)
    if _absolute(config.policy) != _absolute(base):
        raise ConfigError(f"{folder} was tuned from {config.policy}; expected {base}")
    policy = Policy(
        name=folder.name,
        base=base,
        adapter=f"{loop.workspace.policies.name}/{folder.name}",
        adapter_sha256=sha256_of(weights_file(folder / "adapter")),
        parent=BASE,
        run_id=str(folder),
    )
    for known in loop.store.policies():
        if known.name == policy.name:
            if known.adapter_sha256 != policy.adapter_sha256:
                raise StoreError(f"another policy is named {known.name}; rename {folder}")
            return known
    _require_free_of_rounds(loop, folder)
    return policy


def _require_free_of_rounds(loop: Loop, folder: Path) -> None:
    if not is_of_rounds(folder.name):
        return
    if folder == (loop.workspace.runs / folder.name).resolve():
        raise StoreError(f"the round of {folder} is not tuned to its end; run `tastemaker round`")
    raise StoreError(f"{folder.name} is what a round's own policy is called; rename {folder}")


def take_in(loop: Loop, folder: Path, policy: Policy) -> None:
    """Copy a run's adapter into the workspace and put the policy on record, once."""
    if policy.name in [known.name for known in loop.store.policies()]:
        return
    kept = loop.workspace.policies / policy.name
    aside = kept.with_name(f".{kept.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(folder / "adapter", aside)
    shutil.rmtree(kept, ignore_errors=True)  # of a copy that was cut short before the record
    aside.rename(kept)
    loop.store.add_policy(policy)


def _absolute(base: str) -> str:
    path = Path(base)
    return str(path.resolve()) if base and path.exists() else base
