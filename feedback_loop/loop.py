"""A workspace together with its configuration: what every stage is handed."""

from dataclasses import dataclass, replace
from pathlib import Path

from data.config_file import dump_yaml, load_yaml
from data.errors import ConfigError, PolicyError, PromptError, UnknownRecord, WorkspaceError
from data.files import sha256_of
from data.prompts import load_prompt_set
from data.records import Policy, Prompt, Split
from data.store import Store
from data.workspace import Workspace, workspace_option
from feedback_loop.config import LoopConfig
from feedback_loop.world import base_of, is_same_base
from rl_finetune.config import TuneConfig
from rl_finetune.model_folder import could_be_on_hub, require_model_folder

BASE = "base"
"""Name of the policy that all others start from."""


@dataclass(frozen=True, slots=True)
class Loop:
    """One workspace, and how its rounds go."""

    workspace: Workspace
    config: LoopConfig

    @property
    def store(self) -> Store:
        """The workspace's store."""
        return self.workspace.store()

    def prompts(self, *splits: Split) -> list[Prompt]:
        """List the prompts of the workspace's prompt set, of some splits where asked."""
        prompts = load_prompt_set(self.config.prompt_set)
        found = [prompt for prompt in prompts if not splits or prompt.split in splits]
        if not found:
            raise PromptError(
                f"prompt set {self.config.prompt_set} has no prompt of split "
                f"{' or '.join(splits)}; expected at least one"
            )
        return found

    def adapter_of(self, policy: Policy) -> Path | None:
        """Return the folder of a policy's adapter; none for a bare base.

        `PolicyError` where another adapter lies there than the one on record: what it draws would
        pass for the policy's.
        """
        if policy.adapter is None:
            return None
        from rl_finetune.trained import weights_file

        folder = self.workspace.root / policy.adapter
        file = weights_file(folder)
        if policy.adapter_sha256 and file.is_file() and sha256_of(file) != policy.adapter_sha256:
            run = self.workspace.runs / (policy.run_id or "")
            raise PolicyError(
                f"{file} is not the adapter of policy {policy.name}: expected sha256 "
                f"{policy.adapter_sha256}; put it back from a backup, or from its run {run}"
            )
        return folder


def create_loop(root: Path, config: LoopConfig) -> Loop:
    """Make a workspace with its configuration, prompts and base policy.

    Where a workspace is already, nothing changes, and another configuration than its own is a
    `ConfigError`, another base a `WorkspaceError`. A creation that was cut short is finished. A new
    workspace's base is a model, or may be one of the hub: `PolicyError`.
    """
    config = _with_absolute_paths(config)
    prompts = load_prompt_set(config.prompt_set)
    if (
        config.base
        and not could_be_on_hub(config.base)
        and not Workspace(root).config_path.exists()
    ):
        require_model_folder(Path(config.base))
    workspace = Workspace.create(root)
    _require_its_base(Loop(workspace, config))
    if workspace.config_path.is_file():
        if load_yaml(LoopConfig, workspace.config_path) != config:
            raise ConfigError(
                f"{root} is a workspace with other settings; edit {workspace.config_path} or "
                "choose another folder with --workspace"
            )
    else:
        dump_yaml(config, workspace.config_path)
    store = workspace.store()
    store.add_prompts(prompts)
    store.add_policy(Policy(name=BASE, base=base_of(config)))
    return Loop(workspace, config)


def _with_absolute_paths(config: LoopConfig) -> LoopConfig:
    """Let files and folders be found from wherever the next command is run."""
    is_file = bool(Path(config.prompt_set).suffix)  # else the name of a set that is shipped
    return replace(
        config,
        base=_absolute(config.base),
        prompt_set=_absolute(config.prompt_set) if is_file else config.prompt_set,
        fit=replace(config.fit, backbone=_absolute(config.fit.backbone)),
        tune=replace(config.tune, prompts=TuneConfig().prompts),  # where named, it was the same set
    )


def _absolute(name_or_path: str) -> str:
    """Return the path of what exists, also after a name; a name on a hub stays as it is."""
    name, colon, file = name_or_path.partition(":")
    if file and Path(file).exists():
        return f"{name}{colon}{Path(file).resolve()}"
    path = Path(name_or_path)
    return str(path.resolve()) if name_or_path and path.exists() else name_or_path


def open_loop(root: Path, config: LoopConfig | None = None) -> Loop:
    """Open a workspace with its own configuration, or with `config` laid over it already.

    `WorkspaceError` where it is unfinished, or its policies started from another base.
    """
    workspace = Workspace.open(root)
    loop = Loop(workspace, config or stored_config(root))
    try:
        loop.store.newest_policy()
    except UnknownRecord:
        raise WorkspaceError(
            f"the workspace {root} has no policy yet; finish it with "
            f"`tastemaker init {workspace_option(root)}`"
        ) from None
    _require_its_base(loop)
    return loop


def _require_its_base(loop: Loop) -> None:
    """Refuse settings under which images of another model would pass for the base's."""
    now = base_of(loop.config)
    for policy in loop.store.policies():
        if policy.name == BASE and not is_same_base(policy.base, now):
            raise WorkspaceError(
                f"the policies of {loop.workspace.root} started from {policy.base}, not from {now};"
                " put base back, or make a workspace for the other with `tastemaker init`"
            )


def stored_config(root: Path) -> LoopConfig:
    """Read a workspace's configuration; `WorkspaceError` where it has none."""
    path = Workspace(root).config_path
    if not path.is_file():
        Workspace.open(root)
        raise WorkspaceError(
            f"{path} is missing; write it anew with `tastemaker init {workspace_option(root)}`"
        )
    return load_yaml(LoopConfig, path)
