"""Saying what is wrong with a setting."""


def require(condition: bool, name: str, value: object, expected: str) -> None:
    """Raise `ValueError` with the setting's name, what was expected and what came."""
    if not condition:
        raise ValueError(f"{name} must be {expected}, got {value!r}")
