"""Reading a command's arguments: plain ones, and those that lie over a workspace's settings."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from data.config_file import parse
from data.errors import ConfigError
from data.store_address import choose_store
from data.strict_yaml import read_mapping
from data.workspace import Workspace, resolve_root
from feedback_loop.config import LoopConfig, as_options
from feedback_loop.loop import Loop, open_loop, stored_config

OptionsT = TypeVar("OptionsT", bound="LoopOptions")

_WORKSPACE_HELP = "folder of the workspace (default: $TASTEMAKER_WORKSPACE, else ./workspace)"
_STORE_HELP = "URL of its PostgreSQL database (default: $TASTEMAKER_STORE, else as it was made)"


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopOptions(LoopConfig):
    """A workspace's settings, and the workspace."""

    workspace: Path | None = None
    """Folder of the workspace; default: $TASTEMAKER_WORKSPACE, else ./workspace."""
    store: str | None = None
    """URL of its PostgreSQL database; default: $TASTEMAKER_STORE, else as it was made."""

    @property
    def root(self) -> Path:
        """The workspace's folder."""
        return resolve_root(self.workspace)

    @property
    def config(self) -> LoopConfig:
        """The settings alone."""
        return LoopConfig(**as_options(self))


def read_options(cls: type[OptionsT], argv: list[str], command: str, about: str) -> OptionsT:
    """Read `[CONFIG.yaml] [--option value]` over the workspace's own settings, if it is there.

    The store that they name is the one for all that follows. `ConfigError` for every mistake, and
    where they come to name another workspace than the one whose settings lie below.
    """
    root = resolve_root(_workspace_in(argv))
    default = stored_config(root) if Workspace(root).config_path.is_file() else LoopConfig()
    options = parse(
        cls,
        argv,
        prog=f"tastemaker {command}",
        description=about,
        default=cls(**as_options(default)),
    )
    if options.root != root:
        raise ConfigError(
            f"expected one workspace, got {root} and {options.root}; name it once with --workspace"
        )
    choose_store(options.store)
    return options


def open_with_options(options: LoopOptions) -> Loop:
    """Open the workspace with the settings that the command line laid over its own."""
    Workspace.open(options.root)
    stored_config(options.root)
    return open_loop(options.root, options.config)


def _workspace_in(argv: list[str]) -> Path | None:
    """Find the workspace ahead of all else, because its settings are the others' defaults.

    The last `--workspace` counts, and any over the one in CONFIG.yaml.
    """
    told = None
    for place, word in enumerate(argv):
        option, _, value = word.partition("=")
        if option == "--workspace":
            told = value or next(iter(argv[place + 1 : place + 2]), told)
    if told is None and argv and Path(argv[0]).suffix in (".yaml", ".yml"):
        told = read_mapping(Path(argv[0])).get("workspace")
    return None if told is None else Path(str(told))


class Arguments(argparse.ArgumentParser):
    """Plain arguments with `--workspace` and `--store`; mistakes are `ConfigError`s in one line."""

    def __init__(self, command: str, about: str) -> None:
        """Name the command as the user typed it, and say what it does."""
        super().__init__(prog=f"tastemaker {command}", description=about, allow_abbrev=False)
        self.add_argument("--workspace", type=Path, metavar="FOLDER", help=_WORKSPACE_HELP)
        self.add_argument("--store", metavar="URL", help=_STORE_HELP)

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Read the arguments; the store that they name is the one for all that follows."""
        arguments = self.parse_args(argv)
        choose_store(arguments.store)
        return arguments

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise ConfigError(f"{message} (see {self.prog} --help)")
