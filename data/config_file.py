"""Configuration: a frozen dataclass, a YAML file that says what differs, options on top of it.

`python -m stage CONFIG.yaml --section.field value`: the file's values lie over the class's defaults
and the options over both. YAML is read strictly: an unknown key, 10.7 for a whole number or `yes`
for a text is an error in one line; "3e-4", which YAML takes for a text, is read as the number.
"""

import contextlib
import dataclasses
import io
import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import tyro
import yaml

from data.errors import ConfigError
from data.files import write_atomically
from data.strict_yaml import read_mapping, structure, unstructure

ConfigT = TypeVar("ConfigT")


def load_yaml(cls: type[ConfigT], path: Path) -> ConfigT:
    """Read the configuration `cls` from a YAML file; `ConfigError` names file, section and key."""
    return structure(cls, read_mapping(path), path)


def dump_yaml(config: object, path: Path) -> None:
    """Write a configuration so that `load_yaml` gives an equal one back."""
    content = unstructure(config)
    write_atomically(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def parse(
    cls: type[ConfigT],
    argv: Sequence[str],
    *,
    prog: str,
    description: str,
    default: ConfigT | None = None,
    presets: Path | None = None,
) -> ConfigT:
    """Read `[CONFIG.yaml] [--section.field value ...]` into a configuration.

    In the file's place may stand the name, without .yaml, of one in the folder `presets`. Options
    the class requires may come from either place. `--help` prints the fields with their
    docstrings and, after a file, that file's values, and exits 0. Every mistake is a `ConfigError`.
    """
    options = list(argv)
    if options and not options[0].startswith("-"):
        path = _find_file(options.pop(0), presets, prog)
        default = _with_file(cls, default, path)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(
                cls,
                args=options,
                prog=f"{prog} [CONFIG.yaml{'' if presets is None else ' | PRESET'}]",
                description=description,
                default=tyro.MISSING_NONPROP if default is None else default,
                config=(tyro.conf.EnumChoicesFromValues, tyro.conf.AvoidSubcommands),
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise ConfigError(f"{_shorten(said.getvalue())} (see {prog} --help)") from None


def _find_file(name: str, presets: Path | None, prog: str) -> Path:
    """Return the file that a command line's first word names, which need not exist yet."""
    if Path(name).suffix in (".yaml", ".yml"):
        return Path(name)
    known = [] if presets is None else sorted(path.stem for path in presets.glob("*.yaml"))
    if presets is not None and name in known:
        return presets / f"{name}.yaml"
    or_preset = f", a preset ({', '.join(known)})" if known else ""
    raise ConfigError(
        f"expected a .yaml file{or_preset} or an option, got {name!r}; see {prog} --help"
    )


def _with_file(cls: type[ConfigT], default: ConfigT | None, path: Path) -> ConfigT:
    """Lay the file's values over the defaults, leaving holes for what only options can tell."""
    given = read_mapping(path)
    if default is not None:
        given = _laid_over(unstructure(default), given)
    holes = {
        field.name
        for field in dataclasses.fields(cast(Any, cls))
        if field.name not in given and _is_required(field)
    }
    return _with_holes(cls, given, path, holes) if holes else structure(cls, given, path)


def _with_holes(cls: type[ConfigT], given: dict[str, Any], path: Path, holes: set[str]) -> ConfigT:
    """Make an instance whose missing required fields tyro will ask for; it is not validated yet."""
    lenient = [
        (f.name, Any, dataclasses.field(default=tyro.MISSING))
        if f.name in holes
        else (
            f.name,
            f.type,
            dataclasses.field(default=f.default, default_factory=f.default_factory),
        )
        for f in dataclasses.fields(cast(Any, cls))
    ]
    values = structure(dataclasses.make_dataclass(cls.__name__, lenient, kw_only=True), given, path)
    partial = object.__new__(cls)
    for name, *_ in lenient:
        object.__setattr__(partial, name, getattr(values, name))
    return partial


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _laid_over(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), dict)
        merged[key] = _laid_over(merged[key], value) if both else value
    return merged


def _shorten(said: str) -> str:
    """Take the first statement out of the box that tyro draws on stderr."""
    lines = [line.strip("│╭╮╰╯─ \t") for line in said.splitlines()]
    statement = itertools.takewhile(bool, lines[1:] if said.startswith("╭") else lines)
    text = " ".join(statement)
    if unknown := re.search(r"Unrecognized options: (\S+?)(,|$)", text):
        near = re.search(r"Perhaps you meant:\W+(--[\w.-]+)", said)
        hint = f"; did you mean {near[1]}?" if near else ""
        return f"unrecognised option {unknown[1]}{hint}"
    if missing := re.search(r"Missing from .*?: (--\S+)", text):
        return f"option {missing[1]} is required"
    for said_by_python, ours in _IN_OUR_WORDS.items():
        text = re.sub(said_by_python, ours, text)
    return text.rstrip(".")


_IN_OUR_WORDS = {
    r"^Error parsing (?:[A-Z]\w*: )?": "",  # a class's name, where the fault is of all of it
    r"invalid literal for int\(\) with base 10: ": "expected a whole number, got ",
    r"could not convert string to float: ": "expected a number, got ",
    r"Expected 1 values": "Expected 1 value",
}
