"""One line a result, for people."""

from collections.abc import Sequence

from benchmarks.coverage.measure import Coverage

_UNVARIED = ("side", "tie", "shares", "harder", "pairs_a_prompt")
_PLAIN = {"zeal": 1.0}


def line_of(found: Coverage) -> str:
    """Return question, setting, way, coverage with its interval, and median width."""
    named = {
        name: value
        for name, value in found.setting.items()
        if name not in _UNVARIED and value != _PLAIN.get(name)
    }
    setting = ", ".join(f"{name} {_short(value)}" for name, value in named.items() if value)
    return (
        f"{found.question}: {setting}: {found.way}: {100 * found.coverage:.1f} % "
        f"[{100 * found.low:.1f}, {100 * found.high:.1f}], width {found.width:.3f}"
    )


def _short(value: object) -> str:
    return "/".join(map(str, value)) if isinstance(value, Sequence) else str(value)
