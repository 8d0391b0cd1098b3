"""`python -m rl_finetune.run`: tune a policy towards a reward."""

import dataclasses
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from data.config_file import load_yaml, parse
from data.entry import let_raters_go_first, run_command
from data.errors import ConfigError
from data.files import digest
from data.reward_address import in_workspace
from rl_finetune.config import TuneConfig

if TYPE_CHECKING:
    from data.workspace import Workspace
    from rl_finetune.train import TuneResult

PRESETS = Path(__file__).parent / "presets"
"""Folder of the configs that come with the package, by name."""
_PROG = "python -m rl_finetune.run"
_DESCRIPTION = "Tune a text-to-image policy towards a reward, with DPOK or a supervised baseline."


@dataclass(frozen=True, kw_only=True, slots=True)
class RunArguments(TuneConfig):
    """A tuning run, and where it is kept."""

    out: Path | None = None
    """Run folder to write; in a workspace runs/<id> by default, with an id made of the config."""
    workspace: Path | None = None
    """Workspace whose policies and reward models may be called by name."""
    resume: bool = False
    """Go on with the run in the folder; its config.yaml stands in for options not given."""


def main() -> None:
    """Read the command line, tune, and say what came out."""
    arguments = _parse(sys.argv[1:])
    config = TuneConfig(
        **{f.name: getattr(arguments, f.name) for f in dataclasses.fields(TuneConfig)}
    )
    if arguments.workspace is not None:
        from data.workspace import Workspace

        config = resolve_names(config, Workspace.open(arguments.workspace))
    for name in ("policy", "reward"):
        if not getattr(config, name):
            raise ConfigError(f"--{name} is missing; see {_PROG} --help")
    out = _choose_out(arguments, config)
    # torch takes seconds to import, which --help and a mistyped option need not wait for.
    from devices.processes import Processes
    from rl_finetune.train import tune

    result = tune(config, out=out, resume=arguments.resume)
    if result.is_main:
        print(*summary_lines(result), sep="\n")  # noqa: T201
    Processes().leave()


def _parse(argv: list[str]) -> RunArguments:
    read = partial(parse, RunArguments, argv, prog=_PROG, description=_DESCRIPTION, presets=PRESETS)
    arguments = read()
    if arguments.resume and arguments.out is not None:
        saved = arguments.out / "config.yaml"
        if saved.is_file():
            return read(default=load_yaml(RunArguments, saved))
        if not arguments.policy:
            raise ConfigError(f"no run at {arguments.out} to resume; expected its config.yaml")
    return arguments


def resolve_names(config: TuneConfig, workspace: "Workspace") -> TuneConfig:
    """Replace names of the workspace's policy and reward model by what they stand for.

    A policy brings its adapter along, to continue from. What is no name stays as it is.
    """
    policies = {policy.name: policy for policy in workspace.store().policies()}
    if found := policies.get(config.policy):
        adapter = config.adapter
        if found.adapter is not None and not adapter:
            adapter = str(workspace.root / found.adapter)
        config = dataclasses.replace(config, policy=found.base, adapter=adapter)
    return dataclasses.replace(
        config,
        reward=in_workspace(config.reward, workspace.rewards),
        watch=tuple(in_workspace(name, workspace.rewards) for name in config.watch),
    )


def _choose_out(arguments: RunArguments, config: TuneConfig) -> Path:
    if arguments.out is not None:
        return arguments.out
    if arguments.workspace is None:
        raise ConfigError(f"--out or --workspace is missing; see {_PROG} --help")
    return arguments.workspace / "runs" / digest(config)


def summary_lines(result: "TuneResult") -> list[str]:
    """Say in a few lines what a run did."""
    first, last = result.iterations[0], result.iterations[-1]
    return [
        f"training reward {first.reward:.3f} -> {last.reward:.3f} in {last.iteration} iterations "
        f"and {last.num_images} images; KL to the base {last.kl:.2f} nats",
        f"adapter: {result.adapter}",
    ]


if __name__ == "__main__":
    let_raters_go_first()
    run_command(main)
