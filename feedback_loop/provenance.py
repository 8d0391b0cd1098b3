"""From an image to its policy, its run, its reward model, the snapshot, and each comparison."""

from pathlib import Path

from data.errors import UnknownRecord
from data.image_files import SUFFIX_OF_MEDIA_TYPE
from data.records import IMPORTED, Image, Policy, RewardModel
from data.snapshot import Snapshot, SnapshotRow
from data.workspace import Workspace
from feedback_loop.fitting import fitted_words
from feedback_loop.terminal import say


def say_provenance(workspace: Workspace, what: str, *, with_comparisons: bool) -> None:
    """Print where a policy (by name) or an image comes from, back to the base.

    An image is named by its id, its hash or its file. `UnknownRecord` where there is none.
    """
    store = workspace.store()
    name = what
    if what not in [policy.name for policy in store.policies() + store.imported_policies()]:
        image = _find_image(workspace, what)
        _say_image(workspace, image)
        name = image.policy
    while True:
        policy = store.policy(name)
        _say_policy(workspace, policy, with_comparisons)
        if policy.parent is None:
            return
        name = policy.parent


def _find_image(workspace: Workspace, what: str) -> Image:
    path = Path(what)
    known_as = path.stem if path.suffix in SUFFIX_OF_MEDIA_TYPE.values() else what
    for image in workspace.store().images():
        if known_as in (image.image_id, image.sha256):
            return image
    raise UnknownRecord(
        f"no policy and no image {what!r} in {workspace.root}; `tastemaker status` lists the "
        "policies, an image's id or its file's name stands for an image"
    )


def _say_image(workspace: Workspace, image: Image) -> None:
    drawn, prompt = image.sampler, workspace.store().prompt(image.prompt_id)
    say(f"image {image.image_id}, {image.width}x{image.height}, round {image.round}")
    say(f"  file     {workspace.image_path(image.sha256)}")
    say(f"  prompt   {prompt.text} (id {prompt.prompt_id})")
    if image.sampler.scheduler == IMPORTED:
        say(f"  imported from {image.policy}")
        return
    say(
        f"  drawn    by policy {image.policy}, seed {image.seed}, {drawn.scheduler}, "
        f"{drawn.num_steps} steps, guidance {drawn.guidance:g}, eta {drawn.eta:g}"
    )


def _say_policy(workspace: Workspace, policy: Policy, with_comparisons: bool) -> None:
    say(f"policy {policy.name}, round {policy.round}")
    say(f"  base     {policy.base}")
    if policy.adapter is not None:
        say(f"  adapter  {workspace.root / policy.adapter} (sha256 {policy.adapter_sha256})")
        say(f"  parent   {policy.parent}")
        say(f"  run      {workspace.runs / (policy.run_id or '')}")
    if policy.reward_model is None:
        return
    model = workspace.store().reward_model(policy.reward_model)
    say(f"  reward   {model.name} ({workspace.root / model.path})")
    _say_snapshot(workspace.snapshots / model.snapshot, model, with_comparisons)


def _say_snapshot(folder: Path, model: RewardModel, with_comparisons: bool) -> None:
    """Say what a reward model was fitted on, which may have been deleted for a rater's sake."""
    if not folder.exists():
        words = f"on record: {fitted_words(model)} comparisons"
        say(f"  snapshot {model.snapshot}: gone from {folder.parent} ({words})")
        return
    snapshot = Snapshot.open(folder)
    totals = {kind: sum(choices.values()) for kind, choices in snapshot.counts.items()}
    counts = ", ".join(f"{count} {kind.value}" for kind, count in totals.items())
    say(f"  snapshot {snapshot.hash}: {sum(totals.values())} comparisons ({counts})")
    for row in snapshot.rows() if with_comparisons else []:
        _say_comparison(row)


def _say_comparison(row: SnapshotRow) -> None:
    chosen = {"a": "a", "b": "b", "both_bad": "both bad"}
    say(
        f"    comparison {row.comparison_id} by {row.rater_kind.value} {row.rater_id}: pair "
        f"{row.pair_id}, round {row.round}, {row.prompt!r}: a {row.image_a[:12]} ({row.policy_a}), "
        f"b {row.image_b[:12]} ({row.policy_b}); chose {chosen.get(row.choice, row.choice)}"
    )
