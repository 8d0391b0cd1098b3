"""YAML into frozen dataclasses without guessing: what is not exactly right is a `ConfigError`."""

import contextlib
import dataclasses
import difflib
import enum
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

import cattrs
from cattrs.errors import ForbiddenExtraKeysError

from data.errors import ConfigError
from data.plain_text import can_be_kept
from data.yaml_text import read_yaml

ConfigT = TypeVar("ConfigT")


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file of `key: value` lines; an empty one holds none."""
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; expected a YAML configuration") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text ({error})") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not valid YAML, {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected `key: value` lines, got {type(content).__name__}")
    return {str(key): value for key, value in content.items()}


def structure(cls: type[ConfigT], content: dict[str, Any], path: Path) -> ConfigT:
    """Make the dataclass `cls` of what `path` held; errors name the file, the place and the key."""
    try:
        return _CONVERTER.structure(content, cls)
    except cattrs.ClassValidationError as error:
        first, *others = cattrs.transform_error(error, path="", format_exception=_explain)
        more = f" (and {len(others)} more)" if others else ""
        message, _, place = first.rpartition(" @ ")
        where = f", at {place.lstrip('.')}" if place else ""
        raise ConfigError(f"{path}{where}: {message}{more}") from None


def _explain(error: BaseException, wanted: object) -> str:
    """Say one cattrs error in words."""
    if isinstance(error, ForbiddenExtraKeysError):
        # YAML takes `on` for a truth and 1 for a number, as keys too.
        key = min(cast(set[object], error.extra_fields), key=str)
        known = [f.name for f in dataclasses.fields(error.cl)]
        near = difflib.get_close_matches(str(key), known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        return f"unknown key {key!r}; {hint}"
    if isinstance(error, KeyError):
        return "this key is required"
    if dataclasses.is_dataclass(wanted) and not isinstance(error, ValueError):
        return "expected a section of `key: value` lines"
    return str(error)


def unstructure(config: object) -> dict[str, Any]:
    """Return a configuration as what YAML can hold."""
    return _CONVERTER.unstructure(config)


def _expect(expected: str, is_met: bool, value: object) -> None:
    if not is_met:
        raise ValueError(f"expected {expected}, got {value!r}")


def _strict_int(value: object, _: object) -> int:
    _expect("a whole number", isinstance(value, int) and not isinstance(value, bool), value)
    return cast(int, value)


def _strict_float(value: object, _: object) -> float:
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return float(value)
    _expect("a number", isinstance(value, int | float) and not isinstance(value, bool), value)
    return float(cast(float, value))


def _strict_bool(value: object, _: object) -> bool:
    _expect("true or false", isinstance(value, bool), value)
    return cast(bool, value)


def _strict_str(value: object, _: object) -> str:
    _expect("a text (write it in quotes)", isinstance(value, str), value)
    _expect("characters, not parts of them", can_be_kept(cast(str, value)), value)
    return cast(str, value)


def _strict_literal(value: object, kind: object) -> object:
    allowed = get_args(kind)
    is_one = any(choice == value and type(choice) is type(value) for choice in allowed)
    _expect(f"one of {', '.join(map(str, allowed))}", is_one, value)
    return value


def _strict_enum(value: object, kind: type[enum.Enum]) -> enum.Enum:
    allowed = [member.value for member in kind]
    _expect(f"one of {', '.join(map(str, allowed))}", value in allowed, value)
    return kind(value)


def _strict_tuple(value: object, kind: object) -> tuple[object, ...]:
    _expect("a list such as [1, 2]", isinstance(value, list), value)
    items, kinds = cast(list[object], value), get_args(kind)
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(items)
    _expect(f"{len(kinds)} values", len(items) == len(kinds), items)
    return tuple(_CONVERTER.structure(i, k) for i, k in zip(items, kinds, strict=True))


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(
        forbid_extra_keys=True, unstruct_collection_overrides={tuple: list}
    )
    hooks = {int: _strict_int, float: _strict_float, bool: _strict_bool, str: _strict_str}
    for kind, hook in hooks.items():
        converter.register_structure_hook(kind, hook)
    for origin, hook in {Literal: _strict_literal, tuple: _strict_tuple}.items():
        converter.register_structure_hook_func(
            lambda kind, origin=origin: get_origin(kind) is origin, hook
        )
    for base in (enum.StrEnum, enum.Enum):  # StrEnum too: else the hook of str comes first
        converter.register_structure_hook(base, _strict_enum)
        converter.register_unstructure_hook(base, lambda member: member.value)
    converter.register_structure_hook(Path, lambda value, _: Path(_strict_str(value, str)))
    converter.register_unstructure_hook(Path, lambda path: path.as_posix())
    return converter


_CONVERTER = _make_converter()
