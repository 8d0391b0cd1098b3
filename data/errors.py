"""What a user can cause and can mend: each error is one line with what was expected and what to do.

Anything else that goes wrong is a bug and keeps its traceback.
"""


class TastemakerError(Exception):
    """Carry one clear line to the person at the keyboard; `run_command` exits 2 on it."""


class ConfigError(TastemakerError):
    """Report a wrong command line or configuration file."""


class WorkspaceError(TastemakerError):
    """Report a missing, incomplete or unwritable workspace."""


class StoreError(TastemakerError):
    """Report a store that cannot be opened, read or written."""


class StoreBusy(StoreError):  # noqa: N818  (reads as a state, like KeyError's siblings)
    """Report that other processes held the store for longer than we wait."""


class UnknownRecord(StoreError):  # noqa: N818
    """Report a name or id that the store does not hold."""


class SnapshotMismatch(TastemakerError):  # noqa: N818
    """Report a snapshot whose rows are not the ones its manifest promises."""


class ImageError(TastemakerError):
    """Report an image that is missing, truncated or not what its name says."""


class PromptError(TastemakerError):
    """Report a prompt set that cannot be used."""


class PolicyError(TastemakerError):
    """Report a policy that cannot be opened, sampled from or tuned."""


class RewardError(TastemakerError):
    """Report a reward that cannot be opened or computed."""


class ExchangeError(TastemakerError):
    """Report a table of comparisons that is not in its format, or cannot be written in it."""
