"""YAML as plain values, more strictly than YAML's own: no key is lost, and no slip a traceback."""

from typing import Any, NoReturn

import yaml

_SLIPS = (ValueError, ArithmeticError, LookupError, AttributeError)
"""What PyYAML raises on a date or a number that is none, such as 2026-02-30 or `!!int ""`."""


def read_yaml(text: str) -> object:
    """Return what a YAML text holds; a `ValueError` says on one line what is wrong, and where."""
    try:
        return _Loader(text).get_single_data()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error) or "unreadable"
        where = f"in line {mark.line + 1}: " if mark else ""
        raise ValueError(" ".join(f"{where}{problem}".split())[:300]) from None


class _Loader(yaml.SafeLoader):
    """Refuses what PyYAML lets pass, and names the line of what it trips over."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401  (PyYAML's)
        """Refuse a key that is given twice, of which the first would be lost."""
        # Here and not later, when `<<` has laid other mappings' keys beside a mapping's own.
        node = super().compose_mapping_node(anchor)
        given: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in given:
                    _fail(f"the key {key.value!r:.60} is given twice; remove one", key)
                given.add((key.tag, key.value))
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401
        """Make a node's value."""
        try:
            return super().construct_object(node, deep)
        except _SLIPS:
            said = f"{str(node.value)[:40]!r} looks like a date or a number and is none"
            _fail(f"{said}; put it in quotes if it is a text", node)


def _fail(problem: str, node: yaml.Node) -> NoReturn:
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
